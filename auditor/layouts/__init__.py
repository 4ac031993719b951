"""How logical weights are packed into stored tensors: every layout, the most particular first."""

from typing import Final

from auditor.core.protocols import Layout
from auditor.layouts import fp8, mxfp4

LAYOUTS: Final[tuple[Layout, ...]] = (
    mxfp4,
    fp8,
)

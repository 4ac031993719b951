"""Readers of documented figures."""

from typing import Final

from auditor.core.protocols import ClaimReader

READERS: Final[tuple[ClaimReader, ...]] = ()

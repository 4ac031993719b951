"""The weight files that are read, by the ending of their names."""

from collections.abc import Mapping
from typing import Final

from auditor.core.protocols import HeaderFormat
from auditor.formats import safetensors

FORMATS: Final[Mapping[str, HeaderFormat]] = {
    ".safetensors": safetensors,
}

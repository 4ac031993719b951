"""The weight files that are read: the module of each kind, imported when such a file is read.

The kinds are those of `core.checkpoints.format_of`.
"""

from collections.abc import Mapping
from typing import Final

FORMATS: Final[Mapping[str, str]] = {
    "safetensors": "auditor.formats.safetensors",
}

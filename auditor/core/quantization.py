"""Where a repository says how its weights are quantised."""

from collections.abc import Mapping
from typing import Any, Final

from auditor.core.config import read_config

_NESTED: Final = (
    "quantization"  # modelopt's hf_quant_config.json: {"producer": ..., "quantization"}
)


def quantization_of(
    config: Mapping[str, Any], side_files: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The section of config.json, else the first side file's; empty where there is none."""
    section = read_config(config).quantization
    if section:
        return section
    for values in side_files.values():
        inner = values.get(_NESTED)
        return inner if isinstance(inner, Mapping) else values
    return {}

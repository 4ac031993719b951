"""A config without what does not change the model that is built from it.

Blueprints are built from this form and kept under its hash, so that fine-tunes of one model share
theirs, and equal hashes mean equal blueprints.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from auditor.core.blueprint import SCHEMA

# Keys that are left out wherever they stand, and why.
_LEFT_OUT: Final = {
    "where the config was and who wrote it": (
        "_commit_hash",
        "_diffusers_version",
        "_name_or_path",
        "name_or_path",
        "transformers_version",
        "unsloth_fixed",
        "unsloth_version",
    ),
    "shapes are the same in every dtype": ("dtype", "torch_dtype"),
    "plain modules are built, whatever packs them in the file": (
        "compression_config",
        "quantization",
        "quantization_config",
    ),
    "code from a repository is never run": ("auto_map", "custom_pipelines"),
    "how attention and experts are computed; some names would load kernels from the Hub": (
        "_attn_implementation",
        "_attn_implementation_autoset",
        "_attn_implementation_internal",
        "_experts_implementation",
        "_experts_implementation_internal",
        "attn_implementation",
        "experts_implementation",
        "use_kernels",
    ),
    "what a forward pass returns or keeps": (
        "gradient_checkpointing",
        "output_attentions",
        "output_hidden_states",
        "return_dict",
        "torchscript",
        "use_cache",
    ),
    "texts; only the number of labels counts": ("label2id", "task_specific_params"),
}
_DROPPED: Final = frozenset(key for keys in _LEFT_OUT.values() for key in keys)
_LABELS: Final = "id2label"


def canonical(config: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with the keys above left out at every depth, and its labels as their number."""
    kept = {key: _value(value) for key, value in config.items() if key not in _DROPPED}
    labels = kept.pop(_LABELS, None)
    if isinstance(labels, Mapping) and labels:
        kept["num_labels"] = len(labels)
    return kept


def _value(value: object) -> Any:  # noqa: ANN401 - what JSON holds has no narrower type
    if isinstance(value, Mapping):
        return canonical(value)
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    return value


def key_of(config: Mapping[str, Any], class_name: str | None, versions: Mapping[str, str]) -> str:
    """What the blueprint of `config` is kept under: 64 hexadecimal digits.

    `class_name` is a class that was asked for in place of the config's, `versions` are those of the
    libraries that build it.
    """
    parts = [SCHEMA, canonical(config), class_name, dict(versions)]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

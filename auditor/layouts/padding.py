"""Matrices that a packer fills up to whole tiles, and what size they had before.

The stored shape alone then gives a range. A second witness is the config, for linear layers whose
place in a transformer settles their size: transformers' Llama, Mistral, Qwen2, Qwen3, Mixtral and
their kin (`modeling_llama.py` and the like), where `q_proj` has `num_attention_heads * head_dim`
rows and `hidden_size` columns. It counts only where, filled up, it has the stored shape.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from auditor.core.packing import Hints, Packed, Suffix


class Matrix(NamedTuple):
    """A linear layer's weight: `rows` outputs, `columns` inputs."""

    rows: int
    columns: int


_MAX_SIZE: Final = 1 << 32  # of a side of a matrix; far above any vocabulary

# Names of linear layers: rows, columns. Sizes are those that `_sizes` reads.
_LINEAR: Final = {
    "q_proj": ("query", "hidden"),
    "k_proj": ("key", "hidden"),
    "v_proj": ("key", "hidden"),
    "o_proj": ("hidden", "query"),
    "qkv_proj": ("query key and value", "hidden"),
    "gate_proj": ("inner", "hidden"),
    "up_proj": ("inner", "hidden"),
    "gate_up_proj": ("gate and up", "hidden"),
    "down_proj": ("hidden", "inner"),
    "w1": ("inner", "hidden"),
    "w3": ("inner", "hidden"),
    "w2": ("hidden", "inner"),
}
_HEAD: Final = "lm_head."
_IN_LAYER: Final = re.compile(
    r"(?:(?:model|language_model|llm)\.)*layers\.[0-9]+\."
    r"(?:self_attn|(?:mlp|block_sparse_moe|feed_forward)(?P<expert>\.experts\.[0-9]+)?)"
    r"\.(?P<linear>[a-z0-9_]+)\.",
    re.ASCII,
)
_TEXT_KEYS: Final = ("text_config", "llm_config", "language_config")


def counted(
    stored: Matrix, steps: tuple[int, int], known: Matrix | None = None, logical: Suffix = "weight"
) -> Packed:
    """The weights of a matrix whose sides were filled up to multiples of `steps` (1: not filled).

    Exact where nothing can be filling, or where `known`, filled up, is `stored`.
    """
    if known is not None and all(
        0 < size <= full < size + step
        for size, full, step in zip(known, stored, steps, strict=True)
    ):
        return Packed(known.rows * known.columns, known.rows * known.columns, logical)
    least = [max(full - step + 1, 1) for full, step in zip(stored, steps, strict=True)]
    return Packed(least[0] * least[1], stored.rows * stored.columns, logical)


def matrix_of(prefix: str, hints: Hints) -> Matrix | None:
    """The size of the linear layer at `prefix` as the config gives it; None where it does not."""
    config = _text_config(hints.config)
    if config.get("kv_lora_rank") is not None:
        return None  # multi-head latent attention: heads have other sizes, or several
    if prefix == _HEAD:
        return _matrix(config.get("vocab_size"), config.get("hidden_size"))
    place = _IN_LAYER.fullmatch(prefix)
    if place is None or place["linear"] not in _LINEAR:
        return None
    sizes = _sizes(config, expert=place["expert"] is not None)
    rows, columns = _LINEAR[place["linear"]]
    return _matrix(sizes.get(rows), sizes.get(columns))


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in _TEXT_KEYS:
        if isinstance(inner := config.get(key), Mapping):
            return inner
    return config


def _sizes(config: Mapping[str, Any], *, expert: bool) -> Mapping[str, int]:
    """The sizes that the config gives, by their names in the table above."""
    hidden, heads = _size(config.get("hidden_size")), _size(config.get("num_attention_heads"))
    keys = _size(config.get("num_key_value_heads", heads))
    inner = _size(config.get("moe_intermediate_size")) if expert else None
    inner = inner or _size(config.get("intermediate_size"))
    width = _size(config.get("head_dim"))
    if width is None and hidden and heads and hidden % heads == 0:
        width = hidden // heads
    sizes = {"hidden": hidden, "inner": inner, "gate and up": 2 * inner if inner else None}
    if width and heads and keys:
        sizes["query"], sizes["key"] = heads * width, keys * width
        sizes["query key and value"] = (heads + 2 * keys) * width
    return {name: size for name, size in sizes.items() if size}


def _matrix(rows: object, columns: object) -> Matrix | None:
    rows_, columns_ = _size(rows), _size(columns)
    return Matrix(rows_, columns_) if rows_ and columns_ else None


def _size(value: object) -> int | None:
    return value if type(value) is int and 0 < value < _MAX_SIZE else None

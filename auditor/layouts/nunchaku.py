"""SVDQuant as Nunchaku stores it: 4 bits, and a low-rank correction beside them.

    qweight             I8 [out, in / 2]     two weights to a byte
    wscales             F16 [in / 64, out]   or F8_E4M3 [in / 16, out]
    proj_down, proj_up  F16 [in, r], [out, r]   the low-rank part of the same matrix: no parameters
                        of their own; in older files `lora_down`, `lora_up`, and then sides are
                        filled up to 128, the bias too
    smooth_factor, smooth_factor_orig  F16 [in]   (`smooth`, `smooth_orig`)
    wcscales, wtscale   of NVFP4

    qweight             I32 [out / 4, in / 2]   AWQ: eight weights of 4 bits to an int32
    wscales, wzeros     F16 [in / 64, out]

Sources: nunchaku `nunchaku/models/linear.py`; for older files `src/Linear.cpp`, GEMM_W4A4.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.layouts.padding import Matrix, counted

name: Final = "SVDQuant"
by_path: Final = True  # the config's sizes are the second witness where sides are filled up
appended: Final[tuple[Suffix, ...]] = ()
_OLDER: Final[tuple[Suffix, ...]] = ("lora_down", "lora_up", "smooth", "smooth_orig")
_HELPERS: Final[tuple[Suffix, ...]] = (
    "wscales",
    "wzeros",
    "wcscales",
    "wtscale",
    "proj_down",
    "proj_up",
    "smooth_factor",
    "smooth_factor_orig",
    *_OLDER,
)
suffixes: Final[tuple[Suffix, ...]] = ("qweight", *_HELPERS)

_FILLED_TO: Final = 128
_GROUPS: Final = {"F16": 64, "BF16": 64, "F8_E4M3": 16}  # by the scales' dtype
_MAX_CONFIG_BYTES: Final = 65_536
_MAX_SIZE: Final = 1 << 24

# Rows and columns of a transformer block's linear layers, in widths of the model (FLUX).
_IN_WIDTHS: Final = {
    "qkv_proj": (3, 1),
    "qkv_proj_context": (3, 1),
    "out_proj": (1, 1),
    "out_proj_context": (1, 1),
    "mlp_fc1": (4, 1),
    "mlp_fc2": (1, 4),
    "mlp_context_fc1": (4, 1),
    "mlp_context_fc2": (1, 4),
}


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Packed bytes whose two sides the scales have as well."""
    weight, scales = module.tensors.get("qweight"), module.tensors.get("wscales")
    if weight is None or scales is None or len(weight.shape) != 2 or len(scales.shape) != 2:  # noqa: PLR2004 - matrices
        return None
    group = _GROUPS.get(scales.dtype.name)
    stored = _stored(weight)
    if stored is None or group is None or not weight.elements:
        return None
    if scales.shape != (stored.columns // group, stored.rows) or stored.columns % group:
        return None
    weights: dict[Suffix, Packed] = {"qweight": exactly(stored.rows * stored.columns)}
    if any(suffix in module.tensors for suffix in _OLDER):
        known = _known(module.prefix, hints)
        weights["qweight"] = counted(stored, (_FILLED_TO, _FILLED_TO), known)
        is_exact = weights["qweight"].low == weights["qweight"].high
        if not is_exact and module.shape("bias") == (stored.rows,):
            least = max(stored.rows - _FILLED_TO + 1, 1)
            weights["bias"] = Packed(least, stored.rows, "bias")
    return Recovered(
        layout=name,
        weights=weights,
        bookkeeping=tuple(suffix for suffix in _HELPERS if suffix in module.tensors),
        reason="packed bytes and scales give the same two sides; a low-rank part corrects them",
        bits=4,
    )


def _stored(weight: Tensor) -> Matrix | None:
    rows, columns = weight.shape
    if weight.dtype.name in {"I8", "U8"}:
        return Matrix(rows, 2 * columns)
    return Matrix(4 * rows, 2 * columns) if weight.dtype.name == "I32" else None


def _known(prefix: str, hints: Hints) -> Matrix | None:
    """The size by the model's width, which the config or the header's free text has."""
    widths = _IN_WIDTHS.get(prefix.removesuffix(".").rpartition(".")[2])
    if widths is None:
        return None
    for config in (hints.config, _config_of(hints.metadata.get("config"))):
        heads, size = config.get("num_attention_heads"), config.get("attention_head_dim")
        if type(heads) is int and type(size) is int and 0 < heads * size < _MAX_SIZE:
            return Matrix(widths[0] * heads * size, widths[1] * heads * size)
    return None


def _config_of(text: str | None) -> Mapping[str, Any]:
    if text is None or len(text) > _MAX_CONFIG_BYTES:
        return {}
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, Mapping) else {}

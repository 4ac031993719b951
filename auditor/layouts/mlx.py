"""MLX: weights of 2 to 8 bits without gaps in 32-bit words, along the last side.

    weight    U32 [.., out, in * bits / 32]
    scales    F16, BF16 or F32 [.., out, in / g]   affine; U8 in the modes mxfp4, nvfp4 and mxfp8
    biases    as the scales                        the offset of each group, no bias; affine only
    qbiases   the same in transformers' `metal`, which has 2, 4 or 8 bits and any group size
    bias      [out]                                a parameter

Embeddings and experts (`switch_mlp`, [E, out, ..]) are packed too. The words and the scales give
group size x bits only: 8 words to 1 scale are 4 bits in groups of 64, or 8 in 32, or 2 in 128. The
config's `quantization` says which, for all or by path; with U8 scales the ratio itself is enough.
Sources: mlx `python/mlx/nn/layers/quantized.py`; transformers `integrations/metal_quantization.py`.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Final, NamedTuple

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.layouts.padding import matrix_of

name: Final = "MLX"
by_path: Final = True  # a path may have settings of its own
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final[tuple[Suffix, ...]] = ("scales", "biases", "qbiases")
suffixes: Final[tuple[Suffix, ...]] = ("weight", *_HELPERS)

_WORD_BITS: Final = 32
_MAX_BITS: Final = 8
_MAX_GROUP: Final = 1 << 20


class _Setting(NamedTuple):
    group: int
    bits: int


_MODES: Final = {
    "affine": _Setting(64, 4),
    "mxfp4": _Setting(32, 4),
    "nvfp4": _Setting(16, 4),
    "mxfp8": _Setting(32, 8),
}
_FLOATS: Final = tuple(setting for mode, setting in _MODES.items() if mode != "affine")
_AFFINE: Final = tuple(_Setting(g, b) for g in (32, 64, 128) for b in (2, 3, 4, 5, 6, 8))
_METAL_BITS: Final = (2, 4, 8)
_WRAPPERS: Final = ("model.", "language_model.", "language_model.model.")


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Words and scales of as many rows; columns by the config where the ratio leaves several."""
    weight, scales = module.tensors.get("weight"), module.tensors.get("scales")
    if weight is None or scales is None or weight.dtype.name != "U32" or not weight.elements:
        return None
    if not weight.shape or weight.shape[:-1] != scales.shape[:-1] or not scales.elements:
        return None
    offsets = next((s for s in ("biases", "qbiases") if s in module.tensors), None)
    if offsets is not None and module.shape(offsets) != scales.shape:
        return None
    possible = {
        _columns(weight, setting): setting for setting in _possible(weight, scales, offsets)
    }
    if not possible:
        return None
    chosen = _chosen(possible, weight, scales, module.prefix, hints)
    rows = prod(weight.shape[:-1])
    known = possible.get(chosen) if chosen else None
    return Recovered(
        layout="metal" if offsets == "qbiases" else name,
        weights={
            "weight": exactly(rows * chosen)
            if chosen
            else Packed(rows * min(possible), rows * max(possible))
        },
        bookkeeping=tuple(suffix for suffix in _HELPERS if suffix in module.tensors),
        reason="words and scales to a row, and the group size of the config or of the mode",
        bits=known.bits if known else None,
    )


def _columns(weight: Tensor, setting: _Setting) -> int:
    return weight.shape[-1] * _WORD_BITS // setting.bits


def _possible(weight: Tensor, scales: Tensor, offsets: str | None) -> Iterator[_Setting]:
    """The settings that have so many words and so many scales to a row."""
    if offsets == "qbiases":
        for bits in _METAL_BITS:
            columns = weight.shape[-1] * _WORD_BITS // bits
            group, rest = divmod(columns, scales.shape[-1])
            if not rest:
                yield _Setting(group, bits)
    elif offsets is not None and scales.dtype.kind is Kind.FLOAT:
        yield from (setting for setting in _AFFINE if _fits(weight, scales, setting))
    elif offsets is None and scales.dtype.name == "U8":
        yield from (setting for setting in _FLOATS if _fits(weight, scales, setting))


def _fits(weight: Tensor, scales: Tensor, setting: _Setting) -> bool:
    bits = scales.shape[-1] * setting.group * setting.bits
    return bits == weight.shape[-1] * _WORD_BITS


def _chosen(
    possible: Mapping[int, _Setting], weight: Tensor, scales: Tensor, prefix: str, hints: Hints
) -> int | None:
    """The columns that a second witness leaves: the mode, the config's setting or its sizes."""
    if scales.dtype.name == "U8" and len(possible) == 1:
        return next(iter(possible))
    setting = _setting(prefix.removesuffix("."), hints)
    if setting is not None:
        columns = _columns(weight, setting)
        return columns if columns in possible and _fits(weight, scales, setting) else None
    matrix = matrix_of(prefix, hints)
    if matrix is not None and (matrix.rows,) == weight.shape[:-1] and matrix.columns in possible:
        return matrix.columns
    return None


# -- the config


def _setting(path: str, hints: Hints) -> _Setting | None:
    """What the config says of the module at `path`; None where it says nothing sensible."""
    for section in (hints.config.get("quantization"), hints.quantization):
        if isinstance(section, Mapping) and section:
            own = next((section[name] for name in _names(path) if name in section), True)
            return _read(section if own is True else own)
    return None


def _names(path: str) -> Iterator[str]:
    """The names that the config may have for `path`, its own first.

    NOTE: a wrapper may have put its name before all paths of the one side or of the other.
    """
    yield path
    parts = path.split(".")
    yield from (".".join(parts[i:]) for i in range(1, min(len(parts), 3)))
    yield from (wrapper + path for wrapper in _WRAPPERS)


def _read(settings: object) -> _Setting | None:
    """Affine settings; None where they are of another mode or `false`: not packed at all."""
    if not isinstance(settings, Mapping) or settings.get("mode", "affine") != "affine":
        return None
    default = _MODES["affine"]
    group, bits = settings.get("group_size", default.group), settings.get("bits", default.bits)
    if type(group) is not int or type(bits) is not int:
        return None
    return _Setting(group, bits) if 0 < group <= _MAX_GROUP and 0 < bits <= _MAX_BITS else None

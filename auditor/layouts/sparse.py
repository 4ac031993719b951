"""compressed-tensors' sparse weights: what is not zero, and a mask that says where it was.

    compressed      any [out, in/2]              sparse-24-bitmask: two of every four are kept
    bitmask         U8 [out, ceil(in/8)]         a bit to a weight
    shape           I64 [2, 1]

    compressed      any [kept]                   sparse-bitmask
    bitmask         U8 [out, ceil(in/8)]
    row_offsets     I64 [out]
    shape           I64 [2]

    weight_packed   I32 [in/32, out*bits/2]      marlin-24: 2:4 sparse integers of 4 or 8 bits
    scale_packed    F16 [in/128 or 1, out]
    meta            I16 [in/32, 2*out]

The count is that of the dense matrix: pruned weights are parameters. Source: compressed-tensors
0.14 `compressors/sparse_compressors`, `compressors/sparse_quantized_compressors/marlin_24.py`.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.widths import widths_of
from auditor.layouts.bookkeeping import NAMES, beside
from auditor.layouts.contents import whole_numbers

name: Final = "sparse"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final = ("bitmask", "row_offsets", "shape", "scale_packed", "meta")
suffixes: Final[tuple[Suffix, ...]] = ("compressed", "weight_packed", *_HELPERS, *NAMES)

_BITS_OF_A_BYTE: Final = 8
_MATRIX: Final = 2
_MARLIN_ROWS: Final = 32
_MARLIN_BITS: Final = (4, 8)


def recover(module: Module, hints: Hints) -> Recovered | None:
    """The dense matrix behind a mask, or behind Marlin's tiles."""
    return _masked(module, hints) or _marlin(module)


def _masked(module: Module, hints: Hints) -> Recovered | None:
    kept, mask = module.tensors.get("compressed"), module.tensors.get("bitmask")
    if kept is None or mask is None or mask.dtype.name != "U8" or len(mask.shape) != _MATRIX:
        return None
    out, mask_bytes = mask.shape
    if not mask.elements:
        return None
    widths = _BITS_OF_A_BYTE * (mask_bytes - 1) + 1, _BITS_OF_A_BYTE * mask_bytes
    if len(kept.shape) == _MATRIX and kept.shape[0] == out:
        width = 2 * kept.shape[1]
        if not widths[0] <= width <= widths[1]:
            return None
        return _recovered(module, "compressed", exactly(out * width), "twice what is kept")
    if len(kept.shape) != 1 or kept.elements > out * widths[1]:
        return None
    weights, reason = _unstructured(module, hints, out, widths)
    # NOTE: as many as are kept may be more than the narrowest matrix has.
    weights = Packed(max(weights.low, kept.elements), weights.high)
    return _recovered(module, "compressed", weights, reason)


def _unstructured(
    module: Module, hints: Hints, out: int, widths: tuple[int, int]
) -> tuple[Packed, str]:
    low, high = widths
    said = whole_numbers(module, "shape", hints)
    if len(said) == _MATRIX and said[0] == out and low <= said[1] <= high:
        return exactly(out * said[1]), "shape and mask"
    named = [width for width in widths_of(hints.config) if low <= width <= high]
    if len(named) == 1:
        return exactly(out * named[0]), "a width of the config fits the mask"
    return Packed(out * low, out * high), "the mask, up to a byte of each row"


def _recovered(module: Module, suffix: Suffix, weights: Packed, reason: str) -> Recovered:
    helpers = tuple(helper for helper in _HELPERS if helper in module.tensors)
    settled = weights.low == weights.high
    return Recovered(
        layout="sparse bitmask",
        weights={suffix: weights},
        bookkeeping=(*helpers, *beside(module, suffix)),
        reason=reason,
        wanted=() if settled or "shape" not in module.tensors else ("shape",),
    )


def _marlin(module: Module) -> Recovered | None:
    packed, scale, meta = (
        module.tensors.get(suffix) for suffix in ("weight_packed", "scale_packed", "meta")
    )
    if packed is None or scale is None or meta is None:
        return None
    if not len(packed.shape) == len(scale.shape) == len(meta.shape) == _MATRIX:
        return None
    out, rows = scale.shape[1], packed.shape[0]
    bits = next((bits for bits in _MARLIN_BITS if packed.shape[1] * 2 == out * bits), None)
    if bits is None or meta.shape != (rows, 2 * out) or not packed.elements:
        return None
    return Recovered(
        layout="Marlin 2:4",
        weights={"weight_packed": exactly(_MARLIN_ROWS * rows * out)},
        bookkeeping=("scale_packed", "meta"),
        reason="scales give the outputs, tiles and meta the inputs",
        bits=bits,
    )

"""EXL3: tiles of 16 x 16 weights as a trellis of K bits for each weight.

    trellis     I16 [in / 16, out / 16, 16 K]   in and out filled up to 128; K may be a half
    suh, svh    F16 [in], [out]                 signs; or su, sv I16 [in / 16], [out / 16] as bits
    mcg, mul1   I32 []                          the codebook
    bias        F16 [out]                       filled up as well

Sources: exllamav3 `modules/linear.py` (pad_to), `modules/quant/exl3.py`.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix
from auditor.layouts.padding import Matrix, counted, matrix_of

name: Final = "EXL3"
by_path: Final = True  # the config's sizes are the second witness
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final[tuple[Suffix, ...]] = ("suh", "svh", "su", "sv", "mcg", "mul1")
suffixes: Final[tuple[Suffix, ...]] = ("trellis", *_HELPERS)

_TILE: Final = 16
_FILLED_TO: Final = 128
_TRELLIS_RANK: Final = 3
_HALF_BIT: Final = 8  # of the last side, 16 to the bit


def recover(module: Module, hints: Hints) -> Recovered | None:
    """The trellis with signs of the same two lengths, less what was filled up."""
    trellis = module.tensors.get("trellis")
    if trellis is None or trellis.dtype.name != "I16" or len(trellis.shape) != _TRELLIS_RANK:
        return None
    in_tiles, out_tiles, width = trellis.shape
    stored = Matrix(_TILE * out_tiles, _TILE * in_tiles)
    signs = (_signs(module, "suh", "su"), _signs(module, "svh", "sv"))
    if not trellis.elements or signs != (stored.columns, stored.rows) or width % _HALF_BIT:
        return None
    known = matrix_of(module.prefix, hints)
    weights = {"trellis": counted(stored, (_FILLED_TO, _FILLED_TO), known)}
    if module.shape("bias") == (stored.rows,):
        weights["bias"] = _bias(stored.rows, known, weights["trellis"])
    bits, half = divmod(width, _TILE)
    return Recovered(
        layout=name,
        weights=weights,
        bookkeeping=tuple(suffix for suffix in _HELPERS if suffix in module.tensors),
        reason="trellis and signs give the sides filled up to 128, the config those before",
        bits=None if half else bits,
    )


def _signs(module: Module, plain: str, packed: str) -> int | None:
    """How many signs of one side are stored."""
    for suffix, each in ((plain, 1), (packed, _TILE)):
        shape = module.shape(suffix)
        if shape is not None:
            return shape[0] * each if len(shape) == 1 else None
    return None


def _bias(rows: int, known: Matrix | None, weight: Packed) -> Packed:
    if known is not None and weight.low == weight.high:
        return Packed(known.rows, known.rows, "bias")
    return Packed(max(rows - _FILLED_TO + 1, 1), rows, "bias")

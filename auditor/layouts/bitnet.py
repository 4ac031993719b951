"""BitNet: ternary weights, four to a byte along the first side.

    weight         U8 [ceil(out / 4), in]
    weight_scale   BF16 [1]

The packer fills `out` up to a multiple of four; a stored bias or the config gives it back. Sources:
transformers `integrations/bitnet.py`, pack_weights and BitLinear.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix
from auditor.layouts.padding import Matrix, counted, matrix_of

name: Final = "BitNet"
by_path: Final = True  # the config's sizes are the second witness
appended: Final[tuple[Suffix, ...]] = ()
_SCALE: Final = "weight_scale"
suffixes: Final[tuple[Suffix, ...]] = ("weight", _SCALE)

_PER_BYTE: Final = 4


def recover(module: Module, hints: Hints) -> Recovered | None:
    """A U8 matrix with one scale, where the config names BitNet or nothing at all."""
    weight = module.tensors.get("weight")
    if weight is None or weight.dtype.name != "U8" or module.shape(_SCALE) != (1,):
        return None
    if len(weight.shape) != 2 or not weight.elements or hints.method not in {"bitnet", ""}:  # noqa: PLR2004 - a matrix
        return None
    rows, columns = weight.shape
    stored = Matrix(_PER_BYTE * rows, columns)
    bias = module.shape("bias")
    known = Matrix(bias[0], columns) if bias else matrix_of(module.prefix, hints)
    packed = counted(stored, (_PER_BYTE, 1), known)
    if not hints.method and packed.low != packed.high:
        packed = Packed(weight.elements, packed.high)  # nothing says that a byte holds four
    return Recovered(
        layout=name,
        weights={"weight": packed},
        bookkeeping=(_SCALE,),
        reason="four weights to a byte, and the rows of the bias or of the config",
        bits=2,
    )

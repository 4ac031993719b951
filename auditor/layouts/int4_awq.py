"""Model-Optimizer INT4_AWQ and W4A8_AWQ: two rows to a byte.

    weight           U8 [out/2, in]       packed along the outputs; experts [E, out/2, in]
    weight_scale     float [out, in/block]
    weight_scale_2   float []             W4A8 alone
    pre_quant_scale  float [in]

Two witnesses: the scales have twice the rows, and whole blocks fill the width; the packer refuses
odd rows and partial blocks. Source: Model-Optimizer `export/quant_utils.py`, pack_int4_in_uint8.
"""

from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly
from auditor.layouts.bookkeeping import APPENDED, NAMES, beside

name: Final = "INT4 AWQ by rows"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = APPENDED
suffixes: Final[tuple[Suffix, ...]] = ("", "weight", *NAMES, *appended)

_MATRIX: Final = 2
_ROWS_OF_A_BYTE: Final = 2


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """A byte matrix whose scales have twice as many rows."""
    for suffix, scale_suffix in (("weight", "weight_scale"), ("", "_weight_scale")):
        packed, scale = module.tensors.get(suffix), module.tensors.get(scale_suffix)
        if packed is None or scale is None or packed.dtype.name != "U8" or not packed.elements:
            continue
        if len(packed.shape) != len(scale.shape) or len(packed.shape) < _MATRIX:
            continue
        *experts, rows, width = packed.shape
        *scale_experts, scale_rows, blocks = scale.shape
        if experts != scale_experts or scale_rows != _ROWS_OF_A_BYTE * rows:
            continue
        if not blocks or width % blocks or scale.dtype.kind is not Kind.FLOAT:
            continue
        return Recovered(
            layout="INT4 AWQ",
            weights={suffix: exactly(_ROWS_OF_A_BYTE * packed.elements, suffix)},
            bookkeeping=beside(module, suffix),
            reason="the scales have twice the rows of the packed bytes",
            bits=4,
        )
    return None

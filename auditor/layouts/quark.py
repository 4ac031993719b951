"""Quark's integers of four and two bits.

    weight             I32 [in, ceil(out/8)]     int4 and uint4 by group: the matrix is transposed
    weight_scale       float [in/group, out]
    weight_zero_point  I32 [in/group, ceil(out/8)]
    weight             U8 [in, out/4]            uint2 by group, with such scales

    weight             I32 [out, ceil(in/8)]     int4 and uint4 by row or whole
    weight_scale       float [out] or []

By group the scales give the outputs and the rows the inputs. By row the width is known up to a
word. Exported for AWQ, the names are those of AWQ. Source: Quark 0.13 `torch/utils/pack.py`,
`torch/export/nn/modules/realquantizer.py`.
"""

from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.core.widths import widths_of
from auditor.layouts.bookkeeping import NAMES, beside

name: Final = "Quark integers"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
suffixes: Final[tuple[Suffix, ...]] = ("weight", *NAMES)

_MATRIX: Final = 2
_PER_ELEMENT: Final = {"I32": 8, "U8": 4}  # int4 in words, uint2 in bytes


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Words of eight weights, or bytes of four where the scales say so."""
    packed, scale = module.tensors.get("weight"), module.tensors.get("weight_scale")
    if packed is None or scale is None or scale.dtype.kind is not Kind.FLOAT:
        return None
    factor = _PER_ELEMENT.get(packed.dtype.name)
    if factor is None or len(packed.shape) != _MATRIX or not packed.elements:
        return None
    if _is_by_group(packed, scale, factor):
        weights = exactly(packed.shape[0] * scale.shape[1])
        reason = "the scales give the outputs, the packed rows the inputs"
    elif packed.dtype.name == "I32" and scale.shape in {(), (1,), packed.shape[:1]}:
        weights, reason = _by_row(packed, factor, hints)
    else:
        return None
    return Recovered(
        layout="Quark",
        weights={"weight": weights},
        bookkeeping=beside(module, "weight"),
        reason=reason,
        bits=32 // factor if packed.dtype.name == "I32" else 8 // factor,
    )


def _is_by_group(packed: Tensor, scale: Tensor, factor: int) -> bool:
    if len(scale.shape) != _MATRIX or not scale.elements:
        return False
    groups, out = scale.shape
    if packed.shape[0] % groups or groups == packed.shape[0]:
        return False
    if packed.dtype.name == "U8" and out % factor:  # uint2 is never padded
        return False
    return packed.shape[1] == -(-out // factor)


def _by_row(packed: Tensor, factor: int, hints: Hints) -> tuple[Packed, str]:
    out, words = packed.shape
    low, high = factor * (words - 1) + 1, factor * words
    named = [width for width in widths_of(hints.config) if low <= width <= high]
    if len(named) == 1:
        return exactly(out * named[0]), "a width of the config fits the packed words"
    return Packed(out * low, out * high), "eight weights to a word, the last perhaps not full"

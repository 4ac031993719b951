"""HIGGS: weights of 2, 3 or 4 bits in the order of FLUTE's kernel, after a Hadamard transform.

    weight    I16 [out * bits / 16, in]
    scales    F16 [out, in / 256]
    tables    F16 [2^bits]
    tables2   F16 [2^bits, 2^bits, 2] (F32 in older files)

Source: transformers `integrations/higgs.py`, HiggsLinear.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly

name: Final = "HIGGS"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final[tuple[Suffix, ...]] = ("scales", "tables", "tables2")
suffixes: Final[tuple[Suffix, ...]] = ("weight", *_HELPERS)

_BITS: Final = {4: 2, 8: 3, 16: 4}  # by the length of the table
_STORED_BITS: Final = 16


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """Rows by the scales, columns by the weight, bits by the table: all three must fit."""
    weight, scales, tables = (module.shape(suffix) for suffix in ("weight", "scales", "tables"))
    if module.dtype("weight") != "I16" or "tables2" not in module.tensors:
        return None
    if weight is None or scales is None or tables is None or len(tables) != 1:
        return None
    bits = _BITS.get(tables[0])
    if bits is None or len(weight) != 2 or len(scales) != 2 or not weight[0] * weight[1]:  # noqa: PLR2004 - matrices
        return None
    rows, columns = scales[0], weight[1]
    if weight[0] * _STORED_BITS != rows * bits or not scales[1] or columns % scales[1]:
        return None
    return Recovered(
        layout=name,
        weights={"weight": exactly(rows * columns)},
        bookkeeping=_HELPERS,
        reason=f"{rows:,} rows of scales, and {bits} bits by the table",
        bits=bits,
    )

"""AQLM: each group of weights is a sum of vectors out of codebooks.

    codes       I8 or I16 [out / og, in / ig, K]   one index into each of K codebooks
    codebooks   F16 [K, 2^bits, og, ig]
    scales      F16 [out / og, 1, 1, 1]

The codebooks have the group's two sides, so nothing of the config is needed. Source: aqlm
`inference.py`, QuantizedLinear.
"""

from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly

name: Final = "AQLM"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final[tuple[Suffix, ...]] = ("codebooks", "scales")
suffixes: Final[tuple[Suffix, ...]] = ("codes", *_HELPERS)

_CODES_RANK: Final = 3
_CODEBOOKS_RANK: Final = 4


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """Codes whose last side is the number of codebooks, and a scale for each row of them.

    NOTE: run on a CPU, AQLM swaps the codes' first two sides, and a model saved then has them so.
    """
    codes, codebooks = module.tensors.get("codes"), module.tensors.get("codebooks")
    scales = module.shape("scales")
    if codes is None or codebooks is None or not scales or codes.dtype.kind is not Kind.INTEGER:
        return None
    if len(codes.shape) != _CODES_RANK or len(codebooks.shape) != _CODEBOOKS_RANK:
        return None
    rows, columns, count = codes.shape
    books, size, out_group, in_group = codebooks.shape
    is_index = size.bit_count() == 1 and size <= 1 << (8 * codes.dtype.block_bytes)
    if count != books or scales[0] not in {rows, columns} or not is_index or not codes.elements:
        return None
    return Recovered(
        layout=name,
        weights={"codes": exactly(rows * out_group * columns * in_group)},
        bookkeeping=_HELPERS,
        reason=f"codes for groups of {out_group} x {in_group}, as the codebooks have them",
    )

"""SpQR: tiles of 16 x 16 weights of 3 bits, and the outliers apart as a sparse matrix.

    dense_weights   I64 [16 * ceil(out / 16) * ceil(in / 16)]   a row of a tile with its scale
    row_offsets     I32 [out + 1]                               (of another length where padded)
    col_vals        I32 [outliers]                              corrections of some of the weights
    in_perm         I32 [in / 2], or empty                      two indices to an int32

Source: spqr_quant `inference.py`, QuantizedLinear.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.layouts.padding import matrix_of

name: Final = "SpQR"
by_path: Final = True  # without a permutation the config's sizes are the second witness
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final[tuple[Suffix, ...]] = ("row_offsets", "col_vals", "in_perm")
suffixes: Final[tuple[Suffix, ...]] = ("dense_weights", *_HELPERS)

_TILE: Final = 16


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Rows by the offsets, columns by the permutation, and as many tiles as those take."""
    dense, offsets = module.tensors.get("dense_weights"), module.shape("row_offsets")
    if dense is None or dense.dtype.name != "I64" or not dense.elements or offsets is None:
        return None
    tiles, rest = divmod(dense.elements, _TILE)
    permutation = module.shape("in_perm")
    columns = 2 * permutation[0] if permutation and len(permutation) == 1 else 0
    return Recovered(
        layout=name,
        weights={
            "dense_weights": Packed(0, _TILE * dense.elements)  # no whole tiles
            if rest
            else _count(tiles, offsets[0] - 1 if offsets else 0, columns, module.prefix, hints)
        },
        bookkeeping=tuple(suffix for suffix in _HELPERS if suffix in module.tensors),
        reason="row offsets, permutation and tiles of 16 x 16 fit one another",
        bits=3,
    )


def _count(tiles: int, rows: int, columns: int, prefix: str, hints: Hints) -> Packed:
    if rows > 0 and columns > 0 and _tiles(rows) * _tiles(columns) == tiles:
        return exactly(rows * columns)
    known = matrix_of(prefix, hints)
    if known is not None and _tiles(known.rows) * _tiles(known.columns) == tiles:
        return exactly(known.rows * known.columns)
    # A single row of tiles with one row of weights in it is the least that so many tiles can hold.
    return Packed(_TILE * (tiles - 1) + 1, _TILE * _TILE * tiles)


def _tiles(size: int) -> int:
    return -(-size // _TILE)

"""Four Over Six: NVFP4 or MXFP4, padded to the tiles of the hardware.

    quantized_weight_values         U8 [rows, columns/2]     rows padded to 128, columns to 64
                                                             (NVFP4) or 128 (MXFP4)
    quantized_weight_scale_factors  F8_E4M3 or F8_E8M0 [rows*columns/16 or /32]
    quantized_weight_amax           F32 [1]
    quantized_weight_metadata       integers [4] or [6]: out, in, rows, columns, ...

The metadata's bytes give the shape; without them it lies within one tile. Source:
mit-han-lab/fouroversix `model/modules/linear.py`, `quantize/quantized_tensor.py`.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.layouts.contents import whole_numbers

name: Final = "Four Over Six"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_VALUES: Final = "quantized_weight_values"
_SCALES: Final = "quantized_weight_scale_factors"
_METADATA: Final = "quantized_weight_metadata"
suffixes: Final[tuple[Suffix, ...]] = (_VALUES, _SCALES, _METADATA, "quantized_weight_amax")

_ROW_TILE: Final = 128
_COLUMN_TILES: Final = {16: 64, 32: 128}  # weights of a block to columns of a tile
_MATRIX: Final = 2


def recover(module: Module, hints: Hints) -> Recovered | None:
    """The shape that the metadata gives; else a range of less than a tile in both directions."""
    values, scales = module.tensors.get(_VALUES), module.tensors.get(_SCALES)
    if values is None or scales is None or values.dtype.name != "U8" or not scales.elements:
        return None
    block, rest = divmod(2 * values.elements, scales.elements)
    if rest or block not in _COLUMN_TILES or len(values.shape) != _MATRIX:
        return None
    stored = values.shape[0], 2 * values.shape[1]
    tile = _ROW_TILE, _COLUMN_TILES[block]
    shape = whole_numbers(module, _METADATA, hints)[:_MATRIX]
    if len(shape) == _MATRIX and all(
        0 <= size - own < step for size, own, step in zip(stored, shape, tile, strict=True)
    ):
        weights, reason = exactly(shape[0] * shape[1]), "the stored shape and metadata"
    else:
        weights, reason = _range(stored, tile), "padded to whole tiles"
    settled = weights.low == weights.high or _METADATA not in module.tensors
    return Recovered(
        layout=name,
        weights={_VALUES: weights},
        bookkeeping=tuple(suffix for suffix in module.tensors if suffix in suffixes[1:]),
        reason=reason,
        bits=4,
        wanted=() if settled else (_METADATA,),
    )


def _range(stored: tuple[int, int], tile: tuple[int, int]) -> Packed:
    (rows, columns), (row_tile, column_tile) = stored, tile
    low = max(rows - row_tile + 1, 1) * max(columns - column_tile + 1, 1)
    return Packed(low, rows * columns)

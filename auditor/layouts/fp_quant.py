"""FP-Quant: blocks of 4-bit floats behind a Hadamard rotation.

    qweight                   U8 [out, in/2]
    scales                    U8 [out, in/16] (NVFP4) or [out, in/32] (MXFP4); the kernels may pad
                              rows to 128 and columns to 4
    weight_global_scale, act_global_scale                       [1]
    forward_hadamard_matrix, backward_hadamard_matrix           [g, g], made from the group size
    dqweight                  float [out, in], instead, where the quantisation is only simulated
    weight                    float [out, in], instead, where master weights are kept

An empty `weight` or `dqweight` [0] may stand beside. Source: IST-DASLab/FP-Quant
`fp_quant/module/linear.py`; transformers `integrations/fp_quant.py`.
"""

from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor

name: Final = "FP-Quant"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_ROTATIONS: Final = ("forward_hadamard_matrix", "backward_hadamard_matrix")
_HELPERS: Final = ("scales", "weight_global_scale", "act_global_scale", *_ROTATIONS)
suffixes: Final[tuple[Suffix, ...]] = ("weight", "qweight", "dqweight", *_HELPERS)

_WEIGHTS_OF_A_BYTE: Final = 2
_BYTES_OF_A_BLOCK: Final = (8, 16)
_ROW_TILE: Final = 128
_COLUMN_TILE: Final = 4
_MATRIX: Final = 2


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """Packed weights with block scales, or plain ones beside rotations."""
    qweight, scales = module.tensors.get("qweight"), module.tensors.get("scales")
    if qweight is not None and qweight.elements:
        if scales is None or not _fits(qweight, scales):
            return None
        weights = {"qweight": exactly(_WEIGHTS_OF_A_BYTE * qweight.elements)}
        return _recovered(module, weights, "two weights to a byte, a scale to each block", bits=4)
    if not any(suffix in module.tensors for suffix in _ROTATIONS):
        return None
    dequantised = module.tensors.get("dqweight")
    if dequantised is None or dequantised.dtype.kind is not Kind.FLOAT:
        return _recovered(module, {}, "weights as they are, beside the matrices that rotate them")
    return _recovered(
        module, {"dqweight": exactly(dequantised.elements)}, "quantised and widened again"
    )


def _recovered(
    module: Module, weights: dict[Suffix, Packed], reason: str, *, bits: int | None = None
) -> Recovered:
    empty = tuple(
        suffix
        for suffix, tensor in module.tensors.items()
        if suffix in {"weight", "qweight", "dqweight"} and not tensor.elements
    )
    return Recovered(
        layout=name,
        weights={suffix: packed for suffix, packed in weights.items() if packed.high},
        bookkeeping=(*(suffix for suffix in _HELPERS if suffix in module.tensors), *empty),
        reason=reason,
        bits=bits,
    )


def _fits(qweight: Tensor, scales: Tensor) -> bool:
    if qweight.dtype.name != "U8" or scales.dtype.name not in {"U8", "F8_E4M3", "F8_E8M0"}:
        return False
    if len(qweight.shape) != _MATRIX:
        return False
    rows, columns = qweight.shape
    for block_bytes in _BYTES_OF_A_BLOCK:
        blocks, rest = divmod(columns, block_bytes)
        padded = _up_to(rows, _ROW_TILE) * _up_to(blocks, _COLUMN_TILE)
        if not rest and (scales.shape == (rows, blocks) or scales.elements == padded):
            return True
    return False


def _up_to(number: int, tile: int) -> int:
    return -(-number // tile) * tile

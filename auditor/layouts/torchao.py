"""torchao's tensor subclasses, taken apart for safetensors.

A parameter `weight` of class Int4Tensor is stored as the tensors that its object holds, and the
header's free text has a JSON object under the parameter's name: `_type`, and among `_data` the
logical `shape` of the classes that pack (not of those whose elements are weights).

    _weight_qdata
        Float8Tensor, Int8Tensor, IntxUnpackedToInt8Tensor   F8 or I8 [.., out, in]
        Int4Tensor, NVFP4Tensor    U8 [.., out, in/2]
        MXTensor                   F8 or U8 [.., out, in]; of fp4 U8 [.., out, in/2]
        Int4PlainInt32Tensor       I32 [out, in/8]
        Int4TilePackedTo4dTensor   I32 [out/8, in/128, 32, 4]; out filled up to 8, in to 1024
    _weight_scale
        Int4Tensor                 BF16 [in/g, out]
        MXTensor                   F8_E8M0 [.., out, in/32]
        NVFP4Tensor                F8_E4M3 [.., out, in/16]
        MX and NVFP4 may be swizzled: rows filled up to 128, columns to 4
    _weight_zero_point             as the scale
    _weight_scale_and_zero         [in/g, out, 2]

Sources (0.18): torchao `prototype/safetensors/safetensors_support.py`,
`quantization/quantize_/workflows/*/*_tensor.py`, `prototype/mx_formats/*_tensor.py`.
"""

import json
from collections.abc import Mapping
from math import prod
from typing import Any, Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.layouts.padding import Matrix, counted, matrix_of

name: Final = "torchao"
by_path: Final = True  # the header's free text has an entry for each parameter
appended: Final[tuple[Suffix, ...]] = ()

_PARAMETERS: Final = ("weight", "gate_up_proj", "down_proj", "w1", "w2", "w3")
_HELPERS: Final = (
    "scale",
    "zero_point",
    "scale_and_zero",
    "per_tensor_scale",
    "act_per_tensor_scale",
    "act_pre_scale",
    "act_quant_scale",
    "act_quant_zero_point",
)
suffixes: Final[tuple[Suffix, ...]] = tuple(
    f"_{parameter}_{part}" for parameter in _PARAMETERS for part in ("qdata", *_HELPERS)
)

_MAX_JSON_BYTES: Final = 16_384  # an entry has a few hundred
_MAX_RANK: Final = 8
_MX_BLOCK: Final = 32
_NVFP4_BLOCK: Final = 16
_TILE_RANK: Final = 4
_TILE_STEPS: Final = (8, 1024)  # what out and in are filled up to
_LANES: Final = 32


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Every parameter of the module that is stored as `_<parameter>_qdata`."""
    weights: dict[Suffix, Packed] = {}
    helpers: list[Suffix] = []
    for parameter in _PARAMETERS:
        qdata = module.tensors.get(f"_{parameter}_qdata")
        if qdata is None or not qdata.elements:
            continue
        shape = _logical_shape(hints.metadata.get(module.prefix + parameter))
        packed = _packed(module, parameter, qdata, shape, hints)
        if packed is None:
            return None
        weights[f"_{parameter}_qdata"] = packed
        helpers += [s for part in _HELPERS if (s := f"_{parameter}_{part}") in module.tensors]
    if not weights:
        return None
    return Recovered(
        layout=name,
        weights=weights,
        bookkeeping=tuple(helpers),
        reason="the header's free text or the scales give the shape before packing",
    )


def _packed(
    module: Module, parameter: str, qdata: Tensor, shape: tuple[int, ...] | None, hints: Hints
) -> Packed | None:
    scale = module.tensors.get(f"_{parameter}_scale")
    if qdata.dtype.block_bytes == qdata.dtype.block_elements:
        if qdata.dtype.kind is Kind.FLOAT or qdata.dtype.name == "I8":
            return exactly(qdata.elements, parameter)
        if qdata.dtype.name == "U8":
            return _bytes(qdata, scale, shape, parameter)
    if qdata.dtype.name == "I32":
        if len(qdata.shape) == _TILE_RANK:
            known = _matrix(shape) if shape else matrix_of(module.prefix, hints)
            return _tiles(qdata, known, parameter)
        return _words(qdata, scale, shape, parameter)
    return None


def _bytes(
    qdata: Tensor, scale: Tensor | None, shape: tuple[int, ...] | None, logical: str
) -> Packed:
    """Two 4-bit weights to a byte, or one of 6 bits."""
    one, two = qdata.elements, 2 * qdata.elements
    if shape is not None and (*qdata.shape[:-1], 2 * qdata.shape[-1]) == shape:
        return exactly(two, logical)
    fits = [n for n in (one, two) if scale is not None and _scales_fit(qdata, scale, n // one)]
    if shape is None and len(fits) == 1:
        return exactly(fits[0], logical)
    return Packed(one, two, logical)


def _scales_fit(qdata: Tensor, scale: Tensor, per_byte: int) -> bool:
    """Whether the scales are those of `per_byte` weights to a byte."""
    if len(qdata.shape) < 2:  # noqa: PLR2004 - a matrix
        return False
    *lead, rows, columns = qdata.shape
    columns *= per_byte
    if scale.dtype.kind is Kind.FLOAT and scale.dtype.block_bytes > 1:  # Int4Tensor: transposed
        groups = scale.shape[-2] if len(scale.shape) > 1 else 0
        is_transposed = scale.shape == (*lead, groups, rows)
        return is_transposed and groups > 0 and columns % groups == 0 and per_byte > 1
    block = _NVFP4_BLOCK if scale.dtype.kind is Kind.FLOAT else _MX_BLOCK
    if per_byte == 1 and block == _NVFP4_BLOCK:
        return False
    groups, rest = divmod(columns, block)
    plain = prod(lead) * rows * groups
    swizzled = prod(lead) * _filled(rows, 128) * _filled(groups, 4)
    return not rest and scale.elements in {plain, swizzled}


def _filled(size: int, step: int) -> int:
    return -(-size // step) * step


def _words(
    qdata: Tensor, scale: Tensor | None, shape: tuple[int, ...] | None, logical: str
) -> Packed | None:
    """Eight 4-bit weights to an int32, along the one side or the other."""
    if len(qdata.shape) != 2:  # noqa: PLR2004 - a matrix
        return None
    first, last = qdata.shape
    sides = ((first, 8 * last), (8 * first, last), (last, 8 * first), (8 * last, first))
    if shape is not None:
        agrees = shape in sides
    else:
        agrees = (
            scale is not None
            and len(scale.shape) == 2  # noqa: PLR2004 - a matrix
            and any(
                scale.shape[1] == out and scale.shape[0] and columns % scale.shape[0] == 0
                for out, columns in sides
            )
        )
    if agrees:
        return exactly(8 * qdata.elements, logical)
    return Packed(qdata.elements, 8 * qdata.elements, logical)


def _tiles(qdata: Tensor, known: Matrix | None, logical: str) -> Packed | None:
    """Tiles of tensor cores; what they were filled up from is not in the shape."""
    rows, tiles, lanes, inner = qdata.shape
    if lanes != _LANES:
        return None
    stored = Matrix(8 * rows, 32 * inner * tiles)
    return counted(stored, _TILE_STEPS, known, logical)


def _matrix(shape: tuple[int, ...]) -> Matrix | None:
    return Matrix(*shape) if len(shape) == 2 else None  # noqa: PLR2004 - a matrix


def _logical_shape(text: str | None) -> tuple[int, ...] | None:
    """The logical shape in the free text; None where there is none or it is no shape."""
    if text is None or len(text) > _MAX_JSON_BYTES:
        return None
    try:
        entry: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    data = entry.get("_data") if isinstance(entry, Mapping) else None
    shape = data.get("shape") if isinstance(data, Mapping) else None
    if not isinstance(shape, list) or not 0 < len(shape) <= _MAX_RANK:
        return None
    return tuple(shape) if all(type(side) is int and side > 0 for side in shape) else None

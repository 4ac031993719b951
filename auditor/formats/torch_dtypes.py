"""torch's dtypes: by the name of the dtype, and by the class of storages that hold only that one.

torch 2.13.0: torch/storage.py (`_dtype_to_storage_type_map`, `_new_dtypes`), c10/core/ScalarType.h.
"""

from typing import Final, NamedTuple

from auditor.core.dtypes import DTYPES, Dtype


class TorchDtype(NamedTuple):
    """A dtype as torch sees it: `step_bytes` lie from one element of a row to the next.

    `packed` elements of the Dtype make up one of torch's. torch counts pairs of 4-bit floats, and
    safetensors the floats. Of quantised elements below a byte, torch counts each, and a step is the
    byte that several share: 0 here, for no stride can be told in bytes.
    """

    dtype: Dtype
    step_bytes: int
    packed: int = 1


_ROWS: Final = (
    # torch's name, ours, bytes, class of storages
    ("float64", "F64", 8, "DoubleStorage"),
    ("float32", "F32", 4, "FloatStorage"),
    ("float16", "F16", 2, "HalfStorage"),
    ("bfloat16", "BF16", 2, "BFloat16Storage"),
    ("float8_e5m2", "F8_E5M2", 1, ""),
    ("float8_e4m3fn", "F8_E4M3", 1, ""),
    ("float8_e5m2fnuz", "F8_E5M2FNUZ", 1, ""),
    ("float8_e4m3fnuz", "F8_E4M3FNUZ", 1, ""),
    ("float8_e8m0fnu", "F8_E8M0", 1, ""),
    ("float4_e2m1fn_x2", "F4", 1, ""),
    ("int64", "I64", 8, "LongStorage"),
    ("int32", "I32", 4, "IntStorage"),
    ("int16", "I16", 2, "ShortStorage"),
    ("int8", "I8", 1, "CharStorage"),
    ("uint8", "U8", 1, "ByteStorage"),
    ("uint16", "U16", 2, ""),
    ("uint32", "U32", 4, ""),
    ("uint64", "U64", 8, ""),
    ("bool", "BOOL", 1, "BoolStorage"),
    ("complex32", "C32", 4, ""),
    ("complex64", "C64", 8, "ComplexFloatStorage"),
    ("complex128", "C128", 16, "ComplexDoubleStorage"),
    ("qint8", "QI8", 1, "QInt8Storage"),
    ("quint8", "QU8", 1, "QUInt8Storage"),
    ("qint32", "QI32", 4, "QInt32Storage"),
    ("quint4x2", "QU4", 0, "QUInt4x2Storage"),
    ("quint2x4", "QU2", 0, "QUInt2x4Storage"),
    # Bits without a meaning, which torch moves and does not reckon with.
    ("bits8", "U8", 1, ""),
    ("bits16", "U16", 2, ""),
    ("bits1x8", "U8", 1, ""),
    ("bits2x4", "U8", 1, ""),
    ("bits4x2", "U8", 1, ""),
)

BY_NAME: Final = {
    name: TorchDtype(DTYPES[ours], step_bytes, 2 if ours == "F4" else 1)
    for name, ours, step_bytes, _ in _ROWS
}
BY_STORAGE: Final = {storage: BY_NAME[name] for name, _, _, storage in _ROWS if storage}
# Bytes that any dtype may be seen in; the size is told in bytes.
UNTYPED_STORAGES: Final = frozenset({"UntypedStorage", "_UntypedStorage"})

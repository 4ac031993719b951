"""A TensorProto held against the rules for what it says, and where its numbers lie.

    raw_data        as many bytes as dtype and dims take
    float_data ...  as many numbers; varints may be shorter than what they stand for
    external_data   `location` a path beside the .onnx file, `offset` and `length` in decimal digits

onnx/onnx.in.proto, TensorProto. The last byte of 2-, 4- and 6-bit numbers is filled up.
"""

from collections.abc import Mapping
from math import prod
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from auditor.core.dtypes import DTYPES, Dtype
from auditor.core.findings import quoted
from auditor.core.tensors import Tensor
from auditor.errors import HeaderMalformed, UnknownDtype
from auditor.formats.onnx_tensor_messages import TensorMessage

DTYPES_BY_NUMBER: Final = {
    1: DTYPES["F32"],
    2: DTYPES["U8"],
    3: DTYPES["I8"],
    4: DTYPES["U16"],
    5: DTYPES["I16"],
    6: DTYPES["I32"],
    7: DTYPES["I64"],
    9: DTYPES["BOOL"],
    10: DTYPES["F16"],
    11: DTYPES["F64"],
    12: DTYPES["U32"],
    13: DTYPES["U64"],
    14: DTYPES["C64"],
    15: DTYPES["C128"],
    16: DTYPES["BF16"],
    17: DTYPES["F8_E4M3"],
    18: DTYPES["F8_E4M3FNUZ"],
    19: DTYPES["F8_E5M2"],
    20: DTYPES["F8_E5M2FNUZ"],
    21: DTYPES["U4"],
    22: DTYPES["I4"],
    23: DTYPES["F4"],
    24: DTYPES["F8_E8M0"],
    25: DTYPES["U2"],
    26: DTYPES["I2"],
    27: DTYPES["F6_E2M3"],
    28: DTYPES["F6_E3M2"],
}
STRINGS: Final = 8

_MAX_RANK: Final = 64  # numpy's limit; no operator knows more than a few
_ELEMENTS_LIMIT: Final = 1 << 63
_MAX_DIGITS: Final = 19  # of a number below 2^63
_PER_VALUE: Final = {"U4": 2, "I4": 2, "F4": 2, "U2": 4, "I2": 4}  # elements in one int32
_DAMAGED: Final = "the file is damaged; compare its sha256 with the Hub's"


class Stored(NamedTuple):
    """A tensor, whether its bytes lie in the file itself, and the file beside it that has them."""

    tensor: Tensor
    in_file: bool
    location: str = ""
    warnings: tuple[str, ...] = ()


def stored(path: str, name: str, message: TensorMessage) -> Stored:
    """The tensor `name` of the file `path`. Raises HeaderMalformed, UnknownDtype."""
    dtype, shape, elements = _kind(path, name, message)
    size_bytes = dtype.bytes_up_to(elements)
    if message.external is not None:
        tensor = Tensor(name, dtype, shape, elements, 0, size_bytes)
        return _external(tensor, message.external)
    if message.raw is not None:
        begin, end = message.raw
        if end - begin != size_bytes:
            given = f"is given {end - begin:,}"
            raise _malformed(path, name, f"takes {size_bytes:,} bytes and {given}", dtype, shape)
        return Stored(Tensor(name, dtype, shape, elements, begin, end), in_file=True)
    _check_values(path, name, message, dtype, elements)
    return Stored(Tensor(name, dtype, shape, elements, 0, size_bytes), in_file=False)


def _kind(path: str, name: str, message: TensorMessage) -> tuple[Dtype, tuple[int, ...], int]:
    """Dtype, shape and number of elements."""
    dtype = DTYPES_BY_NUMBER.get(message.data_type)
    if dtype is None:
        raise UnknownDtype(
            path,
            f"{quoted(name)} has the data type {message.data_type}, which is not known",
            hint="a newer release of hfaudit may know it",
        )
    shape = message.dims
    if len(shape) > _MAX_RANK:
        raise HeaderMalformed(path, f"{quoted(name)} has {len(shape):,} dimensions", hint=_DAMAGED)
    elements = prod(shape)
    if any(dimension < 0 for dimension in shape) or elements >= _ELEMENTS_LIMIT:
        raise _malformed(path, name, "is no shape of a tensor", dtype, shape)
    return dtype, shape, elements


def _check_values(
    path: str, name: str, message: TensorMessage, dtype: Dtype, elements: int
) -> None:
    """Holds the number of values in typed fields against the elements."""
    values = message.values
    if message.data_type in {14, 15}:  # complex numbers, of two floats each
        values //= 2
    most = values * _PER_VALUE.get(dtype.name, 1)
    if elements > most or (message.values_exact and most > elements + 3):
        given = f"has {elements:,} elements and is given {most:,}"
        raise _malformed(path, name, given, dtype, message.dims)


def _external(tensor: Tensor, external: Mapping[str, str]) -> Stored:
    name, location = tensor.name, external.get("location", "")
    warnings = []
    if not _is_beside(location):
        warnings.append(
            f"the numbers of {quoted(name)} are said to lie in {quoted(location)}, which is no"
            " file beside this one"
        )
    numbers = {}
    for key in ("offset", "length"):
        digits = external.get(key)
        if digits is None:
            continue
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
            warnings.append(f"the {key} of {quoted(name)}'s numbers is {quoted(digits)}, no number")
        else:
            numbers[key] = int(digits)
    length = numbers.get("length", tensor.stored_bytes)
    if length != tensor.stored_bytes:
        warnings.append(
            f"{quoted(name)} takes {tensor.stored_bytes:,} bytes and is said to have {length:,}"
        )
    begin = numbers.get("offset", 0)
    placed = tensor._replace(begin=begin, end=begin + tensor.stored_bytes)
    return Stored(placed, in_file=False, location=location, warnings=tuple(warnings))


def _is_beside(location: str) -> bool:
    """Whether a location is a path below the folder of the .onnx file, as the format demands."""
    path = PurePosixPath(location)
    windows = "\\" in location or location[1:2] == ":"
    return bool(location) and not path.is_absolute() and ".." not in path.parts and not windows


def _malformed(
    path: str, name: str, reason: str, dtype: Dtype, shape: tuple[int, ...]
) -> HeaderMalformed:
    shown = ", ".join(f"{dimension:,}" for dimension in shape[:8])
    return HeaderMalformed(path, f"{quoted(name)}, {dtype.name} [{shown}], {reason}", hint=_DAMAGED)

"""What an HDF5 dataset is: its shape, what its elements are, and where they are kept.

    dataspace 1    version 1 | rank 1 | flags 1 | 0 5 | rank times: size 8
    dataspace 2    version 2 | rank 1 | flags 1 | kind 1 (0 one number, 1 an array, 2 nothing) | ...
    datatype       class, version 1 | bits 3 | size 4 | what the class needs
    layout 1, 2    version 1 | rank 1 | class 1 | 0 5 | [address 8] | ...
    layout 3 to 5  version 1 | class 1 | ...          contiguous: address 8 | size 8

HDF5 File Format Specification 3.0, IV.A.2.b, d and i. Floating point is told by its fields, as the
library does it: two bytes may be a half or a bfloat16.
"""

from dataclasses import dataclass
from math import prod
from typing import Final

from auditor.core.dtypes import DTYPES, Dtype
from auditor.formats.hdf5_bytes import UNDEFINED, Broken, Fields, Unread

MAX_RANK: Final = 32  # HDF5's own, H5S_MAX_RANK
_U64_LIMIT: Final = 1 << 64
_MAX_NESTED: Final = 3  # types within a type: an enumeration of integers, a pair of floats

_FLOATS: Final = {
    # bytes, bits of exponent, bits of mantissa, bias
    (1, 4, 3, 7): "F8_E4M3",
    (1, 5, 2, 15): "F8_E5M2",
    (2, 5, 10, 15): "F16",
    (2, 8, 7, 127): "BF16",
    (4, 8, 23, 127): "F32",
    (8, 11, 52, 1023): "F64",
}
_INTEGERS: Final = {1: ("U8", "I8"), 2: ("U16", "I16"), 4: ("U32", "I32"), 8: ("U64", "I64")}
_COMPLEX: Final = {8: "C64", 16: "C128"}
_REAL: Final = {8: "F32", 16: "F64"}  # half of one
_PAIR: Final = 2
_NULL_SPACE: Final = 2  # kinds of dataspaces
_CONTIGUOUS, _VIRTUAL = 1, 3  # kinds of layouts
# Classes of datatypes: numbers, and what no weight is made of.
_NUMBERS: Final = {
    0: "integers",
    1: "floating-point numbers",
    4: "bit fields",
    5: "opaque elements",
    11: "complex numbers",
}
_COMPOUND, _ENUMERATION = 6, 8
_OTHERS: Final = {2: "times", 3: "strings", 7: "references", 9: "elements of varying length"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Elements of a dtype."""

    dtype: Dtype


@dataclass(frozen=True, slots=True, kw_only=True)
class NoNumbers:
    """Elements of another kind than weights are: strings, records."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strange:
    """Elements that may be numbers, of a kind that is not known."""

    what: str
    size_bytes: int


Elements = Numbers | NoNumbers | Strange


@dataclass(frozen=True, slots=True, kw_only=True)
class Contiguous:
    """All bytes in one place of the file. `begin` counts from the file's base address."""

    begin: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """In pieces, compressed, or within the object's header: in the file, in no one place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Not in this file, or not at all; `why` is said before the names of such datasets."""

    why: str


Storage = Contiguous | Elsewhere | Absent


def shape_of(body: bytes) -> tuple[int, ...] | None:
    """The shape that a dataspace message tells; None where it tells of no elements at all."""
    fields = Fields(body)
    version, rank = fields.uint(1), fields.uint(1)
    fields.skip(1)
    if version not in {1, 2}:
        raise Unread(f"a dataspace of version {version}")
    if rank > MAX_RANK:
        raise Broken(f"a dataset of {rank} dimensions; HDF5 allows {MAX_RANK}")
    if version == 1:
        fields.skip(5)
    elif fields.uint(1) == _NULL_SPACE:
        return None
    shape = tuple([fields.uint(8) for _ in range(rank)])
    if prod(size for size in shape if size) >= _U64_LIMIT:
        raise Broken("the elements of a dataset overflow 64 bits")
    return shape


def elements_of(body: bytes) -> Elements:
    """What a datatype message tells."""
    return _elements(Fields(body), 0)


def _elements(fields: Fields, depth: int) -> Elements:
    if depth > _MAX_NESTED:
        return Strange(what="types within types", size_bytes=0)
    first, bits, size = fields.uint(1), fields.uint(3), fields.uint(4)
    version, kind = first >> 4, first & 15
    if kind == _COMPOUND:
        return _compound(fields, version, bits & 0xFFFF, size, depth)
    if kind == _ENUMERATION:
        return _enumeration(fields, version, bits & 0xFFFF, depth)
    if kind in _OTHERS:
        return NoNumbers(what=_OTHERS[kind])
    what = _NUMBERS.get(kind, f"elements of class {kind}")
    dtype = _name_of(fields, kind, bits, size)
    return Numbers(dtype=DTYPES[dtype]) if dtype else Strange(what=what, size_bytes=size)


def _name_of(fields: Fields, kind: int, bits: int, size: int) -> str:
    """The name of the dtype of a number; empty where there is none."""
    match _NUMBERS.get(kind):
        case "integers":
            fields.skip(4)
            return _INTEGERS.get(size, ("", ""))[bits >> 3 & 1]
        case "bit fields":
            return _INTEGERS.get(size, ("", ""))[0]
        case "floating-point numbers":
            fields.skip(5)
            exponent = fields.uint(1)
            fields.skip(1)
            return _FLOATS.get((size, exponent, fields.uint(1), fields.uint(4)), "")
        case "complex numbers":
            return _COMPLEX.get(size, "")
        case _:
            return ""


def _compound(fields: Fields, version: int, count: int, size: int, depth: int) -> Elements:
    """Records; two floats `r` and `i` are how h5py writes a complex number."""
    if count == _PAIR and size in _COMPLEX:
        real = Numbers(dtype=DTYPES[_REAL[size]])
        pair = [_member(fields, version, size, depth) for _ in range(_PAIR)]
        if pair == [(b"r", real), (b"i", real)]:
            return Numbers(dtype=DTYPES[_COMPLEX[size]])
    return NoNumbers(what="records")


def _member(fields: Fields, version: int, size: int, depth: int) -> tuple[bytes, Elements]:
    name = _name(fields, version)
    fields.skip({1: 32, 2: 4}.get(version, -(-size.bit_length() // 8)))
    return name, _elements(fields, depth + 1)


def _name(fields: Fields, version: int) -> bytes:
    end = fields.data.find(b"\0", fields.place)
    if end < 0:
        raise Broken("the name of a member has no end")
    name = fields.take(end - fields.place)
    fields.skip(8 - len(name) % 8 if version in {1, 2} else 1)
    return name


def _enumeration(fields: Fields, version: int, count: int, depth: int) -> Elements:
    """Integers with names; FALSE and TRUE are how h5py writes a bool."""
    base = _elements(fields, depth + 1)
    if not isinstance(base, Numbers) or count != _PAIR:
        return base
    names = [_name(fields, version) for _ in range(_PAIR)]
    if names == [b"FALSE", b"TRUE"] and base.dtype.block_bytes == 1:
        return Numbers(dtype=DTYPES["BOOL"])
    return base


def storage_of(body: bytes, needed_bytes: int) -> Storage:
    """Where a layout message says that the `needed_bytes` of a dataset are."""
    fields = Fields(body)
    version = fields.uint(1)
    is_old = version in {1, 2}
    if not is_old and version not in {3, 4, 5}:
        raise Unread(f"a layout of version {version}")
    fields.skip(1 if is_old else 0)
    kind = fields.uint(1)
    fields.skip(5 if is_old else 0)
    if kind == _VIRTUAL:
        return Absent(why="put together from other datasets")
    if not needed_bytes:
        return Contiguous(begin=0)
    if kind != _CONTIGUOUS:
        return Elsewhere()
    begin = fields.uint(8)
    if begin == UNDEFINED:
        return Absent(why="never written, but for a value that fills it")
    if not is_old and fields.uint(8) < needed_bytes:
        raise Broken("a dataset's elements do not fit the bytes that are given to it")
    return Contiguous(begin=begin)

"""The JSON object of a safetensors header, held against the rules for what it says.

Rules 5 to 9 of the ten in `auditor.formats.safetensors`: all that needs neither the bytes nor the
size of the file. Written for speed where it runs once per tensor.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from auditor.core.dtypes import DTYPES, Dtype
from auditor.core.findings import listed, quoted
from auditor.core.strict_json import Object
from auditor.core.tensors import Tensor
from auditor.errors import HeaderMalformed, LimitExceeded, UnknownDtype

# Twice the tensors of the largest model known, Kimi-K3, whose 497,000 lie in many files.
MAX_TENSORS: Final = 1_000_000
U64_LIMIT: Final = 1 << 64  # dimensions, elements and bits stay below it, as in the reference
DAMAGED: Final = "the file is damaged or no safetensors file; compare its sha256 with the Hub's"

METADATA: Final = "__metadata__"
_FIELDS: Final = ("dtype", "shape", "data_offsets")
_SHOWN_DIMENSIONS: Final = 8
# The table has the dtypes of other formats, too.
_DTYPES: Final = {
    name: dtype for name, dtype in DTYPES.items() if dtype.source.startswith("safetensors/")
}

Shape = tuple[int, ...]
Entry = tuple[int, int, str, Shape]  # begin, end, dtype, shape
Contents = tuple[tuple[Tensor, ...], dict[str, str], tuple[str, ...]]


def entry_or_pairs(pairs: list[tuple[str, Any]]) -> Entry | Object:
    """An Entry where the pairs are as writers write them; else the pairs, for a closer look.

    Called for each object of a header.
    """
    if len(pairs) == len(_FIELDS):
        (key, dtype), (key2, shape), (key3, offsets) = pairs
        if (
            (key, key2, key3) == _FIELDS
            and type(dtype) is str
            and type(shape) is list
            and type(offsets) is list
            and len(offsets) == 2  # noqa: PLR2004 - begin and end
        ):
            begin, end = offsets
            if type(begin) is int and type(end) is int:  # 2.0 and True are equal to ints
                for dimension in shape:
                    if type(dimension) is not int:
                        break
                else:
                    return begin, end, dtype, tuple(shape)
    return Object(pairs)


def contents(path: str, root: Object) -> Contents:
    """Tensors in the order of their data, metadata, and warnings, of the header object `root`.

    Its values have been through `entry_or_pairs`. The tensors fill their data from byte 0 without
    gap or overlap. Raises HeaderMalformed, UnknownDtype, LimitExceeded.
    """
    by_name = _without_doubles(path, root, "the header")
    warnings = []
    metadata: dict[str, str] = {}
    if METADATA in by_name:
        stored = by_name.pop(METADATA)
        if stored is None:
            warnings.append(f"`{METADATA}` is null")
        else:
            metadata = metadata_of(path, stored)
    if len(by_name) > MAX_TENSORS:
        raise LimitExceeded(path, f"{len(by_name):,} tensors; at most {MAX_TENSORS:,} are read")
    rows = []
    unknown = []
    for name, value in by_name.items():
        if type(value) is tuple:
            begin, end, dtype, shape = value
        else:
            (begin, end, dtype, shape), keys = _odd_entry(path, name, value)
            unknown += [f"{quoted(key)} in {quoted(name)}" for key in keys]
        rows.append((begin, end, name, dtype, shape))
    if unknown:
        warnings.append(f"keys that the format does not know: {listed(unknown)}")
    rows.sort()
    return _tensors(path, rows), metadata, tuple(warnings)


def _malformed(path: str, reason: str) -> HeaderMalformed:
    return HeaderMalformed(path, reason, hint=DAMAGED)


def _without_doubles(path: str, pairs: Object, where: str) -> dict[str, Any]:
    """`pairs` as a dict.

    Raises HeaderMalformed where a key comes twice: readers differ in which of the two they keep, so
    that no count of such a file would be the count.
    """
    fields = dict(pairs)
    if len(fields) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        double = next(key for key, count in counts.items() if count > 1)
        raise _malformed(path, f"{where} has {quoted(double)} more than once")
    return fields


def metadata_of(path: str, stored: object) -> dict[str, str]:
    if isinstance(stored, Object):
        metadata = _without_doubles(path, stored, f"`{METADATA}`")
        if all(type(value) is str for value in metadata.values()):
            return metadata
    raise _malformed(path, f"`{METADATA}` is no object of strings")


def _odd_entry(path: str, name: str, value: object) -> tuple[Entry, tuple[str, ...]]:
    """The entry of an object that is not written as usual, and those of its keys that are unknown.

    NOTE: an unknown key is accepted, as the reference does: the format may grow, and what counts is
    said by the keys that are known.
    """
    if not isinstance(value, Object):
        raise _malformed(path, f"the entry of {quoted(name)} is no object of its three keys")
    fields = _without_doubles(path, value, f"the entry of {quoted(name)}")
    for field in _FIELDS:
        if field not in fields:
            raise _malformed(path, f"the entry of {quoted(name)} has no `{field}`")
    entry = entry_or_pairs([(field, fields[field]) for field in _FIELDS])
    if isinstance(entry, Object):
        raise _malformed(path, f"in the entry of {quoted(name)}, {_wrong_field(fields)}")
    return entry, tuple(key for key in fields if key not in _FIELDS)


def _wrong_field(fields: Mapping[str, Any]) -> str:
    if type(fields["dtype"]) is not str:
        return "`dtype` is no string"
    shape = fields["shape"]
    if type(shape) is not list or any(type(dimension) is not int for dimension in shape):
        return "`shape` is no list of whole numbers"
    return "`data_offsets` are not two whole numbers"


def _tensors(path: str, rows: list[tuple[int, int, str, str, Shape]]) -> tuple[Tensor, ...]:
    """The tensors of `rows` (begin, end, name, dtype, shape), which are sorted."""
    sizes: dict[tuple[str, Shape], tuple[Dtype, int, int]] = {}
    tensors = []
    free = 0
    for begin, end, name, dtype, shape in rows:
        if begin != free or end < begin:
            raise _malformed(path, _broken_chain(name, begin, end, free))
        try:
            known, elements, needed_bytes = sizes[dtype, shape]
        except KeyError:
            known, elements, needed_bytes = sizes[dtype, shape] = size_of(path, name, dtype, shape)
        if end - begin != needed_bytes:
            given = f"{end - begin:,}" if end < U64_LIMIT else "over 2^64"
            reason = f"{quoted(name)}, {dtype} {_shown(shape)}, takes {needed_bytes:,} bytes"
            raise _malformed(path, f"{reason} and is given {given}")
        # What `Tensor(...)` comes down to, without its call: a fifth of this loop.
        tensors.append(tuple.__new__(Tensor, (name, known, shape, elements, begin, end)))
        free = end
    return tuple(tensors)


def _broken_chain(name: str, begin: int, end: int, free: int) -> str:
    if not 0 <= begin <= end < U64_LIMIT:
        return f"the offsets of {quoted(name)} are no range of 64-bit numbers"
    if begin < free:
        return f"{quoted(name)} overlaps the tensor before it, by {free - begin:,} bytes"
    return f"{begin - free:,} bytes before {quoted(name)} belong to no tensor"


def size_of(path: str, name: str, dtype: str, shape: Shape) -> tuple[Dtype, int, int]:
    """The dtype, the elements, and the bytes that they take.

    Raises HeaderMalformed, UnknownDtype.
    """
    known = _DTYPES.get(dtype)
    if known is None:
        raise UnknownDtype(
            path,
            f"{quoted(name)} has the dtype {quoted(dtype)}, whose size per element is not known",
            hint="a newer version of hfaudit may know it",
        )
    if any(dimension < 0 or dimension >= U64_LIMIT for dimension in shape):
        raise _malformed(path, f"a dimension of {quoted(name)} is no unsigned 64-bit number")
    elements = 1
    for dimension in shape:
        elements *= dimension
        # Looked at before the next dimension: a 0 at the end does not undo an absurd product.
        if elements >= U64_LIMIT:
            raise _malformed(
                path, f"the elements of {quoted(name)} {_shown(shape)} overflow 64 bits"
            )
    if elements * 8 * known.block_bytes // known.block_elements >= U64_LIMIT:
        raise _malformed(path, f"the size of {quoted(name)} {_shown(shape)} overflows 64 bits")
    try:
        return known, elements, known.bytes_for(elements)
    except ValueError as error:
        raise _malformed(path, f"{quoted(name)}: {error}") from error


def _shown(shape: Shape) -> str:
    more = ", …" if len(shape) > _SHOWN_DIMENSIONS else ""
    return "[" + ", ".join(str(dimension) for dimension in shape[:_SHOWN_DIMENSIONS]) + more + "]"

"""The attributes of an HDF5 object, those that are strings: lists of names, mostly.

    version 1   1 | 0 | name 2 | type 2 | space 2 | name, type, space, each filled up to 8 | data
    version 2   2 | flags 1 | the same lengths | name, type, space, data, nothing between
    version 3   3 | flags 1 | the same lengths | encoding 1 | the same

Few attributes stand in the object's header, many or long ones in a fractal heap. HDF5 File Format
Specification 3.0, IV.A.2.m and v; of strings, IV.A.2.d and III.E.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Final

from auditor.formats.hdf5_bytes import UNDEFINED, Broken, Fields, Hdf5File, Steps
from auditor.formats.hdf5_heaps import fractal_heap, global_objects, records
from auditor.formats.hdf5_links import text
from auditor.formats.hdf5_objects import ATTRIBUTE, ATTRIBUTE_INFO, Message
from auditor.formats.hdf5_types import shape_of

_BY_NAME: Final = frozenset({8})  # the kind of B-tree that finds attributes by their names
_FIXED, _VARYING = 3, 9  # classes of datatypes that strings are of
_REFERENCE_BYTES: Final = 16  # to a string in a global heap: length 4, collection 8, number 4
_SHARED_PARTS: Final = 3  # bits of an attribute's flags: type or space stand elsewhere

Attributes = dict[str, tuple[str, ...]]


def string_attributes(
    file: Hdf5File, messages: tuple[Message, ...], wanted: Callable[[str], bool]
) -> Steps[Attributes]:
    """The strings of the attributes whose names are `wanted`; those of other types are left out."""
    found: Attributes = {}
    for message in messages:
        bodies: list[bytes] = []
        if message.kind == ATTRIBUTE and not message.shared:
            bodies = [message.body]
        elif message.kind == ATTRIBUTE_INFO:
            bodies = yield from _indexed(file, Fields(message.body))
        for body in bodies:
            attribute = _attribute(body)
            if attribute is not None and wanted(attribute.name):
                strings = yield from _strings(file, attribute)
                if strings is not None:
                    found[attribute.name] = strings
    return found


def _indexed(file: Hdf5File, fields: Fields) -> Steps[list[bytes]]:
    """The attribute messages of an object that keeps them in a heap."""
    fields.skip(1)
    fields.skip(2 if fields.uint(1) & 1 else 0)
    heap_address, index = fields.uint(8), fields.uint(8)
    if UNDEFINED in {heap_address, index}:
        return []
    heap = yield from fractal_heap(file, heap_address)
    bodies: list[bytes] = []
    for record in (yield from records(file, index, _BY_NAME)):
        bodies += [(yield from heap.read(file, record[: heap.id_bytes]))]
    return bodies


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attribute:
    """One attribute's parts, as they are stored."""

    name: str
    type: bytes
    space: bytes
    data: Fields


def _attribute(body: bytes) -> _Attribute | None:
    """The parts of an attribute message; None where some of them stand elsewhere."""
    fields = Fields(body)
    version, flags = fields.uint(1), fields.uint(1)
    lengths = [fields.uint(2) for _ in range(3)]
    fields.skip(0 if version in {1, 2} else 1)  # the encoding of the name
    parts = []
    for length in lengths:
        parts.append(fields.take(length))
        fields.skip(min(-length % 8, fields.left) if version == 1 else 0)
    if version > 1 and flags & _SHARED_PARTS:
        return None
    name, type_, space = parts
    return _Attribute(name=text(name.partition(b"\0")[0]), type=type_, space=space, data=fields)


def _strings(file: Hdf5File, attribute: _Attribute) -> Steps[tuple[str, ...] | None]:
    """Its strings, one or many; None where it is of another type."""
    shape = shape_of(attribute.space)
    fields = Fields(attribute.type)
    kind, bits, size = fields.uint(1) & 15, fields.uint(3), fields.uint(4)
    count = 0 if shape is None else prod(shape)
    if kind == _FIXED:
        file.count(count)
        return tuple([_cut(attribute.data.take(size)) for _ in range(count)])
    if kind != _VARYING or bits & 15 != 1:  # a list of something else
        return None
    file.count(count)
    collections: dict[int, dict[int, bytes]] = {}
    strings = []
    for _ in range(count):
        reference = Fields(attribute.data.take(_REFERENCE_BYTES))
        length, address, number = (reference.uint(width) for width in (4, 8, 4))
        if not length or not address:
            strings.append("")
            continue
        if address not in collections:
            collections[address] = yield from global_objects(file, address)
        if number not in collections[address]:
            raise Broken("a string is not in the heap that should hold it")
        strings.append(_cut(collections[address][number][:length]))
    return tuple(strings)


def _cut(raw: bytes) -> str:
    """A string without what fills it up."""
    return text(raw.partition(b"\0")[0].rstrip(b" "))

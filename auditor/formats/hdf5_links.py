"""What an HDF5 group holds: names, and what each leads to.

    older        a symbol table: a B-tree "TREE" (version 1) of nodes "SNOD", each with entries of
                 40 bytes, names in a local heap
    newer, few   link messages in the group's own header
    newer, many  a B-tree (version 2) of ids of link messages in a fractal heap

HDF5 File Format Specification 3.0, III.A.1, III.B and IV.A.2.c, g and r.
"""

from dataclasses import dataclass
from typing import Final

from auditor.core.findings import quoted
from auditor.formats.hdf5_bytes import UNDEFINED, Broken, Fields, Hdf5File, Steps
from auditor.formats.hdf5_heaps import fractal_heap, local_names, records
from auditor.formats.hdf5_objects import LINK, LINK_INFO, SYMBOL_TABLE, Message

_BY_NAME: Final = frozenset({5})  # the kind of B-tree that finds links by their names
_SOFT_ENTRY: Final = 2  # an entry of a symbol table that leads to a path
_HARD, _SOFT, _EXTERNAL = 0, 1, 64  # kinds of link messages
_ENTRY_BYTES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class HardLink:
    """To the object whose header is at `address`."""

    address: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftLink:
    """To whatever is at `path`, from the group or, after a slash, from the root."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLink:
    """To what no reader of this file alone can follow."""

    what: str


Link = HardLink | SoftLink | ForeignLink
Links = dict[str, Link]


def links_of(file: Hdf5File, messages: tuple[Message, ...]) -> Steps[Links]:
    """The links of the group that `messages` describe, sorted by name where they are many."""
    links: Links = {}
    for message in messages:
        if message.kind == SYMBOL_TABLE:
            links.update((yield from _symbol_table(file, Fields(message.body))))
        elif message.kind == LINK:
            links.update((_link(message.body),))
        elif message.kind == LINK_INFO:
            links.update((yield from _indexed(file, Fields(message.body))))
    for name in links:
        if not name or "/" in name:
            raise Broken(f"a link with the name {quoted(name)}")
    return links


def text(raw: bytes) -> str:
    """A name of the file. What is no UTF-8 is shown as its bytes: no two names become one."""
    return raw.decode(errors="backslashreplace")


def _symbol_table(file: Hdf5File, fields: Fields) -> Steps[Links]:
    tree, heap = fields.uint(8), fields.uint(8)
    names = yield from local_names(file, heap)
    links: Links = {}
    for address in (yield from _symbol_nodes(file, tree)):
        head = Fields((yield from file.read(address, 8)))
        head.expect(b"SNOD")
        head.skip(2)
        count = head.uint(2)
        file.count(count)
        entries = Fields((yield from file.read(address + 8, count * _ENTRY_BYTES)))
        links.update([_entry(entries, names) for _ in range(count)])
    return links


def _symbol_nodes(file: Hdf5File, root: int) -> Steps[list[int]]:
    """The addresses of a B-tree's leaves, from the left to the right."""
    addresses = [root]
    level: int | None = None
    while level != 0 and addresses:
        below: list[int] = []
        for address in addresses:
            fields = Fields((yield from file.read(address, 24)))
            fields.expect(b"TREE")
            kind, own_level, count = fields.uint(1), fields.uint(1), fields.uint(2)
            if kind or own_level != (own_level if level is None else level - 1):
                raise Broken("a node of a B-tree is not of the kind or level that it should be")
            file.count(count)
            fields = Fields((yield from file.read(address + 24, count * 16 + 8)))
            for _ in range(count):
                fields.skip(8)
                below.append(fields.uint(8))
        level = own_level
        addresses = below
    return addresses


def _entry(fields: Fields, names: bytes) -> tuple[str, Link]:
    name_at, address, kind = fields.uint(8), fields.uint(8), fields.uint(4)
    fields.skip(4)
    scratch = Fields(fields.take(16))
    name = _name_at(names, name_at)
    if kind == _SOFT_ENTRY:
        return name, SoftLink(path=_name_at(names, scratch.uint(4)))
    return name, HardLink(address=address)


def _name_at(names: bytes, begin: int) -> str:
    end = names.find(b"\0", begin)
    if begin >= len(names) or end < 0:
        raise Broken("the name of a link is not where it should be")
    return text(names[begin:end])


def _link(body: bytes) -> tuple[str, Link]:
    """The link that a link message tells."""
    fields = Fields(body)
    fields.skip(1)
    flags = fields.uint(1)
    kind = fields.uint(1) if flags & 0x08 else _HARD
    fields.skip((8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0))
    name = text(fields.take(fields.uint(1 << (flags & 3))))
    if kind == _HARD:
        return name, HardLink(address=fields.uint(8))
    target = fields.take(fields.uint(2))
    if kind == _SOFT:
        return name, SoftLink(path=text(target))
    other_file = text(target[1:].partition(b"\0")[0]) if kind == _EXTERNAL else ""
    what = f"the file {quoted(other_file)}" if other_file else "what only its writer can follow"
    return name, ForeignLink(what=what)


def _indexed(file: Hdf5File, fields: Fields) -> Steps[Links]:
    """The links of a group that has many of them."""
    fields.skip(1)
    fields.skip(8 if fields.uint(1) & 1 else 0)
    heap_address, index = fields.uint(8), fields.uint(8)
    links: Links = {}
    if UNDEFINED in {heap_address, index}:
        return links
    heap = yield from fractal_heap(file, heap_address)
    for record in (yield from records(file, index, _BY_NAME)):
        body = yield from heap.read(file, record[4 : 4 + heap.id_bytes])
        links.update((_link(body),))
    return dict(sorted(links.items()))  # the index is sorted by hashes

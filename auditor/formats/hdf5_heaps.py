"""Where an HDF5 file keeps what is too long or too many for an object's header.

    local heap      "HEAP" | version 1 | 0 3 | length 8 | free 8 | address of the names 8
    global heap     "GCOL" | version 1 | 0 3 | length 8 | objects: number 2 | uses 2 | 0 4 |
                    length 8 | bytes, filled up to 8
    fractal heap    "FRHP" | ... | a table of blocks, each row of blocks twice as large as the
                    row before; an object is named by an id: kind, offset, length
    B-tree 2        "BTHD" | version 1 | kind 1 | node 4 | record 2 | depth 2 | ... | root 8 |
                    records 2 | ...; nodes "BTIN" and "BTLF"

HDF5 File Format Specification 3.0, III.A.2, III.D, III.E and III.G.
"""

from dataclasses import dataclass
from typing import Final

from auditor.core.tensors import Span
from auditor.formats.hdf5_bytes import UNDEFINED, Broken, Fields, Hdf5File, Steps, Unread

_MAX_BLOCKS_DEEP: Final = 8  # a table of tables; each level holds the square of the one below
_HEAD_BYTES: Final = 16  # of a global heap and of each of its objects
_HUGE_INDEX: Final = 1  # the kind of B-tree that finds huge objects
_LONGEST_TINY_ID: Final = 18  # of the ids whose length needs four bits and no byte of its own
_DIRECT_ID: Final = 17  # an id of so many bytes has room for an address and a length
_ADDRESS_BITS: Final = 64
MAX_RECORD_BYTES: Final = 64  # those of links and attributes have up to 32
_NODE_BYTES: Final = 10  # of a node of a B-tree beside its records: signature, version, kind, sum


def local_names(file: Hdf5File, address: int) -> Steps[bytes]:
    """The names of a local heap, one after another; links say at which byte theirs begins."""
    fields = Fields((yield from file.read(address, 32)))
    fields.expect(b"HEAP")
    fields.skip(4)
    length = fields.uint(8)
    fields.skip(8)
    return (yield from file.read(fields.uint(8), length))


def global_objects(file: Hdf5File, address: int) -> Steps[dict[int, bytes]]:
    """The objects of a global heap collection by their number."""
    fields = Fields((yield from file.read(address, _HEAD_BYTES)))
    fields.expect(b"GCOL")
    fields.skip(4)
    length = fields.uint(8)
    if length < _HEAD_BYTES:
        raise Broken("a heap that is shorter than its head")
    fields = Fields((yield from file.read(address + _HEAD_BYTES, length - _HEAD_BYTES)))
    objects: dict[int, bytes] = {}
    while fields.left >= _HEAD_BYTES:
        number = fields.uint(2)
        fields.skip(6)
        size = fields.uint(8)
        if not number:  # the free space at the end
            break
        file.count(1)
        objects[number] = fields.take(size)
        fields.skip(min(-size % 8, fields.left))
    return objects


def records(file: Hdf5File, address: int, kinds: frozenset[int]) -> Steps[list[bytes]]:
    """The records of the B-tree (version 2) at `address`, in its order."""
    fields = Fields((yield from file.read(address, 34)))
    fields.expect(b"BTHD")
    fields.skip(1)
    kind, node_bytes, record_bytes, depth = (fields.uint(width) for width in (1, 4, 2, 2))
    fields.skip(2)
    root, count = fields.uint(8), fields.uint(2)
    if kind not in kinds:
        raise Broken(f"a B-tree of kind {kind}, where one of another is looked for")
    if root == UNDEFINED or not count:
        return []
    if not 0 < record_bytes <= MAX_RECORD_BYTES or node_bytes <= _NODE_BYTES + record_bytes:
        raise Broken("a B-tree whose nodes hold no records")
    tree = _Tree(file=file, node_bytes=node_bytes, record_bytes=record_bytes)
    return (yield from tree.node(root, count, depth))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """A B-tree that is gone through from the left to the right."""

    file: Hdf5File
    node_bytes: int
    record_bytes: int

    def node(self, address: int, count: int, depth: int) -> Steps[list[bytes]]:
        """The records of a node and of those below it."""
        if depth > _MAX_BLOCKS_DEEP:
            raise Broken(f"a B-tree {depth} levels deep")
        self.file.count(count)
        fields = Fields((yield from self.file.read(address, self.node_bytes)))
        fields.expect(b"BTIN" if depth else b"BTLF")
        fields.skip(2)
        own = [fields.take(self.record_bytes) for _ in range(count)]
        if not depth:
            return own
        widths = self._pointer_widths(depth)
        pointers = [tuple(fields.uint(width) for width in widths) for _ in range(count + 1)]
        found: list[bytes] = []
        for at, pointer in enumerate(pointers):
            found += yield from self.node(pointer[0], pointer[1], depth - 1)
            found += own[at : at + 1]
        return found

    def _pointer_widths(self, depth: int) -> tuple[int, ...]:
        """Bytes of what a pointer to a child holds: address, its records, those below it, too.

        A number of records takes the bytes that the largest possible one needs.
        """
        most = (self.node_bytes - _NODE_BYTES) // self.record_bytes
        in_node, below = _width(most), most
        widths: tuple[int, ...] = (8, in_node)
        for _ in range(depth - 1):
            pointer = sum(widths)
            most_here = (self.node_bytes - _NODE_BYTES - pointer) // (self.record_bytes + pointer)
            below = (most_here + 1) * below + most_here
            widths = (8, in_node, _width(below))
        return widths


def _width(number: int) -> int:
    return -(-number.bit_length() // 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class FractalHeap:
    """The head of a fractal heap; objects are read one by one."""

    id_bytes: int
    huge_index: int
    table_width: int
    first_block_bytes: int
    largest_block_bytes: int
    offset_bytes: int
    length_bytes: int
    root: int
    rows: int  # of the root's table of blocks; 0 where the root is a block itself

    def read(self, file: Hdf5File, name: bytes) -> Steps[bytes]:
        """The object of the id `name`."""
        fields = Fields(name)
        kind = fields.uint(1)
        match kind >> 4:
            case 0:
                offset, length = fields.uint(self.offset_bytes), fields.uint(self.length_bytes)
                return (yield from self._managed(file, Span(offset, offset + length)))
            case 1:
                return (yield from self._huge(file, fields))
            case 2:
                is_long = self.id_bytes > _LONGEST_TINY_ID
                length = (kind & 15) << 8 | fields.uint(1) if is_long else kind & 15
                return fields.take(length + 1)
            case _:
                raise Broken("an object of a heap is of no kind that there is")

    def _managed(self, file: Hdf5File, place: Span) -> Steps[bytes]:
        address, rows, place_in = self.root, self.rows, place
        for _ in range(_MAX_BLOCKS_DEEP):
            if not rows:
                return (yield from file.read(address + place_in.begin, place_in.length))
            address, rows, place_in = yield from self._child(file, address, rows, place_in)
            if address == UNDEFINED:
                break
        raise Broken("an object of a heap is in none of its blocks")

    def _child(
        self, file: Hdf5File, address: int, rows: int, place: Span
    ) -> Steps[tuple[int, int, Span]]:
        """The block of a table that holds `place`: its address, its own rows, the place in it."""
        row, row_begin, block_bytes = 0, 0, self.first_block_bytes
        while place.begin >= row_begin + block_bytes * self.table_width:
            row_begin += block_bytes * self.table_width
            block_bytes *= 2 if row else 1  # the first two rows are alike
            row += 1
            if row >= rows:
                return UNDEFINED, 0, place
        column, inside = divmod(place.begin - row_begin, block_bytes)
        entry = 13 + self.offset_bytes + 8 * (row * self.table_width + column)
        Fields((yield from file.read(address, 4))).expect(b"FHIB")
        child = int.from_bytes((yield from file.read(address + entry, 8)), "little")
        within = Span(inside, inside + place.length)
        if block_bytes <= self.largest_block_bytes:
            return child, 0, within
        rows_of_child = (
            block_bytes.bit_length()
            - self.first_block_bytes.bit_length()
            - self.table_width.bit_length()
            + 2
        )
        return child, rows_of_child, within

    def _huge(self, file: Hdf5File, fields: Fields) -> Steps[bytes]:
        if self.id_bytes >= _DIRECT_ID:
            return (yield from file.read(fields.uint(8), fields.uint(8)))
        wanted = int.from_bytes(fields.take(min(self.id_bytes - 1, 8)), "little")
        for record in (yield from records(file, self.huge_index, frozenset({_HUGE_INDEX}))):
            entry = Fields(record)
            address, length, number = (entry.uint(8) for _ in range(3))
            if number == wanted:
                return (yield from file.read(address, length))
        raise Broken("a huge object of a heap is not in its index")


def fractal_heap(file: Hdf5File, address: int) -> Steps[FractalHeap]:
    """The heap at `address`. Raises Unread for one with filters, which nobody writes."""
    fields = Fields((yield from file.read(address, 142)))
    fields.expect(b"FRHP")
    fields.skip(1)
    id_bytes, filter_bytes = fields.uint(2), fields.uint(2)
    fields.skip(1)
    largest_managed = fields.uint(4)
    fields.skip(8)
    huge_index = fields.uint(8)
    fields.skip(80)
    table_width, first, largest, log_size = (fields.uint(width) for width in (2, 8, 8, 2))
    fields.skip(2)
    root, rows = fields.uint(8), fields.uint(2)
    if filter_bytes:
        raise Unread("a compressed heap")
    if 0 in {first, largest, table_width} or log_size > _ADDRESS_BITS:
        raise Broken("a heap whose table of blocks is none")
    return FractalHeap(
        id_bytes=id_bytes,
        huge_index=huge_index,
        table_width=table_width,
        first_block_bytes=first,
        largest_block_bytes=largest,
        offset_bytes=-(-log_size // 8),
        length_bytes=min(_width(largest - 1), _width(largest_managed)),
        root=root,
        rows=rows,
    )

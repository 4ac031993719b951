"""Small HDF5 files, written by the specification and not by a library.

HDF5 File Format Specification 3.0. In the older form, groups are symbol tables and headers have
version 1: what h5py writes unless it is told otherwise. In the newer form, groups are link messages
and headers have version 2; their sums are left at 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from struct import pack

UNDEFINED = (1 << 64) - 1
NAMES_PER_NODE = 8  # of a symbol table: twice the 4 that the superblock says
NODES_PER_TREE = 32
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def float_type(size: int, exponent: int, mantissa: int, bias: int) -> bytes:
    """A datatype message: floating point, version 1, low byte first, sign in the highest bit."""
    bits = 8 * size
    head = pack("<B3BI", 0x11, 0x20, bits - 1, 0, size)
    return head + pack("<HHBBBBI", 0, bits, mantissa, exponent, 0, mantissa, bias)


def integer_type(size: int, *, signed: bool) -> bytes:
    return pack("<B3BI", 0x10, 8 if signed else 0, 0, 0, size) + pack("<HH", 0, 8 * size)


F16 = float_type(2, 5, 10, 15)
BF16 = float_type(2, 8, 7, 127)
F32 = float_type(4, 8, 23, 127)
F64 = float_type(8, 11, 52, 1023)
LONG_DOUBLE = float_type(16, 15, 64, 16383)
I64 = integer_type(8, signed=True)
U8 = integer_type(1, signed=False)
STRING = pack("<B3BI", 0x13, 0, 0, 0, 4)
OPAQUE_PAIR = pack("<B3BI", 0x15, 0, 0, 0, 2)


@dataclass(frozen=True, kw_only=True)
class Array:
    """A dataset of zeros. `address` and `stored_bytes` are what the file says of its data."""

    shape: Sequence[int] = (1,)
    type: bytes = F32
    address: int | None = None
    stored_bytes: int | None = None
    layout: bytes | None = None
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return prod(self.shape) * int.from_bytes(self.type[4:8], "little")


@dataclass(frozen=True, kw_only=True)
class Group:
    members: "Mapping[str, Node]" = field(default_factory=dict)
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Soft:
    """A link to a path."""

    path: str


@dataclass(frozen=True)
class Hard:
    """A link to the object at an address; or to the one that was written last under a name."""

    to: int | str


Node = Array | Group | Soft | Hard


def nested(arrays: Mapping[str, Array]) -> Group:
    """The groups that hold `arrays` by their paths."""
    members: dict[str, Node] = {}
    deeper: dict[str, dict[str, Array]] = {}
    for path, array in arrays.items():
        first, _, rest = path.partition("/")
        if rest:
            deeper.setdefault(first, {})[rest] = array
        else:
            members[first] = array
    members.update({name: nested(below) for name, below in deeper.items()})
    return Group(members=members)


def with_attributes(group: Group, **attributes: Sequence[str]) -> Group:
    return Group(members=group.members, attributes={**group.attributes, **attributes})


def keras_file(layers: Mapping[str, Mapping[str, Array]], **options: bool) -> bytes:
    """What Keras 2 saves: the weights of each layer by their names, and lists of both."""
    members: dict[str, Node] = {
        layer: with_attributes(nested(weights), weight_names=list(weights))
        for layer, weights in layers.items()
    }
    return hdf5_file(Group(members=members, attributes={"layer_names": list(layers)}), **options)


def hdf5_file(root: Group, *, newer: bool = False) -> bytes:
    return _Newer().file(root) if newer else _Older().file(root)


class _Writer:
    """The file so far; what is put in is put at its end."""

    superblock_bytes: int

    def __init__(self) -> None:
        self.data = bytearray(self.superblock_bytes)
        self.addresses: dict[str, int] = {}

    def file(self, root: Group) -> bytes:
        superblock = self.superblock(self.group(root))
        self.data[: len(superblock)] = superblock
        return bytes(self.data)

    def put(self, data: bytes) -> int:
        self.data += bytes(-len(self.data) % 8)
        address = len(self.data)
        self.data += data
        return address

    def node(self, node: Array | Group) -> int:
        return self.group(node) if isinstance(node, Group) else self.array(node)

    def array(self, array: Array) -> int:
        address = array.address
        if address is None:
            address = self.put(bytes(array.size_bytes)) if array.size_bytes else UNDEFINED
        stored = array.size_bytes if array.stored_bytes is None else array.stored_bytes
        layout = array.layout or pack("<BBQQ", 3, 1, address, stored)
        messages = [
            (0x01, self.space(array.shape)),
            (0x03, array.type),
            (0x05, pack("<BBBB", 2, 2, 2, 0)),  # fill value: none
            (0x08, layout),
        ]
        return self.header(messages, self.attributes(array.attributes))

    def linked(self, members: Mapping[str, Node]) -> dict[str, int | str]:
        """What the links of a group lead to, in the order of their names."""
        links: dict[str, int | str] = {}
        for name in sorted(members):
            node = members[name]
            if isinstance(node, Soft):
                links[name] = node.path
            elif isinstance(node, Hard):
                links[name] = node.to if isinstance(node.to, int) else self.addresses[node.to]
            else:
                links[name] = self.addresses[name] = self.node(node)
        return links

    def attributes(self, attributes: Mapping[str, Sequence[str]]) -> list[tuple[int, bytes]]:
        return [
            (0x0C, self.attribute(name.encode(), [text.encode() for text in texts]))
            for name, texts in attributes.items()
        ]

    def superblock(self, root: int) -> bytes:
        raise NotImplementedError

    def group(self, group: Group) -> int:
        raise NotImplementedError

    def space(self, shape: Sequence[int]) -> bytes:
        raise NotImplementedError

    def attribute(self, name: bytes, texts: Sequence[bytes]) -> bytes:
        raise NotImplementedError

    def header(self, messages: list[tuple[int, bytes]], more: list[tuple[int, bytes]]) -> int:
        """The object of `messages` in its header, and of `more` that go on elsewhere."""
        raise NotImplementedError


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


class _Older(_Writer):
    superblock_bytes = 96

    def superblock(self, root: int) -> bytes:
        return (
            SIGNATURE
            + pack("<8B2HI", 0, 0, 0, 0, 0, 8, 8, 0, NAMES_PER_NODE // 2, NODES_PER_TREE // 2, 0)
            + pack("<4Q", 0, UNDEFINED, len(self.data), UNDEFINED)
            + pack("<QQII16x", 0, root, 0, 0)
        )

    def space(self, shape: Sequence[int]) -> bytes:
        return pack("<BBB5x", 1, len(shape), 0) + pack(f"<{len(shape)}Q", *shape)

    def attribute(self, name: bytes, texts: Sequence[bytes]) -> bytes:
        width = max(map(len, texts), default=1)
        type_ = pack("<B3BI", 0x13, 0, 0, 0, width)
        space = self.space([len(texts)])
        return (
            pack("<BxHHH", 1, len(name) + 1, len(type_), len(space))
            + _padded(name + b"\0")
            + type_
            + space
            + b"".join(text.ljust(width, b"\0") for text in texts)
        )

    def messages(self, messages: list[tuple[int, bytes]]) -> bytes:
        return b"".join(
            pack("<HHB3x", kind, len(_padded(body)), 0) + _padded(body) for kind, body in messages
        )

    def header(self, messages: list[tuple[int, bytes]], more: list[tuple[int, bytes]]) -> int:
        elsewhere = self.messages(more)
        count = len(messages) + len(more)
        if more:
            place = self.put(elsewhere)
            messages = [*messages, (0x10, pack("<QQ", place, len(elsewhere)))]
            count += 1
        body = self.messages(messages)
        return self.put(pack("<BxHII4x", 1, count, 1, len(body)) + body)

    def group(self, group: Group) -> int:
        links = self.linked(group.members)
        names = bytearray(8)  # the empty name comes first
        places = {}
        for text in [*links, *(target for target in links.values() if isinstance(target, str))]:
            places[text] = len(names)
            names += _padded(text.encode() + b"\0")
        heap_data = self.put(bytes(names))
        heap = self.put(b"HEAP" + pack("<B3xQQQ", 0, len(names), 1, heap_data))
        entries = [
            pack("<QQIII12x", places[name], UNDEFINED, 2, 0, places[target])
            if isinstance(target, str)
            else pack("<QQII16x", places[name], target, 0, 0)
            for name, target in links.items()
        ]
        nodes = []
        ordered = list(links)
        for begin in range(0, len(entries), NAMES_PER_NODE):
            some = entries[begin : begin + NAMES_PER_NODE]
            body = b"".join(some).ljust(NAMES_PER_NODE * 40, b"\0")
            last = ordered[begin + len(some) - 1]
            nodes.append((self.put(b"SNOD" + pack("<BxH", 1, len(some)) + body), places[last]))
        assert len(nodes) <= NODES_PER_TREE
        keys = b"".join(pack("<QQ", address, key) for address, key in nodes)
        head = b"TREE" + pack("<BBHQQ", 0, 0, len(nodes), UNDEFINED, UNDEFINED)
        tree = self.put(head + (bytes(8) + keys).ljust(8 + 16 * NODES_PER_TREE, b"\0"))
        return self.header([(0x11, pack("<QQ", tree, heap))], self.attributes(group.attributes))


class _Newer(_Writer):
    superblock_bytes = 48

    def superblock(self, root: int) -> bytes:
        return SIGNATURE + pack("<4B4QI", 2, 8, 8, 0, 0, UNDEFINED, len(self.data), root, 0)

    def space(self, shape: Sequence[int]) -> bytes:
        return pack("<BBBB", 2, len(shape), 0, 1) + pack(f"<{len(shape)}Q", *shape)

    def attribute(self, name: bytes, texts: Sequence[bytes]) -> bytes:
        width = max(map(len, texts), default=1)
        type_ = pack("<B3BI", 0x13, 0, 0, 0, width)
        space = self.space([len(texts)])
        return (
            pack("<BBHHHB", 3, 0, len(name) + 1, len(type_), len(space), 1)
            + name
            + b"\0"
            + type_
            + space
            + b"".join(text.ljust(width, b"\0") for text in texts)
        )

    def messages(self, messages: list[tuple[int, bytes]]) -> bytes:
        return b"".join(pack("<BHB", kind, len(body), 0) + body for kind, body in messages)

    def header(self, messages: list[tuple[int, bytes]], more: list[tuple[int, bytes]]) -> int:
        if more:
            elsewhere = b"OCHK" + self.messages(more) + bytes(4)
            place = self.put(elsewhere)
            messages = [*messages, (0x10, pack("<QQ", place, len(elsewhere)))]
        body = self.messages(messages)
        return self.put(b"OHDR" + pack("<BBI", 2, 2, len(body)) + body + bytes(4))

    def group(self, group: Group) -> int:
        messages = [(0x02, pack("<BBQQ", 0, 0, UNDEFINED, UNDEFINED)), (0x0A, bytes(2))]
        for name, target in self.linked(group.members).items():
            raw = name.encode()
            if isinstance(target, str):
                text = target.encode()
                link = pack("<BBBB", 1, 8, 1, len(raw)) + raw + pack("<H", len(text)) + text
            else:
                link = pack("<BBB", 1, 0, len(raw)) + raw + pack("<Q", target)
            messages.append((0x06, link))
        return self.header(messages, self.attributes(group.attributes))

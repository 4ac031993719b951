"""Where an HDF5 file begins, and the messages that its objects are described by.

    superblock 0, 1   ... base address 8 | free space 8 | end of file 8 | driver 8 |
                      root: name 8 | object header 8 | ...
    superblock 2, 3   ... base address 8 | extension 8 | end of file 8 | root's header 8 | sum 4

    header 1          version 1 | 0 | messages 2 | references 4 | length 4 | 0 4
      message         kind 2 | length 2 | flags 1 | 0 3 | body
    header 2          "OHDR" | version 2 | flags 1 | [times 16] | [limits 4] | length 1 to 8
      message         kind 1 | length 2 | flags 1 | [order 2] | body          ... sum 4

An object's messages may go on elsewhere (kind 0x10). HDF5 File Format Specification 3.0, II and
IV.A. The sums are not checked: a header that is damaged and still fits together is rare, and the
older kind, which nearly all files have, has none.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from auditor.core.tensors import Span
from auditor.formats.hdf5_bytes import UNDEFINED, Broken, Fields, Hdf5File, Steps, Unread

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
# A user block may stand before: the file begins at 0, 512, 1,024, ... No library that saves weights
# writes one; h5py can.
MAX_USER_BLOCK_BYTES: Final = 1 << 14

DATASPACE: Final = 0x01
LINK_INFO: Final = 0x02
DATATYPE: Final = 0x03
LINK: Final = 0x06
EXTERNAL_FILES: Final = 0x07
LAYOUT: Final = 0x08
GROUP_INFO: Final = 0x0A
FILTERS: Final = 0x0B
ATTRIBUTE: Final = 0x0C
CONTINUATION: Final = 0x10
SYMBOL_TABLE: Final = 0x11
ATTRIBUTE_INFO: Final = 0x15

_SHARED_BIT: Final = 2
_IN_ANOTHER_HEADER: Final = 2  # where a shared message stands; 1 is a heap of the whole file
_ADDRESS_BYTES: Final = 8
_SUPERBLOCKS: Final = {
    # version: bytes from the version on, before the widths of addresses, before the base address
    0: (67, 4, 9),
    1: (71, 4, 13),
    2: (35, 0, 1),
    3: (35, 0, 1),
}
_WITH_DRIVER: Final = (0, 1)


class Message(NamedTuple):
    kind: int
    shared: bool  # the body only says where the message itself stands
    body: bytes


def open_file(file: Hdf5File) -> Steps[int]:
    """The address of the root group's object header. Sets the file's base address."""
    begin = yield from _signature(file)
    version = (yield from file.read(begin + 8, 1))[0]
    if version not in _SUPERBLOCKS:
        raise Unread(f"a superblock of version {version}")
    length, before_widths, before_base = _SUPERBLOCKS[version]
    fields = Fields((yield from file.read(begin + 9, length)))
    fields.skip(before_widths)
    widths = fields.take(2)
    if widths != bytes((_ADDRESS_BYTES, _ADDRESS_BYTES)):
        raise Unread(f"addresses of {widths[0]} bytes and lengths of {widths[1]}; 8 are usual")
    fields.skip(before_base)
    base, _, end = (fields.uint(8) for _ in range(3))
    if end > file.size_bytes:
        raise Broken(
            f"it was {end:,} bytes long when it was written and has {file.size_bytes:,}:"
            f" {end - file.size_bytes:,} are missing"
        )
    if version in _WITH_DRIVER:
        if fields.uint(8) != UNDEFINED:
            raise Unread("a driver of its own: it may be one of several parts")
        fields.skip(8)
    file.base = base
    return fields.uint(8)


def _signature(file: Hdf5File) -> Steps[int]:
    """Where the superblock begins."""
    begin = 0
    while begin <= MAX_USER_BLOCK_BYTES and begin + len(SIGNATURE) < file.size_bytes:
        if (yield from file.read(begin, len(SIGNATURE))) == SIGNATURE:
            return begin
        begin = 2 * begin or 512
    raise Broken("no HDF5 file: the signature that begins one is not there")


def messages_of(file: Hdf5File, address: int) -> Steps[tuple[Message, ...]]:
    """The messages of the object whose header is at `address`, those that go on elsewhere too."""
    version = (yield from file.read(address, 1))[0]
    if version == 1:
        head = Fields((yield from file.read(address, 16)))
        head.skip(2)
        count = head.uint(2)
        head.skip(4)
        begin = address + 16
        form = _Form(kind_bytes=2, after_flags=3, signature=b"", sum_bytes=0, most=count)
        return (yield from _messages(file, Span(begin, begin + head.uint(4)), form))
    head = Fields((yield from file.read(address, 6)))
    head.expect(b"OHDR")
    head.skip(1)
    flags = head.uint(1)
    begin = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    length = int.from_bytes((yield from file.read(begin, width)), "little")
    begin += width
    form = _Form(kind_bytes=1, after_flags=2 if flags & 4 else 0, signature=b"OCHK", sum_bytes=4)
    return (yield from _messages(file, Span(begin, begin + length), form))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How an object's messages are written: what stands before each, and around those elsewhere."""

    kind_bytes: int
    after_flags: int
    signature: bytes
    sum_bytes: int
    most: int | None = None


def _messages(file: Hdf5File, first: Span, form: _Form) -> Steps[tuple[Message, ...]]:
    messages: list[Message] = []
    waiting = deque([Fields((yield from file.read(first.begin, first.length)))])
    seen: set[int] = set()
    while waiting:
        fields = waiting.popleft()
        while fields.left >= form.kind_bytes + 3 + form.after_flags and len(messages) != form.most:
            file.count(1)
            kind, length, flags = (fields.uint(width) for width in (form.kind_bytes, 2, 1))
            fields.skip(form.after_flags)
            message = Message(kind, bool(flags & _SHARED_BIT), fields.take(length))
            messages.append(message)
            if kind == CONTINUATION:
                target = Fields(message.body)
                begin, length = target.uint(8), target.uint(8)
                if begin in seen:
                    raise Broken("an object's messages go round in a circle")
                seen.add(begin)
                waiting.append((yield from _elsewhere(file, Span(begin, begin + length), form)))
    return tuple(messages)


def _elsewhere(file: Hdf5File, place: Span, form: _Form) -> Steps[Fields]:
    body = yield from file.read(place.begin, place.length)
    fields = Fields(body[: len(body) - form.sum_bytes])
    fields.expect(form.signature)
    return fields


def first_of(file: Hdf5File, messages: tuple[Message, ...], kind: int) -> Steps[bytes | None]:
    """The body of the first message of `kind`, from where it really stands; None without one."""
    message = next((message for message in messages if message.kind == kind), None)
    if message is None or not message.shared:
        return None if message is None else message.body
    fields = Fields(message.body)
    version, where = fields.uint(1), fields.uint(1)
    if version not in {1, 2} and where != _IN_ANOTHER_HEADER:
        raise Unread("a message in the heap of the whole file")
    fields.skip(6 if version == 1 else 0)
    elsewhere = yield from messages_of(file, fields.uint(8))
    found = next((other for other in elsewhere if other.kind == kind), None)
    if found is None or found.shared:
        raise Broken("a shared message leads nowhere")
    return found.body

"""MessagePack on the wire: one byte of kind, often with a count or a length behind it.

    00-7f  a number           80-8f  a map of up to 15      90-9f  an array of up to 15
    a0-bf  up to 31 bytes of text                           c0 nil  c2 c3 false, true
    c4-c6  bytes, d9-db text, dc dd an array, de df a map: a length of 1, 2 or 4 bytes
    c7-c9  an extension: a length of 1, 2 or 4 bytes, then its type; d4-d8 one of 1 to 16 bytes
    ca cb  floats             cc-cf d0-d3  whole numbers    e0-ff  a small number below zero

https://github.com/msgpack/msgpack/blob/master/spec.md. All numbers have the highest byte first.
"""

from enum import Enum, auto
from typing import Final, NamedTuple

from auditor.formats.cursor import Cursor, Reading


class Kind(Enum):
    MAP = auto()
    ARRAY = auto()
    TEXT = auto()
    BYTES = auto()
    EXTENSION = auto()
    NUMBER = auto()  # a whole one
    OTHER = auto()  # nothing, a truth value, a float


class Item(NamedTuple):
    """One item. `value` is how many a map or an array holds, or a whole number.

    Its content, or that of what it holds, begins at byte `begin`; it ends at `end` where its own
    length tells. `code` is the type of an extension.
    """

    kind: Kind
    begin: int
    end: int
    value: int = 0
    code: int = 0

    @property
    def length(self) -> int:
        return self.end - self.begin


_LENGTHS: Final = {
    # first byte: kind, bytes of the length
    0xC4: (Kind.BYTES, 1),
    0xC5: (Kind.BYTES, 2),
    0xC6: (Kind.BYTES, 4),
    0xC7: (Kind.EXTENSION, 1),
    0xC8: (Kind.EXTENSION, 2),
    0xC9: (Kind.EXTENSION, 4),
    0xD9: (Kind.TEXT, 1),
    0xDA: (Kind.TEXT, 2),
    0xDB: (Kind.TEXT, 4),
    0xDC: (Kind.ARRAY, 2),
    0xDD: (Kind.ARRAY, 4),
    0xDE: (Kind.MAP, 2),
    0xDF: (Kind.MAP, 4),
}
_FIXED_EXTENSIONS: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_WHOLE: Final = {  # bytes, signed
    **{0xCC + at: (1 << at, False) for at in range(4)},
    **{0xD0 + at: (1 << at, True) for at in range(4)},
}
_OTHERS: Final = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8}
_LONGEST_HEAD_BYTES: Final = 9
_COUNTED: Final = {Kind.MAP: 2, Kind.ARRAY: 1}  # the fewest bytes that each entry takes


def next_item(cursor: Cursor, stop: int) -> Reading[Item]:
    """The item at `cursor`, which then stands before its content; no item goes beyond `stop`."""
    cursor.count()
    at = cursor.at
    head = yield from cursor.peek(min(_LONGEST_HEAD_BYTES, stop - at))
    item = _short(head, at) or _long(head, at)
    if item is None or item.begin > stop:
        raise cursor.malformed(f"no MessagePack at byte {at:,}")
    least = item.value * _COUNTED[item.kind] if item.kind in _COUNTED else item.length
    if item.begin + least > stop:
        raise cursor.malformed(f"an item of {least:,} bytes at byte {at:,} ends outside")
    cursor.at = item.begin
    return item


def _short(head: bytes, at: int) -> Item | None:
    """An item whose first byte says it all."""
    first = head[0] if head else 0xC1  # the one byte that is never used
    begin = at + 1
    if first < 0x80:  # noqa: PLR2004 - the ranges are the specification's
        return Item(Kind.NUMBER, begin, begin, first)
    if first < 0xA0:  # noqa: PLR2004
        return Item(Kind.ARRAY if first & 0x10 else Kind.MAP, begin, begin, first & 0x0F)
    if first < 0xC0:  # noqa: PLR2004
        return Item(Kind.TEXT, begin, begin + (first & 0x1F))
    if first >= 0xE0:  # noqa: PLR2004
        return Item(Kind.NUMBER, begin, begin, first - 0x100)
    if first in _OTHERS:
        return Item(Kind.OTHER, begin, begin + _OTHERS[first])
    return None


def _long(head: bytes, at: int) -> Item | None:
    """An item with a length, a count, a type or a number behind its first byte."""
    first = head[0] if head else 0xC1
    if first in _WHOLE:
        size, signed = _WHOLE[first]
        begin = at + 1 + size
        return Item(Kind.NUMBER, begin, begin, int.from_bytes(head[1 : 1 + size], signed=signed))
    if first in _FIXED_EXTENSIONS:
        begin = at + 2
        return Item(Kind.EXTENSION, begin, begin + _FIXED_EXTENSIONS[first], code=_code(head[1:2]))
    if first not in _LENGTHS:
        return None
    kind, size = _LENGTHS[first]
    value = int.from_bytes(head[1 : 1 + size])
    begin = at + 1 + size
    if kind in _COUNTED:
        return Item(kind, begin, begin, value)
    if kind is Kind.EXTENSION:
        return Item(kind, begin + 1, begin + 1 + value, code=_code(head[1 + size : 2 + size]))
    return Item(kind, begin, begin + value)


def _code(data: bytes) -> int:
    return int.from_bytes(data, signed=True)

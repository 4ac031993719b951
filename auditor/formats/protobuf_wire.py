"""Protocol buffers on the wire: fields one after another, each with its number and kind.

    message   field*
    field     tag, value       tag = number << 3 | kind, a varint
    kind 0    a varint: 7 bits in each byte, the lowest first, the highest bit set but in the last
         1    8 bytes
         2    a varint of length, and as many bytes: text, bytes, a message, packed numbers
         3, 4 the begin and end of a group, which no message of proto3 or ONNX has
         5    4 bytes

https://protobuf.dev/programming-guides/encoding/. A field of another kind than its number stands
for is passed over like one of an unknown number, as protobuf's own readers do.
"""

from typing import Final, NamedTuple

from auditor.formats.cursor import Cursor

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5

KINDS: Final = (VARINT, FIXED64, LENGTH, FIXED32)

_FIXED_BYTES: Final = {FIXED64: 8, FIXED32: 4}
_GROUPS: Final = frozenset({3, 4})
_WITH_NUMBER: Final = frozenset({VARINT, LENGTH})
HEAD_BYTES: Final = 20  # of a field: two varints of at most ten bytes
_VARINT_BYTES: Final = 10
_MORE: Final = 0x80  # the bit of a varint's byte that says that more follow
_SIGN: Final = 1 << 63
_U64: Final = 1 << 64


class Field(NamedTuple):
    """One field: its number and kind, the value of a varint, and where its content is."""

    key: tuple[int, int]
    value: int
    begin: int
    end: int

    @property
    def number(self) -> int:
        return self.key[0]

    @property
    def kind(self) -> int:
        return self.key[1]

    @property
    def length(self) -> int:
        return self.end - self.begin


def read_field(cursor: Cursor, head: bytes, stop: int) -> Field:
    """The field that begins with `head` at `cursor`, which then stands before its content.

    `head` has HEAD_BYTES or all up to `stop`, where the message ends. Runs for each field, of which
    large graphs have a million.
    """
    cursor.count()
    at = cursor.at
    tag, place = _varint(cursor, head, 0)
    number, kind = tag >> 3, tag & 7
    if not number or kind not in KINDS:
        what = "a group, which the format does not have" if kind in _GROUPS else "no field"
        raise cursor.malformed(f"{what} at byte {at:,}")
    value, place = _varint(cursor, head, place) if kind in _WITH_NUMBER else (0, place)
    begin = at + place
    end = begin + (value if kind == LENGTH else _FIXED_BYTES.get(kind, 0))
    if end > stop:
        raise cursor.malformed(f"a field of {end - begin:,} bytes at byte {begin:,} ends outside")
    cursor.at = begin
    return Field((number, kind), value, begin, end)


def signed(value: int) -> int:
    """A varint as a number of 64 bits with a sign."""
    return value - _U64 if value & _SIGN else value


def varints(cursor: Cursor, data: bytes) -> list[int]:
    """The packed varints of `data`, with their signs."""
    values = []
    place = 0
    while place < len(data):
        value, place = _varint(cursor, data, place)
        values.append(signed(value))
    return values


def _varint(cursor: Cursor, data: bytes, place: int) -> tuple[int, int]:
    """The varint at `place` of `data`, and the place after it."""
    if place < len(data) and data[place] < _MORE:  # nine in ten
        return data[place], place + 1
    value = 0
    for at, byte in enumerate(data[place : place + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * at
        if byte < _MORE:
            return value & (_U64 - 1), place + at + 1
    raise cursor.malformed(f"no number where one is due, near byte {cursor.at:,}")

"""Zip archives as torch's writer lays them out, sound ones and those that lie.

Sizes are in the directory alone, data begin at multiples of 64, each is followed by a descriptor
(caffe2/serialize/inline_container.cc, third_party/miniz).
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from spread_files import Pieces, joined, size_of

FULL_16: Final = 0xFFFF
FULL_32: Final = 0xFFFF_FFFF


@dataclass(frozen=True, kw_only=True)
class Member:
    """An entry: its data, or as many zeros. What follows is told instead of the truth."""

    name: str
    data: bytes | int
    method: int = 0
    flags: int = 0x808  # sizes behind the data, the name in UTF-8
    size_bytes: int | None = None
    stored_bytes: int | None = None
    place: int | None = None
    local_name: str | None = None
    extra: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class End:
    """What the archive's end tells instead of the truth."""

    entries: int | None = None
    length: int | None = None
    begin: int | None = None
    zip64: bool = False
    disk: int = 0
    locator_shift: int = 0
    comment: bytes = b""


def zip_of(members: Sequence[Member], end: End | None = None, *, before: bytes = b"") -> Pieces:
    """The archive of `members`; its places do not count what stands `before` it."""
    parts: list[Pieces] = [(before,)]
    entries: list[bytes] = []
    at = 0
    for member in members:
        head, central = _entry(member, at)
        length = size_of((member.data,))
        descriptor = (24 if length > FULL_32 else 16) if length else 0
        parts.append((head, member.data, bytes(descriptor)))
        entries.append(central)
        at += len(head) + length + descriptor
    directory = b"".join(entries)
    parts.append((directory, _end(len(members), len(directory), at, end or End())))
    return joined(parts)


def _entry(member: Member, at: int) -> tuple[bytes, bytes]:
    """The local header of a member that lies at byte `at`, and its entry in the directory."""
    name = (member.local_name or member.name).encode()
    fill = -(at + 30 + len(name) + 4) % 64
    local = struct.pack("<4s5H3L", b"PK\3\4", 0, member.flags, member.method, 0, 0, 0, 0, 0)
    local += struct.pack("<2H", len(name), 4 + fill) + name + b"FB" + struct.pack("<H", fill)
    name = member.name.encode()
    length = size_of((member.data,))
    size = length if member.size_bytes is None else member.size_bytes
    stored = length if member.stored_bytes is None else member.stored_bytes
    place = at if member.place is None else member.place
    wide = [number for number in (size, stored, place) if number >= FULL_32]
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    extra = extra if member.extra is None else member.extra
    crc = zlib.crc32(member.data) if isinstance(member.data, bytes) else 0
    size, stored, place = (min(number, FULL_32) for number in (size, stored, place))
    central = struct.pack("<4s6H", b"PK\1\2", 0, 0, member.flags, member.method, 0, 0)
    central += struct.pack("<3L5H", crc, stored, size, len(name), len(extra), 0, 0, 0)
    central += struct.pack("<2L", 0, place) + name + extra
    return local + b"Z" * fill, central


def _end(entries: int, length: int, begin: int, end: End) -> bytes:
    told = [
        true if lie is None else lie
        for true, lie in ((entries, end.entries), (length, end.length), (begin, end.begin))
    ]
    head = b""
    if end.zip64 or told[0] >= FULL_16 or max(told) >= FULL_32:
        record = struct.pack("<4sQ2H2L", b"PK\6\6", 44, 45, 45, 0, 0)
        record += struct.pack("<4Q", told[0], *told)
        place = begin + length + end.locator_shift
        head = record + struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
    few = min(told[0], FULL_16)
    last = struct.pack("<4s4H", b"PK\5\6", end.disk, 0, few, few)
    last += struct.pack("<2L", min(told[1], FULL_32), min(told[2], FULL_32))
    return head + last + struct.pack("<H", len(end.comment)) + end.comment

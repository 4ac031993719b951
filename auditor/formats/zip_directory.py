"""The directory of a zip archive, which lies at its end.

    local header + name + extra + data [+ descriptor]     for each entry
    central directory                                     46 bytes + name + extra for each entry
    [zip64 record    56 bytes: the real counts, sizes and places]
    [zip64 locator   20 bytes: where the record is]
    end              22 bytes + comment

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7 to 4.3.16 and 4.5.3.
Where a number does not fit (all its bits are set), it is in zip64: in the record, or in the extra
field 1 of the entry, which has only those that did not fit.

Stricter than most readers: an archive that two of them could read differently is refused. There is
one end, and the directory lies right before it, at the place that the end gives; entries do not
overlap, and no two have one name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from typing import Final, NamedTuple

from auditor.core.findings import quoted
from auditor.core.tensors import Span
from auditor.errors import HeaderMalformed, LimitExceeded

MAX_ENTRIES: Final = 500_000  # twice the tensors that are read of one file
MAX_DIRECTORY_BYTES: Final = 100_000_000
END_BYTES: Final = 22
MAX_COMMENT_BYTES: Final = 65_535
LOCAL_BYTES: Final = 30
STORED: Final = 0
DEFLATED: Final = 8
DAMAGED: Final = "the archive is damaged or was cut off; compare its sha256 with the Hub's"

_END: Final = Struct("<4s4H2LH")  # disks, entries here and in all, directory's size and place
_LOCATOR: Final = Struct("<4sLQL")  # disk and place of the record, disks
_RECORD: Final = Struct("<4sQ2H2L4Q")  # size, versions, disks, then as the end
_CENTRAL: Final = Struct("<4s4x2H4x3L3H8xL")  # flags, method; crc, sizes; lengths; place
_LOCAL: Final = Struct("<4s2x2H4x3L2H")  # flags, method; crc, sizes; lengths
_FULL_16: Final = 0xFFFF
_FULL_32: Final = 0xFFFF_FFFF
_ENCRYPTED: Final = 0x2041  # flag bits 0 and 6, and 13 of an encrypted directory
_IN_UTF8: Final = 0x800
_ZIP64: Final = 1


class Directory(NamedTuple):
    """Where the directory is, how many entries it has, and where the archive ends."""

    entries: int
    span: Span
    archive_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry by the directory. `header_begin` is the place of its local header."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    stored_bytes: int
    size_bytes: int
    header_begin: int

    @property
    def is_encrypted(self) -> bool:
        return bool(self.flags & _ENCRYPTED)

    @property
    def end(self) -> int:
        """The byte that it reaches at least."""
        return self.header_begin + LOCAL_BYTES + len(self.raw_name) + self.stored_bytes


def find_directory(path: str, tail: bytes, size_bytes: int) -> Directory:
    """The directory of the archive of `size_bytes` that ends with `tail`.

    `tail` has END_BYTES + MAX_COMMENT_BYTES or more, or is the whole file. Raises HeaderMalformed,
    LimitExceeded.
    """
    tail_begin = size_bytes - len(tail)
    ends = list(_ends(tail))
    found = [known for at in ends if (known := _directory_at(tail, tail_begin, at))]
    if not ends:
        raise malformed(path, "the end of the archive's directory is not in its last bytes")
    if len(found) != 1:
        what = "there are several ends of it" if found else "it is not where the archive's end says"
        raise malformed(path, f"the archive's directory is not to be told: {what}")
    directory = found[0]
    if directory.entries > MAX_ENTRIES or directory.span.length > MAX_DIRECTORY_BYTES:
        raise LimitExceeded(
            path,
            f"an archive of {directory.entries:,} entries, their directory of"
            f" {directory.span.length:,} bytes; at most {MAX_ENTRIES:,} are read",
        )
    if directory.entries * _CENTRAL.size > directory.span.length:
        raise malformed(path, f"{directory.entries:,} entries do not fit the archive's directory")
    return directory


def read_directory(path: str, raw: bytes, directory: Directory) -> dict[str, Entry]:
    """The entries by name, of the directory's bytes. Raises HeaderMalformed, UnsupportedFormat."""
    entries = list(_entries(path, raw))
    if len(entries) != directory.entries:
        raise malformed(
            path, f"{len(entries):,} entries in the directory; {directory.entries:,} are told of"
        )
    by_place = sorted(entries, key=lambda entry: entry.header_begin)
    for entry, following in pairwise(by_place):
        if entry.end > following.header_begin:
            raise malformed(
                path, f"the entries {quoted(entry.name)} and {quoted(following.name)} overlap"
            )
    if by_place and by_place[-1].end > directory.span.begin:
        raise malformed(path, f"the entry {quoted(by_place[-1].name)} overlaps the directory")
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) < len(entries):
        raise malformed(path, "two entries of the archive have one name")
    return by_name


def data_place(path: str, entry: Entry, local: bytes) -> int:
    """Where the data of `entry` begin in `local`, the bytes from its local header on."""
    if len(local) < LOCAL_BYTES:
        raise malformed(path, f"the archive ends within the entry {quoted(entry.name)}")
    signature, flags, method, _, _, _, name_length, extra_length = _LOCAL.unpack_from(local)
    begin: int = LOCAL_BYTES + name_length + extra_length
    name = local[LOCAL_BYTES : LOCAL_BYTES + name_length]
    known = (b"PK\3\4", entry.method, entry.flags & _ENCRYPTED, entry.raw_name)
    if (signature, method, flags & _ENCRYPTED, name) != known:
        raise malformed(
            path, f"the entry {quoted(entry.name)} is not what the archive's directory says"
        )
    return begin


def malformed(path: str, reason: str) -> HeaderMalformed:
    return HeaderMalformed(path, reason, hint=DAMAGED)


def _ends(tail: bytes) -> Iterator[int]:
    """Where the directory's end may begin."""
    at = tail.find(b"PK\5\6")
    while 0 <= at <= len(tail) - END_BYTES:
        yield at
        at = tail.find(b"PK\5\6", at + 1)


def _directory_at(tail: bytes, tail_begin: int, at: int) -> Directory | None:
    """The directory, if an end at `at` tells of one that lies right before it."""
    _, disk, first_disk, here, entries, length, begin, comment = _END.unpack_from(tail, at)
    archive_end = tail_begin + at + END_BYTES + comment
    if disk or first_disk or here != entries or archive_end > tail_begin + len(tail):
        return None
    end = at
    if record := _record_before(tail, tail_begin, at):
        end, wide_entries, wide_length, wide_begin = record
        fits = entries in {_FULL_16, wide_entries} and length in {_FULL_32, wide_length}
        if not fits or begin not in {_FULL_32, wide_begin}:
            return None
        entries, length, begin = wide_entries, wide_length, wide_begin
    if begin + length != tail_begin + end:
        return None
    return Directory(entries, Span(begin, begin + length), archive_end)


def _record_before(tail: bytes, tail_begin: int, at: int) -> tuple[int, int, int, int] | None:
    """Of zip64: where the record begins in `tail`, its entries, and size and place."""
    if at < _LOCATOR.size:
        return None
    signature, disk, place, disks = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
    begin = place - tail_begin
    if signature != b"PK\6\7" or disk or disks > 1:
        return None
    if not 0 <= begin <= at - _LOCATOR.size - _RECORD.size:
        return None
    signature, size, _, _, _, _, here, entries, length, directory = _RECORD.unpack_from(tail, begin)
    if signature != b"PK\6\6" or here != entries or begin + 12 + size != at - _LOCATOR.size:
        return None
    return begin, entries, length, directory


def _entries(path: str, raw: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(raw):
        if len(raw) - at < _CENTRAL.size or not raw.startswith(b"PK\1\2", at):
            raise malformed(path, f"byte {at:,} of the archive's directory begins no entry")
        _, flags, method, crc, stored, size, name_length, extra_length, comment_length, begin = (
            _CENTRAL.unpack_from(raw, at)
        )
        at += _CENTRAL.size
        name_end, extra_end = at + name_length, at + name_length + extra_length
        name, extra = raw[at:name_end], raw[name_end:extra_end]
        at = extra_end + comment_length
        if at > len(raw):
            raise malformed(path, "the archive's directory ends within an entry")
        size, stored, begin = _wide(path, extra, (size, stored, begin))
        yield Entry(
            name=name.decode("utf-8" if flags & _IN_UTF8 else "cp437", "replace"),
            raw_name=name,
            flags=flags,
            method=method,
            crc=crc,
            stored_bytes=stored,
            size_bytes=size,
            header_begin=begin,
        )


def _wide(path: str, extra: bytes, numbers: tuple[int, int, int]) -> list[int]:
    """Sizes and place, those that did not fit from the extra field of zip64, in its order."""
    if _FULL_32 not in numbers:
        return list(numbers)
    wide = iter(_zip64_numbers(extra))
    try:
        return [next(wide) if number == _FULL_32 else number for number in numbers]
    except StopIteration as error:
        raise malformed(path, "an entry of the archive lacks the sizes of zip64") from error


def _zip64_numbers(extra: bytes) -> Iterator[int]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = Struct("<2H").unpack_from(extra, at)
        if kind == _ZIP64:
            field = extra[at + 4 : at + 4 + length]
            for begin in range(0, len(field) - 7, 8):
                yield int.from_bytes(field[begin : begin + 8], "little")
            return
        at += 4 + length

"""The arrays in the entries of a .npz archive: their heads, read in as few spans as they allow."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from auditor.core.findings import quoted
from auditor.core.tensors import Span
from auditor.errors import HeaderMalformed, LimitExceeded, UnsupportedFormat
from auditor.formats.cursor import MAX_READ_BYTES, MAX_SPANS, Reading
from auditor.formats.mistaken import mistaken
from auditor.formats.npy_head import LONGEST_HEAD_BYTES, MAGIC, Head, NotNpy, read_head
from auditor.formats.zip_directory import (
    DEFLATED,
    LOCAL_BYTES,
    STORED,
    Entry,
    data_place,
    find_directory,
    read_directory,
)

ENDING: Final = ".npy"
# Holds the longest comment that an archive may end with, or the directory of 700 arrays.
TAIL_BYTES: Final = 1 << 17
# Of an entry behind its name: an extra field of zip64 and the usual head of 128 bytes or, deflated,
# the code tables before that.
HEAD_BYTES: Final = 512
NEAR_BYTES: Final = 1 << 15  # what lies nearer is read on to: a request takes as long as 100 kB
LONGEST_SPAN_BYTES: Final = 1 << 22
MAX_ARRAYS: Final = 200_000  # the largest models in one file have under 2,000

DAMAGED: Final = "the file is damaged or was cut off; compare its sha256 with the Hub's"
# zlib's technical notes: deflate makes at most 1,032 bytes of one.
_MOST_INFLATED: Final = 1_032
_ENCRYPTED: Final = 1
_OWN: Final = (MAGIC, b"PK")  # what files of this format begin with


class Array(NamedTuple):
    """An array by its head. Its data begin at byte `begin` of the file; None: they are deflated."""

    name: str
    head: Head
    data_bytes: int
    begin: int | None


class Tail(NamedTuple):
    """The last bytes of a file, from `begin` on."""

    data: bytes
    begin: int


class Archive(NamedTuple):
    """The arrays of an archive in the order of the file, and the entries that are none."""

    arrays: list[Array]
    others: list[Entry]


def read_archive(path: str, size_bytes: int) -> Reading[Archive]:
    begin = max(0, size_bytes - TAIL_BYTES)
    tail = (yield Span(begin, size_bytes)) if size_bytes else b""
    try:
        directory = find_directory(path, tail, size_bytes)
    except HeaderMalformed as error:
        raise refusal(path, error.reason, b"" if begin else tail) from error
    span = directory.span
    raw = tail[span.begin - begin :][: span.length] if span.begin >= begin else (yield span)
    entries = sorted(
        read_directory(path, raw, directory).values(), key=lambda entry: entry.header_begin
    )
    arrays = [entry for entry in entries if entry.name.endswith(ENDING)]
    _check(path, arrays)
    others = [entry for entry in entries if not entry.name.endswith((ENDING, "/"))]
    reader = _Heads(path, Tail(tail, begin), directory.span.begin)
    return Archive((yield from reader.read(arrays)), others)


def head_of(path: str, known: str, data: bytes) -> Head | None:
    """The head that `data` begin with, None where they end before it. Raises HeaderMalformed."""
    try:
        return read_head(data)
    except NotNpy as error:
        raise refusal(path, f"{quoted(known)}: {error}", data) from error


def cut_off(path: str, known: str) -> HeaderMalformed:
    return HeaderMalformed(path, f"{quoted(known)} ends within its head", hint=DAMAGED)


def refusal(path: str, reason: str, first: bytes) -> HeaderMalformed:
    """The error to raise: `reason`, or what the file is instead where its first bytes tell."""
    error = HeaderMalformed(path, reason, hint=DAMAGED)
    return error if first.startswith(_OWN) else mistaken(error, "NumPy", first)


def _check(path: str, entries: Sequence[Entry]) -> None:
    """Raises where there are too many arrays, or one that cannot be opened or hold what it says."""
    if len(entries) > MAX_ARRAYS:
        raise LimitExceeded(path, f"{len(entries):,} arrays; at most {MAX_ARRAYS:,} are read")
    for entry in entries:
        if entry.flags & _ENCRYPTED or entry.method not in {STORED, DEFLATED}:
            how = "encrypted" if entry.flags & _ENCRYPTED else f"packed by method {entry.method}"
            raise UnsupportedFormat(
                path, f"the array {quoted(entry.name)} is {how}", hint="save it with numpy.savez"
            )
        most = entry.stored_bytes * (_MOST_INFLATED if entry.method == DEFLATED else 1)
        if entry.size_bytes > most or (entry.method == STORED and entry.size_bytes < most):
            said = f"is said to hold {entry.size_bytes:,} bytes in {entry.stored_bytes:,}"
            raise HeaderMalformed(path, f"{quoted(entry.name)} {said}", hint=DAMAGED)


# -- heads


class _Heads:
    """Reads the heads of an archive whose entries end at byte `stop`."""

    def __init__(self, path: str, tail: Tail, stop: int) -> None:
        self._path = path
        self._tail = tail
        self._stop = stop

    def read(self, entries: Sequence[Entry]) -> Reading[list[Array]]:
        groups = list(_groups(entries))
        self._check(entries, [g for g in groups if g[0].header_begin < self._tail.begin])
        arrays: list[Array] = []
        for group in groups:
            begin = group[0].header_begin
            if begin >= self._tail.begin:
                data = self._tail.data[begin - self._tail.begin :]
            else:
                data = yield Span(begin, min(_stop(group[-1]), self._stop))
            for entry in group:
                local = data[entry.header_begin - begin :][: _stop(entry) - entry.header_begin]
                array = yield from self._array(entry, local)
                arrays.append(array)
        return arrays

    def _check(self, entries: Sequence[Entry], asked: Sequence[Sequence[Entry]]) -> None:
        asked_bytes = sum(_stop(group[-1]) - group[0].header_begin for group in asked)
        if len(asked) > MAX_SPANS or asked_bytes > MAX_READ_BYTES:
            raise UnsupportedFormat(
                self._path,
                f"its {len(entries):,} arrays lie between their data; reading their heads takes"
                f" {len(asked):,} requests for {asked_bytes:,} bytes",
                hint="save it as safetensors, whose header is in one place",
            )

    def _array(self, entry: Entry, local: bytes) -> Reading[Array]:
        """The array of `entry`, of whose local header `local` are the first bytes."""
        known = entry.name.removesuffix(ENDING)
        place = data_place(self._path, entry, local)
        begin = entry.header_begin + place
        if begin + entry.stored_bytes > self._stop:
            raise HeaderMalformed(self._path, f"{quoted(known)} overlaps others", hint=DAMAGED)
        head = _head_in(self._path, entry, local[place : place + entry.stored_bytes])
        if head is None and entry.stored_bytes:  # longer than usual, or with more behind its name
            more = yield Span(begin, begin + min(entry.stored_bytes, 2 * LONGEST_HEAD_BYTES))
            head = _head_in(self._path, entry, more)
        if head is None:
            raise cut_off(self._path, known)
        data_begin = begin + head.data_begin if entry.method == STORED else None
        return Array(known, head, entry.size_bytes - head.data_begin, data_begin)


def _stop(entry: Entry) -> int:
    """Where the head of an entry, in all likelihood, is over."""
    return entry.header_begin + LOCAL_BYTES + len(entry.raw_name) + HEAD_BYTES


def _groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Entries that are read in one span, in the order of the file."""
    group: list[Entry] = []
    for entry in entries:
        near = group and entry.header_begin - _stop(group[-1]) <= NEAR_BYTES
        if near and _stop(entry) - group[0].header_begin <= LONGEST_SPAN_BYTES:
            group.append(entry)
            continue
        if group:
            yield group
        group = [entry]
    if group:
        yield group


def _head_in(path: str, entry: Entry, data: bytes) -> Head | None:
    if entry.method == DEFLATED:
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, LONGEST_HEAD_BYTES)
        except zlib.error as error:
            reason = f"{quoted(entry.name)} cannot be inflated: {error}"
            raise HeaderMalformed(path, reason, hint=DAMAGED) from error
    return head_of(path, entry.name, data)

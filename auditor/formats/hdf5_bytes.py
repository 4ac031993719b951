"""The bytes of an HDF5 file as they are asked for: in pages, kept, and within bounds.

Everything that reads a file is a generator that yields the spans it lacks (`Steps`). A structure is
read through `Hdf5File.read`, its fields through `Fields`; both raise Broken where the file lies.
"""

from collections.abc import Generator
from typing import Final, TypeVar

from auditor.core.tensors import Span
from auditor.errors import LimitExceeded

# A model of 200 tensors keeps its structures in some 80 places between the large ones, each of a
# few thousand bytes: larger pages would read more of the weights and save few round trips.
PAGE_BYTES: Final = 1 << 15
# Where a read begins this near after the one before, it is twice as long as that one: small weights
# are read along, which costs less than a round trip for each.
NEAR_BYTES: Final = 1 << 16
MAX_PAGES_AT_ONCE: Final = 32
SMALL_FILE_BYTES: Final = PAGE_BYTES * MAX_PAGES_AT_ONCE
# Each span is a round trip: known models take under 1,000.
MAX_SPANS: Final = 4_000
MAX_READ_BYTES: Final = 1 << 27
# Attributes and names of 64 kB are the rule; a list of the names of 100,000 weights has 10 MB.
MAX_STRUCTURE_BYTES: Final = 1 << 24
# What is looked at, cached or not: a file may name the same bytes again and again.
MAX_LOOKED_AT_BYTES: Final = 1 << 28
# Objects, messages, links, entries of indices, strings: a tensor takes some twenty of them.
MAX_ITEMS: Final = 2_000_000
SAVE_ANEW: Final = "save the model as safetensors, whose header is in one place"
UNDEFINED: Final = (1 << 64) - 1  # the address of what is not there

T = TypeVar("T")
Steps = Generator[Span, bytes, T]


class Broken(ValueError):
    """The file breaks the rules of HDF5; the message says which."""


class Unread(ValueError):
    """A sound part of the format that is not read here."""


class Fields:
    """The fields of a structure, read one after another, the lowest byte first."""

    __slots__ = ("data", "place")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.place

    def take(self, length: int) -> bytes:
        end = self.place + length
        if end > len(self.data):
            raise Broken(f"a structure of {len(self.data):,} bytes ends within a field")
        taken = self.data[self.place : end]
        self.place = end
        return taken

    def uint(self, length: int) -> int:
        return int.from_bytes(self.take(length), "little")

    def skip(self, length: int) -> None:
        self.take(length)

    def expect(self, signature: bytes) -> None:
        """Raises Broken where another structure stands than the one that is looked for."""
        if self.take(len(signature)) != signature:
            raise Broken(f"no {signature.decode()!r} where the file points to one")


class Hdf5File:
    """One file: what has been read of it, and how much more may be."""

    def __init__(self, path: str, size_bytes: int) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.base = 0  # the byte that addresses count from
        self._pages: dict[int, bytes] = {}
        self._last = Span(0, 0)
        self._spans = 0
        self._read_bytes = 0
        self._looked_at_bytes = 0
        self._items = 0

    @property
    def beginning(self) -> bytes:
        """The first bytes of the file, if they were read."""
        return self._pages.get(0, b"")

    def read(self, address: int, length: int) -> Steps[bytes]:
        """The `length` bytes at `address`. Raises Broken where the file does not hold them."""
        begin = self.base + address
        end = begin + length
        if end > self.size_bytes:
            raise Broken(f"a structure of {length:,} bytes is said to end at byte {end:,}")
        self._look_at(length)
        if not length:
            return b""
        first, last = begin // PAGE_BYTES, (end - 1) // PAGE_BYTES
        for page in range(first, last + 1):
            if page not in self._pages:
                yield from self._fetch(page, last)
        start = begin - first * PAGE_BYTES
        if first == last:
            return self._pages[first][start : start + length]
        joined = b"".join([self._pages[page] for page in range(first, last + 1)])
        return joined[start : start + length]

    def count(self, items: int) -> None:
        """Notes that so many more items are looked at. Raises LimitExceeded."""
        self._items += items
        if self._items > MAX_ITEMS:
            raise LimitExceeded(
                self.path, f"more than {MAX_ITEMS:,} objects, links and messages", hint=SAVE_ANEW
            )

    def _look_at(self, length: int) -> None:
        self.count(1)
        self._looked_at_bytes += length
        if length > MAX_STRUCTURE_BYTES or self._looked_at_bytes > MAX_LOOKED_AT_BYTES:
            raise LimitExceeded(
                self.path,
                f"a structure of {length:,} bytes, {self._looked_at_bytes:,} with those before it",
                hint=SAVE_ANEW,
            )

    def _fetch(self, first: int, last: int) -> Steps[None]:
        """Reads the pages from `first` to `last`, and further ahead the longer it goes on so."""
        is_near = 0 <= first * PAGE_BYTES - self._last.end <= NEAR_BYTES
        ahead = 2 * self._last.length // PAGE_BYTES if is_near else 1
        if self.size_bytes <= SMALL_FILE_BYTES:
            ahead = MAX_PAGES_AT_ONCE
        stop = min(
            max(last + 1, first + min(ahead, MAX_PAGES_AT_ONCE)), -(-self.size_bytes // PAGE_BYTES)
        )
        end = next((page for page in range(first + 1, stop) if page in self._pages), stop)
        span = Span(first * PAGE_BYTES, min(end * PAGE_BYTES, self.size_bytes))
        self._spans += 1
        self._read_bytes += span.length
        if self._spans > MAX_SPANS or self._read_bytes > MAX_READ_BYTES:
            raise LimitExceeded(
                self.path,
                f"its structures lie in more than {MAX_SPANS:,} places"
                f" or {MAX_READ_BYTES:,} bytes of the file",
                hint=SAVE_ANEW,
            )
        self._last = span
        data = yield span
        for page in range(first, end):
            start = (page - first) * PAGE_BYTES
            self._pages[page] = data[start : start + PAGE_BYTES]

"""A place in a file that is read in spans: what lies ahead is asked for, what is skipped never is.

For formats whose heads lie between their data. The first span is longer, since most files begin
with what describes them; where the heads lie close together each span is twice as long as the one
before, and after a jump over data it is short again.
"""

from collections.abc import Generator
from typing import Final, TypeVar

from auditor.core.tensors import Span
from auditor.errors import HeaderMalformed, LimitExceeded, UnsupportedFormat

FIRST_READ_BYTES: Final = 1 << 16
# Behind a large matrix come the head of the next and, often, some small tensors.
READ_AFTER_JUMP_BYTES: Final = 1 << 14
LONGEST_READ_BYTES: Final = 1 << 22
GROWTH: Final = 2
# What is nearer than this is read on to rather than jumped to: a request takes as long as 100 kB.
NEAR_BYTES: Final = 1 << 17
MAX_SPANS: Final = 2_000  # each is a round trip; known models of 2 GB take under 700
MAX_READ_BYTES: Final = 1 << 26  # the largest graphs known, of 100,000 nodes, have 30 MB
MAX_ENTRIES: Final = 2_000_000  # a graph of 100,000 nodes has 1,200,000; each takes some 4 us

T = TypeVar("T")
Reading = Generator[Span, bytes, T]

_DAMAGED: Final = "the file is damaged or was cut off; compare its sha256 with the Hub's"


class Cursor:
    """The file `path` of `size_bytes`, read from `at`. Only ever forward."""

    __slots__ = (
        "_begin",
        "_data",
        "_entries",
        "_next_read_bytes",
        "_read_bytes",
        "_spans",
        "at",
        "path",
        "size_bytes",
    )

    def __init__(self, path: str, size_bytes: int) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.at = 0
        self._data = b""
        self._begin = 0
        self._next_read_bytes = FIRST_READ_BYTES
        self._spans = self._read_bytes = self._entries = 0

    def take(self, count: int) -> Reading[bytes]:
        """The next `count` bytes. Raises HeaderMalformed where the file ends before."""
        data = yield from self.peek(count)
        if len(data) < count:
            raise self.malformed(f"it ends within {count:,} bytes from byte {self.at:,}")
        self.at += count
        return data

    def peek(self, count: int) -> Reading[bytes]:
        """The next `count` bytes without going on, or as many as the file has."""
        stop = min(self.at + count, self.size_bytes)
        if stop > self.at and stop > self._begin + len(self._data):
            yield from self._read(stop)
        return self._data[self.at - self._begin : stop - self._begin]

    def held(self, count: int) -> bytes | None:
        """As `peek`, without asking: None where not all of it has been read."""
        start = self.at - self._begin
        stop = start + count
        return self._data[start:stop] if stop <= len(self._data) else None

    def count(self) -> None:
        """Notes that one more entry was looked at. Raises LimitExceeded."""
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise LimitExceeded(self.path, f"more than {MAX_ENTRIES:,} entries")

    def malformed(self, reason: str) -> HeaderMalformed:
        return HeaderMalformed(self.path, reason, hint=_DAMAGED)

    def _read(self, stop: int) -> Reading[None]:
        """Asks for what is missing up to `stop`, and further."""
        known = self._begin + len(self._data)
        kept = self._data[self.at - self._begin :] if self.at < known else b""
        if self.at - known > NEAR_BYTES:
            self._next_read_bytes = READ_AFTER_JUMP_BYTES
        begin = max(self.at, known)
        end = min(max(stop, begin + self._next_read_bytes), self.size_bytes)
        self._spans += 1
        self._read_bytes += end - begin
        self._check_limits()
        self._data = kept + (yield Span(begin, end))
        self._begin = self.at
        self._next_read_bytes = min(self._next_read_bytes * GROWTH, LONGEST_READ_BYTES)

    def _check_limits(self) -> None:
        if self._spans > MAX_SPANS:
            reason = (
                "its tensors lie between their data; reading their heads takes more than"
                f" {MAX_SPANS:,} requests"
            )
        elif self._read_bytes > MAX_READ_BYTES:
            reason = f"what describes its tensors takes more than {MAX_READ_BYTES:,} bytes"
        else:
            return
        raise UnsupportedFormat(
            self.path, reason, hint="save it as safetensors, whose header is in one place"
        )

"""The part of a GGUF file that is at hand, and the asking for more of it.

How long the key-values are is only known once they have been read through: strings stand one after
another, each behind its length. So bytes are asked for as they are needed, a little more each time
than is sure to be needed; what need not be looked at is jumped over and never asked for.
"""

from collections.abc import Generator
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from auditor.core.tensors import Span
from auditor.errors import HeaderMalformed, HeaderTooLarge

# As huggingface.js. The largest vocabularies take a third (262,144 tokens, 580,000 merges: 15 MB).
MAX_READ_BYTES: Final = 50_000_000
MAX_SPAN_BYTES: Final = 16_000_000  # what a file says to come is not believed beyond this
DAMAGED: Final = "the file is damaged or no GGUF file; compare its sha256 with the Hub's"
# Each reading is at least a fourth of all before it: under 40 come to the limit, however many
# arrays there are to jump over. Known files take under ten.
_GROWTH: Final = 4

_U64: Final = Struct("<Q")

Reading = Generator[Span, bytes, None]


@dataclass(slots=True, kw_only=True)
class Window:
    """`data` are the file's bytes from `begin`; `at` is the byte of the file to be read next.

    `floor_bytes` is the least that is asked for at once, `place` what is read, for errors.
    """

    path: str
    size_bytes: int
    floor_bytes: int
    order: str = "<"  # as in `struct`: little-endian until the header says otherwise
    length: Struct = _U64  # of a string, an array, a dimension: 32 bits in version 1
    data: bytes = b""
    begin: int = 0
    at: int = 0
    place: str = "its first words"
    read_bytes: int = 0

    def need(self, count: int, ahead: int = 0) -> Reading:
        """Sees to it that the next `count` bytes are at hand; of `ahead` bytes it is likely.

        Raises HeaderMalformed where the file ends before them, HeaderTooLarge.
        """
        end = self.begin + len(self.data)
        if self.at + count <= end:
            return
        self._check(self.at + count)
        start = max(end, self.at)
        more = min(MAX_SPAN_BYTES, max(self.floor_bytes, self.read_bytes // _GROWTH, ahead))
        stop = min(self.size_bytes, max(self.at + count, start + more))
        self._account(stop - start)
        kept = self.data[self.at - self.begin :]
        self.data = kept + (yield Span(start, stop))
        self.begin = self.at

    def jump(self, count: int) -> None:
        """Passes over `count` bytes unseen. Raises HeaderMalformed where the file has fewer."""
        self._check(self.at + count)
        self.at += count

    def unpack(self, form: str | Struct, ahead: int = 0) -> Generator[Span, bytes, Any]:
        """The next numbers, as `struct` writes their kinds."""
        form = Struct(self.order + form) if isinstance(form, str) else form
        yield from self.need(form.size, ahead)
        values = form.unpack_from(self.data, self.at - self.begin)
        self.at += form.size
        return values if len(values) > 1 else values[0]

    def take(self, count: int, ahead: int = 0) -> Generator[Span, bytes, bytes]:
        """The next `count` bytes."""
        yield from self.need(count, ahead)
        begin = self.at - self.begin
        self.at += count
        return self.data[begin : begin + count]

    def pass_strings(self, most: int) -> int:
        """Passes over up to `most` strings, as far as their lengths are at hand; how many it were.

        The last of them may end past what is at hand, or past the file.
        """
        unpack, width, data = self.length.unpack_from, self.length.size, self.data
        at, last = self.at - self.begin, len(self.data) - self.length.size
        left = most
        # NOTE: half a million rounds for the largest vocabularies; nothing more belongs in here.
        while left and at <= last:
            at += width + unpack(data, at)[0]
            left -= 1
        self.at = self.begin + at
        return most - left

    @property
    def left_bytes(self) -> int:
        """Bytes of the file that are still to come; negative past its end."""
        return self.size_bytes - self.at

    def malformed(self, reason: str) -> HeaderMalformed:
        return HeaderMalformed(self.path, reason, hint=DAMAGED)

    def _check(self, end: int) -> None:
        if end > self.size_bytes:
            raise self.malformed(
                f"the file ends at byte {self.size_bytes:,}, within {self.place}, which go on to"
                f" byte {min(end, 1 << 64):,} at least"
            )

    def _account(self, asked_bytes: int) -> None:
        self.read_bytes += asked_bytes
        if self.read_bytes > MAX_READ_BYTES:
            raise HeaderTooLarge(
                self.path,
                f"{self.place} go on past {MAX_READ_BYTES:,} bytes; known headers have under"
                " 20,000,000",
                hint=DAMAGED,
            )

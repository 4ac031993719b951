"""A file of which one end or both are known; the rest is asked for as far as it is needed."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from auditor.core.tensors import Header, Span
from auditor.errors import HeaderMalformed, LimitExceeded
from auditor.formats.pickle_values import CutPickle
from auditor.formats.torch_pickle import MAX_PICKLE_BYTES
from auditor.formats.torch_tensors import DAMAGED

_GROWTH: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEnds:
    """The first and the last bytes of a file of `size_bytes`; where `front` is all, no `tail`."""

    size_bytes: int
    front: bytes
    tail: bytes = b""

    @property
    def last_bytes(self) -> bytes:
        """The longest end of the file that is here without a hole."""
        return self.front + self.tail if len(self.front) == self._tail_begin else self.tail

    def has(self, span: Span) -> bool:
        middle = self._missing(span)
        return middle.begin >= middle.end

    def read(self, span: Span) -> Generator[Span, bytes, bytes]:
        """The bytes of `span`, which lies within the file."""
        middle = self._missing(span)
        got = (yield middle) if middle.begin < middle.end else b""
        tail_begin = self._tail_begin
        tail = self.tail[max(0, span.begin - tail_begin) : max(0, span.end - tail_begin)]
        return self.front[span.begin : span.end] + got + tail

    @property
    def _tail_begin(self) -> int:
        return self.size_bytes - len(self.tail)

    def _missing(self, span: Span) -> Span:
        return Span(max(span.begin, len(self.front)), min(span.end, self._tail_begin))


def read_front(
    path: str, size_bytes: int, front: bytes, header: Callable[[bytes], Header]
) -> Generator[Span, bytes, Header]:
    """The `header` of the file that begins with `front`, of as much of it as its pickles take.

    Raises HeaderMalformed where they are longer than the file, LimitExceeded where they are longer
    than any checkpoint's, and what `header` raises.
    """
    while True:
        try:
            return header(front)
        except CutPickle as error:
            if error.needed > size_bytes:
                raise HeaderMalformed(path, f"no whole pickle: {error}", hint=DAMAGED) from error
            if error.needed > MAX_PICKLE_BYTES:
                reason = f"pickles of more than {MAX_PICKLE_BYTES:,} bytes"
                raise LimitExceeded(path, reason) from error
            wanted = max(error.needed, _GROWTH * len(front))
        front += yield Span(len(front), min(wanted, MAX_PICKLE_BYTES, size_bytes))

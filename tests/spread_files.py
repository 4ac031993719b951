"""Files of any size as pieces: bytes, and numbers of zeros that nobody writes down.

`feed` drives the reader of a header from them as evidence does from a repository.
"""

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from auditor.core.tensors import Header, Span
from auditor.errors import ContentError

Pieces = tuple[bytes | int, ...]  # an int is as many zeros
Reader = Callable[[str, int], Generator[Span, bytes, Header]]


class Fed(NamedTuple):
    header: Header
    spans: tuple[Span, ...]

    @property
    def read_bytes(self) -> int:
        return sum(span.length for span in self.spans)


def joined(parts: Iterable[Pieces]) -> Pieces:
    """The pieces of all parts, those of bytes that touch as one."""
    pieces: list[bytes | int] = []
    for piece in (piece for part in parts for piece in part):
        if isinstance(piece, bytes) and pieces and isinstance(pieces[-1], bytes):
            pieces[-1] += piece
        elif piece:
            pieces.append(piece)
    return tuple(pieces)


def size_of(pieces: Pieces) -> int:
    return sum(piece if isinstance(piece, int) else len(piece) for piece in pieces)


def bytes_of(pieces: Pieces) -> bytes:
    return b"".join(bytes(piece) if isinstance(piece, int) else piece for piece in pieces)


class _File:
    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._ends = list(accumulate(size_of((piece,)) for piece in pieces))
        self.size_bytes = self._ends[-1] if pieces else 0

    def read(self, span: Span) -> bytes:
        return b"".join(self._cut(span))

    def _cut(self, span: Span) -> Iterator[bytes]:
        for at in range(bisect_right(self._ends, span.begin), len(self._pieces)):
            piece = self._pieces[at]
            length = piece if isinstance(piece, int) else len(piece)
            begin = self._ends[at] - length
            if begin >= span.end:
                return
            low, high = max(span.begin - begin, 0), min(span.end - begin, length)
            yield bytes(high - low) if isinstance(piece, int) else piece[low:high]


def feed(read_header: Reader, pieces: Pieces | bytes, path: str = "file") -> Fed:
    """What the reader makes of the file, and what it asked for, all of it within the file."""
    file = _File(joined([(pieces,) if isinstance(pieces, bytes) else pieces]))
    spans: list[Span] = []
    reader = read_header(path, file.size_bytes)
    try:
        span = next(reader)
        while True:
            assert 0 <= span.begin < span.end <= file.size_bytes, str(span)
            spans.append(span)
            span = reader.send(file.read(span))
    except StopIteration as done:
        return Fed(done.value, tuple(spans))


def survives(
    read_header: Reader, data: bytes, *, most_spans: int, most_bytes: int, path: str = "file"
) -> Fed | None:
    """What is read of hostile bytes; None where they are refused, which only a ContentError may."""
    refusal: ContentError | None = None
    fed = None
    try:
        fed = feed(read_header, data, path)
    except ContentError as error:
        refusal = error
    if refusal is not None:
        assert refusal.subject == path
        assert str(refusal).isprintable()
        assert len(str(refusal)) < 500
    if fed is not None:
        assert len(fed.spans) <= most_spans
        assert fed.read_bytes <= most_bytes
    return fed

"""What a file holds, for the sources that have it at hand, and the exact cutting of spans."""

from dataclasses import dataclass

from auditor.core.tensors import Span
from auditor.errors import BadAnswer, FileTooLarge


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroTailed:
    """A file of `size_bytes` that begins with `head` and goes on with zeros.

    A weight file whose header is known and whose weights are not: any span of it can be served, and
    a file of gigabytes takes as much room as its header.
    """

    head: bytes
    size_bytes: int

    def __post_init__(self) -> None:
        if self.size_bytes < len(self.head):
            raise ValueError(f"{len(self.head):,} bytes do not fit in {self.size_bytes:,}")


Content = bytes | ZeroTailed


def size_of(content: Content) -> int:
    """Bytes of the whole file."""
    return content.size_bytes if isinstance(content, ZeroTailed) else len(content)


def whole(path: str, content: Content, limit_bytes: int) -> bytes:
    """All bytes of a small file. Raises FileTooLarge past `limit_bytes`."""
    check_limit(path, size_of(content), limit_bytes)
    return cut(path, content, Span(0, size_of(content)))


def cut(path: str, content: Content, span: Span) -> bytes:
    """The bytes of `span`. Raises BadAnswer for a span that is not inside the file."""
    check_span(path, size_of(content), span)
    if isinstance(content, bytes):
        return content[span.begin : span.end]
    return content.head[span.begin : span.end].ljust(span.length, b"\0")


def check_limit(path: str, size_bytes: int, limit_bytes: int) -> None:
    """Raises FileTooLarge for a small file that is not small."""
    if size_bytes > limit_bytes:
        raise FileTooLarge(
            path,
            f"{size_bytes:,} bytes; at most {limit_bytes:,} are read of such a file",
            hint="a file of this kind and size is no config, card or index; look at it by hand",
        )


def check_span(path: str, size_bytes: int, span: Span) -> None:
    """Raises BadAnswer for a span that is not inside a file of `size_bytes`."""
    if not 0 <= span.begin <= span.end <= size_bytes:
        raise BadAnswer(
            path,
            f"bytes {span.begin:,} to {span.end:,} of a file of {size_bytes:,} bytes",
            hint="the file is shorter than its own header says; fetch it again",
        )

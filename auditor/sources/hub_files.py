"""What an answer with a file's bytes must say, before a byte of it is believed."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from auditor.core.repository import RepoFile
from auditor.core.tensors import Span
from auditor.errors import BadAnswer
from auditor.sources.hub_errors import Asked, NotServed, coded, refused, told
from auditor.sources.hub_retry import Transient
from auditor.sources.hub_wire import Head

_CONTENT_RANGE = re.compile(r"bytes +(\d{1,20})-(\d{1,20})/(\d{1,20})")
_IGNORES: Final = "the server ignores Range"
_LIES: Final = "try again; if it stays so, the server or a proxy before it is broken"


def admit_whole(
    asked: Asked, commit: str, limit_bytes: int, *, or_else: bool
) -> Callable[[Head], int]:
    """Admits the whole file as of `commit`, `limit_bytes` of it.

    With `or_else`, raises NotServed for a refusal without a reason: another address may do.
    """

    def admit(head: Head) -> int:
        _check_commit(head, asked, commit)
        if head.status == HTTPStatus.OK:
            return limit_bytes
        if or_else and coded(asked, head.headers) is None:
            raise NotServed
        raise _refusal(head, asked)

    return admit


def admit_span(asked: Asked, commit: str, file: RepoFile, span: Span) -> Callable[[Head], int]:
    """Admits the bytes of `span`, or a whole file of which they are the beginning."""

    def admit(head: Head) -> int:
        _check_commit(head, asked, commit)
        size_bytes = _check_size(head, asked, file.size_bytes)
        if head.status == HTTPStatus.PARTIAL_CONTENT:
            _check_range(head, asked, span, size_bytes)
        elif head.status == HTTPStatus.OK:
            _check_beginning(head, asked, span, size_bytes)
        else:
            raise _refusal(head, asked)
        return span.length

    return admit


def _refusal(head: Head, asked: Asked) -> Exception:
    """The error for an answer without the file."""
    if head.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return BadAnswer(asked.subject, "the file is shorter than the Hub lists it", hint=_LIES)
    if not head.at_hub and coded(asked, head.headers) is None:
        # A signed address that is refused: a new one may do.
        return Transient(f"the storage's answer is {told(head.status, head.headers)}")
    return refused(asked, head.status, head.headers)


def _check_commit(head: Head, asked: Asked, commit: str) -> None:
    for stated in head.stated("x-repo-commit"):
        if stated != commit:
            raise BadAnswer(
                asked.subject,
                f"the answer is of commit {stated[:40]!r}, not of {commit}",
                hint=_LIES,
            )


def _check_size(head: Head, asked: Asked, size_bytes: int | None) -> int | None:
    """The file's size, as listed or as the Hub's redirect has it, which must agree."""
    for text in head.stated("x-linked-size"):
        stated = int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else None  # noqa: PLR2004
        if stated is not None and size_bytes is None:
            size_bytes = stated
        elif stated != size_bytes:
            raise BadAnswer(
                asked.subject,
                f"of {text[:20]} bytes by one answer, of {size_bytes:,} by another",
                hint=_LIES,
            )
    return size_bytes


def _check_range(head: Head, asked: Asked, span: Span, size_bytes: int | None) -> None:
    _check_identity(head, asked)
    text = head.headers.get("content-range", "")
    match = _CONTENT_RANGE.fullmatch(text.strip().lower())
    if match is None:
        raise BadAnswer(asked.subject, f"a part without a sound Content-Range: {text[:80]!r}")
    first, last, total = (int(number) for number in match.groups())
    if (first, last) != (span.begin, span.end - 1):
        reason = f"bytes {first:,}-{last:,} where {span.begin:,}-{span.end - 1:,} were asked for"
        raise BadAnswer(asked.subject, reason, hint=_LIES)
    if total <= last or (size_bytes is not None and total != size_bytes):
        reason = f"a part of {total:,} bytes, of a file of {size_bytes or span.end:,}"
        raise BadAnswer(asked.subject, reason, hint=_LIES)


def _check_beginning(head: Head, asked: Asked, span: Span, size_bytes: int | None) -> None:
    """Whether an answer with the whole file begins with the bytes asked for, and is that file."""
    _check_identity(head, asked)
    if span.begin:
        raise BadAnswer(asked.subject, _IGNORES, hint=_LIES)
    if size_bytes is None or head.headers.get("content-length") != str(size_bytes):
        raise BadAnswer(asked.subject, f"{_IGNORES} and sends another length", hint=_LIES)


def _check_identity(head: Head, asked: Asked) -> None:
    """A part of a compressed file is no part of the file."""
    encoding = head.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise BadAnswer(asked.subject, f"a part of the file encoded as {encoding[:40]!r}")

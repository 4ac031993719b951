"""The Range header and the answers to it, RFC 9110 section 14."""

import re
from http import HTTPStatus
from typing import Final

from hub.blobs import Blob
from hub.messages import Answer, Headers, Slice

_ONE_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


def ranged(blob: Blob, range_header: str | None, headers: Headers) -> Answer:
    """206 with the bytes asked for, 416 past the end, 200 with all without a readable range.

    Several ranges in one header are not served: that is a 200 as well, as the RFC allows.
    """
    size = blob.size_bytes
    found = (*headers, ("Accept-Ranges", "bytes"))
    match = _ONE_RANGE.fullmatch(range_header) if range_header else None
    span = _span(match.group(1), match.group(2), size) if match else None
    if span is None:
        return Answer(HTTPStatus.OK, found, Slice(blob, 0, size))
    start, stop = span
    if start >= stop:
        unsatisfied = ("Content-Range", f"bytes */{size}")
        return Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, (*found, unsatisfied))
    content_range = ("Content-Range", f"bytes {start}-{stop - 1}/{size}")
    return Answer(HTTPStatus.PARTIAL_CONTENT, (*found, content_range), Slice(blob, start, stop))


def _span(first: str, last: str, size: int) -> tuple[int, int] | None:
    """The bytes meant, empty if there are none; None if the range means nothing."""
    if not first:
        return (max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size

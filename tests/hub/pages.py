"""Lists that come in pages, with a Link header to the next one as in RFC 8288."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import urlencode

from hub import refusals
from hub.messages import Headers, Request

T = TypeVar("T")


def page(
    endpoint: str, request: Request, rows: Sequence[T], size: int
) -> tuple[Sequence[T], Headers]:
    """The rows of the page that `request` asks for, and the header that leads on.

    Raises Refusal on a cursor that was not handed out.
    """
    start = _offset(request.query.get("cursor", [""])[-1])
    stop = start + size
    if stop >= len(rows):
        return rows[start:], ()
    kept = [(n, v) for n, values in request.query.items() for v in values if n != "cursor"]
    cursor = base64.urlsafe_b64encode(f"next:{stop}".encode()).decode()
    url = f"{endpoint}{request.path}?{urlencode([*kept, ('cursor', cursor)])}"
    return rows[start:stop], (("Link", f'<{url}>; rel="next"'),)


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        mark, _, number = base64.urlsafe_b64decode(cursor).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        mark, number = "", ""
    if mark != "next" or not number.isdecimal():
        message = "Invalid cursor"
        raise refusals.bad_request(message)
    return int(number)

"""The body of an answer, read no further than it is wanted."""

import zlib
from contextlib import aclosing
from io import BytesIO
from typing import Final

import httpx2

from auditor.errors import BadAnswer
from auditor.sources.hub_errors import Asked
from auditor.sources.hub_retry import Transient

MAX_REDIRECT_BODY_BYTES: Final = 65_536  # the Hub's are about 1 kB

_GZIP: Final = zlib.MAX_WBITS | 16


async def read_body(response: httpx2.Response, wanted_bytes: int, asked: Asked) -> bytes:
    """The body, read no further than the piece of it that goes past `wanted_bytes`.

    Stopping only past it, not at it, leaves the connection fit for the next request.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise BadAnswer(asked.subject, f"an answer in an encoding not asked for: {encoding[:40]!r}")
    inflater = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    body = BytesIO()  # gives its bytes away without a copy
    async with aclosing(response.aiter_raw()) as pieces:
        async for piece in pieces:
            room = wanted_bytes + 1 - body.tell()  # an inflated piece may be very long
            try:
                body.write(inflater.decompress(piece, room) if inflater else piece)
            except zlib.error as error:
                raise Transient("the answer is broken gzip") from error
            if body.tell() > wanted_bytes:
                return body.getvalue()
    if inflater and not inflater.eof and response.num_bytes_downloaded:
        raise Transient("the answer ends in the middle of its gzip stream")
    return body.getvalue()


async def drain(response: httpx2.Response) -> None:
    """Read a redirect's body, so that the connection can be used again."""
    async with aclosing(response.aiter_raw()) as pieces:
        async for _ in pieces:
            if response.num_bytes_downloaded > MAX_REDIRECT_BODY_BYTES:
                return

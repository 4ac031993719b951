"""An answer as it goes over the wire, in pieces."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from hub.faults import Fault
from hub.messages import Answer, Request, head_of

_PIECE_BYTES: Final = 64 * 1024
_DROPS: Final = 8  # at least, if the body has as many bytes
_BODILESS: Final = frozenset({204, 304})


class Delivery:
    """The bytes of `answer`, to be sent piece by piece.

    `announced_bytes` is the length of the body on the wire, `total_bytes` that of all which will be
    sent, head included. `ends_connection` tells whether the connection is to be closed after the
    last piece, `is_slow` whether there are to be pauses.
    """

    def __init__(
        self, request: Request, answer: Answer, fault: Fault | None, drip_bytes: int
    ) -> None:
        cut = fault == "truncated"
        asked_to_close = request.headers.get("connection", "").lower() == "close"
        self._head = head_of(answer, close=asked_to_close)
        self._answer = _without_body(answer) if request.method == "HEAD" else _on_the_wire(answer)
        self.announced_bytes = self._answer.body_bytes
        drop_bytes = min(drip_bytes, self.announced_bytes // _DROPS + 1)
        self._piece_bytes = drop_bytes if fault == "drip" else _PIECE_BYTES
        self._stop = self.announced_bytes // 2 if cut else self.announced_bytes
        self.is_slow = fault == "drip"
        self.ends_connection = asked_to_close or cut
        self.head_bytes = len(self._head)
        self.total_bytes = self.head_bytes + self._stop

    def pieces(self) -> Iterator[bytes]:
        """Head and body; a small answer is one piece."""
        sent = min(self._stop, self._piece_bytes)
        yield self._head + self._answer.read(0, sent)
        while sent < self._stop:
            upto = min(self._stop, sent + self._piece_bytes)
            yield self._answer.read(sent, upto)
            sent = upto


def _without_body(answer: Answer) -> Answer:
    return replace(answer, body=b"")


def _on_the_wire(answer: Answer) -> Answer:
    if answer.status in _BODILESS:
        return _without_body(answer)
    if not answer.chunked:
        return answer
    body = answer.read(0, answer.body_bytes)
    last = b"0\r\n\r\n"
    return replace(answer, body=b"%x\r\n%b\r\n%b" % (len(body), body, last) if body else last)

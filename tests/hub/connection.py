"""One connection: its requests are read and answered one after the other."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from hub.answering import respond
from hub.delivery import Delivery
from hub.log import Record
from hub.messages import (
    END_OF_HEAD,
    Answer,
    BadMessage,
    Head,
    Host,
    Request,
    head_of,
    parse_head,
    text_answer,
)
from hub.world import World

_LONGEST_HEAD: Final = 64 * 1024
_LONGEST_BODY: Final = 8 * 1024 * 1024
# NOTE: With the megabytes that the kernel would choose, a client that hangs up early would seem to
# have taken much more than it did.
_SEND_BUFFER_BYTES: Final = 128 * 1024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """Reads requests, has them answered, writes the answers, and logs what the kernel took."""

    _transport: asyncio.Transport

    def __init__(self, world: World, host: Host) -> None:
        self._world = world
        self._host: Host = host
        self._received = bytearray()
        self._head: tuple[Head, int] | None = None  # and where it ends
        self._record: Record | None = None  # of the request that is being answered
        self._delivery: Delivery | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._handed_bytes = 0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._world.transports.add(transport)
        # A single byte that the kernel does not take pauses the writing, and we hear when it did:
        # so the log knows to the byte what was sent.
        transport.set_write_buffer_limits(high=0)
        kernel = transport.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        # A client that is gone already has no address.
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        self._number = self._world.log.connect()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._world.transports.discard(self._transport)
        if self._timer:
            self._timer.cancel()
        if self._record:
            self._world.log.close(self._record)
            self._record = None

    def eof_received(self) -> None:
        # A client that hangs up; none of interest only stops writing.
        self._count()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._record is None:
            self._next()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._count()
        if self._timer is None:
            self._pump()

    def _next(self) -> None:
        """Begin the next request if it is all there."""
        if self._record or self._transport.is_closing():
            return
        try:
            self._head = self._head or self._parsed()
        except BadMessage:
            refusal = text_answer(HTTPStatus.BAD_REQUEST, "Bad Request")
            self._transport.write(head_of(refusal, close=True))
            self._transport.close()
            return
        if self._head is None:
            return
        head, end = self._head
        stop = end + head.body_bytes
        if len(self._received) < stop:
            return
        body = bytes(self._received[end:stop])
        del self._received[:stop]
        self._head = None
        self._begin(replace(head.request, body=body) if body else head.request)

    def _parsed(self) -> tuple[Head, int] | None:
        end = self._received.find(END_OF_HEAD)
        if max(end, len(self._received) if end < 0 else 0) > _LONGEST_HEAD:
            raise BadMessage
        if end < 0:
            return None
        head = parse_head(bytes(self._received[:end]), self._host, self._peer)
        if head.body_bytes > _LONGEST_BODY:
            raise BadMessage
        return head, end + len(END_OF_HEAD)

    def _begin(self, request: Request) -> None:
        world, settings = self._world, self._world.settings
        self._record = world.log.open(request, self._number)
        fault = world.mischief.next(request, settings.faults)
        self._record.fault = fault
        if fault == "reset":
            kernel = self._transport.get_extra_info("socket")
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()
            return
        if fault == "hang":
            self._later(settings.hang_seconds, self._transport.abort)
            return
        answer = respond(world, request, fault)
        delivery = Delivery(request, answer, fault, settings.drip_bytes)
        if settings.latency_seconds > 0:
            self._later(settings.latency_seconds, lambda: self._deliver(answer, delivery))
        else:
            self._deliver(answer, delivery)

    def _deliver(self, answer: Answer, delivery: Delivery) -> None:
        assert self._record
        self._record.status = int(answer.status)
        self._record.announced_bytes = delivery.announced_bytes
        self._delivery, self._pieces, self._handed_bytes = delivery, delivery.pieces(), 0
        self._pump()

    def _pump(self) -> None:
        """Write until the kernel takes no more, or the answer ends, or a pause is due."""
        while self._delivery and not self._paused and not self._transport.is_closing():
            piece = next(self._pieces, None)
            if piece is None:
                self._finish(self._delivery)
                return
            self._handed_bytes += len(piece)
            self._transport.write(piece)
            self._count()
            if self._delivery.is_slow and self._handed_bytes < self._delivery.total_bytes:
                self._later(self._world.settings.drip_pause_seconds, self._pump)
                return

    def _finish(self, delivery: Delivery) -> None:
        if self._record:
            self._world.log.close(self._record)
        self._record = self._delivery = None
        if delivery.ends_connection:
            self._transport.close()
        elif self._received:
            asyncio.get_running_loop().call_soon(self._next)

    def _count(self) -> None:
        if self._record and self._delivery:
            taken = self._handed_bytes - self._transport.get_write_buffer_size()
            self._record.bytes_sent = max(0, taken - self._delivery.head_bytes)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def fire() -> None:
            self._timer = None
            act()

        self._timer = asyncio.get_running_loop().call_later(seconds, fire)

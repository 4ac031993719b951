"""Pieces for a span cache, and what fills one in a process of its own, which can import this."""

from auditor.core.kept import Kept, Piece
from auditor.core.repository import Traffic
from auditor.core.tensors import Span
from auditor.store.span_cache import SpanCache

OID = "ab" * 32


def piece(number: int = 0, *, oid: str = OID, length: int = 8) -> Piece:
    return Piece(oid=oid, size_bytes=1_000, span=Span(number, number + length))


def kept(data: bytes = b"8 bytes.", requests: int = 2) -> Kept:
    return Kept(data=data, cost=Traffic(requests=requests, bytes_read=len(data)))


def fill(place: str, seed: int, rounds: int) -> None:
    """Puts `rounds` pieces that are the same for every seed, and as many of the seed's own."""
    cache = SpanCache(place)
    for number in range(rounds):
        cache.put(piece(oid=f"{number:064x}"), kept())
        cache.put(piece(oid=f"{seed}{number:063x}"), kept())
        cache.flush()
    cache.close()

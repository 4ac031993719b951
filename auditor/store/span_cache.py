"""Bytes of files that never change: each is kept under the hash of its file's content.

A weight file that was read once is never read again, for whatever repository holds it: a fine-tune
that took over a shard, a mirror, the next revision.
"""

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from sqlalchemy import delete, func, select, tuple_, update

from auditor.core.kept import Kept, Piece
from auditor.core.repository import Traffic
from auditor.core.tensors import Span
from auditor.store.engine import Database
from auditor.store.schema import CACHE, spans

FILE_NAME: Final = "headers.sqlite"
DEFAULT_LIMIT_BYTES: Final = 5_000_000_000  # half a million models at 9 kB each
_DAY_SECONDS: Final = 86_400
_PRUNE_AT_ONCE: Final = 1_000
_ASK_AT_ONCE: Final = 500  # a repository may have 200,000 files; SQLite takes 32,766 parameters
_LEVEL: Final = 1  # headers are text that shrinks well at once; more costs more than it gives
MAX_PENDING_BYTES: Final = 16_000_000  # past this they are written by whoever puts the next


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInfo:
    """What lies in the cache. `stored_bytes` are compressed."""

    place: str
    spans: int
    files: int
    stored_bytes: int


@dataclass(slots=True)
class _Pending:
    """What was put and is not written yet; when each blob was used."""

    kept: dict[Piece, Kept] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    size_bytes: int = 0


class SpanCache:
    """Bytes by the content's hash, of the files that `endpoint` serves. For any thread.

    Raises StoreError.
    """

    def __init__(
        self,
        place: str,
        endpoint: str = "",
        *,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = Database(place, FILE_NAME, CACHE)
        self._endpoint = endpoint
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._pending = _Pending()
        self._lock = Lock()
        self._grew = False

    def get(self, oids: Sequence[str]) -> Mapping[Piece, Kept]:
        """Everything that is kept of these blobs."""
        found: dict[Piece, Kept] = {}
        with self._database.reading() as connection:
            for at in range(0, len(oids), _ASK_AT_ONCE):
                rows = connection.execute(
                    select(spans).where(
                        spans.c.endpoint == self._endpoint,
                        spans.c.oid.in_(oids[at : at + _ASK_AT_ONCE]),
                    )
                ).all()
                found.update(entry for row in rows if (entry := _entry(row)))
                self._note_use(rows)
        with self._lock:
            wanted = frozenset(oids)
            found.update({p: kept for p, kept in self._pending.kept.items() if p.oid in wanted})
        return found

    def put(self, piece: Piece, kept: Kept) -> None:
        """Keeps the bytes; they are safe after the next `flush`. What is there already stays."""
        with self._lock:
            if piece not in self._pending.kept:
                self._pending.kept[piece] = kept
                self._pending.size_bytes += len(kept.data)
            full = self._pending.size_bytes > MAX_PENDING_BYTES
        if full:
            self.flush()

    def flush(self) -> None:
        """Writes what was put since the last time."""
        with self._lock:
            pending, self._pending = self._pending, _Pending()
        if not pending.kept and not pending.used:
            return
        now = int(self._clock())
        # NOTE: sorted, so that two processes that write the same blobs never wait for each other.
        rows = sorted(
            (self._row(piece, kept, now) for piece, kept in pending.kept.items()),
            key=lambda row: (row["oid"], row["first_byte"], row["after_byte"]),
        )
        with self._database.writing() as connection:
            for at in range(0, len(rows), _ASK_AT_ONCE):
                part = rows[at : at + _ASK_AT_ONCE]
                known = _known(connection, part)
                new = [row for row in part if _key_of(row) not in known]
                if new:
                    connection.execute(spans.insert(), new)
            for oid in sorted(pending.used):
                mine = (spans.c.endpoint == self._endpoint) & (spans.c.oid == oid)
                connection.execute(update(spans).where(mine).values(used_at=now))
        self._grew = self._grew or bool(rows)

    def info(self) -> CacheInfo:
        with self._database.reading() as connection:
            row = connection.execute(
                select(
                    func.count(),
                    func.count(spans.c.oid.distinct()),
                    func.coalesce(func.sum(spans.c.stored_bytes), 0),
                ).select_from(spans)
            ).one()
        return CacheInfo(
            place=str(self._database.file or self._database.place),
            spans=int(row[0]),
            files=int(row[1]),
            stored_bytes=int(row[2]),
        )

    def prune(self, *, unused_days: int | None = None, limit_bytes: int | None = None) -> int:
        """Removes what was not used for so long, then the oldest past the limit; spans removed."""
        self.flush()
        removed = 0
        if unused_days is not None:
            before = int(self._clock()) - unused_days * _DAY_SECONDS
            removed += self._delete(spans.c.used_at < before)
        excess = self._stored_bytes() - (self._limit_bytes if limit_bytes is None else limit_bytes)
        while excess > 0:
            with self._database.reading() as connection:
                oldest = connection.execute(
                    select(*spans.primary_key.columns, spans.c.stored_bytes)
                    .order_by(spans.c.used_at)
                    .limit(_PRUNE_AT_ONCE)
                ).all()
            going = []
            for row in oldest:
                if excess > 0:
                    going.append(tuple(row[:-1]))
                    excess -= row[-1]
            removed += self._delete(tuple_(*spans.primary_key.columns).in_(going))
        return removed

    def clear(self) -> int:
        """Removes everything; spans removed."""
        removed = self._delete(spans.c.size_bytes >= 0)
        self._database.compact()
        return removed

    def close(self) -> None:
        """Writes what is left, and removes the oldest where the cache grew past its limit."""
        try:
            self.flush()
            if self._grew and self._stored_bytes() > self._limit_bytes:
                self.prune()
        finally:
            self._database.close()

    def _note_use(self, rows: Sequence[Any]) -> None:
        """The last use is noted once a day, so that a read stays a read."""
        before = int(self._clock()) - _DAY_SECONDS
        if stale := {row.oid for row in rows if row.used_at < before}:
            with self._lock:
                self._pending.used |= stale

    def _stored_bytes(self) -> int:
        with self._database.reading() as connection:
            total = func.coalesce(func.sum(spans.c.stored_bytes), 0)
            return int(connection.execute(select(total)).scalar_one())

    def _delete(self, where: Any) -> int:  # noqa: ANN401 - SQLAlchemy's condition
        with self._database.writing() as connection:
            return connection.execute(delete(spans).where(where)).rowcount

    def _row(self, piece: Piece, kept: Kept, now: int) -> dict[str, Any]:
        packed = zlib.compress(kept.data, _LEVEL)
        return {
            "endpoint": self._endpoint,
            "oid": piece.oid,
            "size_bytes": piece.size_bytes,
            "first_byte": piece.span.begin,
            "after_byte": piece.span.end,
            "data": packed,
            "stored_bytes": len(packed),
            "cost_requests": kept.cost.requests,
            "cost_bytes": kept.cost.bytes_read,
            "used_at": now,
        }


def _key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in spans.primary_key.columns)


def _known(connection: Any, rows: Sequence[Mapping[str, Any]]) -> frozenset[tuple[Any, ...]]:  # noqa: ANN401
    """The keys of those of `rows` that are there already."""
    oids = {row["oid"] for row in rows}
    found = connection.execute(select(*spans.primary_key.columns).where(spans.c.oid.in_(oids)))
    return frozenset(tuple(row) for row in found)


def _entry(row: Any) -> tuple[Piece, Kept] | None:  # noqa: ANN401 - a row of `spans`
    """What a row holds; None where a damaged disk changed it."""
    try:
        data = zlib.decompress(row.data)
    except zlib.error:
        return None
    piece = Piece(oid=row.oid, size_bytes=row.size_bytes, span=Span(row.first_byte, row.after_byte))
    cost = Traffic(requests=row.cost_requests, bytes_read=row.cost_bytes)
    return piece, Kept(data=data, cost=cost)

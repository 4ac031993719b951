"""A source that reads nothing twice: what a file's hash names is kept, and taken from there.

    source = CachedSource(HubSource(), cache)

A repository's list of files says the hash of each. What was read of a blob, for whatever repository
and revision, is served again without a request; all headers of a sharded model are kept under the
hashes of its index and its weight files together.

The traffic of such a repository is what reading it takes, whoever paid for it: an audit's proof is
the same whether or not another model shared a file with it. `spent` is what was really read.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from typing import Any, Final, Protocol, runtime_checkable

from auditor.core.identity import ModelRef
from auditor.core.kept import Kept, Piece
from auditor.core.protocols import ByteCache, OpenRepository, Source
from auditor.core.repository import RepoFile, Repository, Traffic
from auditor.core.tensors import Span

MAX_KEPT_BYTES: Final = 64_000_000  # the headers of the largest model come in 12 MB
_ASK_AHEAD: Final = 200  # files: of most repositories everything is asked for at once
_WEIGHTS: Final = ".safetensors"


class NoCache:
    """Keeps nothing: everything is read, and counted."""

    def get(self, oids: Sequence[str]) -> Mapping[Piece, Kept]:  # noqa: ARG002
        return {}

    def put(self, piece: Piece, kept: Kept) -> None: ...


@runtime_checkable
class Divisible(Protocol):
    """A repository of which a copy can be made whose traffic counts from nothing."""

    def apart(self) -> OpenRepository: ...


@dataclass(slots=True)
class Spending:
    """What was really read, of all repositories together."""

    traffic: Traffic = field(default_factory=Traffic)

    def add(self, cost: Traffic) -> None:
        self.traffic = summed(self.traffic, cost)


class CachedSource:
    """Repositories of `inner`, read through `cache`.

    What `inner` cannot read apart (see `Divisible`: folders, snapshots) is read past the cache.
    """

    def __init__(self, inner: Source, cache: ByteCache) -> None:
        self._inner = inner
        self._cache = cache
        self._spending = Spending()

    @property
    def spent(self) -> Traffic:
        """What was really read."""
        return self._spending.traffic

    async def open(self, ref: ModelRef) -> OpenRepository:
        opened = await self._inner.open(ref)
        if not isinstance(opened, Divisible):
            return opened
        self._spending.add(opened.traffic)
        hub = opened.repository.hub
        # NOTE: whether these files may be read is for the Hub to say, each time: a copy of them in
        # an open repository does not open the gate.
        guarded = hub is not None and (hub.gated is not None or hub.private)
        return CachedRepository(
            inner=opened,
            cache=NoCache() if guarded else self._cache,
            spending=self._spending,
            traffic=opened.traffic,
            repository=opened.repository,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass(slots=True, kw_only=True)
class CachedRepository:
    """An open repository of CachedSource."""

    inner: Divisible
    cache: ByteCache
    spending: Spending
    traffic: Traffic
    repository: Repository
    _files: dict[str, RepoFile] = field(init=False)
    _asked: set[str] = field(default_factory=set, init=False)
    _kept: dict[Piece, Kept] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._files = {file.path: file for file in self.repository.files}

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:
        piece = self._piece(path, None)
        if piece is not None and piece.size_bytes > limit_bytes:
            piece = None  # the source says it better
        return await self._read(piece, lambda apart: apart.read_file(path, limit_bytes=limit_bytes))

    async def read_span(self, path: str, span: Span) -> bytes:
        return await self._read(self._piece(path, span), lambda apart: apart.read_span(path, span))

    async def read_headers(self, index_path: str) -> Mapping[str, memoryview] | None:
        piece = self._headers_piece(index_path)
        kept = self._find(piece)
        if kept is not None:
            self.traffic = summed(self.traffic, kept.cost)
            return _unjoined(kept.data)
        apart = self.inner.apart()
        answer: Mapping[str, memoryview] | None = await self._counted(
            apart, apart.read_headers(index_path)
        )
        if answer is not None and piece is not None:
            self._keep(piece, _joined(answer), apart.traffic)
        return answer

    async def _read(
        self, piece: Piece | None, read: Callable[[OpenRepository], Awaitable[bytes]]
    ) -> bytes:
        kept = self._find(piece)
        if kept is not None:
            self.traffic = summed(self.traffic, kept.cost)
            return kept.data
        apart = self.inner.apart()
        data: bytes = await self._counted(apart, read(apart))
        if piece is not None and _is_of(data, piece):
            self._keep(piece, data, apart.traffic)
        return data

    async def _counted(self, apart: OpenRepository, answer: Awaitable[Any]) -> Any:  # noqa: ANN401 - what is read
        try:
            return await answer
        finally:
            self.traffic = summed(self.traffic, apart.traffic)
            self.spending.add(apart.traffic)

    def _keep(self, piece: Piece, data: bytes, cost: Traffic) -> None:
        if len(data) <= MAX_KEPT_BYTES:
            self.cache.put(piece, Kept(data=data, cost=cost))

    def _find(self, piece: Piece | None) -> Kept | None:
        if piece is None:
            return None
        if piece.oid not in self._asked:
            oids = self._oids_ahead() if not self._asked else []
            asked = dict.fromkeys((piece.oid, *oids))
            self._asked.update(asked)
            self._kept.update(self.cache.get(tuple(asked)))
        return self._kept.get(piece)

    def _oids_ahead(self) -> list[str]:
        """The hashes of all files, where they are few: one question instead of four."""
        if len(self._files) > _ASK_AHEAD:
            return []
        return [file.oid for file in self._files.values() if file.oid is not None]

    def _piece(self, path: str, span: Span | None) -> Piece | None:
        """What `span` of a file is kept as, the whole file without one; None where nobody knows."""
        file = self._files.get(path)
        if file is None or file.oid is None or file.size_bytes is None:
            return None
        whole = Span(0, file.size_bytes)
        return Piece(oid=file.oid, size_bytes=file.size_bytes, span=span or whole)

    def _headers_piece(self, index_path: str) -> Piece | None:
        """What the headers of all shards are kept as: by the index and what may be its shards."""
        folder = index_path.rpartition("/")[0]
        digest = sha256(self.repository.revision.encode() if self.repository.revision else b"")
        for file in sorted(self.repository.files, key=lambda file: file.path):
            beside = file.path.rpartition("/")[0] == folder and file.path.endswith(_WEIGHTS)
            if not beside and file.path != index_path:
                continue
            if file.oid is None or file.size_bytes is None:
                return None
            digest.update(f"\n{file.size_bytes} {file.oid} {file.path}".encode())
        return Piece(oid=digest.hexdigest(), size_bytes=0, span=Span(0, 0))


def summed(first: Traffic, second: Traffic) -> Traffic:
    """What both cost together."""
    return Traffic(
        requests=first.requests + second.requests,
        bytes_read=first.bytes_read + second.bytes_read,
        retries=first.retries + second.retries,
        waited_seconds=first.waited_seconds + second.waited_seconds,
    )


def _joined(headers: Mapping[str, memoryview]) -> bytes:
    """The texts one after another, behind a line that says where each ends."""
    lengths = {path: len(text) for path, text in headers.items()}
    return json.dumps(lengths).encode("ascii") + b"\n" + b"".join(headers.values())


def _unjoined(data: bytes) -> Mapping[str, memoryview]:
    line, _, _ = data.partition(b"\n")
    at, texts = len(line) + 1, {}
    for path, length in json.loads(line).items():
        texts[path] = memoryview(data)[at : at + length]
        at += length
    return texts


def _is_of(data: bytes, piece: Piece) -> bool:
    """Whether the bytes can be of the blob: of a whole one its hash tells."""
    if len(data) != piece.span.length:
        return False
    if piece.span != Span(0, piece.size_bytes):
        return True
    if len(piece.oid) == sha256().digest_size * 2:
        return sha256(data).hexdigest() == piece.oid
    git = sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    git.update(data)
    return git.hexdigest() == piece.oid

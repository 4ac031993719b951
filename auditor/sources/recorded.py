"""A source that notes what is read through it, so that it can be read again without the other.

source = RecordedSource(HubSource())
...                                                    # audits
pack(Snapshot(provenance=Provenance.FETCHED, models=source.recordings(), created="2026-11-22"))
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.core.identity import FolderRef, ModelRef
from auditor.core.large_json import text_of
from auditor.core.protocols import OpenRepository, Source
from auditor.core.repository import Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import HfauditError
from auditor.sources.recording import (
    Extents,
    FailedOpen,
    RecordedModel,
    Recording,
    Refusal,
    joined,
)

Asked = tuple[str, str | None]  # an id or a folder, and its revision


def asked(ref: ModelRef) -> Asked:
    """Under what a recording of `ref` is kept and found."""
    return (ref.path, None) if isinstance(ref, FolderRef) else (ref.repo_id, ref.revision)


class RecordedSource:
    """Passes everything through to `inner` and keeps it, errors included."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self._opened: dict[Asked, RecordedRepository] = {}
        self._failed: dict[Asked, Refusal] = {}

    async def open(self, ref: ModelRef) -> "RecordedRepository":
        """The repository of `inner`. A model that is opened again adds to what was read of it."""
        try:
            inner = await self._inner.open(ref)
        except HfauditError as error:
            if asked(ref) not in self._opened:
                self._failed[asked(ref)] = Refusal.of(error)
            raise
        reads = Reads()
        before = self._opened.get(asked(ref))
        if before is not None and before.repository == inner.repository:
            reads = before.reads
        self._failed.pop(asked(ref), None)
        self._opened[asked(ref)] = RecordedRepository(inner=inner, reads=reads)
        return self._opened[asked(ref)]

    async def aclose(self) -> None:
        await self._inner.aclose()

    def recordings(self) -> tuple[RecordedModel, ...]:
        """What was read so far, each model once, in the order of their ids.

        Raises BadAnswer where a file changed between two reads of it.
        """
        models: dict[Asked, RecordedModel] = {}
        for key, repository in self._opened.items():
            models[key] = _recording(key, repository)
        for key, refusal in self._failed.items():
            models[key] = FailedOpen(names=(key[0],), revision=key[1], refusal=refusal)
        return tuple(models[key] for key in sorted(models, key=lambda key: (key[0], key[1] or "")))


@dataclass(slots=True, kw_only=True)
class Reads:
    """What was read of one repository."""

    files: dict[str, bytes | Refusal] = field(default_factory=dict)
    spans: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    refused_spans: dict[str, dict[Span, Refusal]] = field(default_factory=dict)
    headers: dict[str, bytes | Refusal | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRepository:
    """An open repository that notes its reads."""

    inner: OpenRepository
    reads: Reads

    @property
    def repository(self) -> Repository:
        return self.inner.repository

    @property
    def traffic(self) -> Traffic:
        return self.inner.traffic

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:
        try:
            data = await self.inner.read_file(path, limit_bytes=limit_bytes)
        except HfauditError as error:
            self.reads.files.setdefault(path, Refusal.of(error))
            raise
        self.reads.files[path] = data
        return data

    async def read_span(self, path: str, span: Span) -> bytes:
        try:
            data = await self.inner.read_span(path, span)
        except HfauditError as error:
            self.reads.refused_spans.setdefault(path, {})[span] = Refusal.of(error)
            raise
        self.reads.spans.setdefault(path, []).append((span.begin, data))
        return data

    async def read_headers(self, index_path: str) -> Mapping[str, memoryview] | None:
        try:
            headers = await self.inner.read_headers(index_path)
        except HfauditError as error:
            self.reads.headers.setdefault(index_path, Refusal.of(error))
            raise
        self.reads.headers[index_path] = None if headers is None else text_of(headers)
        return headers


def _recording(key: Asked, model: RecordedRepository) -> Recording:
    names = dict.fromkeys((key[0], model.repository.repo_id))  # once each, the asked one first
    reads = model.reads
    return Recording(
        names=tuple(names),
        revision=key[1],
        repository=model.repository,
        files=dict(reads.files),
        weights={
            path: Extents(
                parts=joined(path, reads.spans.get(path, ())),
                refusals=dict(reads.refused_spans.get(path, {})),
            )
            for path in sorted({*reads.spans, *reads.refused_spans})
        },
        headers=dict(reads.headers),
        traffic=model.traffic,
    )

"""Replays what was recorded, byte for byte, without a network."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Final

from auditor.core.identity import DEFAULT_REVISION, FolderRef, HubRef, ModelRef
from auditor.core.repository import Origin, Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import BadSnapshot, FileNotFound, HfauditError, NotCached
from auditor.sources.contents import Content, check_limit, cut
from auditor.sources.recording import (
    Extents,
    FailedOpen,
    Provenance,
    RecordedModel,
    Recording,
    Refusal,
    Snapshot,
)
from auditor.sources.snapshot_file import unpack

SHIPPED_ENDING: Final = ".snapshot.gz"
MAX_FILE_BYTES: Final = 256 * 1024 * 1024  # packed; what it unpacks to has its own limit
NAMES_SHOWN: Final = 6  # in a hint
TURNS_FOR_OTHERS: Final = 100  # of the event loop; tasks inside tasks need a handful

_ORIGINS: Final = {
    Provenance.FETCHED: Origin.SNAPSHOT_FETCHED,
    Provenance.RECONSTRUCTED: Origin.SNAPSHOT_RECONSTRUCTED,
}


def read_snapshot(path: str) -> Snapshot:
    """The snapshot in the file at `path`. Raises BadSnapshot, also for a file that is not there."""
    try:
        with Path(path).expanduser().open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadSnapshot(
            path,
            f"cannot be read: {(error.strerror or 'no reason given').lower()}",
            hint="give the file that `hfaudit snapshot MODEL -o FILE` wrote",
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise BadSnapshot(
            path, f"more than {MAX_FILE_BYTES:,} bytes", hint="a snapshot holds headers, no weights"
        )
    return unpack(data, subject=path)


def shipped_snapshots() -> tuple[Snapshot, ...]:
    """The snapshots in this package, in the order of their names."""
    shipped = [entry for entry in files("auditor.data").iterdir() if _is_shipped(entry.name)]
    return tuple(
        unpack(entry.read_bytes(), subject=entry.name)
        for entry in sorted(shipped, key=lambda entry: entry.name)
    )


def _is_shipped(name: str) -> bool:
    return name.endswith(SHIPPED_ENDING)


class SnapshotSource:
    """The models of some snapshots; the first that holds a model serves it.

    SnapshotSource(read_snapshot("models.snapshot.gz")), SnapshotSource(*shipped_snapshots()).
    """

    def __init__(self, *snapshots: Snapshot, what: str = "the snapshot") -> None:
        self._snapshots = snapshots
        self._what = what

    @property
    def names(self) -> tuple[str, ...]:
        """The ids and folders that are held, former names included."""
        models = [model for snapshot in self._snapshots for model in snapshot.models]
        return tuple(dict.fromkeys(name for model in models for name in model.names))

    async def open(self, ref: ModelRef) -> "ReplayedRepository":
        """The model as it was recorded.

        Raises NotCached for a model or a revision that is not held, and again what the recorded
        source raised.
        """
        other_revisions: list[str] = []
        for snapshot in self._snapshots:
            for model in snapshot.models:
                if not _is_named(model, ref):
                    continue
                if not _is_at(model, ref):
                    other_revisions.append(model.revision or "no revision")
                elif isinstance(model, FailedOpen):
                    raise model.refusal.error()
                else:
                    return _replay(snapshot, model, ref)
        raise self._not_held(ref, other_revisions)

    async def aclose(self) -> None:
        """Nothing to close."""

    def _not_held(self, ref: ModelRef, other_revisions: list[str]) -> NotCached:
        if other_revisions and isinstance(ref, HubRef):
            held = ", ".join(dict.fromkeys(other_revisions))
            return NotCached(
                str(ref),
                f"revision {ref.revision} is not in {self._what}",
                hint=f"it holds {held}",
            )
        names = self.names
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        held = ", ".join(names[:NAMES_SHOWN]) + more if names else "no model"
        return NotCached(str(ref), f"not in {self._what}", hint=f"it holds {held}")


def _is_named(model: RecordedModel, ref: ModelRef) -> bool:
    return (ref.path if isinstance(ref, FolderRef) else ref.repo_id) in model.names


def _is_at(model: RecordedModel, ref: ModelRef) -> bool:
    if isinstance(ref, FolderRef):
        return model.revision is None
    commit = model.repository.commit if isinstance(model, Recording) else None
    return ref.revision in {model.revision or DEFAULT_REVISION, commit}  # a folder has no revision


def _replay(snapshot: Snapshot, model: Recording, ref: ModelRef) -> "ReplayedRepository":
    repository = replace(
        model.repository,
        requested=str(ref),
        revision=ref.revision if isinstance(ref, HubRef) and model.revision else None,
        origin=_ORIGINS[snapshot.provenance],
        note=_note(snapshot, model.repository),
    )
    return ReplayedRepository(repository=repository, recording=model)


def _note(snapshot: Snapshot, repository: Repository) -> str:
    """On what a replay stands: "recorded 2026-11-22 from https://huggingface.co; ..."."""
    made = f"{snapshot.created} from {snapshot.endpoint or repository.origin.value}".strip()
    start = f"recorded {made}" if snapshot.provenance is Provenance.FETCHED else ""
    return "; ".join(part for part in (start, snapshot.note, repository.note) if part)


@dataclass(slots=True, kw_only=True)
class ReplayedRepository:
    """An open repository of SnapshotSource."""

    repository: Repository
    recording: Recording
    replayed_bytes: int = field(default=0)

    @property
    def traffic(self) -> Traffic:
        """What the recorded audit cost; without one, the bytes replayed so far."""
        return self.recording.traffic or Traffic(bytes_read=self.replayed_bytes)

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:
        read = self.recording.files.get(path)
        if isinstance(read, Refusal):
            raise read.error()
        if read is None:
            raise await self._not_recorded(path, "the file")
        check_limit(path, len(read), limit_bytes)
        return self._counted(read)

    async def read_span(self, path: str, span: Span) -> bytes:
        held = self.recording.weights.get(path)
        if isinstance(held, Extents):
            return self._counted(await self._recorded_span(path, held, span))
        content: Content | Refusal | None = held
        if content is None:
            content = self.recording.files.get(path)
        if content is None or isinstance(content, Refusal):
            raise await self._not_recorded(path, _bytes_of(span))
        return self._counted(cut(path, content, span))

    async def read_headers(self, index_path: str) -> Mapping[str, memoryview] | None:
        """The recorded answer; None where none was recorded, so that the shards are asked."""
        read = self.recording.headers.get(index_path)
        if isinstance(read, Refusal):
            raise read.error()
        if read is None:
            return None
        from auditor.core.large_json import texts_in  # noqa: PLC0415 - see there

        headers = texts_in(self._counted(read))
        if headers is None:
            raise BadSnapshot(index_path, "its headers are no JSON object", hint="record it again")
        return headers

    async def _recorded_span(self, path: str, held: Extents, span: Span) -> bytes:
        data = held.read(span)
        if data is not None:
            return data
        if span in held.refusals:
            raise held.refusals[span].error()
        raise await self._not_recorded(path, _bytes_of(span))

    async def _not_recorded(self, path: str, what: str) -> HfauditError:
        """The error for a read that is not held.

        NOTE: where an audit failed, its error cut off the reads that were still under way, so these
        were not recorded. It is the error to see again, and it is raised once the others go on.
        """
        for _ in range(TURNS_FOR_OTHERS):
            await asyncio.sleep(0)
        if self.repository.file(path) is None:
            return FileNotFound(path, f"not in {self.repository.repo_id}")
        return NotCached(
            path,
            f"the snapshot does not hold {what}: it was not read when it was recorded",
            hint=f"record it again with `hfaudit snapshot {self.repository.repo_id} -o FILE`",
        )

    def _counted(self, data: bytes) -> bytes:
        self.replayed_bytes += len(data)
        return data


def _bytes_of(span: Span) -> str:
    return f"bytes {span.begin:,} to {span.end:,}"

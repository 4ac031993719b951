import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.identity import FolderRef, HubRef, ModelRef, parse_model_ref
from auditor.core.protocols import OpenRepository, Source
from auditor.core.repository import Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import (
    BadAnswer,
    GatedAccess,
    HeaderMalformed,
    HfauditError,
    NotCached,
)
from auditor.sources.folder import FolderSource
from auditor.sources.memory import MemorySource
from auditor.sources.recorded import RecordedSource
from auditor.sources.recording import FailedOpen, Provenance, Recording, Snapshot
from auditor.sources.snapshot import SnapshotSource
from auditor.sources.snapshot_file import pack, unpack

NAME = HubRef(repo_id="org/name")
FILES = {"config.json": b"{}", "model.safetensors": b"0123456789"}


def replay(source: RecordedSource) -> SnapshotSource:
    """What was recorded, by way of the file's bytes."""
    snapshot = Snapshot(provenance=Provenance.FETCHED, models=source.recordings())
    return SnapshotSource(unpack(pack(snapshot)))


def same_repository(one: Repository, other: Repository) -> bool:
    return replace(one, origin=other.origin, note=other.note) == other


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An error, to be compared."""

    kind: str
    message: str
    hint: str


async def outcome(read: Awaitable[Any]) -> object:
    """What a read gives: bytes, headers, or what the error says."""
    try:
        return await read
    except HfauditError as error:
        return Said(kind=error.kind, message=str(error), hint=error.hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One read of a test's audit; without a span the whole file."""

    path: str
    span: Span | None
    limit_bytes: int = 1_000

    def of(self, repository: OpenRepository) -> Awaitable[bytes]:
        if self.span is not None:
            return repository.read_span(self.path, self.span)
        return repository.read_file(self.path, limit_bytes=self.limit_bytes)


async def audit(source: Source, ref: ModelRef, asked: list[Asked]) -> tuple[list[object], Traffic]:
    repository = await source.open(ref)
    return [await outcome(one.of(repository)) for one in asked], repository.traffic


PATHS = ("a.json", "b.safetensors", "c.safetensors")
CONTENTS = st.fixed_dictionaries({path: st.binary(max_size=40) for path in PATHS[:2]})
SPANS = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda ends: Span(*sorted(ends)))
READS = st.builds(
    Asked,
    path=st.sampled_from(PATHS),
    span=st.none() | SPANS,
    limit_bytes=st.sampled_from((10, 1_000)),
)


@settings(deadline=None)
@given(CONTENTS, st.lists(READS, max_size=20))
def test_a_replay_answers_every_read_as_the_recorded_source_did(
    contents: dict[str, bytes], asked: list[Asked]
) -> None:
    source = RecordedSource(MemorySource({"org/name": contents}))
    live, traffic = asyncio.run(audit(source, NAME, asked))
    again, replayed_traffic = asyncio.run(audit(replay(source), NAME, asked))
    assert again == live
    assert replayed_traffic == traffic


@settings(deadline=None)
@given(CONTENTS, st.lists(READS, max_size=5), st.lists(READS, max_size=5))
def test_a_replay_never_answers_otherwise_than_the_recorded_source_would(
    contents: dict[str, bytes], recorded: list[Asked], asked: list[Asked]
) -> None:
    memory = MemorySource({"org/name": contents})
    source = RecordedSource(memory)
    asyncio.run(audit(source, NAME, recorded))
    live, _ = asyncio.run(audit(memory, NAME, asked))
    again, _ = asyncio.run(audit(replay(source), NAME, asked))
    for one, other in zip(again, live, strict=True):
        assert one == other or isinstance(one, Said)


def test_a_replay_shows_the_same_repository() -> None:
    memory = MemorySource({"org/name": FILES}, aliases={"name": "org/name"})
    source = RecordedSource(memory)
    for text in ("name", "org/name"):
        ref = parse_model_ref(text)
        live = asyncio.run(source.open(ref)).repository
        again = asyncio.run(replay(source).open(ref)).repository
        assert same_repository(live, again)


def test_a_folder_is_recorded_under_its_path_and_its_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    ref = FolderRef(path=str(tmp_path))
    source = RecordedSource(FolderSource())
    asked = [Asked(path="config.json", span=None)]
    live, _ = asyncio.run(audit(source, ref, asked))
    assert live == [b"{}"]
    again, _ = asyncio.run(audit(replay(source), ref, asked))
    assert again == live
    assert replay(source).names == (str(tmp_path), tmp_path.name)


def test_a_model_that_cannot_be_opened_is_recorded_as_its_error() -> None:
    refusal = GatedAccess("org/name", "access must be asked for", hint="log in")
    source = RecordedSource(MemorySource({}, failures={"org/name": refusal}))
    for one in (source, lambda: replay(source)):
        with pytest.raises(GatedAccess) as caught:
            asyncio.run((one() if callable(one) else one).open(NAME))
        assert (str(caught.value), caught.value.hint) == (str(refusal), "log in")
    assert [type(model) for model in source.recordings()] == [FailedOpen]


class Moody:
    """Answers each `open` by the next of its sources."""

    def __init__(self, *sources: Source) -> None:
        self._sources = list(sources)

    async def open(self, ref: ModelRef) -> OpenRepository:
        return await self._sources.pop(0).open(ref)

    async def aclose(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("fails_first", [True, False])
def test_a_model_that_opens_only_once_of_twice_is_recorded_as_open(fails_first: bool) -> None:  # noqa: FBT001
    holds, lacks = MemorySource({"org/name": FILES}), MemorySource({})
    source = RecordedSource(Moody(lacks, holds) if fails_first else Moody(holds, lacks))

    async def open_twice() -> list[object]:
        return [await outcome(source.open(NAME)), await outcome(source.open(NAME))]

    assert [isinstance(one, Said) for one in asyncio.run(open_twice())] == [
        fails_first,
        not fails_first,
    ]
    assert [type(model) for model in source.recordings()] == [Recording]


def test_a_model_that_has_moved_on_is_recorded_as_it_is_now() -> None:
    moved = MemorySource({"org/name": {"config.json": b"{ }"}})
    source = RecordedSource(Moody(MemorySource({"org/name": FILES}), moved))
    asyncio.run(audit(source, NAME, [Asked(path="model.safetensors", span=Span(0, 4))]))
    asyncio.run(audit(source, NAME, [Asked(path="config.json", span=None)]))
    (recording,) = source.recordings()
    assert isinstance(recording, Recording)
    assert (dict(recording.files), dict(recording.weights)) == ({"config.json": b"{ }"}, {})


def test_a_model_that_is_opened_twice_is_one_recording_of_all_that_was_read() -> None:
    source = RecordedSource(MemorySource({"org/name": FILES}))
    first, second = (
        Asked(path="config.json", span=None),
        Asked(path="model.safetensors", span=Span(0, 4)),
    )
    asyncio.run(audit(source, NAME, [first]))
    asyncio.run(audit(source, NAME, [second]))
    again, _ = asyncio.run(audit(replay(source), NAME, [first, second]))
    assert again == [b"{}", b"0123"]
    assert len(source.recordings()) == 1


def test_recordings_stand_in_the_order_of_their_ids() -> None:
    source = RecordedSource(MemorySource({"b/b": FILES, "a/a": FILES}))
    for repo_id in ("b/b", "a/a"):
        asyncio.run(source.open(HubRef(repo_id=repo_id)))
    assert [model.names for model in source.recordings()] == [("a/a",), ("b/b",)]


class Scripted:
    """A source with one model whose reads say what the test tells them."""

    def __init__(self, **says: object) -> None:
        self.says = says
        self.closed = False

    async def open(self, ref: ModelRef) -> "ScriptedRepository":
        opened = await MemorySource({"org/name": FILES}).open(ref)
        return ScriptedRepository(repository=opened.repository, says=self.says)

    async def aclose(self) -> None:
        self.closed = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedRepository:
    repository: Repository
    says: Mapping[str, object]
    traffic: Traffic = field(default_factory=Traffic)

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:  # noqa: ARG002
        return cast("bytes", await self._say("file"))

    async def read_span(self, path: str, span: Span) -> bytes:  # noqa: ARG002
        return cast("bytes", await self._say("span"))

    async def read_headers(self, index_path: str) -> Mapping[str, memoryview] | None:  # noqa: ARG002
        return cast("Mapping[str, memoryview] | None", await self._say("headers"))

    async def _say(self, what: str) -> object:
        said = self.says[what]
        if said == "never":
            await asyncio.Event().wait()
        if isinstance(said, list):
            said = said.pop(0)
        if isinstance(said, HfauditError):
            raise said
        return said


@pytest.mark.parametrize(
    "said",
    [
        *(None, {}, GatedAccess("x", "no")),
        {"ä.safetensors": memoryview(b'{"a": {"shape":[1]}}'), "b": memoryview(b"{}")},
    ],
)
def test_headers_at_once_are_replayed_as_they_came(said: object) -> None:
    async def ask(source: Source) -> object:
        return await outcome((await source.open(NAME)).read_headers("index.json"))

    source = RecordedSource(Scripted(headers=said))
    live = asyncio.run(ask(source))
    assert asyncio.run(ask(replay(source))) == live


def test_a_file_that_changes_while_it_is_recorded_is_no_recording() -> None:
    source = RecordedSource(Scripted(span=[b"one", b"two"]))
    asked = Asked(path="model.safetensors", span=Span(0, 3))
    asyncio.run(audit(source, NAME, [asked, asked]))
    with pytest.raises(BadAnswer, match="read twice and differ"):
        source.recordings()


@pytest.mark.parametrize(
    "said",
    [GatedAccess("org/name", "access must be asked for"), HeaderMalformed("model", "no header")],
)
def test_an_audit_that_failed_fails_in_the_same_way_again(said: HfauditError) -> None:
    """The card is still under way when the weights end the audit, so it is not in the recording."""

    async def failing_audit(source: Source) -> object:
        repository = await source.open(NAME)

        async def weights() -> None:
            await asyncio.sleep(0)  # the card has been asked for
            await repository.read_span("model.safetensors", Span(0, 4))
            raise said

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(repository.read_file("config.json", limit_bytes=9))
                group.create_task(weights())
        except ExceptionGroup as failures:
            return [(type(error), str(error)) for error in failures.exceptions]
        return None

    span = b"0123" if isinstance(said, HeaderMalformed) else said
    source = RecordedSource(Scripted(file="never", span=span))
    live = asyncio.run(failing_audit(source))
    assert live == [(type(said), str(said))]
    assert asyncio.run(failing_audit(replay(source))) == live


def test_what_was_not_read_is_a_clear_error_in_a_replay() -> None:
    source = RecordedSource(MemorySource({"org/name": FILES}))
    asyncio.run(audit(source, NAME, []))
    repository = asyncio.run(replay(source).open(NAME))
    with pytest.raises(NotCached, match="was not read when it was recorded"):
        asyncio.run(repository.read_file("config.json", limit_bytes=9))


def test_closing_closes_the_recorded_source() -> None:
    inner = Scripted()
    asyncio.run(RecordedSource(inner).aclose())
    assert inner.closed

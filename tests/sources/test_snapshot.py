import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from auditor.core.identity import FolderRef, parse_model_ref
from auditor.core.repository import HubFacts, Origin, RepoFile, Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import (
    BadAnswer,
    BadSnapshot,
    FileNotFound,
    FileTooLarge,
    GatedAccess,
    LimitExceeded,
    NotCached,
)
from auditor.sources.contents import ZeroTailed
from auditor.sources.recording import (
    Extents,
    FailedOpen,
    Provenance,
    RecordedModel,
    Recording,
    Refusal,
    Snapshot,
    error_kinds,
    joined,
)
from auditor.sources.snapshot import (
    ReplayedRepository,
    SnapshotSource,
    read_snapshot,
    shipped_snapshots,
)
from auditor.sources.snapshot_file import MAGIC, inflate, pack, unpack

COMMIT = "a" * 40
GATED = Refusal(kind="gated", subject="org/gated", reason="ask for access", hint="log in")

FACTS = HubFacts(
    total=5,
    parameters={"F32": 3, "I64": 2},
    gated="manual",
    private=True,
    library="transformers",
    pipeline_tag="fill-mask",
    tags=("en", "bert"),
    base_model=("org/base",),
    last_modified="2024-02-19T11:06:12.000Z",
)
REPOSITORY = Repository(
    repo_id="org/name",
    requested="name",
    revision="main",
    commit=COMMIT,
    origin=Origin.HUB,
    files=(
        RepoFile(path="README.md", size_bytes=None),
        RepoFile(path="config.json", size_bytes=2, oid="b" * 40),
        RepoFile(path="model.safetensors", size_bytes=100, oid="c" * 64, is_lfs=True),
        RepoFile(path="zeros.safetensors", size_bytes=10**12, is_lfs=True),
    ),
    hub=FACTS,
    note="",
)
RECORDING = Recording(
    names=("name", "org/name"),
    revision="main",
    repository=REPOSITORY,
    files={"config.json": b"{}", "gated.json": GATED},
    weights={
        "model.safetensors": Extents(
            parts=((0, b"\x02\0\xff"), (50, b"{}")), refusals={Span(10, 20): GATED}
        ),
        "unread.safetensors": Extents(parts=()),
        "zeros.safetensors": ZeroTailed(head=b"head", size_bytes=10**12),
    },
    headers={"index.json": b'{"a":{"b":[1,2]}}', "none.json": None, "gated.json": GATED},
    traffic=Traffic(requests=5, bytes_read=68_000, retries=1, waited_seconds=2),
)
FAILED = FailedOpen(names=("org/gated",), revision="main", refusal=GATED)
SNAPSHOT = Snapshot(
    provenance=Provenance.FETCHED,
    models=(RECORDING, FAILED),
    endpoint="https://huggingface.co",
    created="2026-11-22",
    note="for the tests",
)


def replayed(text: str = "name", *models: RecordedModel) -> ReplayedRepository:
    snapshot = replace(SNAPSHOT, models=models) if models else SNAPSHOT
    return asyncio.run(SnapshotSource(snapshot).open(parse_model_ref(text)))


# -- the file


def test_what_is_packed_is_unpacked_as_it_was() -> None:
    assert unpack(pack(SNAPSHOT)) == SNAPSHOT


def test_every_field_of_the_nouns_is_kept() -> None:
    """A field that is added to a noun must be added to the file: no value here is a default."""
    for noun in (FACTS, SNAPSHOT, RECORDING, RECORDING.traffic, REPOSITORY.files[2]):
        assert noun is not None
        for field in fields(noun):
            value = getattr(noun, field.name)
            assert value not in (None, "", 0, False, (), {}), f"{field.name} is a default"


def test_equal_snapshots_are_equal_bytes_without_a_clock_or_a_name() -> None:
    packed = pack(SNAPSHOT)
    assert packed == pack(unpack(packed))
    assert packed[3:8] == b"\0" * 5  # RFC 1952: no flags (so no name), no time


def test_the_file_is_a_line_a_manifest_and_each_blob_once() -> None:
    twice = replace(
        RECORDING, files={"a": b"same bytes", "b": b"same bytes"}, weights={}, headers={}
    )
    content = gzip.decompress(pack(replace(SNAPSHOT, models=(twice,))))
    magic, manifest, blobs = content.split(b"\n", 2)
    assert magic == b"hfaudit-snapshot"
    assert json.loads(manifest)["schema"] == 1
    assert json.loads(manifest)["models"][0]["files"] == {"a": [0, 10], "b": [0, 10]}
    assert blobs == b"same bytes"


def test_an_empty_snapshot_is_one_too() -> None:
    empty = Snapshot(provenance=Provenance.RECONSTRUCTED, models=())
    assert unpack(pack(empty)) == empty


def content_of(snapshot: Snapshot) -> tuple[dict[str, Any], bytes]:
    _, line, blobs = gzip.decompress(pack(snapshot)).split(b"\n", 2)
    manifest: dict[str, Any] = json.loads(line)
    return manifest, blobs


def file_of(manifest: object, blobs: bytes) -> bytes:
    return gzip.compress(MAGIC + json.dumps(manifest).encode() + b"\n" + blobs, mtime=0)


WHOLE = pack(SNAPSHOT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cut off"),
        (b"not gzip at all", "not a sound gzip file"),
        (WHOLE[: len(WHOLE) // 2], "cut off"),
        (WHOLE[:-1], "cut off"),
        (WHOLE + b"more", "4 bytes follow its end"),
        (WHOLE[:-8] + b"\0" * 8, "incorrect data check"),  # the checksum of the content
        (gzip.compress(b"something else\n{}\n", mtime=0), "not a snapshot"),
        (gzip.compress(MAGIC + b"{}", mtime=0), "does not end"),
        (gzip.compress(MAGIC + b"{\n", mtime=0), "the manifest is no JSON"),
        (gzip.compress(MAGIC + b"\xff\n", mtime=0), "the manifest is no JSON"),
        (gzip.compress(MAGIC + b"[" * 100_000 + b"\n", mtime=0), "the manifest is no JSON"),
        (gzip.compress(MAGIC + b"[]\n", mtime=0), "an object was expected, not an array"),
        (gzip.compress(MAGIC + b"{}\n", mtime=0), "schema: a count was expected, not nothing"),
    ],
)
def test_what_is_no_snapshot_or_a_broken_one_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(BadSnapshot, match=reason) as caught:
        unpack(data, subject="models.gz")
    assert caught.value.subject == "models.gz"
    assert caught.value.hint


def spoil(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Puts `value` at `path` of a manifest: `models/0/names`."""

    def act(manifest: dict[str, Any]) -> None:
        *above, last = path.split("/")
        place: Any = manifest
        for step in above:
            place = place[int(step) if isinstance(place, list) else step]
        place[int(last) if isinstance(place, list) else last] = value

    return act


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("schema", 2, "of schema 2; this version reads 1"),
        ("schema", True, "schema: a count was expected, not a truth"),
        ("provenance", "dreamed", "provenance: 'dreamed' is none of fetched, reconstructed"),
        ("created", 20261122, "created: a text was expected, not a number"),
        ("blob_bytes", 3, "blob_bytes: 26 bytes of blobs are there"),
        ("models", {}, "models: an array was expected, not an object"),
        ("models/0", None, "models[0]: an object was expected, not nothing"),
        ("models/0/names/0", 1, "models[0].names[0]: a text"),
        ("models/0/repository/origin", "moon", "models[0].repository.origin: 'moon'"),
        ("models/0/repository/commit", 5, "models[0].repository.commit: a text"),
        ("models/0/repository/files/1/1", -1, "repository.files[1][1]: a count"),
        ("models/0/repository/files/1/1", 1.5, "repository.files[1][1]: a count"),
        ("models/0/repository/files/1/3", 1, "files[1][3]: true or false was expected"),
        ("models/0/repository/files/1", ["a"], "files[1]: 4 columns were expected, not 1"),
        ("models/0/repository/hub/parameters/F32", "5", "parameters['F32']: a count"),
        ("models/0/traffic/requests", None, "traffic.requests: a count"),
        ("models/0/files/config.json", [0, 27], "bytes 0 to 27 of 26"),
        ("models/0/files/config.json", [2, 1], "bytes 2 to 1 of 26"),
        ("models/0/files/config.json", [0, 25], "the blobs overlap"),
        ("models/0/files/gated.json/kind", "rude", "no kind of error: 'rude'"),
        ("models/0/weights/zeros.safetensors/size_bytes", 3, "the file's head alone has 4 bytes"),
        ("models/0/weights/model.safetensors/parts/1/0", 3, "the parts are out of order"),
        ("models/0/weights/model.safetensors/parts/0", [1], "2 columns were expected, not 1"),
        ("models/0/weights/model.safetensors/errors/0/2", {}, "errors[0][2].kind: a text"),
        ("models/0/headers", [], "models[0].headers: an object"),
        ("models/1/error/reason", None, "models[1].error.reason: a text"),
    ],
)
def test_a_manifest_that_lies_names_the_field(path: str, value: object, reason: str) -> None:
    manifest, blobs = content_of(SNAPSHOT)
    assert len(blobs) == 2 + 3 + 4 + 17  # {}, \x02\0\xff, head, the headers; {} only once
    spoil(path, value)(manifest)
    with pytest.raises(BadSnapshot) as caught:
        unpack(file_of(manifest, blobs))
    assert reason in str(caught.value)


def test_a_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 10_000_000, mtime=0)
    assert len(bomb) < 10_000
    with pytest.raises(BadSnapshot, match="unpacks to more than 1,000,000 bytes"):
        inflate(bomb, subject="bomb", limit_bytes=1_000_000)


def test_what_fills_the_limit_exactly_is_taken() -> None:
    assert inflate(gzip.compress(b"12345", mtime=0), subject="five", limit_bytes=5) == b"12345"
    with pytest.raises(BadSnapshot, match="more than 4 bytes"):
        inflate(gzip.compress(b"12345", mtime=0), subject="five", limit_bytes=4)


def test_blobs_that_overlap_cannot_blow_a_file_up() -> None:
    manifest, _ = content_of(
        replace(SNAPSHOT, models=(replace(RECORDING, weights={}, headers={}),))
    )
    manifest["blob_bytes"] = 1_000
    manifest["models"][0]["files"] = {f"{at}": [0, 1_000 - at] for at in range(500)}
    with pytest.raises(BadSnapshot, match="the blobs overlap"):
        unpack(file_of(manifest, b"\0" * 1_000))


def test_more_than_could_be_read_back_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.sources.snapshot_file.MAX_UNPACKED_BYTES", 100)
    with pytest.raises(LimitExceeded, match="bytes, "):
        pack(SNAPSHOT)


def test_a_manifest_too_long_to_parse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.sources.checked_json.MAX_JSON_BYTES", 100)
    with pytest.raises(BadSnapshot, match="at most 100 are parsed"):
        unpack(WHOLE)


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "models.gz"
    path.write_bytes(WHOLE)
    assert read_snapshot(str(path)) == SNAPSHOT


def test_a_file_that_is_not_there_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(BadSnapshot, match="no such file") as caught:
        read_snapshot(str(tmp_path / "none.gz"))
    assert "hfaudit snapshot" in caught.value.hint
    with pytest.raises(BadSnapshot, match="cannot be read"):
        read_snapshot(str(tmp_path))


def test_a_file_of_weights_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.sources.snapshot.MAX_FILE_BYTES", 3)
    (tmp_path / "model.safetensors").write_bytes(b"1234")
    with pytest.raises(BadSnapshot, match="more than 3 bytes"):
        read_snapshot(str(tmp_path / "model.safetensors"))


# -- the replay


def test_a_replay_is_the_recorded_repository_and_says_where_it_is_from() -> None:
    repository = replayed().repository
    assert repository == replace(
        REPOSITORY,
        origin=Origin.SNAPSHOT_FETCHED,
        note="recorded 2026-11-22 from https://huggingface.co; for the tests",
    )


def test_a_reconstruction_is_called_one() -> None:
    recording = replace(RECORDING, repository=replace(REPOSITORY, note="from a paper"))
    snapshot = Snapshot(provenance=Provenance.RECONSTRUCTED, models=(recording,))
    repository = asyncio.run(SnapshotSource(snapshot).open(parse_model_ref("name"))).repository
    assert repository.origin is Origin.SNAPSHOT_RECONSTRUCTED
    assert repository.note == "from a paper"  # the origin says what it is


@pytest.mark.parametrize("text", ["name", "org/name", f"name@{COMMIT}", f"org/name@{COMMIT}"])
def test_a_model_is_found_by_each_of_its_names_and_its_commit(text: str) -> None:
    repository = replayed(text).repository
    assert repository.repo_id == "org/name"
    assert repository.requested == text
    assert repository.revision == (COMMIT if "@" in text else "main")


def test_a_folder_is_found_by_its_path_and_by_its_name() -> None:
    folder = replace(REPOSITORY, repo_id="bert", revision=None, commit=None, origin=Origin.FOLDER)
    recording = replace(RECORDING, names=("models/bert", "bert"), revision=None, repository=folder)
    source = SnapshotSource(replace(SNAPSHOT, models=(recording,)))
    by_path = asyncio.run(source.open(FolderRef(path="models/bert"))).repository
    by_name = asyncio.run(source.open(parse_model_ref("bert"))).repository
    assert (by_path.requested, by_path.revision) == ("models/bert", None)
    assert (by_name.requested, by_name.revision) == ("bert", None)


def test_what_was_read_is_served_again() -> None:
    opened = replayed()
    assert asyncio.run(opened.read_file("config.json", limit_bytes=9)) == b"{}"
    assert asyncio.run(opened.read_span("model.safetensors", Span(0, 3))) == b"\x02\0\xff"
    assert asyncio.run(opened.read_span("model.safetensors", Span(51, 52))) == b"}"
    headers = asyncio.run(opened.read_headers("index.json"))
    assert headers == {"a": memoryview(b'{"b":[1,2]}')}
    assert asyncio.run(opened.read_headers("none.json")) is None
    assert asyncio.run(opened.read_headers("never asked.json")) is None


def test_a_replay_costs_what_the_recorded_audit_cost() -> None:
    opened = replayed()
    asyncio.run(opened.read_file("config.json", limit_bytes=9))
    assert opened.traffic == RECORDING.traffic


def test_without_a_recorded_cost_the_bytes_are_counted() -> None:
    opened = replayed("name", replace(RECORDING, traffic=None))
    asyncio.run(opened.read_file("config.json", limit_bytes=9))
    asyncio.run(opened.read_span("zeros.safetensors", Span(0, 100)))
    assert opened.traffic == Traffic(bytes_read=2 + 100)


def test_behind_a_known_header_there_are_zeros_to_the_last_byte() -> None:
    opened = replayed()
    end = 10**12
    assert asyncio.run(opened.read_span("zeros.safetensors", Span(2, 6))) == b"ad\0\0"
    assert asyncio.run(opened.read_span("zeros.safetensors", Span(end - 2, end))) == b"\0\0"
    with pytest.raises(BadAnswer):
        asyncio.run(opened.read_span("zeros.safetensors", Span(end - 2, end + 1)))


def test_a_span_of_a_small_file_is_cut_from_it() -> None:
    assert asyncio.run(replayed().read_span("config.json", Span(1, 2))) == b"}"


def test_what_was_refused_is_refused_again() -> None:
    with pytest.raises(GatedAccess, match="ask for access") as caught:
        replayed("org/gated")
    assert (caught.value.subject, caught.value.hint) == ("org/gated", "log in")
    opened = replayed()
    with pytest.raises(GatedAccess):
        asyncio.run(opened.read_file("gated.json", limit_bytes=9))
    with pytest.raises(GatedAccess):
        asyncio.run(opened.read_span("model.safetensors", Span(10, 20)))
    with pytest.raises(GatedAccess):
        asyncio.run(opened.read_headers("gated.json"))


def test_what_was_not_read_is_not_there() -> None:
    opened = replayed()
    with pytest.raises(NotCached, match="does not hold the file") as caught:
        asyncio.run(opened.read_file("README.md", limit_bytes=9))
    assert caught.value.hint == "record it again with `hfaudit snapshot org/name -o FILE`"
    with pytest.raises(NotCached, match="does not hold bytes 0 to 4"):
        asyncio.run(opened.read_span("README.md", Span(0, 4)))
    with pytest.raises(NotCached, match="does not hold bytes 2 to 4"):
        asyncio.run(opened.read_span("model.safetensors", Span(2, 4)))
    with pytest.raises(FileNotFound, match="not in org/name"):
        asyncio.run(opened.read_file("nowhere.json", limit_bytes=9))


def test_a_file_past_the_limit_is_refused_in_a_replay_too() -> None:
    with pytest.raises(FileTooLarge, match="2 bytes; at most 1"):
        asyncio.run(replayed().read_file("config.json", limit_bytes=1))


@pytest.mark.parametrize("text", [b"{", b"[]", b"[" * 100_000])
def test_headers_that_are_no_object_are_a_bad_snapshot(text: bytes) -> None:
    with pytest.raises(BadSnapshot):
        asyncio.run(replayed("name", replace(RECORDING, headers={"i": text})).read_headers("i"))


def test_a_model_that_is_not_held_says_which_are() -> None:
    with pytest.raises(NotCached, match="not in the snapshot") as caught:
        replayed("org/other")
    assert caught.value.hint == "it holds name, org/name, org/gated"
    with pytest.raises(NotCached) as caught:
        replayed("m0", *(replace(FAILED, names=(f"x{at}",)) for at in range(8)))
    assert caught.value.hint == "it holds x0, x1, x2, x3, x4, x5 and 2 more"


def test_a_revision_that_is_not_held_says_which_is() -> None:
    with pytest.raises(NotCached, match="revision v2 is not in the snapshot") as caught:
        replayed("org/name@v2")
    assert caught.value.hint == "it holds main"


def test_the_first_snapshot_that_holds_a_model_serves_it() -> None:
    later = replace(SNAPSHOT, created="2027-01-01", note="")
    repository = asyncio.run(SnapshotSource(SNAPSHOT, later).open(parse_model_ref("name")))
    assert repository.repository.note.startswith("recorded 2026-11-22")


# -- the nouns


def test_every_kind_of_error_can_be_raised_again() -> None:
    for kind, cls in error_kinds().items():
        error = Refusal.of(cls("whom", "what", hint="next")).error()
        assert (type(error), error.kind) == (cls, kind)
        assert (error.subject, error.reason, error.hint) == ("whom", "what", "next")


@pytest.mark.parametrize(
    ("reads", "parts"),
    [
        ([], ()),
        ([(0, b"ab"), (2, b"cd")], ((0, b"abcd"),)),  # they touch
        ([(2, b"cd"), (0, b"abc")], ((0, b"abcd"),)),  # they overlap
        ([(0, b"abcd"), (1, b"bc")], ((0, b"abcd"),)),  # one is inside the other
        ([(0, b"ab"), (3, b"d")], ((0, b"ab"), (3, b"d"))),
        ([(0, b"ab"), (0, b"ab"), (1, b"")], ((0, b"ab"),)),
    ],
)
def test_reads_are_joined_where_they_meet(
    reads: list[tuple[int, bytes]], parts: tuple[tuple[int, bytes], ...]
) -> None:
    assert joined("file", reads) == parts


def test_two_reads_that_contradict_each_other_are_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="bytes from 1 were read twice and differ"):
        joined("file", [(0, b"abc"), (1, b"bX")])


# -- what is shipped


def test_the_shipped_snapshots_hold_the_models_that_are_promised_by_all_their_names() -> None:
    names = SnapshotSource(*shipped_snapshots()).names
    assert {
        *("google-bert/bert-large-uncased", "bert-large-uncased"),
        *("google-bert/bert-base-uncased", "bert-base-uncased"),
        *("openai-community/gpt2", "gpt2", "FacebookAI/roberta-base", "roberta-base"),
        "mistralai/Mistral-7B-v0.3",
    } <= set(names)

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from auditor.core.identity import FolderRef, HubRef
from auditor.core.kept import Kept, Piece
from auditor.core.protocols import OpenRepository
from auditor.core.repository import Traffic
from auditor.core.tensors import Span
from auditor.errors import FileTooLarge, GatedAccess, NotFound
from auditor.sources.cached import CachedSource, NoCache
from auditor.sources.folder import FolderSource
from auditor.sources.hub import HubSource
from auditor.sources.memory import MemorySource
from builders import safetensors_file
from hub import Hub, Repo, Settings

WEIGHTS = safetensors_file({"a": ("F32", [2, 3])})
CONFIG = b'{"model_type": "gpt2"}'


class Shelf:
    """A cache in a dict that counts its questions."""

    def __init__(self) -> None:
        self.pieces: dict[Piece, Kept] = {}
        self.questions = 0

    def get(self, oids: Sequence[str]) -> Mapping[Piece, Kept]:
        self.questions += 1
        return {piece: kept for piece, kept in self.pieces.items() if piece.oid in oids}

    def put(self, piece: Piece, kept: Kept) -> None:
        self.pieces[piece] = kept


async def everything(model: OpenRepository) -> tuple[bytes, bytes, bytes]:
    return (
        await model.read_file("config.json", limit_bytes=1_000),
        await model.read_span("model.safetensors", Span(0, 8)),
        await model.read_span("model.safetensors", Span(8, 20)),
    )


def read(server: Hub, cache: Any, repo_id: str = "org/name") -> tuple[Any, Traffic, Traffic]:
    """What was read of a model, what it says it cost, and what was really spent."""

    async def main() -> tuple[Any, Traffic, Traffic]:
        source = CachedSource(HubSource(server.endpoint, token=False), cache)
        try:
            model = await source.open(HubRef(repo_id=repo_id))
            found = await everything(model)
            return found, model.traffic, source.spent
        finally:
            await source.aclose()

    return asyncio.run(main())


def test_what_was_read_once_is_never_read_again() -> None:
    shelf = Shelf()
    with Hub([Repo("org/name", {"config.json": CONFIG, "model.safetensors": WEIGHTS})]) as server:
        first = read(server, shelf)
        server.reset_log()
        second = read(server, shelf)
        assert [record.path for record in server.requests] == ["/api/models/org/name"]
    assert first[0] == second[0] == (CONFIG, WEIGHTS[:8], WEIGHTS[8:20])


def test_the_traffic_is_what_reading_takes_whoever_paid_for_it() -> None:
    shelf = Shelf()
    with Hub([Repo("org/name", {"config.json": CONFIG, "model.safetensors": WEIGHTS})]) as server:
        _, first, first_spent = read(server, shelf)
        _, second, second_spent = read(server, shelf)
    assert first == second == first_spent
    assert first.requests == 1 + 1 + 2 * 2  # info, config, and two spans by way of a redirect
    assert second_spent.requests == 1


def test_another_repository_with_the_same_files_has_them_from_the_cache() -> None:
    shelf = Shelf()
    files = {"config.json": CONFIG, "model.safetensors": WEIGHTS}
    other = {**files, "README.md": b"a copy"}
    with Hub([Repo("org/name", files), Repo("other/copy", other)]) as server:
        read(server, shelf)
        server.reset_log()
        found, _, _ = read(server, shelf, "other/copy")
        assert len(server.requests) == 1
    assert found == (CONFIG, WEIGHTS[:8], WEIGHTS[8:20])


def test_a_gate_is_not_passed_by_a_copy_of_the_files_in_an_open_repository() -> None:
    shelf = Shelf()
    files = {"config.json": CONFIG, "model.safetensors": WEIGHTS}
    with Hub([Repo("org/name", files), Repo("org/gated", files, gated="manual")]) as server:
        read(server, shelf)
        with pytest.raises(GatedAccess):
            read(server, shelf, "org/gated")


def test_the_cache_is_asked_once_for_a_whole_repository() -> None:
    shelf = Shelf()
    with Hub([Repo("org/name", {"config.json": CONFIG, "model.safetensors": WEIGHTS})]) as server:
        read(server, shelf)
    assert shelf.questions == 1


def test_a_file_that_changed_is_read_anew() -> None:
    shelf = Shelf()
    repo = Repo("org/name", {"config.json": CONFIG, "model.safetensors": WEIGHTS})
    with Hub([repo]) as server:
        read(server, shelf)
        repo.commit({"config.json": b"{}"})
        found, _, _ = read(server, shelf)
    assert found == (b"{}", WEIGHTS[:8], WEIGHTS[8:20])


def test_bytes_that_are_not_what_their_hash_says_are_not_kept() -> None:
    shelf = Shelf()
    repo = Repo("org/name", {"config.json": CONFIG, "model.safetensors": WEIGHTS})
    repo.extra = {"siblings": _lying(repo)}
    with Hub([repo]) as server:
        read(server, shelf)
    assert {piece.span for piece in shelf.pieces} == {Span(0, 8), Span(8, 20)}


def _lying(repo: Repo) -> list[dict[str, object]]:
    """The list of files with another hash for the config."""
    weights = repo.main.files["model.safetensors"]
    lfs = {"sha256": weights.sha256, "size": weights.size_bytes, "pointerSize": 1}
    return [
        {"rfilename": "config.json", "blobId": "0" * 40, "size": len(CONFIG)},
        {"rfilename": "model.safetensors", "blobId": weights.oid, "size": len(WEIGHTS), "lfs": lfs},
    ]


def test_without_a_cache_everything_is_read_and_counted() -> None:
    with Hub([Repo("org/name", {"config.json": CONFIG, "model.safetensors": WEIGHTS})]) as server:
        read(server, NoCache())
        _, traffic, spent = read(server, NoCache())
        assert len(server.requests) == 2 * 6
    assert traffic == spent
    assert spent.requests == 6


def test_a_file_that_is_too_large_is_refused_though_it_is_kept() -> None:
    async def main() -> None:
        source = CachedSource(MemorySource({"org/name": {"config.json": CONFIG}}), shelf)
        model = await source.open(HubRef(repo_id="org/name"))
        await model.read_file("config.json", limit_bytes=1_000)
        with pytest.raises(FileTooLarge):
            await model.read_file("config.json", limit_bytes=5)

    shelf = Shelf()
    asyncio.run(main())


def test_errors_of_the_source_go_through() -> None:
    source = CachedSource(MemorySource({}), Shelf())
    with pytest.raises(NotFound):
        asyncio.run(source.open(HubRef(repo_id="org/name")))


def test_a_folder_is_read_past_the_cache(tmp_path: Any) -> None:
    (tmp_path / "config.json").write_bytes(CONFIG)
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    shelf = Shelf()

    async def main() -> bytes:
        model = await CachedSource(FolderSource(), shelf).open(FolderRef(path=str(tmp_path)))
        return await model.read_file("config.json", limit_bytes=1_000)

    assert asyncio.run(main()) == CONFIG
    assert shelf.pieces == {}


# -- all headers at once


def sharded(**extra: bytes) -> dict[str, bytes]:
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    return {
        "one.safetensors": safetensors_file({"a": ("F32", [2])}),
        "two.safetensors": safetensors_file({"b": ("F32", [4])}),
        "model.safetensors.index.json": json.dumps(index).encode(),
        **extra,
    }


def headers(server: Hub, cache: Any, repo_id: str = "org/name", revision: str = "main") -> Any:
    async def main() -> Any:
        source = CachedSource(HubSource(server.endpoint, token=False), cache)
        try:
            model = await source.open(HubRef(repo_id=repo_id, revision=revision))
            return await model.read_headers("model.safetensors.index.json")
        finally:
            await source.aclose()

    return asyncio.run(main())


def test_all_headers_at_once_are_kept_under_the_hashes_of_all_shards() -> None:
    shelf = Shelf()
    repos = [Repo("org/name", sharded()), Repo("org/copy", sharded(**{"README.md": b"copied"}))]
    with Hub(repos) as server:
        first = headers(server, shelf)
        server.reset_log()
        assert headers(server, shelf, "org/copy") == first
        assert [record.path for record in server.requests] == ["/api/models/org/copy"]
    assert json.loads(bytes(first["two.safetensors"]))["b"]["shape"] == [4]


def test_another_shard_beside_them_makes_other_headers() -> None:
    shelf = Shelf()
    repo = Repo("org/name", sharded())
    with Hub([repo]) as server:
        headers(server, shelf)
        repo.commit({"two.safetensors": safetensors_file({"b": ("F32", [5])})})
        changed = headers(server, shelf)["two.safetensors"]
        assert json.loads(bytes(changed))["b"]["shape"] == [5]


def test_a_server_that_has_no_headers_at_once_is_asked_again_the_next_time() -> None:
    shelf = Shelf()
    with Hub([Repo("org/name", sharded())], Settings(sharded_metadata=False)) as server:
        assert headers(server, shelf) is None
    assert shelf.pieces == {}

"""The cache is made here as huggingface_hub makes it: links, blobs, refs."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, scan_cache_dir, try_to_load_from_cache

from auditor.core.identity import FolderRef, HubRef, parse_model_ref
from auditor.core.repository import Origin, RepoFile
from auditor.core.tensors import Span
from auditor.errors import NotCached
from auditor.sources.cache import CacheSource, default_cache
from auditor.sources.disk import DiskRepository

COMMIT = "86b5e0934494bd15c9632b12f734a8a67f723594"
GIT_OID = "45a2321a7ecfdaaf60a6c1fd7f5463994cc8907d"
LFS_OID = "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


class Cache:
    """A cache that is filled by hand."""

    def __init__(self, folder: Path, repo_id: str = "org/name") -> None:
        self.folder = folder
        self.repo = folder / f"models--{repo_id.replace('/', '--')}"
        self.repo.mkdir(parents=True)

    def ref(self, name: str = "main", commit: str = COMMIT) -> "Cache":
        path = self.repo / "refs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit)
        return self

    def file(self, path: str, data: bytes, etag: str, commit: str = COMMIT) -> "Cache":
        blob = self.repo / "blobs" / etag
        blob.parent.mkdir(exist_ok=True)
        blob.write_bytes(data)
        pointer = self.repo / "snapshots" / commit / path
        pointer.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (2 + path.count("/"))
        pointer.symlink_to(f"{up}blobs/{etag}")
        return self

    def open(self, text: str = "org/name") -> DiskRepository:
        return asyncio.run(CacheSource(self.folder).open(parse_model_ref(text)))


def whole(folder: Path) -> Cache:
    """A cache with a config and a single weight file."""
    cache = Cache(folder).ref()
    cache.file("config.json", b"{}", GIT_OID)
    return cache.file("model.safetensors", b"0123456789", LFS_OID)


def test_a_cached_model_is_opened_at_the_commit_of_its_branch(tmp_path: Path) -> None:
    repository = whole(tmp_path).open().repository
    assert (repository.repo_id, repository.revision, repository.commit) == (
        "org/name",
        "main",
        COMMIT,
    )
    assert repository.origin is Origin.CACHE
    assert repository.hub is None


def test_the_names_of_the_blobs_are_the_hashes_of_the_files(tmp_path: Path) -> None:
    assert whole(tmp_path).open().repository.files == (
        RepoFile(path="config.json", size_bytes=2, oid=GIT_OID, is_lfs=False),
        RepoFile(path="model.safetensors", size_bytes=10, oid=LFS_OID, is_lfs=True),
    )


def test_the_cache_that_is_read_is_one_that_huggingface_hub_reads_too(tmp_path: Path) -> None:
    whole(tmp_path)
    (scanned,) = scan_cache_dir(tmp_path).repos
    assert (scanned.repo_id, scanned.nb_files) == ("org/name", 2)
    found = try_to_load_from_cache("org/name", "model.safetensors", cache_dir=tmp_path)
    assert isinstance(found, str)
    assert Path(found).read_bytes() == b"0123456789"


def test_files_and_spans_are_read_through_the_links(tmp_path: Path) -> None:
    repository = whole(tmp_path).open()
    assert asyncio.run(repository.read_file("config.json", limit_bytes=9)) == b"{}"
    assert asyncio.run(repository.read_span("model.safetensors", Span(2, 5))) == b"234"


def test_a_blob_that_is_a_link_into_the_shared_store_keeps_its_own_name(tmp_path: Path) -> None:
    cache = whole(tmp_path)
    store = tmp_path / "blobs" / "ab" / ("ab" * 32)
    store.parent.mkdir(parents=True)
    blob = cache.repo / "blobs" / LFS_OID
    blob.rename(store)
    blob.symlink_to(store)
    file = cache.open().repository.file("model.safetensors")
    assert file == RepoFile(path="model.safetensors", size_bytes=10, oid=LFS_OID, is_lfs=True)


def test_a_cache_without_links_has_no_hashes(tmp_path: Path) -> None:
    cache = Cache(tmp_path).ref()
    snapshot = cache.repo / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"12345")
    assert cache.open().repository.files == (RepoFile(path="model.safetensors", size_bytes=5),)


def test_a_revision_is_a_branch_a_pull_request_or_a_commit(tmp_path: Path) -> None:
    other = "b" * 40
    cache = whole(tmp_path).ref("refs/pr/1", other)
    cache.file("model.safetensors", b"other", "c" * 64, commit=other)
    assert cache.open("org/name@refs/pr/1").repository.commit == other
    assert cache.open(f"org/name@{other}").repository.commit == other
    assert cache.open(f"org/name@{COMMIT}").repository.commit == COMMIT


def test_an_id_of_one_part_has_a_folder_of_its_own(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "gpt2").ref().file("model.safetensors", b"1", LFS_OID)
    assert cache.open("gpt2").repository.repo_id == "gpt2"


@pytest.mark.parametrize("text", ["org/other", "name", "org/name@v2", f"org/name@{'d' * 40}"])
def test_what_is_not_cached_says_how_to_fetch_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotCached) as caught:
        whole(tmp_path).open(text)
    assert "hf download" in caught.value.hint


def test_an_empty_cache_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotCached, match="not in the Hugging Face cache"):
        asyncio.run(CacheSource(tmp_path / "none").open(parse_model_ref("org/name")))


@pytest.mark.parametrize("commit", ["", "main", "../../../etc", "a" * 39, "\udcff", "a" * 5_000])
def test_a_ref_that_holds_no_commit_leads_nowhere(tmp_path: Path, commit: str) -> None:
    cache = whole(tmp_path)
    (cache.repo / "refs" / "main").write_bytes(commit.encode("utf-8", "surrogateescape"))
    with pytest.raises(NotCached, match="not its revision main"):
        cache.open()


@pytest.mark.parametrize("revision", ["../../other", "/etc/hostname", ".."])
def test_a_revision_does_not_lead_out_of_the_refs(tmp_path: Path, revision: str) -> None:
    whole(tmp_path)
    (tmp_path / "models--org--name" / "other").write_text(COMMIT)
    ref = HubRef(repo_id="org/name", revision=revision)
    with pytest.raises(NotCached):
        asyncio.run(CacheSource(tmp_path).open(ref))


def test_a_model_without_its_weights_is_not_cached(tmp_path: Path) -> None:
    cache = Cache(tmp_path).ref().file("config.json", b"{}", GIT_OID)
    with pytest.raises(NotCached, match="none of its weights") as caught:
        cache.open()
    assert "`hf download org/name`" in caught.value.hint


def test_a_link_whose_blob_is_gone_is_no_file(tmp_path: Path) -> None:
    cache = whole(tmp_path)
    (cache.repo / "blobs" / LFS_OID).unlink()
    with pytest.raises(NotCached, match="none of its weights"):
        cache.open()


def sharded(folder: Path, *present: int) -> Cache:
    """A cache with an index of three shards in `part/`, of which some are there."""
    names = {at: f"model-0000{at}-of-00003.safetensors" for at in (1, 2, 3)}
    index = {"weight_map": {f"layer.{at}": name for at, name in names.items()}}
    cache = Cache(folder).ref()
    cache.file("part/model.safetensors.index.json", json.dumps(index).encode(), GIT_OID)
    for at in present:
        cache.file(f"part/{names[at]}", b"1", f"{at}" * 64)
    return cache


def test_shards_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotCached, match="lacks 2 of its weight files") as caught:
        sharded(tmp_path, 2).open()
    assert (
        "hf download org/name part/model-00001-of-00003.safetensors"
        " part/model-00003-of-00003.safetensors`"
    ) in caught.value.hint


def test_all_shards_are_a_whole_model(tmp_path: Path) -> None:
    assert len(sharded(tmp_path, 1, 2, 3).open().repository.files) == 4


def test_another_whole_copy_makes_up_for_missing_shards(tmp_path: Path) -> None:
    cache = sharded(tmp_path, 2).file("model.safetensors", b"1", LFS_OID)
    assert cache.open().repository.file("model.safetensors") is not None


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b"{}",
        b'{"weight_map": []}',
        b'{"weight_map": {"a": []}}',
        b'{"weight_map": {"a": 1}}',
        b"[" * 100_000,
    ],
)
def test_an_index_that_cannot_be_understood_is_left_to_the_audit(
    tmp_path: Path, index: bytes
) -> None:
    cache = whole(tmp_path).file("model.safetensors.index.json", index, "e" * 40)
    assert len(cache.open().repository.files) == 3


def test_a_file_that_was_never_fetched_says_how_to_fetch_it(tmp_path: Path) -> None:
    repository = whole(tmp_path).open()
    with pytest.raises(NotCached) as caught:
        asyncio.run(repository.read_file("README.md", limit_bytes=9))
    assert caught.value.hint == (
        f"fetch it with `hf download org/name README.md --revision {COMMIT}`"
    )


def test_the_cache_is_where_huggingface_hub_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/somewhere/hub")
    assert default_cache() == Path("/somewhere/hub")


def test_a_folder_is_not_looked_for_in_the_cache(tmp_path: Path) -> None:
    with pytest.raises(NotCached):
        asyncio.run(CacheSource(tmp_path).open(FolderRef(path=str(tmp_path))))

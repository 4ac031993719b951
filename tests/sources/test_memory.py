import asyncio
from hashlib import sha256

import pytest

from auditor.core.identity import FolderRef, parse_model_ref
from auditor.core.repository import HubFacts, Origin, RepoFile
from auditor.core.tensors import Span
from auditor.errors import BadAnswer, FileNotFound, FileTooLarge, GatedAccess, NotFound
from auditor.errors import RevisionNotFound as NoRevision
from auditor.sources.contents import ZeroTailed
from auditor.sources.memory import MemoryRepository, MemorySource

WEIGHTS = b"0123456789"
EMPTY_OBJECT_OID = "9e26dfeeb6e641a33dae4961196235bdb965b21b"  # printf {} | git hash-object --stdin
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS}


def opened(source: MemorySource, text: str = "org/name") -> MemoryRepository:
    return asyncio.run(source.open(parse_model_ref(text)))


def test_a_model_in_memory_is_listed_with_sizes_and_the_hubs_kinds_of_hashes() -> None:
    repository = opened(MemorySource({"org/name": FILES})).repository
    assert repository.origin is Origin.MEMORY
    assert (repository.repo_id, repository.requested, repository.revision) == (
        "org/name",
        "org/name",
        "main",
    )
    assert repository.files == (
        RepoFile(path="config.json", size_bytes=2, oid=EMPTY_OBJECT_OID),
        RepoFile(
            path="model.safetensors", size_bytes=10, oid=sha256(WEIGHTS).hexdigest(), is_lfs=True
        ),
    )


def test_files_and_spans_are_served_and_counted() -> None:
    async def read() -> tuple[bytes, bytes, int]:
        repository = await MemorySource({"org/name": FILES}).open(parse_model_ref("org/name"))
        whole = await repository.read_file("config.json", limit_bytes=2)
        part = await repository.read_span("model.safetensors", Span(2, 5))
        assert await repository.read_headers("model.safetensors.index.json") is None
        return whole, part, repository.traffic.bytes_read

    assert asyncio.run(read()) == (b"{}", b"234", 2 + 3)


def test_the_commit_is_made_from_the_content_and_can_be_asked_for() -> None:
    source = MemorySource({"org/name": FILES, "org/twin": FILES, "org/other": {"a": b"1"}})
    commit = opened(source).repository.commit
    assert commit is not None
    assert len(commit) == 40
    assert opened(source, "org/twin").repository.commit == commit
    assert opened(source, "org/other").repository.commit != commit
    assert opened(source, f"org/name@{commit}").repository.commit == commit


def test_a_former_name_leads_to_the_present_one() -> None:
    source = MemorySource({"org/name": FILES}, aliases={"name": "org/name"})
    repository = opened(source, "name").repository
    assert (repository.repo_id, repository.requested) == ("org/name", "name")


def test_the_hubs_facts_are_those_that_were_given() -> None:
    facts = HubFacts(total=5, parameters={"F32": 5})
    assert (
        opened(MemorySource({"org/name": FILES}, hub={"org/name": facts})).repository.hub == facts
    )


def test_a_file_that_goes_on_with_zeros_is_served_without_being_made() -> None:
    terabyte = 10**12
    source = MemorySource({"org/name": {"a.bin": ZeroTailed(head=b"ab", size_bytes=terabyte)}})
    repository = opened(source)
    assert repository.repository.files[0].size_bytes == terabyte
    assert asyncio.run(repository.read_span("a.bin", Span(1, 4))) == b"b\0\0"
    assert asyncio.run(repository.read_span("a.bin", Span(terabyte - 1, terabyte))) == b"\0"


@pytest.mark.parametrize(
    ("text", "error"),
    [("org/none", NotFound), ("org/name@v2", NoRevision), ("org/gated", GatedAccess)],
)
def test_what_is_not_there_or_refused_is_its_own_error(text: str, error: type[Exception]) -> None:
    refusal = GatedAccess("org/gated", "access must be asked for")
    source = MemorySource({"org/name": FILES}, failures={"org/gated": refusal})
    with pytest.raises(error):
        opened(source, text)


def test_a_folder_is_not_in_memory() -> None:
    with pytest.raises(NotFound):
        asyncio.run(MemorySource({"org/name": FILES}).open(FolderRef(path="org/name")))


def test_reads_past_a_limit_or_an_end_are_refused() -> None:
    repository = opened(MemorySource({"org/name": FILES}))
    with pytest.raises(FileTooLarge, match="10 bytes; at most 9"):
        asyncio.run(repository.read_file("model.safetensors", limit_bytes=9))
    with pytest.raises(BadAnswer, match="bytes 8 to 11 of a file of 10 bytes"):
        asyncio.run(repository.read_span("model.safetensors", Span(8, 11)))
    with pytest.raises(FileNotFound):
        asyncio.run(repository.read_file("README.md", limit_bytes=9))


def test_a_head_longer_than_its_file_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes do not fit in 2"):
        ZeroTailed(head=b"abc", size_bytes=2)

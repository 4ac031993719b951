import asyncio
import os
import sys
from pathlib import Path

import pytest

from auditor.core.identity import FolderRef, HubRef
from auditor.core.repository import Origin, RepoFile
from auditor.core.tensors import Span
from auditor.errors import (
    BadAnswer,
    FileNotFound,
    FileTooLarge,
    LimitExceeded,
    NotCached,
    NotFound,
    Unreachable,
)
from auditor.sources.disk import DiskRepository
from auditor.sources.folder import FolderSource
from auditor.sources.lfs_pointer import LfsPointer, lfs_pointer

SHA256 = "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize 440449768\n"

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


def opened(folder: Path, **limits: int) -> DiskRepository:
    return asyncio.run(FolderSource(**limits).open(FolderRef(path=str(folder))))


def paths(repository: DiskRepository) -> list[str]:
    return [file.path for file in repository.repository.files]


def write(folder: Path, **files: bytes) -> Path:
    """Files in `folder`; `__` in a name is a slash, the last `_` the ending's dot."""
    for name, data in files.items():
        path = folder / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_a_folder_is_called_by_its_name_and_has_neither_owner_nor_commit(tmp_path: Path) -> None:
    folder = write(tmp_path / "bert-large", config_json=b"{}")
    repository = opened(folder).repository
    assert repository.repo_id == "bert-large"
    assert repository.requested == str(folder)
    assert (repository.revision, repository.commit, repository.hub) == (None, None, None)
    assert (repository.origin, repository.note) == (Origin.FOLDER, "")


def test_files_are_listed_with_their_sizes_and_without_hashes(tmp_path: Path) -> None:
    folder = write(tmp_path, config_json=b"{}", unet__model_bin=b"12345")
    assert opened(folder).repository.files == (
        RepoFile(path="config.json", size_bytes=2),
        RepoFile(path="unet/model.bin", size_bytes=5),
    )


def test_hidden_folders_are_skipped_and_hidden_files_are_not(tmp_path: Path) -> None:
    folder = write(tmp_path, config_json=b"{}")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_bytes(b"secret")
    (folder / ".gitattributes").write_bytes(b"*.bin filter=lfs")
    assert paths(opened(folder)) == [".gitattributes", "config.json"]


def test_whole_files_and_spans_are_read_and_counted(tmp_path: Path) -> None:
    repository = opened(write(tmp_path, a_bin=b"0123456789"))
    assert asyncio.run(repository.read_file("a.bin", limit_bytes=10)) == b"0123456789"
    assert asyncio.run(repository.read_span("a.bin", Span(3, 7))) == b"3456"
    assert asyncio.run(repository.read_headers("model.safetensors.index.json")) is None
    assert repository.traffic.bytes_read == 10 + 4
    assert repository.traffic.requests == 0


def test_reads_past_a_limit_or_the_end_are_refused(tmp_path: Path) -> None:
    repository = opened(write(tmp_path, a_bin=b"0123456789"))
    with pytest.raises(FileTooLarge):
        asyncio.run(repository.read_file("a.bin", limit_bytes=9))
    with pytest.raises(BadAnswer, match="bytes 5 to 11 of a file of 10 bytes"):
        asyncio.run(repository.read_span("a.bin", Span(5, 11)))


@pytest.mark.parametrize("path", ["b.bin", "../outside.txt", "/etc/hostname", ""])
def test_only_what_was_listed_can_be_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside.txt").write_bytes(b"private")
    repository = opened(write(tmp_path / "model", a_bin=b"1"))
    with pytest.raises(FileNotFound):
        asyncio.run(repository.read_file(path, limit_bytes=100))


def test_a_file_that_shrank_after_it_was_listed_is_a_bad_answer(tmp_path: Path) -> None:
    repository = opened(write(tmp_path, a_bin=b"0123456789"))
    (tmp_path / "a.bin").write_bytes(b"01234")
    with pytest.raises(BadAnswer, match="changed while it was audited: 5 bytes, 10 when listed"):
        asyncio.run(repository.read_span("a.bin", Span(0, 4)))


def test_a_file_that_went_away_after_it_was_listed_is_unreachable(tmp_path: Path) -> None:
    repository = opened(write(tmp_path, a_bin=b"1"))
    (tmp_path / "a.bin").unlink()
    with pytest.raises(Unreachable, match="no such file"):
        asyncio.run(repository.read_file("a.bin", limit_bytes=9))


def test_a_pointer_of_git_lfs_counts_with_the_size_that_it_names(tmp_path: Path) -> None:
    folder = write(tmp_path, model_safetensors=POINTER.encode())
    assert opened(folder).repository.files == (
        RepoFile(path="model.safetensors", size_bytes=440_449_768, oid=SHA256, is_lfs=True),
    )


def test_reading_behind_a_pointer_of_git_lfs_says_to_pull(tmp_path: Path) -> None:
    repository = opened(write(tmp_path, model_safetensors=POINTER.encode()))
    with pytest.raises(FileNotFound, match="only its git-lfs pointer is here") as caught:
        asyncio.run(repository.read_span("model.safetensors", Span(0, 8)))
    assert "440 MB" in caught.value.reason
    assert caught.value.hint.startswith("run `git lfs pull` in the folder")


def test_a_pointer_names_a_sha256_and_a_size() -> None:
    assert lfs_pointer(POINTER.encode()) == LfsPointer(oid=SHA256, size_bytes=440_449_768)


@pytest.mark.parametrize(
    "text",
    [
        "",
        POINTER.replace("lfs", "svn"),
        POINTER.replace("sha256", "sha512"),
        POINTER.replace("size 440449768", "size many"),
        POINTER.replace("size 440449768", "size " + "9" * 40),
        " " + POINTER,
        POINTER + "x" * 1_000,
    ],
)
def test_what_only_looks_like_a_pointer_is_a_file_as_any_other(text: str) -> None:
    assert lfs_pointer(text.encode()) is None


@links
def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    folder = write(tmp_path, real_bin=b"12345")
    (folder / "model.bin").symlink_to("real.bin")
    assert opened(folder).repository.file("model.bin") == RepoFile(path="model.bin", size_bytes=5)


@links
def test_weights_that_are_linked_from_another_disk_are_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", config_json=b"{}")
    write(tmp_path / "disk", big_safetensors=b"12345")
    (folder / "model.safetensors").symlink_to(tmp_path / "disk" / "big.safetensors")
    assert paths(opened(folder)) == ["config.json", "model.safetensors"]


@links
def test_a_link_to_a_private_file_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "id_rsa").write_bytes(b"private")
    folder = write(tmp_path / "model", config_json=b"{}")
    (folder / "README.md").symlink_to(tmp_path / "id_rsa")
    repository = opened(folder)
    assert paths(repository) == ["config.json"]
    assert repository.repository.note.endswith(": README.md")
    with pytest.raises(FileNotFound):
        asyncio.run(repository.read_file("README.md", limit_bytes=100))


@links
def test_links_that_lead_in_circles_or_nowhere_are_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path, config_json=b"{}")
    (folder / "again").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to("self")
    (folder / "gone.bin").symlink_to("nowhere.bin")
    (folder / "parent").symlink_to("..", target_is_directory=True)
    repository = opened(folder)
    assert paths(repository) == ["config.json"]
    assert repository.repository.note.endswith("again, gone.bin, parent and 1 more")


@links
def test_a_pipe_is_left_out_and_not_waited_for(tmp_path: Path) -> None:
    folder = write(tmp_path, config_json=b"{}")
    os.mkfifo(folder / "model.safetensors")
    assert paths(opened(folder)) == ["config.json"]


@links
def test_a_snapshot_of_the_cache_is_called_after_its_repository(tmp_path: Path) -> None:
    cached = tmp_path / "models--org--name"
    write(cached / "blobs", placeholder_txt=b"")
    blob = cached / "blobs" / SHA256
    blob.write_bytes(b"12345")
    snapshot = cached / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(blob)
    repository = opened(snapshot)
    assert repository.repository.repo_id == "org/name"
    assert paths(repository) == ["model.safetensors"]


@links
def test_a_name_that_is_no_text_is_shown_as_far_as_it_is_and_still_read(tmp_path: Path) -> None:
    folder = write(tmp_path, config_json=b"{}")
    name = os.fsencode(folder) + b"/caf\xe9.bin"
    try:
        Path(os.fsdecode(name)).write_bytes(b"12345")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    repository = opened(folder)
    assert "caf\N{REPLACEMENT CHARACTER}.bin" in paths(repository)
    assert asyncio.run(repository.read_file("caf\N{REPLACEMENT CHARACTER}.bin", limit_bytes=9)) == (
        b"12345"
    )


def test_a_folder_with_more_than_a_repository_holds_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, a_bin=b"", b_bin=b"", c__d_bin=b"")
    assert paths(opened(folder, max_files=4)) == ["a.bin", "b.bin", "c/d.bin"]
    with pytest.raises(LimitExceeded, match="more than 3 files and folders"):
        opened(folder, max_files=3)


def test_a_folder_too_deep_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, a__b__c_bin=b"")
    assert paths(opened(folder, max_depth=2)) == ["a/b/c.bin"]
    with pytest.raises(LimitExceeded, match="folders more than 1 deep"):
        opened(folder, max_depth=1)


def test_a_folder_that_is_none_says_what_it_is(tmp_path: Path) -> None:
    file = write(tmp_path, model_safetensors=b"1") / "model.safetensors"
    with pytest.raises(NotFound, match="a file, not a folder"):
        opened(file)
    with pytest.raises(NotFound, match="no such folder"):
        opened(tmp_path / "none")
    with pytest.raises(NotFound):
        opened(Path("null\0character"))


@pytest.mark.skipif(
    sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="root may read everything",
)
def test_a_folder_that_may_not_be_read_is_unreachable(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", config_json=b"{}")
    folder.chmod(0)
    try:
        with pytest.raises(Unreachable, match="permission denied"):
            opened(folder)
    finally:
        folder.chmod(0o700)


def test_an_id_is_not_looked_for_among_folders() -> None:
    with pytest.raises(NotCached):
        asyncio.run(FolderSource().open(HubRef(repo_id="org/name")))

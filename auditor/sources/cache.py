"""What the Hugging Face cache holds: repositories as huggingface_hub has fetched them.

    <cache>/models--org--name/
      refs/main                        the commit that `main` was when it was last asked for
      snapshots/<commit>/config.json   a link to ../../blobs/<etag>, or the file itself
      blobs/<etag>                     sha256 of an LFS file, git sha1 of any other

huggingface_hub `file_download.py`, `hf_hub_download`. A cache holds what somebody needed, not the
whole repository, and knows no renames: only the id that was fetched under is found.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from auditor.core.identity import FolderRef, HubRef, ModelRef, is_commit
from auditor.core.repository import Origin, RepoFile, Repository
from auditor.core.tensors import Span
from auditor.errors import HfauditError, NotCached
from auditor.sources.disk import DiskFile, DiskRepository, read_part, unreadable

MAX_INDEX_BYTES: Final = 64 * 1024 * 1024  # the largest shard indexes have 20 MB
MAX_REF_BYTES: Final = 256  # a commit has 40
NAMES_SHOWN: Final = 3  # of missing files, in a hint

# Files that hold weights, of any framework: a cache without one of them cannot be audited.
WEIGHT_ENDINGS: Final = (
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf"),
    *(".h5", ".msgpack", ".onnx", ".ot", ".npz"),
)

_INDEX = re.compile(r"\.(safetensors|bin)\.index(\.[\w-]+)?\.json$")
_LFS_OID = re.compile(r"[0-9a-f]{64}")
_GIT_OID = re.compile(r"[0-9a-f]{40}")


def default_cache() -> Path:
    """The cache's folder by huggingface_hub's own rules: HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME."""
    from huggingface_hub import constants  # noqa: PLC0415 - 40 ms, for the offline way only

    return Path(constants.HF_HUB_CACHE)


class CacheSource:
    """Repositories in the cache at `folder`, by default huggingface_hub's."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = default_cache() if folder is None else folder

    async def open(self, ref: ModelRef) -> DiskRepository:
        """The cached files of one commit.

        Raises NotCached for a model or a revision that is not there, and for one whose weights are
        not, or not all of them: the hint says what to fetch.
        """
        if isinstance(ref, FolderRef):
            raise NotCached(str(ref), "a folder, not a model in the Hugging Face cache")
        commit = self._commit(ref)
        files = _snapshot_files(self._of(ref) / "snapshots" / commit)
        _check_weights(ref, files)
        repository = Repository(
            repo_id=ref.repo_id,
            requested=str(ref),
            revision=ref.revision,
            commit=commit,
            origin=Origin.CACHE,
            files=tuple(_repo_file(path, file) for path, file in files.items()),
            note="the Hugging Face cache, which need not hold the whole repository",
        )
        return DiskRepository(
            repository=repository,
            files=files,
            missing=lambda path: NotCached(
                path,
                "not in the Hugging Face cache",
                hint=f"fetch it with `hf download {ref.repo_id} {path} --revision {commit}`",
            ),
        )

    async def aclose(self) -> None:
        """Nothing to close."""

    def _of(self, ref: HubRef) -> Path:
        return self._folder / f"models--{ref.repo_id.replace('/', '--')}"

    def _commit(self, ref: HubRef) -> str:
        """The commit that is meant, which has a folder. Raises NotCached."""
        if not self._of(ref).is_dir():
            raise NotCached(
                str(ref),
                f"not in the Hugging Face cache ({self._folder})",
                hint=f"fetch it with `hf download {ref.repo_id}`, or leave --offline out",
            )
        commit = ref.revision if is_commit(ref.revision) else self._commit_of_ref(ref)
        if commit is None or not (self._of(ref) / "snapshots" / commit).is_dir():
            raise NotCached(
                str(ref),
                f"the Hugging Face cache holds the model, but not its revision {ref.revision}",
                hint=f"fetch it with `hf download {ref.repo_id} --revision {ref.revision}`",
            )
        return commit

    def _commit_of_ref(self, ref: HubRef) -> str | None:
        parts = PurePosixPath(ref.revision).parts
        if not parts or ".." in parts or parts[0] == "/":
            return None
        try:
            with self._of(ref).joinpath("refs", *parts).open("rb") as stream:
                text = stream.read(MAX_REF_BYTES).decode("ascii", "replace").strip()
        except OSError:
            return None
        return text if is_commit(text) else None


def _snapshot_files(snapshot: Path) -> dict[str, DiskFile]:
    """The files of a snapshot by their paths; a link whose blob is gone is no file."""
    found: dict[str, DiskFile] = {}
    for location in sorted(_files_below(snapshot)):
        try:
            size_bytes = location.stat().st_size
        except OSError:
            continue
        path = location.relative_to(snapshot).as_posix()
        found[path] = DiskFile(location=str(location), size_bytes=size_bytes)
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise unreadable(str(error.filename or folder), error) from error

    for above, _, names in os.walk(folder, onerror=refuse):  # does not follow links to folders
        yield from (Path(above, name) for name in names)


def _repo_file(path: str, file: DiskFile) -> RepoFile:
    """The file with the hash that its blob is named by; a cache without links has none."""
    location = Path(file.location)
    blob = location.readlink().name if location.is_symlink() else ""
    is_lfs = _LFS_OID.fullmatch(blob) is not None
    known = is_lfs or _GIT_OID.fullmatch(blob) is not None
    return RepoFile(
        path=path, size_bytes=file.size_bytes, oid=blob if known else None, is_lfs=is_lfs
    )


def _check_weights(ref: HubRef, files: Mapping[str, DiskFile]) -> None:
    """Raises NotCached where no complete set of weights is there."""
    weights = {path for path in files if path.lower().endswith(WEIGHT_ENDINGS)}
    missing: list[str] = []
    for index in (path for path in files if _INDEX.search(path)):
        shards = _shards(index, files[index])
        if not shards <= weights:
            missing += sorted(shards - weights)
            weights -= shards
    if weights:
        return
    fetch = "" if not missing else " " + " ".join(missing[:NAMES_SHOWN])
    more = f" and {len(missing) - NAMES_SHOWN:,} more" if len(missing) > NAMES_SHOWN else ""
    raise NotCached(
        str(ref),
        f"the Hugging Face cache lacks {len(missing):,} of its weight files"
        if missing
        else "the Hugging Face cache holds the model's small files, but none of its weights",
        hint=f"fetch them with `hf download {ref.repo_id}{fetch}`{more}, or leave --offline out",
    )


def _shards(index: str, file: DiskFile) -> set[str]:
    """The paths that a shard index names; none where it cannot be understood.

    What is wrong with an index is the audit's to say, not the cache's.
    """
    if file.size_bytes > MAX_INDEX_BYTES:
        return set()
    try:
        parsed = json.loads(read_part(index, file, Span(0, file.size_bytes)))
        names = set(parsed["weight_map"].values())
    except (AttributeError, HfauditError, KeyError, RecursionError, TypeError, ValueError):
        return set()
    folder = PurePosixPath(index).parent
    return {str(folder / name) for name in names if isinstance(name, str)}

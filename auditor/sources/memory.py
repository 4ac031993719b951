"""Repositories in memory: a real source without files or network, for tests and examples.

    source = MemorySource({"org/name": {"config.json": b"{}", "model.safetensors": data}})

A model's commit is made from its content, so equal files have equal commits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha1, sha256
from typing import Final

from auditor.core.identity import FolderRef, ModelRef
from auditor.core.repository import HubFacts, Origin, RepoFile, Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import FileNotFound, HfauditError, NotFound, RevisionNotFound
from auditor.sources.contents import Content, ZeroTailed, cut, size_of, whole

# What the Hub's default .gitattributes keeps in LFS, as far as it holds weights.
LFS_ENDINGS: Final = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack")


class MemorySource:
    """Models by id, each a mapping of paths to bytes. Errors in `failures` are raised by `open`.

    `aliases` are former names, as the Hub redirects them: `{"bert-base-uncased": "org/name"}`.
    `hub` is what the Hub would say of a model. Branch `main` and the commit are the revisions.
    """

    def __init__(
        self,
        models: Mapping[str, Mapping[str, Content]],
        *,
        hub: Mapping[str, HubFacts] | None = None,
        aliases: Mapping[str, str] | None = None,
        failures: Mapping[str, HfauditError] | None = None,
    ) -> None:
        self._models = {name: dict(files) for name, files in models.items()}
        self._hub = dict(hub or {})
        self._aliases = dict(aliases or {})
        self._failures = dict(failures or {})

    async def open(self, ref: ModelRef) -> "MemoryRepository":
        """The model at its only commit. Raises NotFound, RevisionNotFound, or its own failure."""
        asked = ref.path if isinstance(ref, FolderRef) else ref.repo_id
        repo_id = self._aliases.get(asked, asked)
        if repo_id in self._failures:
            raise self._failures[repo_id]
        if isinstance(ref, FolderRef) or repo_id not in self._models:
            raise NotFound(str(ref), "not in memory", hint=f"there is: {', '.join(self._models)}")
        files = self._models[repo_id]
        commit = commit_of(files)
        if ref.revision not in {"main", commit}:
            raise RevisionNotFound(
                str(ref), f"no revision {ref.revision}", hint="there are `main` and the commit"
            )
        repository = Repository(
            repo_id=repo_id,
            requested=str(ref),
            revision=ref.revision,
            commit=commit,
            origin=Origin.MEMORY,
            files=tuple(_repo_file(path, files[path]) for path in sorted(files)),
            hub=self._hub.get(repo_id),
        )
        return MemoryRepository(repository=repository, contents=files)

    async def aclose(self) -> None:
        """Nothing to close."""


@dataclass(slots=True, kw_only=True)
class MemoryRepository:
    """An open repository of MemorySource."""

    repository: Repository
    contents: Mapping[str, Content]
    traffic: Traffic = field(default_factory=Traffic)

    def apart(self) -> "MemoryRepository":
        """The same repository with traffic of its own."""
        return replace(self, traffic=Traffic())

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:
        return self._counted(whole(path, self._content(path), limit_bytes))

    async def read_span(self, path: str, span: Span) -> bytes:
        return self._counted(cut(path, self._content(path), span))

    async def read_headers(self, index_path: str) -> Mapping[str, memoryview] | None:  # noqa: ARG002
        return None

    def _content(self, path: str) -> Content:
        if path not in self.contents:
            raise FileNotFound(path, f"not in {self.repository.repo_id}")
        return self.contents[path]

    def _counted(self, data: bytes) -> bytes:
        self.traffic = Traffic(bytes_read=self.traffic.bytes_read + len(data))
        return data


def commit_of(files: Mapping[str, Content]) -> str:
    """A sha1 of paths and contents, in the form of a commit."""
    digest = sha1(usedforsecurity=False)
    for path in sorted(files):
        digest.update(f"{len(path.encode())} {path} {_oid(path, files[path])}\n".encode())
    return digest.hexdigest()


def _repo_file(path: str, content: Content) -> RepoFile:
    return RepoFile(
        path=path,
        size_bytes=size_of(content),
        oid=_oid(path, content),
        is_lfs=path.endswith(LFS_ENDINGS),
    )


def _oid(path: str, content: Content) -> str:
    """The sha256 of an LFS file, the git blob's sha1 of another.

    NOTE: the gigabytes of zeros behind a known header are not hashed, only their number is.
    """
    zeros = size_of(content) - len(content.head) if isinstance(content, ZeroTailed) else 0
    data = content.head + f"{zeros}".encode() if isinstance(content, ZeroTailed) else content
    if path.endswith(LFS_ENDINGS):
        return sha256(data).hexdigest()
    return sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

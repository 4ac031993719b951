"""Repositories: their commits, branches, tags and what the Hub says about them."""

import hashlib
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import KW_ONLY, InitVar, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final, Literal

from hub import facts
from hub.blobs import Blob, Content
from hub.facts import Json

_SHORTEST_SHA: Final = 7
_STEP: Final = timedelta(minutes=1)  # between one commit and the next
_FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, eq=False)
class Commit:
    """One state of all files, with what follows from it."""

    sha: str
    title: str
    date: datetime
    files: Mapping[str, Blob]
    parent: "Commit | None"
    bodies: dict[Hashable, bytes] = field(default_factory=dict)  # answers that were made already

    @cached_property
    def safetensors(self) -> dict[str, Json] | None:
        """The naive count, see `facts.safetensors_info`."""
        return facts.safetensors_info(self.files)

    @cached_property
    def library(self) -> str | None:
        """See `facts.library_name`."""
        return facts.library_name(self.files)

    @cached_property
    def weight_formats(self) -> tuple[str, ...]:
        """Which of the tags safetensors and gguf the files earn."""
        names = ("safetensors", "gguf")
        return tuple(n for n in names if any(path.endswith(f".{n}") for path in self.files))

    @cached_property
    def time(self) -> str:
        """The date as the API writes it."""
        return self.date.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    @cached_property
    def config(self) -> dict[str, Json]:
        """See `facts.config_excerpt`."""
        return facts.config_excerpt(self.files)

    def history(self) -> list["Commit"]:
        """This commit and those before it, the newest first."""
        found: list[Commit] = []
        commit: Commit | None = self
        while commit is not None:
            found.append(commit)
            commit = commit.parent
        return found


@dataclass(eq=False)
class Repo:
    """A model repository. Its attributes may be set anew while it is served.

    `files` becomes the first commit; `commit` makes more. A file goes to LFS by its name or size,
    or because it is wrapped in `Lfs` or `Virtual`. `aliases` are former names. `safetensors`
    overrules the count made from the headers; `extra` adds or overrules any field of the info body.
    """

    id: str
    files: InitVar[Mapping[str, Content]]
    _: KW_ONLY
    aliases: tuple[str, ...] = ()
    gated: Literal["auto", "manual"] | None = None
    private: bool = False
    disabled: bool = False
    tags: tuple[str, ...] = ()
    card_data: Mapping[str, Json] | None = None
    safetensors: Mapping[str, Json] | None = None
    gguf: Mapping[str, Json] | None = None
    pipeline_tag: str | None = None
    library_name: str | None = None
    downloads: int = 0
    likes: int = 0
    first_commit: datetime = _FIRST_DAY  # the others follow at intervals of a minute
    extra: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self, files: Mapping[str, Content]) -> None:
        self._commits: dict[str, Commit] = {}
        self._refs: dict[str, str] = {}
        self.commit(files, title="initial commit")

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        self.__dict__["changes"] = self.changes + 1

    @property
    def changes(self) -> int:
        """How often an attribute was set: what was made of them before is out of date."""
        return int(self.__dict__.get("changes", 0))

    @cached_property
    def object_id(self) -> str:
        """The `_id` of the API: 24 hex digits that a rename does not change."""
        return _sha1("id", self.id)[:24]

    @property
    def created(self) -> str:
        """The date of the first commit as the API writes it."""
        return next(iter(self._commits.values())).time

    @property
    def main(self) -> Commit:
        """What `main` stands at."""
        return self._commits[self._refs["refs/heads/main"]]

    @property
    def refs(self) -> dict[str, str]:
        """Full ref names (`refs/heads/main`, `refs/tags/v1`, `refs/pr/1`) and the sha of each."""
        return dict(self._refs)

    def commit(
        self, files: Mapping[str, Content | None], *, branch: str = "main", title: str = "update"
    ) -> str:
        """The sha of a new commit: `files` over those of the branch; None for a file removes it."""
        return self._advance(f"refs/heads/{branch}", files, title)

    def pull_request(self, files: Mapping[str, Content | None], *, title: str = "proposal") -> str:
        """Open a pull request with `files` over those of main; its ref, `refs/pr/N`."""
        ref = f"refs/pr/{1 + sum(name.startswith('refs/pr/') for name in self._refs)}"
        self._advance(ref, files, title)
        return ref

    def branch(self, name: str, revision: str = "main") -> None:
        """Start a branch at `revision`."""
        self._refs[f"refs/heads/{name}"] = self._known(revision).sha

    def tag(self, name: str, revision: str = "main") -> None:
        """Tag `revision`."""
        self._refs[f"refs/tags/{name}"] = self._known(revision).sha

    def at(self, revision: str) -> Commit | None:
        """The commit that a branch, tag, full or short sha, or full ref name stands for."""
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref in self._refs:
                return self._commits[self._refs[ref]]
        if revision in self._commits or len(revision) < _SHORTEST_SHA:
            return self._commits.get(revision)
        found = [sha for sha in list(self._commits) if sha.startswith(revision)]
        return self._commits[found[0]] if len(found) == 1 else None

    def _known(self, revision: str) -> Commit:
        commit = self.at(revision)
        if commit is None:
            message = f"{self.id} has no revision {revision}"
            raise ValueError(message)
        return commit

    def _advance(self, ref: str, files: Mapping[str, Content | None], title: str) -> str:
        parent = self.at(ref) or (self.main if self._commits else None)
        kept = (
            {path: blob for path, blob in parent.files.items() if path not in files}
            if parent
            else {}
        )
        added = {
            path: Blob(path, content) for path, content in files.items() if content is not None
        }
        stored = dict(sorted({**kept, **added}.items()))
        listing = "\n".join(f"{blob.oid} {path}" for path, blob in stored.items())
        number = len(self._commits)
        commit = Commit(
            sha=_sha1("commit", self.id, parent.sha if parent else "", str(number), title, listing),
            title=title,
            date=self.first_commit + number * _STEP,
            files=stored,
            parent=parent,
        )
        self._commits[commit.sha] = commit
        self._refs[ref] = commit.sha
        return commit.sha


def _sha1(*parts: str) -> str:
    # Git's kind of name, no protection.
    return hashlib.sha1("\0".join(parts).encode(), usedforsecurity=False).hexdigest()


class Catalogue:
    """All repositories, found by id, by former name, and by either in the wrong case."""

    def __init__(self) -> None:
        self._by_name: dict[str, Repo] = {}
        self._repos: dict[str, Repo] = {}

    def add(self, repo: Repo) -> None:
        """Serve `repo` from now on, in place of one of the same id."""
        self._repos[repo.id] = repo
        for name in (*repo.aliases, repo.id):
            self._by_name[name.lower()] = repo

    def find(self, name: str) -> Repo | None:
        """The repository that `name` leads to; its id tells whether that is a redirect."""
        return self._repos.get(name) or self._by_name.get(name.lower())

    def __iter__(self) -> Iterator[Repo]:
        return iter(list(self._repos.values()))

"""A repository as a source sees it: its files, the commit, and what the Hub says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Origin(StrEnum):
    """Where the bytes came from; printed in the proof."""

    HUB = "hub"
    CACHE = "cache"
    FOLDER = "folder"
    SNAPSHOT_FETCHED = "snapshot-fetched"
    SNAPSHOT_RECONSTRUCTED = "snapshot-reconstructed"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoFile:
    """One file of a revision. `oid` is the LFS sha256 where there is one, else the git blob sha1.

    `size_bytes` is None where the source does not know it.
    """

    path: str
    size_bytes: int | None
    oid: str | None = None
    is_lfs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFacts:
    """What the Hub itself says of a model: documented figures, not measurements.

    `parameters` are elements by dtype and `total` their sum, as `/api/models` gives them.
    """

    total: int | None = None
    parameters: Mapping[str, int] = field(default_factory=dict)
    gated: str | None = None  # "auto", "manual" or None
    private: bool = False
    library: str | None = None
    pipeline_tag: str | None = None
    tags: tuple[str, ...] = ()
    base_model: tuple[str, ...] = ()
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One revision of a repository, pinned. `repo_id` is its present name, after renames."""

    repo_id: str
    requested: str
    revision: str | None
    commit: str | None  # full sha; None where the source has no commits (a folder)
    origin: Origin
    files: tuple[RepoFile, ...]
    hub: HubFacts | None = None
    note: str = ""  # on what it stands, for a person: "snapshot reconstructed from ..."

    @property
    def at(self) -> str:
        """What was read, for a person: the commit, else the revision, else where it lies."""
        return self.commit or self.revision or self.origin.value

    def file(self, path: str) -> RepoFile | None:
        """The file at `path`, or None."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What an audit cost: requests made (redirects and retries included) and bytes received."""

    requests: int = 0
    bytes_read: int = 0
    retries: int = 0
    waited_seconds: int = 0

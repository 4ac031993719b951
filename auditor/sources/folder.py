"""A repository's files in a folder of this machine.

What is listed and what is not:

- Hidden folders (`.git`, `.cache`) are skipped.
- Links to folders are not followed: they can lead in circles.
- A link to a file is followed inside the folder, to a file of the same ending (weights kept on
  another disk), and to a file named by its hash (the blobs of the Hugging Face cache). Any other
  link that leaves the folder could show a private file in a report: it is left out, and the note
  says so.
- What is no regular file (a pipe, a device) is left out: reading it may never end.
- A git-lfs pointer counts with the size and the sha256 that it names; reading it is an error.

A folder has no commit: what `.git` calls HEAD says nothing of files that were changed since.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from auditor.core.identity import FolderRef, HubRef, ModelRef
from auditor.core.repository import Origin, RepoFile, Repository
from auditor.core.sizes import decimal_size
from auditor.core.tensors import Span
from auditor.errors import FileNotFound, LimitExceeded, NotCached, NotFound, SourceError
from auditor.sources.disk import DiskFile, DiskRepository, read_part, unreadable
from auditor.sources.lfs_pointer import (
    MAX_POINTER_BYTES,
    MIN_POINTER_BYTES,
    LfsPointer,
    lfs_pointer,
)

MAX_FILES: Final = 100_000  # what the Hub advises as the most for one repository
MAX_DEPTH: Final = 32  # folders inside one another; repositories have a handful
NAMES_SHOWN: Final = 3  # of what is left out, in the note

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class FolderSource:
    """Folders on this machine. `max_files` and `max_depth` bound what is listed."""

    def __init__(self, *, max_files: int = MAX_FILES, max_depth: int = MAX_DEPTH) -> None:
        self._max_files = max_files
        self._max_depth = max_depth

    async def open(self, ref: ModelRef) -> DiskRepository:
        """The folder as it is now.

        Raises NotFound for what is no folder, Unreachable for one that may not be read,
        LimitExceeded for one that holds more than a repository does, NotCached for an id.
        """
        if isinstance(ref, HubRef):
            raise NotCached(str(ref), "not a folder on this machine", hint="give a path: ./folder")
        root = _root(ref)
        listing = self._listing(str(ref), root)
        repository = Repository(
            repo_id=repo_id_of(root),
            requested=str(ref),
            revision=None,
            commit=None,
            origin=Origin.FOLDER,
            files=tuple(file.listed for file in listing.files),
            note=_note(listing.left_out),
        )
        return DiskRepository(
            repository=repository,
            files={file.listed.path: file.stored for file in listing.files if file.stored},
            missing=lambda path: _missing(repository, path),
        )

    async def aclose(self) -> None:
        """Nothing to close."""

    def _listing(self, subject: str, root: Path) -> "_Listing":
        files: list[_Found] = []
        left_out: list[str] = []
        real_root = os.path.realpath(root)
        for path, entry in self._walk(subject, root):
            found = None if _leads_astray(entry, real_root) else _found(path, entry.path)
            if found is None:
                left_out.append(path)
            else:
                files.append(found)
        return _Listing(files=tuple(files), left_out=tuple(left_out))

    def _walk(self, subject: str, root: Path) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        """Path in the folder and entry of everything that is no folder, in a fixed order."""
        waiting = [(PurePosixPath(), str(root))]
        seen = 0
        while waiting:
            above, folder = waiting.pop()
            entries = _entries(folder)
            seen += len(entries)
            self._check_limits(subject, seen, len(above.parts))
            folders: list[tuple[PurePosixPath, str]] = []
            for entry in entries:
                path = above / _printable(entry.name)
                if not entry.is_dir(follow_symlinks=False):
                    yield str(path), entry
                elif not entry.name.startswith("."):
                    folders.append((path, entry.path))
            waiting.extend(reversed(folders))

    def _check_limits(self, subject: str, seen: int, depth: int) -> None:
        reason = (
            f"more than {self._max_files:,} files and folders"
            if seen > self._max_files
            else f"folders more than {self._max_depth:,} deep"
            if depth > self._max_depth
            else None
        )
        if reason is not None:
            raise LimitExceeded(
                subject, reason, hint="give the model's own folder, not one that holds others"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file of the folder; `stored` is None where only a git-lfs pointer is there."""

    listed: RepoFile
    stored: DiskFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    files: tuple[_Found, ...]
    left_out: tuple[str, ...]


def repo_id_of(folder: Path) -> str:
    """What to call a folder: its name, without an owner, for a folder has none.

    A snapshot of the Hugging Face cache is called after the repository that it was fetched from.
    """
    parts = Path(os.path.abspath(folder)).parts  # noqa: PTH100 - resolve() would follow links
    if len(parts) > 2 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):  # noqa: PLR2004 - repository, `snapshots`, commit
        return _printable(parts[-3].removeprefix("models--").replace("--", "/"))
    return _printable(parts[-1])


def _root(ref: FolderRef) -> Path:
    """The folder of `ref`. Raises NotFound where there is none."""
    try:
        root = Path(ref.path).expanduser()
        is_folder, exists = root.is_dir(), root.exists()
    except (OSError, RuntimeError, ValueError) as error:  # no such user's home; a null character
        raise NotFound(str(ref), f"no path: {error}", hint="give the model's folder") from error
    if not exists:
        raise NotFound(
            str(ref),
            "no such folder",
            hint="check the path; for a model on the Hub give `org/name`",
        )
    if not is_folder:
        raise NotFound(str(ref), "a file, not a folder", hint="give the folder that it lies in")
    return root


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise unreadable(_printable(folder), error) from error


def _leads_astray(entry: "os.DirEntry[str]", real_root: str) -> bool:
    """Whether a link leads to where it should not, or nowhere, or to a folder."""
    if not entry.is_symlink():
        return False
    target = Path(os.path.realpath(entry.path))
    same_ending = target.suffix != "" and target.suffix == Path(entry.name).suffix
    return not (target.is_relative_to(real_root) or same_ending or _HASH.fullmatch(target.name))


def _found(path: str, location: str) -> _Found | None:
    """The regular file at `location`, or None."""
    try:
        if not Path(location).is_file():
            return None
        size_bytes = Path(location).stat().st_size
    except OSError:
        return None
    stored = DiskFile(location=location, size_bytes=size_bytes)
    pointer = _pointer(path, stored)
    if pointer is None:
        return _Found(listed=RepoFile(path=path, size_bytes=size_bytes), stored=stored)
    listed = RepoFile(path=path, size_bytes=pointer.size_bytes, oid=pointer.oid, is_lfs=True)
    return _Found(listed=listed, stored=None)


def _pointer(path: str, file: DiskFile) -> LfsPointer | None:
    if not MIN_POINTER_BYTES <= file.size_bytes <= MAX_POINTER_BYTES:
        return None
    try:
        return lfs_pointer(read_part(path, file, Span(0, file.size_bytes)))
    except SourceError:
        return None  # whoever needs this file will be told that it cannot be read


def _missing(repository: Repository, path: str) -> SourceError:
    file = repository.file(path)
    if file is None:
        return FileNotFound(path, f"not in {repository.requested}")
    return FileNotFound(
        path,
        f"only its git-lfs pointer is here, which tells its size"
        f" ({decimal_size(file.size_bytes or 0)}) and nothing of its header",
        hint="run `git lfs pull` in the folder, or audit the model on the Hub by its id",
    )


def _note(left_out: tuple[str, ...]) -> str:
    if not left_out:
        return ""
    more = f" and {len(left_out) - NAMES_SHOWN:,} more" if len(left_out) > NAMES_SHOWN else ""
    shown = ", ".join(left_out[:NAMES_SHOWN]) + more
    return f"left out, as links that lead away or no regular files: {shown}"


def _printable(name: str) -> str:
    """`name` without the surrogates that stand for bytes that are no UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")

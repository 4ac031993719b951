"""Writing a report where it is asked for: a file whole or not at all, or standard output.

A writer fills a binary stream and knows nothing of paths; this module knows nothing of reports.
"""

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from auditor.errors import OutputError

Write = Callable[[IO[bytes]], None]

_NEW_FILE_MODE: Final = 0o666  # less the umask, as for any new file

_REASONS: Final = {
    # errno: what is wrong, what to do next
    errno.ENOENT: ("the folder does not exist", "make it first: mkdir -p {folder}"),
    errno.ENOTDIR: ("a part of the path is no folder", "name a folder that exists"),
    errno.EISDIR: ("it is a folder", "name a file in it"),
    errno.EACCES: ("not allowed to write there", "choose a place that is yours to write"),
    errno.EPERM: ("not allowed to write there", "choose a place that is yours to write"),
    errno.EROFS: ("the file system is read-only", "choose another place"),
    errno.ENOSPC: ("the disk is full", "free some space, or choose another place"),
    errno.EDQUOT: ("your quota of the disk is used up", "free some space, or choose another place"),
    errno.EFBIG: ("the file would be larger than is allowed", "choose another place"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
}


def write_whole(path: str | Path, write: Write) -> None:
    """The file at `path`, written by `write`: whole, or as it was before.

    A link is followed, the file it points to replaced; an existing file keeps its mode. What is no
    regular file (a device, a pipe) is written straight away. Whatever `write` raises goes through.

    Raises OutputError with the next step in its hint.
    """
    target = Path(os.path.realpath(path))
    try:
        _refuse_folder(path)
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as stream:
                write(stream)
            return
        _replace(target, _mode_of(target), write)
    except OSError as error:
        raise output_error(str(path), str(target.parent), error) from error


def _refuse_folder(path: str | Path) -> None:
    """`reports/` is a folder by its spelling, whether it is there or not."""
    if str(path).endswith(("/", os.sep)):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))


def _mode_of(target: Path) -> int | None:
    """The mode to keep, None for a new file. Raises OSError where the file may not be written."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not os.access(target, os.W_OK):
        # A rename would replace a read-only file without asking.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    return stat.S_IMODE(found.st_mode)


def _replace(target: Path, mode: int | None, write: Write) -> None:
    """A new file beside `target`, moved over it when it is on the disk, else removed."""
    temporary = target.with_name(f".hfaudit-{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, _NEW_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_standard_output(write: Write) -> None:
    """`write` to standard output. A reader that left early (`| head`) ends it quietly.

    Raises OutputError for every other trouble.
    """
    if sys.stdout is None:
        raise OutputError("standard output", "it is closed", hint="name a file with --output")
    try:
        sys.stdout.flush()
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _discard_the_rest()
    except OSError as error:
        _discard_the_rest()
        raise output_error("standard output", "", error) from error


def _discard_the_rest() -> None:
    """Points standard output at nothing, else the interpreter fails again when it flushes it."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def output_error(subject: str, folder: str, error: OSError) -> OutputError:
    known = _REASONS.get(error.errno) if error.errno is not None else None
    reason, hint = known or (error.strerror or str(error), "choose another place")
    return OutputError(subject, reason, hint=hint.format(folder=folder))

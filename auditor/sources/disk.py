"""Files of a repository on this machine's disk, read part by part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import fstat
from pathlib import Path
from stat import S_ISREG

from auditor.core.repository import Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import BadAnswer, SourceError, Unreachable
from auditor.sources.contents import check_limit, check_span


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFile:
    """Where a file of the repository lies, and how large it was when the folder was listed."""

    location: str
    size_bytes: int


@dataclass(slots=True, kw_only=True)
class DiskRepository:
    """An open repository whose files lie on disk.

    Only the files in `files` can be read, so no path can lead elsewhere; `missing` makes the error
    for any other.

    NOTE: reads are short (headers, configs) and block; a thread for each would cost more.
    """

    repository: Repository
    files: Mapping[str, DiskFile]
    missing: Callable[[str], SourceError]
    traffic: Traffic = field(default_factory=Traffic)

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:
        file = self._file(path)
        check_limit(path, file.size_bytes, limit_bytes)
        return self._read(path, file, Span(0, file.size_bytes))

    async def read_span(self, path: str, span: Span) -> bytes:
        """The bytes of `span`. Raises BadAnswer where the file is no longer what was listed."""
        file = self._file(path)
        check_span(path, file.size_bytes, span)
        return self._read(path, file, span)

    async def read_headers(self, index_path: str) -> Mapping[str, memoryview] | None:  # noqa: ARG002
        return None

    def _file(self, path: str) -> DiskFile:
        if path not in self.files:
            raise self.missing(path)
        return self.files[path]

    def _read(self, path: str, file: DiskFile, span: Span) -> bytes:
        data = read_part(path, file, span)
        self.traffic = Traffic(bytes_read=self.traffic.bytes_read + len(data))
        return data


def read_part(path: str, file: DiskFile, span: Span) -> bytes:
    """Exactly the bytes of `span`. Raises Unreachable, and BadAnswer for a file that changed."""
    try:
        with Path(file.location).open("rb", buffering=0) as stream:
            now = fstat(stream.fileno())
            if not S_ISREG(now.st_mode) or now.st_size != file.size_bytes:
                raise _changed(path, f"{now.st_size:,} bytes, {file.size_bytes:,} when listed")
            stream.seek(span.begin)
            data = _read_all(stream.read, span.length)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) != span.length:
        raise _changed(path, f"{len(data):,} bytes at {span.begin:,} instead of {span.length:,}")
    return data


def _read_all(read: Callable[[int], bytes | None], length: int) -> bytes:
    """Up to `length` bytes: an unbuffered read may give fewer at a time, never more than 2 GiB."""
    data = bytearray()
    while len(data) < length and (part := read(length - len(data))):
        data += part
    return bytes(data)


def unreadable(path: str, error: OSError) -> Unreachable:
    """What the operating system said, as an error of the source."""
    return Unreachable(
        path,
        f"cannot be read: {(error.strerror or 'no reason given').lower()}",
        hint="check that it is there and that you may read it",
    )


def _changed(path: str, reason: str) -> BadAnswer:
    return BadAnswer(
        path,
        f"the file changed while it was audited: {reason}",
        hint="let whatever writes it end, then audit again",
    )

"""A checkpoint as torch saves it since 1.6: a zip archive.

    <stem>/data.pkl             the object, which names its storages by key
    <stem>/byteorder            "little" or "big", since torch 2.1
    <stem>/data/0, data/1, ...  the storages
    <stem>/version

torch/serialization.py `_save`, caffe2/serialize/inline_container.cc. An archive of TorchScript has
`code/` and `constants.pkl`, too, and its storages lie before data.pkl.

data.pkl is at the archive's front; its place and all sizes are in the directory at the end. That
makes two spans, one more for each of them that is longer than what was read of that end.
"""

import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from auditor.core.findings import listed, quoted
from auditor.core.tensors import Header, Span
from auditor.errors import LimitExceeded, UnsupportedFormat
from auditor.formats.torch_ends import FileEnds
from auditor.formats.torch_header import BIG_ENDIAN, Archive, header_of
from auditor.formats.torch_pickle import MAX_PICKLE_BYTES, load_whole, read_storages
from auditor.formats.torch_tensors import TensorReader
from auditor.formats.zip_directory import (
    DEFLATED,
    END_BYTES,
    LOCAL_BYTES,
    MAX_COMMENT_BYTES,
    STORED,
    Entry,
    data_place,
    find_directory,
    malformed,
    read_directory,
)

TAIL_BYTES: Final = END_BYTES + MAX_COMMENT_BYTES  # has the directory of 900 storages, too
_LOCAL_EXTRA_BYTES: Final = 128  # torch fills up to a multiple of 64


def read_zip(path: str, size_bytes: int, front: bytes) -> Generator[Span, bytes, Header]:
    """The header of the archive of `size_bytes` that begins with `front`.

    Raises HeaderMalformed, UnknownDtype, LimitExceeded, UnsupportedFormat.
    """
    tail_begin = max(len(front), size_bytes - TAIL_BYTES)
    tail = (yield Span(tail_begin, size_bytes)) if tail_begin < size_bytes else b""
    ends = FileEnds(size_bytes=size_bytes, front=front, tail=tail)
    directory = find_directory(path, ends.last_bytes, size_bytes)
    raw = yield from ends.read(directory.span)
    archive = _Archive(path=path, ends=ends, entries=read_directory(path, raw, directory))
    header = yield from archive.header()
    behind = size_bytes - directory.archive_end
    if behind:
        warning = f"{behind:,} bytes lie behind the end of the archive"
        header = replace(header, warnings=(warning, *header.warnings))
    return header


@dataclass(frozen=True, slots=True, kw_only=True)
class _Archive:
    path: str
    ends: FileEnds
    entries: Mapping[str, Entry]

    def header(self) -> Generator[Span, bytes, Header]:
        entry = self._entry("data.pkl")
        if entry is None:
            raise self._no_checkpoint()
        pickle = yield from self._contents(entry)
        root, machine = load_whole(self.path, pickle)
        tensors = TensorReader(self.path)
        read_storages(machine, tensors)
        notes = self._check_storages(tensors)
        begins = accumulate(tensors.storage_bytes.values(), initial=0)
        warnings = list(self._byte_order())
        if zlib.crc32(pickle) != entry.crc:
            warnings.append("the checksum of data.pkl does not fit it")
        archive = Archive(
            size_bytes=self.ends.size_bytes,
            begins=dict(zip(tensors.storage_bytes, begins, strict=False)),
            warnings=tuple(warnings),
            notes=notes,
        )
        return self._with_script(header_of(root, list(machine.named), tensors, archive))

    @property
    def _stem(self) -> str:
        """The folder that a checkpoint lies in, as torch finds it: that of the first entry."""
        return next(iter(self.entries), "").partition("/")[0]

    def _entry(self, name: str) -> Entry | None:
        return self.entries.get(f"{self._stem}/{name}")

    def _within(self, folder: str) -> dict[str, Entry]:
        """The entries of a folder by what follows its name."""
        prefix = f"{self._stem}/{folder}/"
        return {
            name.removeprefix(prefix): entry
            for name, entry in self.entries.items()
            if name.startswith(prefix) and name != prefix
        }

    def _no_checkpoint(self) -> UnsupportedFormat:
        names = listed([quoted(name) for name in self.entries])
        return UnsupportedFormat(
            self.path,
            f"a zip archive that torch.save did not write: no data.pkl among {names or 'nothing'}",
            hint="it may be another kind of model; only torch.save's archives are read",
        )

    def _contents(self, entry: Entry) -> Generator[Span, bytes, bytes]:
        """The data of an entry, unpacked: never more than its size, and that bounded."""
        if max(entry.stored_bytes, entry.size_bytes) > MAX_PICKLE_BYTES:
            raise LimitExceeded(
                self.path,
                f"{quoted(entry.name)} has {max(entry.stored_bytes, entry.size_bytes):,} bytes;"
                f" at most {MAX_PICKLE_BYTES:,} are read",
            )
        self._check(entry)
        begin = entry.header_begin
        head = Span(begin, begin + LOCAL_BYTES + len(entry.raw_name))
        if not self.ends.has(head):  # both at once: how long the local extra field is, is not known
            most = head.end + _LOCAL_EXTRA_BYTES + entry.stored_bytes
            head = Span(begin, min(most, self.ends.size_bytes))
        known = yield from self.ends.read(head)
        place = data_place(self.path, entry, known)
        data = known[place : place + entry.stored_bytes]
        rest = Span(begin + place + len(data), begin + place + entry.stored_bytes)
        if rest.end > self.ends.size_bytes:
            raise malformed(self.path, f"the file ends within the entry {quoted(entry.name)}")
        return self._unpacked(entry, data + (yield from self.ends.read(rest)))

    def _check(self, entry: Entry) -> None:
        if entry.is_encrypted or entry.method not in {STORED, DEFLATED}:
            how = "encrypted" if entry.is_encrypted else f"packed by method {entry.method}"
            raise UnsupportedFormat(
                self.path,
                f"the entry {quoted(entry.name)} of the archive is {how}",
                hint="torch.save does neither; unpack and save it again",
            )
        if entry.method == STORED and entry.stored_bytes != entry.size_bytes:
            raise malformed(
                self.path,
                f"the entry {quoted(entry.name)} has {entry.size_bytes:,} bytes"
                f" and is stored in {entry.stored_bytes:,}",
            )

    def _unpacked(self, entry: Entry, data: bytes) -> bytes:
        if entry.method == DEFLATED:
            try:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, entry.size_bytes + 1)
            except zlib.error as error:
                reason = f"the entry {quoted(entry.name)} is not packed as it says"
                raise malformed(self.path, reason) from error
        if len(data) != entry.size_bytes:
            raise malformed(
                self.path, f"the entry {quoted(entry.name)} is not of {entry.size_bytes:,} bytes"
            )
        return data

    def _check_storages(self, tensors: TensorReader) -> tuple[str, ...]:
        """Each storage has an entry of its size; a note on those that the pickle does not name."""
        entries = self._within("data")
        for key, size_bytes in tensors.storage_bytes.items():
            entry = entries.get(key)
            if entry is None:
                raise malformed(self.path, f"the archive lacks the storage {quoted(key)}")
            self._check(entry)
            if entry.size_bytes != size_bytes:
                raise malformed(
                    self.path,
                    f"the storage {quoted(key)} has {entry.size_bytes:,} bytes"
                    f" and is to have {size_bytes:,}",
                )
        others = entries.keys() - tensors.storage_bytes.keys()
        size_bytes = sum(entries[key].size_bytes for key in others)
        what = f"{size_bytes:,} bytes of storages that nothing names ({len(others):,})"
        return (f"left out, {what}",) if size_bytes else ()

    def _byte_order(self) -> tuple[str, ...]:
        """A warning where the numbers are big-endian: the length of the word tells, "big"."""
        entry = self._entry("byteorder")
        if entry is None or entry.size_bytes != len("big") or entry.method != STORED:
            return ()
        return (BIG_ENDIAN,)

    def _with_script(self, header: Header) -> Header:
        """What an archive of TorchScript holds beside its object.

        Constants are literals of the code; where a module was frozen, its weights are among them.
        """
        if self._entry("constants.pkl") is None:
            return header
        constants = sum(entry.size_bytes for entry in self._within("constants").values())
        notes = (*header.notes, "an archive of TorchScript: parameters and buffers lie together")
        if not constants:
            return replace(header, notes=notes)
        sentence = f"{constants:,} bytes of constants of the code, without names"
        if header.tensors:
            return replace(header, notes=(*notes, f"left out, {sentence}"))
        return replace(header, notes=notes, gaps=(*header.gaps, f"not known, {sentence}"))

"""Keras 3's `.keras`: a zip archive with the model as JSON and its weights as HDF5.

    metadata.json | config.json | model.weights.h5 | assets/... | directory

https://github.com/keras-team/keras/blob/v3.12.0/keras/src/saving/saving_lib.py. Keras does not
compress the entries, so the weights are an HDF5 file that begins somewhere within this one.

1  The archive's directory tells where the weights begin (`auditor.formats.zip_directory`).
2  The entry is neither compressed nor encrypted: else nothing in it has a place of its own.
3  Its bytes are read as those of an HDF5 file (`auditor.formats.hdf5`).
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Final

from auditor.core.findings import quoted
from auditor.core.tensors import Header, Span
from auditor.errors import HeaderMalformed, UnsupportedFormat
from auditor.formats import hdf5
from auditor.formats.foreign import recognise
from auditor.formats.zip_directory import (
    END_BYTES,
    LOCAL_BYTES,
    MAX_COMMENT_BYTES,
    STORED,
    Entry,
    data_place,
    find_directory,
    read_directory,
)

name: Final = "Keras"

WEIGHTS: Final = "model.weights.h5"
ARCHIVE: Final = b"PK\3\4"
_TAIL_BYTES: Final = END_BYTES + MAX_COMMENT_BYTES
_FIRST_BYTES: Final = 64  # what another kind of file is known by
_SAVE_ANEW: Final = "save the weights alone: model.save_weights('model.weights.h5')"


def read_header(path: str, size_bytes: int) -> Generator[Span, bytes, Header]:
    """The header of the HDF5 file within; `data_begin` counts from the beginning of the archive.

    Raises HeaderMalformed, UnsupportedFormat, LimitExceeded.
    """
    if size_bytes < END_BYTES:
        raise HeaderMalformed(path, f"{size_bytes:,} bytes are no archive", hint=hdf5.DAMAGED)
    tail_begin = max(0, size_bytes - _TAIL_BYTES)
    tail = yield Span(tail_begin, size_bytes)
    try:
        directory = find_directory(path, tail, size_bytes)
    except HeaderMalformed as error:
        first = tail if not tail_begin else (yield Span(0, _FIRST_BYTES))
        foreign = None if first.startswith(ARCHIVE) else recognise(first)
        if foreign is None:
            raise
        reason = f"no Keras archive but {foreign.what}"
        raise HeaderMalformed(path, reason, hint=foreign.hint) from error
    if directory.span.begin >= tail_begin:
        raw = tail[directory.span.begin - tail_begin : directory.span.end - tail_begin]
    else:
        raw = yield directory.span
    entry = _weights(path, read_directory(path, raw, directory))
    local = yield Span(
        entry.header_begin,
        min(entry.header_begin + LOCAL_BYTES + len(entry.raw_name), size_bytes),
    )
    begin = entry.header_begin + data_place(path, entry, local)
    if begin + entry.stored_bytes > directory.span.begin:
        reason = f"the entry {quoted(entry.name)} goes on into the archive's directory"
        raise HeaderMalformed(path, reason, hint=hdf5.DAMAGED)
    header = yield from _within(hdf5.read_header(path, entry.stored_bytes), begin)
    is_placed = header.data_begin is not None
    return replace(
        header, format=name, size_bytes=size_bytes, data_begin=begin if is_placed else None
    )


def _weights(path: str, entries: dict[str, Entry]) -> Entry:
    """The entry that holds the weights."""
    entry = entries.get(WEIGHTS)
    if entry is None:
        reason = f"a Keras archive without {WEIGHTS}"
        raise UnsupportedFormat(path, reason, hint=_SAVE_ANEW)
    if entry.method != STORED or entry.is_encrypted or entry.stored_bytes != entry.size_bytes:
        reason = (
            f"{WEIGHTS} is compressed or encrypted within it, so that no part can be read alone"
        )
        raise UnsupportedFormat(path, reason, hint=_SAVE_ANEW)
    return entry


def _within(reader: Generator[Span, bytes, Header], begin: int) -> Generator[Span, bytes, Header]:
    """Drives the `reader` of a file that begins at byte `begin` of this one."""
    try:
        span = next(reader)
        while True:
            span = reader.send((yield Span(begin + span.begin, begin + span.end)))
    except StopIteration as done:
        header: Header = done.value
        return header

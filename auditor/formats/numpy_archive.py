"""NumPy: .npz, a zip archive with an array in each entry, and .npy, one array.

    <name>.npy     local header, then a .npy file (`npy_head`), stored or deflated
    ...
    directory      where each entry is

https://numpy.org/doc/stable/reference/generated/numpy.savez.html. The directory tells where the
entries are, and their heads are read in spans, one for all that lie near each other. Of a deflated
entry (`savez_compressed`) the first bytes are inflated, and never more than a head has.

Arrays of Python objects are pickles: they are named, and not read.
"""

from collections.abc import Generator, Sequence
from math import prod
from pathlib import PurePosixPath
from typing import Final

from auditor.core.dtypes import Dtype
from auditor.core.findings import listed, quoted
from auditor.core.tensors import Header, Span, Tensor
from auditor.errors import HeaderMalformed, UnknownDtype
from auditor.formats.cursor import Reading
from auditor.formats.dotted_names import dotted
from auditor.formats.npy_head import LONGEST_HEAD_BYTES
from auditor.formats.npz_entries import (
    DAMAGED,
    ENDING,
    Archive,
    Array,
    cut_off,
    head_of,
    read_archive,
)
from auditor.formats.numpy_dtypes import of_type
from auditor.formats.training_state import without_training

name: Final = "NumPy"

LARGE_BYTES: Final = 1 << 16  # entries that are no arrays are settings below, perhaps weights above

_ELEMENTS_LIMIT: Final = 1 << 63
_OBJECTS: Final = "arrays of Python objects, which are pickles and never read"
_RECORDS: Final = "arrays of records, which are not read"
_TEXTS: Final = "arrays of text or dates, which are no numbers"
# What an array holds that is no number, by the first letter of its type; records have none.
_NO_NUMBERS: Final = {"": _RECORDS, "O": _OBJECTS, **dict.fromkeys("SUaMm", _TEXTS)}


def read_header(path: str, size_bytes: int) -> Generator[Span, bytes, Header]:
    """The header of a .npz or .npy file of `size_bytes`; its arrays in the order of the file.

    Raises HeaderMalformed, UnknownDtype, LimitExceeded, and UnsupportedFormat where its heads lie
    in too many places, or in entries that cannot be opened.
    """
    if path.lower().endswith(ENDING):
        archive = Archive([(yield from _alone(path, size_bytes))], [])
    else:
        archive = yield from read_archive(path, size_bytes)
    return _header(path, size_bytes, archive)


def _alone(path: str, size_bytes: int) -> Reading[Array]:
    data = (yield Span(0, min(size_bytes, LONGEST_HEAD_BYTES))) if size_bytes else b""
    known = PurePosixPath(path).stem
    head = head_of(path, known, data)
    if head is None:
        raise cut_off(path, known)
    return Array(known, head, size_bytes - head.data_begin, head.data_begin)


def _header(path: str, size_bytes: int, archive: Archive) -> Header:
    passed: dict[str, list[str]] = {}
    numeric = []
    for array in archive.arrays:
        what = _NO_NUMBERS.get(array.head.type.lstrip("<>|=")[:1])
        if what is None:
            numeric.append(array)
        else:
            passed.setdefault(what, []).append(quoted(array.name))
    large = [quoted(entry.name) for entry in archive.others if entry.size_bytes >= LARGE_BYTES]
    small = [quoted(entry.name) for entry in archive.others if entry.size_bytes < LARGE_BYTES]
    tensors, notes = _tensors(path, numeric)
    return Header(
        format=name,
        size_bytes=size_bytes,
        tensors=tensors,
        data_begin=None if any(array.begin is None for array in numeric) else 0,
        notes=(
            *notes,
            *_about(_TEXTS, passed.get(_TEXTS, ())),
            *_about("entries that are no arrays", small),
        ),
        gaps=(
            *_about(_OBJECTS, passed.get(_OBJECTS, ())),
            *_about(_RECORDS, passed.get(_RECORDS, ())),
            *_about("entries that are no arrays and may hold weights", large),
        ),
    )


def _about(what: str, examples: Sequence[str]) -> tuple[str, ...]:
    return (f"{what} ({len(examples):,}): {listed(examples)}",) if examples else ()


def _tensors(path: str, arrays: Sequence[Array]) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    paths = [tuple(array.name.split("/")) for array in arrays]
    kept, notes = without_training(paths, [prod(array.head.shape) for array in arrays])
    tensors: dict[str, Tensor] = {}
    for at, place in kept.items():
        known = dotted("/".join(place))
        if known in tensors:
            reason = f"two arrays are called {quoted(known)}"
            raise HeaderMalformed(path, reason, hint="rename one of them")
        tensors[known] = _tensor(path, known, arrays[at])
    return tuple(tensors.values()), notes


def _tensor(path: str, known: str, array: Array) -> Tensor:
    dtype = _dtype(path, known, array.head.type)
    shape = array.head.shape
    elements = prod(shape)
    size_bytes = dtype.bytes_up_to(elements)
    if elements >= _ELEMENTS_LIMIT or size_bytes != array.data_bytes:
        shown = f"{quoted(known)}, {dtype.name} {list(shape[:8])}"
        reason = f"{shown}, takes another number of bytes than {array.data_bytes:,}"
        raise HeaderMalformed(path, reason, hint=DAMAGED)
    begin = array.begin or 0
    return Tensor(known, dtype, shape, elements, begin, begin + size_bytes)


def _dtype(path: str, known: str, type_: str) -> Dtype:
    dtype = of_type(type_)
    if dtype is None:
        raise UnknownDtype(
            path,
            f"{quoted(known)} has the dtype {quoted(type_)}, which is not known",
            hint="a newer release of hfaudit may know it",
        )
    return dtype

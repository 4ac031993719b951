"""A checkpoint as torch saved it until 0.1.9: a tar archive of four members.

    sys_info   pickle
    pickle     pickle of the object, which names its tensors by key
    tensors    pickle of their number; for each
                 pickle (key, storage's key, class), i32 dimensions, 4 bytes, i64 sizes,
                 i64 strides, i64 offset
    storages   pickle of their number; for each
                 pickle (key, location, class), i64 number of elements, the elements
               pickle of the views: storages that are parts of others

torch/serialization.py `legacy_load`. The members before the last one are read, and of that only how
many storages it has: to know each one's size would take a request for each. So a tensor is held
against the room that there is, and not against its storage.
"""

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from itertools import accumulate
from typing import Final

from auditor.core.findings import listed, quoted
from auditor.core.tensors import Header, Span
from auditor.errors import HeaderMalformed, UnsupportedFormat
from auditor.formats.pickle_machine import Machine
from auditor.formats.pickle_values import CutPickle, Global
from auditor.formats.torch_ends import read_front
from auditor.formats.torch_header import Archive, header_of
from auditor.formats.torch_pickle import load, load_whole
from auditor.formats.torch_tensors import (
    DAMAGED,
    MAX_DIMENSIONS,
    Storage,
    StoredTensor,
    TensorReader,
)

BLOCK_BYTES: Final = 512
MAGIC: Final = b"ustar"
MAGIC_AT: Final = 257
MAX_TENSORS: Final = 250_000
MAX_MEMBERS: Final = 16  # four, and tar's own headers between them
COUNT_BYTES: Final = 64  # room for the pickle of a number
PARTS: Final = 3  # of a tensor's names: its key, its storage's key, its class

_READ: Final = frozenset({"pickle", "tensors", "storages"})


def read_tar(path: str, size_bytes: int, front: bytes) -> Generator[Span, bytes, Header]:
    """The header of the file of `size_bytes` that begins with `front`.

    Raises HeaderMalformed, UnknownDtype, LimitExceeded, UnsupportedFormat.
    """
    return read_front(path, size_bytes, front, partial(_header, path, size_bytes))


def _header(path: str, size_bytes: int, front: bytes) -> Header:
    """Raises CutPickle where `front` ends before the storages do begin."""
    members = dict(_members(path, front))
    if not members.keys() >= _READ:
        raise UnsupportedFormat(
            path,
            f"a tar archive that torch.save did not write, of {listed(_names(members))}",
            hint="unpack it and audit the weight files in it",
        )
    root, machine = load_whole(path, _contents(front, members["pickle"]))
    room_bytes = members["storages"].length
    tensors = TensorReader(path)
    _read_tensors(tensors, _contents(front, members["tensors"]), room_bytes)
    begin = members["storages"].begin
    count_end = min(begin + COUNT_BYTES, members["storages"].end)
    count, _ = load_whole(path, _contents(front, Span(begin, count_end)))
    taken: dict[str, int] = {}
    for tensor in tensors.kept.values():
        taken[tensor.key] = max(taken.get(tensor.key, 0), tensor.end)
    if sum(taken.values()) > room_bytes or members["storages"].end > size_bytes:
        raise tensors.malformed(f"the tensors take more than the {room_bytes:,} bytes of storages")
    has_views = type(count) is not int or count < len(taken)
    archive = Archive(
        size_bytes=size_bytes,
        begins=dict(zip(taken, accumulate(taken.values(), initial=0), strict=False)),
        notes=("torch before 0.1.10 wrote it; the sizes of its storages were not read",),
        gaps=("not known, which of its storages are parts of others",) if has_views else (),
    )
    return header_of(root, list(machine.named), tensors, archive)


def _names(members: Iterable[str]) -> list[str]:
    return [quoted(name) for name in members]


def _members(path: str, front: bytes) -> Iterator[tuple[str, Span]]:
    """Where the data of each member are, up to the storages, as far as `front` goes."""
    at = 0
    for _ in range(MAX_MEMBERS):
        block = _contents(front, Span(at, at + BLOCK_BYTES))
        if not any(block):
            return
        name, length = _member(path, block)
        at += BLOCK_BYTES
        yield name, Span(at, at + length)
        if name == "storages":
            return
        at += -(-length // BLOCK_BYTES) * BLOCK_BYTES


def _member(path: str, block: bytes) -> tuple[str, int]:
    """Name and size of a member, of its header."""
    from tarfile import HeaderError, TarInfo  # noqa: PLC0415 - for few files

    try:
        info = TarInfo.frombuf(block, "utf-8", "replace")
    except (HeaderError, ValueError) as error:
        raise HeaderMalformed(path, f"no sound tar archive: {error}", hint=DAMAGED) from error
    if info.size < 0:
        raise HeaderMalformed(path, "a member of a tar archive of less than nothing", hint=DAMAGED)
    return info.name, info.size


def _contents(front: bytes, span: Span) -> bytes:
    if span.end > len(front):
        reason = f"it ends within {span.length:,} bytes that begin at {span.begin:,}"
        raise CutPickle(reason, span.end)
    return front[span.begin : span.end]


def _read_tensors(tensors: TensorReader, data: bytes, room_bytes: int) -> None:
    """Puts the tensors that are described in `data` into `tensors`, by key."""
    machine = Machine(data)
    try:
        count = load(tensors.path, machine)
        if type(count) is not int or not 0 <= count <= MAX_TENSORS:
            raise tensors.malformed("a number of tensors that is none")
        for _ in range(count):
            key, tensor = _tensor(tensors, machine, room_bytes)
            tensors.kept[key] = tensor
    except CutPickle as error:
        raise tensors.malformed(f"no whole list of tensors: {error}") from error


def _tensor(tensors: TensorReader, machine: Machine, room_bytes: int) -> tuple[str, StoredTensor]:
    """The next tensor and its key; None stands for the storage of one without elements."""
    names = load(tensors.path, machine)
    if type(names) is not tuple or len(names) != PARTS:
        raise tensors.malformed("a tensor without a key, a storage and a class")
    key, storage_key, class_ = names
    are_keys = isinstance(key, int | str) and isinstance(storage_key, int | str | None)
    if not are_keys or not isinstance(class_, Global):
        raise tensors.malformed("a tensor without a key, a storage and a class")
    dimensions = machine.signed(machine.take(4))
    machine.take(4)
    if not 0 <= dimensions <= MAX_DIMENSIONS:
        raise tensors.malformed(f"a tensor of {dimensions:,} dimensions")
    sizes = tuple(machine.signed(machine.take(8)) for _ in range(dimensions))
    strides = tuple(machine.signed(machine.take(8)) for _ in range(dimensions))
    offset = machine.signed(machine.take(8))
    dtype = tensors.storage_dtype(Global(class_.module, class_.name.replace("Tensor", "Storage")))
    storage = Storage(str(storage_key), dtype, 0, room_bytes)
    tensor = tensors.tensor(storage, None, offset, sizes, strides)
    if tensor is None:
        raise tensors.malformed("a tensor that fills no whole bytes")
    return str(key), tensor

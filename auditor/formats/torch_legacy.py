"""A checkpoint as torch saved it before 1.6 (`_use_new_zipfile_serialization=False`).

    pickle     the magic number 0x1950a86a20f9469cfc6c
    pickle     the version of the protocol, 1001
    pickle     {"protocol_version": 1001, "little_endian": True, "type_sizes": {...}}
    pickle     the object, which names its storages by key
    pickle     the list of keys
    storages   for each key in the order of the list: i64 number of elements, then the elements

torch/serialization.py `_legacy_save`. All that is needed is at the front. The elements must end
where the file does.
"""

from collections.abc import Generator
from functools import partial
from typing import Final

from auditor.core.findings import quoted
from auditor.core.tensors import Header, Span
from auditor.errors import HeaderMalformed
from auditor.formats.pickle_machine import Machine
from auditor.formats.pickle_values import Value
from auditor.formats.torch_ends import read_front
from auditor.formats.torch_header import BIG_ENDIAN, Archive, header_of
from auditor.formats.torch_parts import Opener
from auditor.formats.torch_pickle import load, read_storages
from auditor.formats.torch_tensors import DAMAGED, TensorReader

MAGIC: Final = 0x1950A86A20F9469CFC6C
PROTOCOL: Final = 1001
COUNT_BYTES: Final = 8  # before the elements of each storage


def read_legacy(path: str, size_bytes: int, front: bytes) -> Generator[Span, bytes, Header]:
    """The header of the file of `size_bytes` that begins with `front`, a pickle of MAGIC.

    Raises HeaderMalformed, UnknownDtype, LimitExceeded.
    """
    return read_front(path, size_bytes, front, partial(_header, path, size_bytes))


def _header(path: str, size_bytes: int, front: bytes) -> Header:
    """Raises CutPickle where `front` ends within the pickles."""
    machine = Machine(front)
    _, protocol, system, root, keys = (load(path, machine) for _ in range(5))
    if protocol != PROTOCOL:
        raise HeaderMalformed(path, "a version that torch never wrote", hint=DAMAGED)
    tensors = TensorReader(path)
    read_storages(machine, tensors)
    begins, length = _places(path, keys, tensors)
    end = machine.at + length
    if end > size_bytes:
        raise HeaderMalformed(
            path,
            f"{end - size_bytes:,} bytes are missing: the storages end at byte {end:,} and the file"
            f" at {size_bytes:,}",
            hint=DAMAGED,
        )
    behind = size_bytes - end
    is_big_endian = Opener(path).attributes(system).get("little_endian") is False
    archive = Archive(
        size_bytes=size_bytes,
        begins=begins,
        data_begin=machine.at,
        warnings=(BIG_ENDIAN,) if is_big_endian else (),
        gaps=(f"not known, what follows the last storage: {behind:,} bytes",) if behind else (),
    )
    return header_of(root, list(machine.named), tensors, archive)


def _places(path: str, keys: Value, tensors: TensorReader) -> tuple[dict[str, int], int]:
    """Where the elements of each storage begin, counted from the first storage, and their end."""
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise HeaderMalformed(path, "no list of the storages' keys", hint=DAMAGED)
    begins: dict[str, int] = {}
    end = 0
    for key in keys:
        if key in begins or key not in tensors.storage_bytes:
            what = "is listed twice" if key in begins else "is listed and belongs to nothing"
            raise HeaderMalformed(path, f"the storage {quoted(key)} {what}", hint=DAMAGED)
        begins[key] = end + COUNT_BYTES
        end = begins[key] + tensors.storage_bytes[key]
    if len(begins) < len(tensors.storage_bytes):
        raise HeaderMalformed(path, "storages are named that are not in the file", hint=DAMAGED)
    return begins, end

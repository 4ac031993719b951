"""Whole files of torch.save in its three layouts, their storages zeros."""

import io
import struct
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from auditor.core.tensors import Header
from auditor.formats.pytorch import read_header
from spread_files import Fed, Pieces, feed, joined
from torch_pickles import STORAGES, Name, Storage, pickled, storages_of
from zip_files import Member, zip_of

MAGIC: Final = 0x1950A86A20F9469CFC6C
PROTOCOL: Final = 1001

View = tuple[Storage, int, Sequence[int], Sequence[int]]  # storage, offset, size, stride


def members_of(value: Any, *, byteorder: str = "little") -> list[Member]:
    """The entries that torch.save writes of `value`."""
    storages = storages_of(value).items()
    return [
        Member(name="archive/data.pkl", data=pickled(value)),
        Member(name="archive/byteorder", data=byteorder.encode()),
        *(Member(name=f"archive/data/{key}", data=each.size_bytes) for key, each in storages),
        Member(name="archive/version", data=b"3\n"),
    ]


def saved(value: Any) -> Pieces:
    """The zip archive of `value`."""
    return zip_of(members_of(value))


def saved_legacy(
    value: Any, *, keys: Iterable[str] | None = None, little_endian: bool = True
) -> Pieces:
    """`value` as torch saved it before 1.6."""
    storages = storages_of(value)
    listed = sorted(storages if keys is None else keys)
    system = {"protocol_version": PROTOCOL, "little_endian": little_endian, "type_sizes": {}}
    front = b"".join(map(pickled, (MAGIC, PROTOCOL, system)))
    front += pickled(value, legacy=True) + pickled(listed)
    stored = [storages[key] for key in listed if key in storages]
    return joined(
        [(front,), *((struct.pack("<q", each.elements), each.size_bytes) for each in stored)]
    )


def saved_tar(value: Any, tensors: Mapping[int, View], *, storages: int | None = None) -> bytes:
    """`value` as torch saved it until 0.1.9: it names its tensors by their keys, as text."""
    by_key = {storage.key: storage for storage, _, _, _ in tensors.values()}
    listed = pickled(len(tensors))
    for key, (storage, offset, size, stride) in tensors.items():
        class_ = STORAGES[storage.dtype][0].replace("Storage", "Tensor")
        listed += pickled((key, int(storage.key), Name("torch", class_)))
        listed += struct.pack("<ii", len(size), 0)
        listed += struct.pack(f"<{2 * len(size) + 1}q", *size, *stride, offset)
    stored = pickled(len(by_key) if storages is None else storages)
    for storage in by_key.values():
        stored += pickled((int(storage.key), "cpu", Name("torch", STORAGES[storage.dtype][0])))
        stored += struct.pack("<q", storage.elements) + bytes(storage.size_bytes)
    system = pickled({"protocol_version": 1000, "little_endian": True, "type_sizes": {}})
    members = {
        "sys_info": system,
        "pickle": pickled(value),
        "tensors": listed,
        "storages": stored + pickled([]),
    }
    return tar_of(members)


def tar_of(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def fed(file: Pieces | bytes) -> Fed:
    """The header of a file, and what was asked for."""
    return feed(read_header, file)


def read(file: Pieces | bytes) -> Header:
    return fed(file).header


def shapes(header: Header) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of a header: the names of their dtypes, and their shapes."""
    return {tensor.name: (tensor.dtype.name, tensor.shape) for tensor in header.tensors}

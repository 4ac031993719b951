"""A large safetensors header as writers write it, read in one go.

What is taken here, `auditor.formats.safetensors_entries` reads alike, in three times the time. What
is odd in any way is not taken, so that all the errors and warnings are said there.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from auditor.core.dtypes import Dtype
from auditor.core.large_json import read_large
from auditor.core.strict_json import NotJson, parse
from auditor.core.tensors import Tensor
from auditor.errors import HeaderMalformed, UnknownDtype
from auditor.formats.safetensors_entries import (
    MAX_TENSORS,
    METADATA,
    Contents,
    Shape,
    metadata_of,
    size_of,
)

# The metadata come first, before any tensor.
_BEGINNING: Final = re.compile(
    rb'[ \t\r\n]*\{[ \t\r\n]*"__metadata__"[ \t\r\n]*:[ \t\r\n]*(\{[^{}]*\})[ \t\r\n]*,'
)


class _Entry(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


_KEYS: Final = 4  # of a tensor: its name and three for its fields


def large_contents(raw: bytes) -> Contents | None:
    """Tensors in the order of their data, and metadata, of the JSON header `raw`."""
    metadata: dict[str, str] = {}
    if beginning := _BEGINNING.match(raw):
        try:
            metadata = metadata_of("", parse(beginning[1]))
        except (NotJson, HeaderMalformed):
            return None
        raw = b"{" + raw[beginning.end() :]
    entries = read_large(
        raw, dict[str, _Entry], lambda all_: _KEYS * len(all_), _KEYS * MAX_TENSORS
    )
    if not entries or METADATA in entries:
        return None
    tensors = _tensors(entries)
    return None if tensors is None else (tensors, metadata, ())


def _tensors(entries: Mapping[str, _Entry]) -> tuple[Tensor, ...] | None:
    """The tensors of `entries`, where these follow one another as their data do."""
    sizes: dict[tuple[str, Shape], tuple[Dtype, Shape, int, int]] = {}
    tensors = []
    free = 0
    for name, entry in entries.items():
        begin, end = entry.data_offsets
        try:
            known, shape, elements, needed_bytes = sizes[entry.dtype, entry.shape]
        except KeyError:
            size = _size(name, entry)
            if size is None:
                return None
            known, shape, elements, needed_bytes = sizes[entry.dtype, entry.shape] = size
        if begin != free or end - begin != needed_bytes:
            return None
        # As in `safetensors_entries`. Equal shapes are one object, as are the end of a tensor and
        # the beginning of the next: that takes a third of the memory, and memory takes time.
        tensors.append(tuple.__new__(Tensor, (name, known, shape, elements, free, end)))
        free = end
    return tuple(tensors)


def _size(name: str, entry: _Entry) -> tuple[Dtype, Shape, int, int] | None:
    """Dtype, shape, elements and bytes of `entry`; None for an odd one or an empty tensor."""
    try:
        known, elements, needed_bytes = size_of("", name, entry.dtype, entry.shape)
    except (HeaderMalformed, UnknownDtype):
        return None
    # The place of an empty tensor is not told by where its data begin.
    return (known, entry.shape, elements, needed_bytes) if needed_bytes else None

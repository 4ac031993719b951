"""Weight files made of names, dtypes and shapes, and a driver for the readers of their headers."""

import json
from collections.abc import Generator, Mapping, Sequence
from math import prod
from typing import NamedTuple

from auditor.core.dtypes import DTYPES
from auditor.core.tensors import Header, Span, WeightFile
from auditor.formats.safetensors import read_header

Tensors = Mapping[str, tuple[str, Sequence[int]]]  # name -> dtype, shape


class Driven(NamedTuple):
    """What a reader returned, and what it asked for on the way."""

    header: Header
    spans: tuple[Span, ...]


def entries(tensors: Tensors) -> dict[str, dict[str, object]]:
    """The entries of a safetensors header, their data end to end in the order given."""
    made: dict[str, dict[str, object]] = {}
    begin = 0
    for name, (dtype, shape) in tensors.items():
        end = begin + DTYPES[dtype].bytes_for(prod(shape))
        made[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    return made


def with_length(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def virtual_header(
    tensors: Tensors, *, metadata: Mapping[str, str] | None = None
) -> tuple[bytes, int]:
    """The first bytes of a safetensors file up to its data, and the size of the whole file.

    Padded with spaces to a multiple of 8, as the Rust writer does.
    """
    made: dict[str, object] = {} if metadata is None else {"__metadata__": dict(metadata)}
    made.update(entries(tensors))
    text = json.dumps(made, separators=(",", ":")).encode()
    head = with_length(text + b" " * (-len(text) % 8))
    data_bytes = sum(DTYPES[dtype].bytes_for(prod(shape)) for dtype, shape in tensors.values())
    return head, len(head) + data_bytes


def safetensors_file(tensors: Tensors, *, metadata: Mapping[str, str] | None = None) -> bytes:
    """A whole safetensors file whose data are zeros."""
    head, size_bytes = virtual_header(tensors, metadata=metadata)
    return head + bytes(size_bytes - len(head))


def drive(reader: Generator[Span, bytes, Header], data: bytes) -> Driven:
    """Feeds `reader` from the file that begins with `data` and goes on with zeros."""
    spans: list[Span] = []
    try:
        span = next(reader)
        while True:
            spans.append(span)
            assert span.length > 0, "nothing is asked for"
            span = reader.send(data[span.begin : span.end].ljust(span.length, b"\0"))
    except StopIteration as done:
        return Driven(done.value, tuple(spans))


def read(data: bytes, size_bytes: int | None = None, path: str = "model.safetensors") -> Header:
    """The header of the safetensors file that begins with `data`, and ends with it by default."""
    return drive(read_header(path, len(data) if size_bytes is None else size_bytes), data).header


def weight_file(path: str, tensors: Tensors) -> WeightFile:
    """A safetensors file of a checkpoint, of any size."""
    return WeightFile(path=path, oid=None, header=read(*virtual_header(tensors), path=path))

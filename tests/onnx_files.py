"""ONNX files made by hand, field by field of onnx/onnx.in.proto.

A message is its fields one after another: a tag of `number << 3 | kind`, then a varint (kind 0) or
a length and as many bytes (kind 2).
"""

from collections.abc import Iterable, Sequence
from math import prod

from auditor.core.dtypes import DTYPES
from auditor.formats.onnx_tensors import DTYPES_BY_NUMBER
from spread_files import Pieces, joined, size_of

NUMBERS = {dtype.name: number for number, dtype in DTYPES_BY_NUMBER.items()}


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative ones take ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> Pieces:
    return (varint(field << 3) + varint(value),)


def content(field: int, value: str | bytes | Pieces) -> Pieces:
    """A field of text, bytes or a message, with its length."""
    if isinstance(value, str):
        value = value.encode()
    pieces = (value,) if isinstance(value, bytes) else value
    return joined([(varint(field << 3 | 2) + varint(size_of(pieces)),), pieces])


def tensor(
    name: str,
    dtype: str,
    shape: Sequence[int],
    *,
    external: dict[str, str] | None = None,
    data: Iterable[Pieces] | None = None,
    packed_dims: bool = False,
) -> Pieces:
    """A TensorProto whose raw_data are zeros, or which has `data` for the fields of its data."""
    dims: Iterable[Pieces] = (number(1, dimension) for dimension in shape)
    if packed_dims:
        dims = [content(1, b"".join(varint(dimension) for dimension in shape))]
    if external is not None:
        pairs = (content(13, pair(key, value)) for key, value in external.items())
        data = [*pairs, number(14, 1)]
    raw_bytes = DTYPES[dtype].bytes_up_to(prod(shape))
    fields = [content(9, (raw_bytes,) if raw_bytes else b"")] if data is None else data
    return joined([*dims, number(2, NUMBERS[dtype]), content(8, name), *fields])


def pair(key: str, value: str) -> Pieces:
    return joined([content(1, key), content(2, value)])


def node(
    op: str,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    *,
    domain: str = "",
    attributes: Iterable[Pieces] = (),
    **ints: int,
) -> Pieces:
    """A NodeProto; `ints` are attributes that are whole numbers."""
    return joined(
        [
            *(content(1, name) for name in inputs),
            *(content(2, name) for name in outputs),
            content(4, op),
            *(content(5, joined([content(1, key), number(3, n)])) for key, n in ints.items()),
            *(content(5, attribute) for attribute in attributes),
            content(7, domain),
        ]
    )


def attribute(name: str, field: int, value: Pieces) -> Pieces:
    """An AttributeProto: `field` 5 is a tensor, 6 a graph, 7 floats."""
    return joined([content(1, name), content(field, value)])


def constant(name: str, value: Pieces) -> Pieces:
    return node("Constant", (), [name], attributes=[attribute("value", 5, value)])


def graph(
    initializers: Iterable[Pieces] = (),
    nodes: Iterable[Pieces] = (),
    outputs: Iterable[str] = (),
    more: Iterable[Pieces] = (),
) -> Pieces:
    """A GraphProto in the order of its fields' numbers, as writers write it."""
    return joined(
        [
            *(content(1, each) for each in nodes),
            content(2, "main"),
            *(content(5, each) for each in initializers),
            *(content(12, content(1, name)) for name in outputs),
            *more,
        ]
    )


def model(main: Pieces, more: Iterable[Pieces] = ()) -> Pieces:
    return joined([number(1, 8), content(2, "hand"), content(7, main), *more])


def onnx_file(
    initializers: Iterable[Pieces] = (),
    nodes: Iterable[Pieces] = (),
    outputs: Iterable[str] = (),
) -> Pieces:
    return model(graph(initializers, nodes, outputs))

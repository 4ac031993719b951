"""Flax files made by hand: MessagePack, item by item of its specification.

An array is an extension of type 1 around [shape, dtype, bytes], its bytes zeros.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from auditor.formats.numpy_dtypes import BY_NAME
from spread_files import Pieces, joined, size_of


class Array(NamedTuple):
    """An array of zeros; `code` 3 is a scalar."""

    dtype: str
    shape: Sequence[int]
    code: int = 1


class Raw(NamedTuple):
    """Items written out by hand."""

    pieces: Pieces


Tree = Mapping[str, "Tree"] | Sequence["Tree"] | Array | Raw | str | bytes | int | float | None


def map_head(count: int) -> bytes:
    return bytes([0x80 | count]) if count < 16 else b"\xde" + count.to_bytes(2, "big")


def list_head(count: int) -> bytes:
    return bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")


def text(value: str) -> bytes:
    data = value.encode()
    head = bytes([0xA0 | len(data)]) if len(data) < 32 else b"\xda" + len(data).to_bytes(2, "big")
    return head + data


def whole(value: int) -> bytes:
    if 0 <= value < 128:
        return bytes([value])
    if value < 0:
        return b"\xd3" + value.to_bytes(8, "big", signed=True)
    return b"\xcf" + value.to_bytes(8, "big")


def binary(size_bytes: int) -> Pieces:
    """So many zeros as bytes."""
    return joined([(b"\xc6" + size_bytes.to_bytes(4, "big"),), (size_bytes,)])


def extension(code: int, content: Pieces) -> Pieces:
    head = b"\xc9" + size_of(content).to_bytes(4, "big") + bytes([code])
    return joined([(head,), content])


def array(dtype: str, shape: Sequence[int], *, size_bytes: int | None = None) -> Pieces:
    """What is inside the extension of an array."""
    if size_bytes is None:
        size_bytes = BY_NAME[dtype].bytes_up_to(prod(shape))
    sizes = list_head(len(shape)) + b"".join(whole(size) for size in shape)
    return joined([(b"\x93" + sizes + text(dtype),), binary(size_bytes)])


def packed(tree: Tree) -> Pieces:
    match tree:
        case Array(dtype, shape, code):
            return extension(code, array(dtype, shape))
        case Raw(pieces):
            return pieces
        case Mapping():
            pairs = (joined([(text(key),), packed(value)]) for key, value in tree.items())
            return joined([(map_head(len(tree)),), *pairs])
        case list() | tuple():
            return joined([(list_head(len(tree)),), *(packed(each) for each in tree)])
        case _:
            return (_leaf(tree),)


def _leaf(value: object) -> bytes:
    match value:
        case str():
            return text(value)
        case bytes():
            return b"\xc5" + len(value).to_bytes(2, "big") + value
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return whole(value)
        case _:
            return b"\xc0" if value is None else b"\xcb" + bytes(8)


def chunked(dtype: str, shape: Sequence[int], chunks: Sequence[int]) -> Tree:
    """An array in flat chunks, as flax writes one of more than 2^30 bytes."""
    return {
        "__msgpack_chunked_array__": True,
        "shape": {str(at): size for at, size in enumerate(shape)},
        "chunks": {str(at): Array(dtype, (size,)) for at, size in enumerate(chunks)},
    }

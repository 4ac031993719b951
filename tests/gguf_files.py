"""GGUF files made of key-values, names, types and shapes, as ggml/docs/gguf.md has them."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, NamedTuple

from auditor.core.tensors import Header
from auditor.formats.gguf import read_header
from builders import drive

# number, weights of a block, bytes of a block: llama.cpp, ggml/include/ggml.h, ggml-common.h
TYPES: Final = {
    "F32": (0, 1, 4),
    "F16": (1, 1, 2),
    "Q4_0": (2, 32, 18),
    "Q4_1": (3, 32, 20),
    "Q5_0": (6, 32, 22),
    "Q5_1": (7, 32, 24),
    "Q8_0": (8, 32, 34),
    "Q8_1": (9, 32, 36),
    "Q2_K": (10, 256, 84),
    "Q3_K": (11, 256, 110),
    "Q4_K": (12, 256, 144),
    "Q5_K": (13, 256, 176),
    "Q6_K": (14, 256, 210),
    "Q8_K": (15, 256, 292),
    "IQ2_XXS": (16, 256, 66),
    "IQ2_XS": (17, 256, 74),
    "IQ3_XXS": (18, 256, 98),
    "IQ1_S": (19, 256, 50),
    "IQ4_NL": (20, 32, 18),
    "IQ3_S": (21, 256, 110),
    "IQ2_S": (22, 256, 82),
    "IQ4_XS": (23, 256, 136),
    "I8": (24, 1, 1),
    "I16": (25, 1, 2),
    "I32": (26, 1, 4),
    "I64": (27, 1, 8),
    "F64": (28, 1, 8),
    "IQ1_M": (29, 256, 56),
    "BF16": (30, 1, 2),
    "Q4_0_4_4": (31, 32, 18),
    "Q4_0_4_8": (32, 32, 18),
    "Q4_0_8_8": (33, 32, 18),
    "TQ1_0": (34, 256, 54),
    "TQ2_0": (35, 256, 66),
    "IQ4_NL_4_4": (36, 32, 18),
    "IQ4_NL_4_8": (37, 32, 18),
    "IQ4_NL_8_8": (38, 32, 18),
    "MXFP4": (39, 32, 17),
    "NVFP4": (40, 64, 36),
    "Q1_0": (41, 128, 18),
    "Q2_0": (42, 64, 18),
}
ARRAY: Final = 9
STRING: Final = 8
_NUMBERS: Final = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIifBQqd", strict=True))


class Number(NamedTuple):
    """A number of a kind of its own: `Number(10, 5)` is a u64."""

    kind: int
    value: int | float


class Zeros(NamedTuple):
    """An array of so many zeros of a kind."""

    kind: int
    members: int


class Raw(NamedTuple):
    """A value of that kind, its bytes as given."""

    kind: int
    data: bytes


class Stored(NamedTuple):
    """A tensor: type (a name above, or a number), torch's shape; its bytes where no table tells."""

    type: str | int
    shape: Sequence[int]
    stored_bytes: int | None = None


Value = bool | float | str | Sequence[str] | Number | Zeros | Raw
Keys = Mapping[str, Value]
Tensors = Mapping[str, Stored | tuple[str | int, Sequence[int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gguf:
    """How a file is written: its version, its byte order (as `struct` has it), its alignment."""

    version: int = 3
    order: str = "<"
    alignment: int = 32

    def head(self, tensors: Tensors, keys: Keys | None = None) -> tuple[bytes, int]:
        """The first bytes of a file up to its data, and the size of the whole file."""
        keys = {"general.architecture": "llama"} if keys is None else keys
        if self.alignment != 32:
            keys = {**keys, "general.alignment": self.alignment}
        parts = [b"GGUF", self.u32(self.version), self.length(len(tensors)), self.length(len(keys))]
        parts += [self.string(key) + self.value(value) for key, value in keys.items()]
        offset = 0
        for name, stored in tensors.items():
            info, stored_bytes = self.info(name, Stored(*stored), offset)
            parts.append(info)
            offset += self.padded(stored_bytes)
        head = b"".join(parts)
        head += bytes(self.padded(len(head)) - len(head))
        return head, len(head) + offset

    def file(self, tensors: Tensors, keys: Keys | None = None) -> bytes:
        """A whole file whose data are zeros."""
        head, size_bytes = self.head(tensors, keys)
        return head + bytes(size_bytes - len(head))

    def info(self, name: str, stored: Stored, offset: int) -> tuple[bytes, int]:
        """An entry of the list of tensors, and the bytes of the tensor."""
        number, block_elements, block_bytes = (
            TYPES[stored.type] if isinstance(stored.type, str) else (stored.type, 1, 0)
        )
        stored_bytes = stored.stored_bytes
        if stored_bytes is None:
            stored_bytes = prod(stored.shape) // block_elements * block_bytes
        dimensions = b"".join(self.length(n) for n in reversed(stored.shape))
        ending = self.u32(number) + struct.pack(self.order + "Q", offset)
        return self.string(name) + self.u32(len(stored.shape)) + dimensions + ending, stored_bytes

    def value(self, value: Value) -> bytes:
        """A value with its kind before it."""
        kind, data = self.raw(value)
        return self.u32(kind) + data

    def raw(self, value: Value) -> Raw:
        match value:
            case Raw():
                return value
            case Number(kind, number):
                return Raw(kind, struct.pack(self.order + _NUMBERS[kind], number))
            case Zeros(kind, members):
                data = bytes(members * struct.calcsize("<" + _NUMBERS[kind]))
                return Raw(ARRAY, self.u32(kind) + self.length(members) + data)
            case str():
                return Raw(STRING, self.string(value))
            case bool() | int() | float():
                return self.raw(Number({bool: 7, int: 4, float: 6}[type(value)], value))
            case _:
                data = b"".join(map(self.string, value))
                return Raw(ARRAY, self.u32(STRING) + self.length(len(value)) + data)

    def string(self, text: str) -> bytes:
        data = text.encode(errors="surrogateescape")
        return self.length(len(data)) + data

    def u32(self, number: int) -> bytes:
        return struct.pack(self.order + "I", number)

    def length(self, number: int) -> bytes:
        return struct.pack(self.order + ("I" if self.version == 1 else "Q"), number)

    def padded(self, end: int) -> int:
        return -(-end // self.alignment) * self.alignment


def read(data: bytes, size_bytes: int | None = None, path: str = "model.gguf") -> Header:
    """The header of the GGUF file that begins with `data`, and ends with it by default."""
    return drive(read_header(path, len(data) if size_bytes is None else size_bytes), data).header

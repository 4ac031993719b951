"""Pickles as torch.save writes them, made of their opcodes, and the objects that are in them.

Nothing here imports what it names: `Name("os", "system")` is four opcodes' worth of text. What is
made so is held against torch itself by the tests that have it.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

# torch/storage.py, `_dtype_to_storage_type_map`, and the sizes of c10/core/ScalarType.h.
STORAGES: Final = {
    "float64": ("DoubleStorage", 8),
    "float32": ("FloatStorage", 4),
    "float16": ("HalfStorage", 2),
    "bfloat16": ("BFloat16Storage", 2),
    "int64": ("LongStorage", 8),
    "int32": ("IntStorage", 4),
    "int16": ("ShortStorage", 2),
    "int8": ("CharStorage", 1),
    "uint8": ("ByteStorage", 1),
    "bool": ("BoolStorage", 1),
    "complex64": ("ComplexFloatStorage", 8),
    "complex128": ("ComplexDoubleStorage", 16),
    "qint8": ("QInt8Storage", 1),
    "quint4x2": ("QUInt4x2Storage", 1),  # a byte of two elements
}


@dataclass(frozen=True)
class Name:
    """Something that loading would import."""

    module: str
    name: str


@dataclass(eq=False)
class Outside:
    """What a pickle keeps outside of itself, under any key."""

    key: Any


@dataclass(eq=False)
class Call:
    """What loading would call. With `new`, it is an instance of a class (NEWOBJ)."""

    name: Name | Outside
    args: tuple[Any, ...] = ()
    state: Any = None
    pairs: dict[Any, Any] = field(default_factory=dict)
    new: bool = False


@dataclass(eq=False)
class Storage:
    """A storage under a key, of `elements` of a dtype; without a dtype, of bytes."""

    key: str
    elements: int
    dtype: str = ""
    view: tuple[str, int, int] | None = None  # key, offset and size of a part: before torch 0.4

    @property
    def size_bytes(self) -> int:
        return self.elements * (STORAGES[self.dtype][1] if self.dtype else 1)

    def persistent_id(self, *, legacy: bool) -> tuple[Any, ...]:
        class_ = Name("torch.storage", "UntypedStorage")
        if self.dtype:
            class_ = Name("torch", STORAGES[self.dtype][0])
        parts = ("storage", class_, self.key, "cpu", self.elements)
        return (*parts, self.view) if legacy else parts


@dataclass
class Pickling:
    """Writes one pickle of protocol 2. Objects that come twice are referred back to."""

    legacy: bool = False
    _places: dict[int, int] = field(default_factory=dict)
    _kept: list[object] = field(default_factory=list)  # so that no id comes again

    def written(self, value: Any) -> bytes:
        return b"\x80\x02" + b"".join(self._write(value)) + b"."

    def _write(self, value: Any) -> Iterator[bytes]:
        if id(value) in self._places:
            yield b"j" + struct.pack("<I", self._places[id(value)])
        elif isinstance(value, tuple | list | dict):
            yield from self._container(value)
        elif isinstance(value, Name):
            yield f"c{value.module}\n{value.name}\n".encode()
        elif isinstance(value, Storage | Outside):
            key = (
                value.key if isinstance(value, Outside) else value.persistent_id(legacy=self.legacy)
            )
            yield from self._write(key)
            yield b"Q" + self._remembered(value)
        elif isinstance(value, Call):
            yield from self._call(value)
        else:
            yield _plain(value)

    def _container(self, value: Any) -> Iterator[bytes]:
        if isinstance(value, dict):
            yield b"}" + self._remembered(value)
            yield from self._items(value)
            return
        if isinstance(value, list):
            yield b"]" + self._remembered(value)
        yield b"("
        for item in value:
            yield from self._write(item)
        yield b"e" if isinstance(value, list) else b"t"

    def _call(self, call: Call) -> Iterator[bytes]:
        yield from self._write(call.name)
        yield from self._write(call.args)
        yield (b"\x81" if call.new else b"R") + self._remembered(call)
        if call.pairs:
            yield from self._items(call.pairs)
        if call.state is not None:
            yield from self._write(call.state)
            yield b"b"

    def _items(self, pairs: dict[Any, Any]) -> Iterator[bytes]:
        yield b"("
        for key, value in pairs.items():
            yield from self._write(key)
            yield from self._write(value)
        yield b"u"

    def _remembered(self, value: object) -> bytes:
        self._kept.append(value)
        place = self._places[id(value)] = len(self._places)
        return b"r" + struct.pack("<I", place)


def _plain(value: object) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(raw)]) + raw
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            raw = value.encode()
            return b"X" + struct.pack("<I", len(raw)) + raw
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
        case _:
            raise TypeError(value)


def pickled(value: Any, *, legacy: bool = False) -> bytes:
    return Pickling(legacy).written(value)


# -- what checkpoints are made of


def ordered(pairs: dict[Any, Any], *, state: Any = None) -> Call:
    """An OrderedDict, as state dicts are."""
    return Call(Name("collections", "OrderedDict"), pairs=pairs, state=state)


def view(
    storage: Storage | Outside | Call,
    shape: Sequence[int],
    stride: Sequence[int] | None = None,
    offset: int = 0,
) -> Call:
    """A tensor that looks into `storage`, by default one row after another."""
    rows = tuple(prod(shape[at + 1 :]) for at in range(len(shape)))
    strides = rows if stride is None else tuple(stride)
    args = (storage, offset, tuple(shape), strides, False, ordered({}))
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), args)


def view_as(dtype: str, storage: Storage, shape: Sequence[int]) -> Call:
    """A tensor of a dtype that no class of storages has."""
    args = (*view(storage, shape).args, Name("torch", dtype))
    return Call(Name("torch._utils", "_rebuild_tensor_v3"), args)


def parameter(data: Call) -> Call:
    return Call(Name("torch._utils", "_rebuild_parameter"), (data, True, ordered({})))


class Tensors:
    """Makes tensors that have a storage each, under keys from "0" on."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, *shape: int, dtype: str = "float32") -> Call:
        return view(self.storage(prod(shape), dtype), shape)

    def storage(self, elements: int, dtype: str = "float32") -> Storage:
        self._count += 1
        return Storage(str(self._count - 1), elements, dtype)


def module(class_: Name, **attributes: Any) -> Call:
    """A module that was pickled whole, with `parameters`, `buffers`, `modules` and the rest."""
    kinds = ("parameters", "buffers", "modules")
    state = {f"_{kind}": ordered(attributes.pop(kind, {})) for kind in kinds}
    return Call(class_, state={"training": False, **state, **attributes}, new=True)


def storages_of(value: Any) -> dict[str, Storage]:
    """All storages under `value` by key, in the order in which a pickle names them."""
    found: dict[str, Storage] = {}
    open_ = [value]
    seen: set[int] = set()
    while open_:
        each = open_.pop()
        if isinstance(each, dict | list | tuple | Call | Storage) and id(each) not in seen:
            seen.add(id(each))
            if isinstance(each, Storage):
                found.setdefault(each.key, each)
            elif isinstance(each, Call):
                open_ += [each.state, *reversed(each.pairs.values()), *reversed(each.args)]
            else:
                keys = each if isinstance(each, dict) else ()
                open_ += reversed([*keys, *(each.values() if isinstance(each, dict) else each)])
    return found

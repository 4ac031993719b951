"""Flax: a tree of maps in MessagePack, whose leaves are arrays with their heads.

    map    {"params": {"encoder": {"kernel": <array>, "bias": <array>}, ...}, "batch_stats": {...}}
    array  extension of type 1 (3 for a scalar) around [shape, dtype, bytes]
           an array of more than 2^30 bytes is a map of its own:
           {"__msgpack_chunked_array__": true, "shape": {"0": ...}, "chunks": {"0": <array>, ...}}
           of which the chunks are flat

flax 0.12: serialization.py; https://github.com/msgpack/msgpack/blob/master/spec.md. A head says how
long its data are, which are skipped: one span for each large array. transformers saves the
parameters alone, or them and `batch_stats`; training scripts save the optimizer's state beside
them, which is left out.

Arrays as msgpack-numpy writes them may be pickles; they are named and not read. Nothing is decoded.
"""

from collections.abc import Generator, Iterator
from math import prod
from typing import Final, NamedTuple

from auditor.core.dtypes import Dtype
from auditor.core.findings import listed, quoted
from auditor.core.tensors import Header, Span, Tensor
from auditor.errors import HeaderMalformed, LimitExceeded, UnknownDtype
from auditor.formats.cursor import Cursor, Reading
from auditor.formats.dotted_names import dotted
from auditor.formats.mistaken import mistaken
from auditor.formats.msgpack_wire import Item, Kind, next_item
from auditor.formats.numpy_dtypes import BY_NAME, of_type
from auditor.formats.training_state import Path, without_training

name: Final = "Flax"

MAX_DEPTH: Final = 64  # maps in maps; known models have under 20
MAX_ARRAYS: Final = 200_000  # the largest models in one file have under 2,000
MAX_KEY_BYTES: Final = 1 << 12
MAX_RANK: Final = 64  # numpy's limit
LARGE_BYTES: Final = 1_024  # bytes of an unknown kind are settings below, and perhaps weights above

_NDARRAY: Final = 1
_SCALAR: Final = 3
_CHUNKED: Final = "__msgpack_chunked_array__"
_PARTS: Final = 3  # of an array: shape, dtype, data
_ELEMENTS_LIMIT: Final = 1 << 63

_ALONE: Final = "array"  # the name of an array that is the whole file


class Array(NamedTuple):
    """An array of the file: its path in the tree, and where its bytes are."""

    path: Path
    dtype: Dtype
    shape: tuple[int, ...]
    begin: int

    @property
    def size_bytes(self) -> int:
        return self.dtype.bytes_up_to(prod(self.shape))


def read_header(path: str, size_bytes: int) -> Generator[Span, bytes, Header]:
    """The header of a Flax file of `size_bytes`; its arrays in the order of the file.

    Raises HeaderMalformed, UnknownDtype, LimitExceeded, and UnsupportedFormat where its heads lie
    in too many places.
    """
    cursor = Cursor(path, size_bytes)
    first = yield from cursor.peek(64)
    tree = _Tree(cursor)
    try:
        yield from tree.read()
    except HeaderMalformed as error:
        raise mistaken(error, name, first) from error
    paths = [array.path for array in tree.arrays]
    model, notes = without_training(paths, [prod(array.shape) for array in tree.arrays])
    kept = [tree.arrays[at]._replace(path=place) for at, place in model.items()]
    return Header(
        format=name,
        size_bytes=size_bytes,
        tensors=_named(path, kept),
        data_begin=None if tree.in_chunks else 0,
        notes=notes,
        gaps=tuple(tree.gaps()),
    )


class _Tree:
    """The tree of the whole file, as it is read."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._sizes: dict[Path, int] = {}  # the dimensions of arrays in chunks
        self._foreign: list[str] = []
        self._unknown: list[str] = []
        self.arrays: list[Array] = []
        self.in_chunks = False

    def read(self) -> Reading[None]:
        cursor = self._cursor
        root = yield from next_item(cursor, cursor.size_bytes)
        if root.kind is Kind.EXTENSION:
            yield from self._extension((), root)
        elif root.kind is Kind.MAP:
            yield from self._map((), root)
        else:
            raise cursor.malformed("no map of arrays")
        if cursor.at < cursor.size_bytes:
            left = cursor.size_bytes - cursor.at
            raise cursor.malformed(f"{left:,} bytes after the map belong to nothing")

    def gaps(self) -> Iterator[str]:
        if self._foreign:
            yield f"arrays as msgpack-numpy writes them, perhaps pickles: {listed(self._foreign)}"
        if self._unknown:
            yield f"bytes of an unknown kind: {listed(self._unknown)}"

    def _map(self, path: Path, item: Item) -> Reading[None]:
        first = len(self.arrays)
        keys: set[str] = set()
        for _ in range(item.value):
            key = yield from self._key()
            if key in keys:
                raise self._cursor.malformed(f"{_shown((*path, key))} is there more than once")
            keys.add(key)
            yield from self._value((*path, key))
        if _CHUNKED in keys:
            self.arrays[first:] = [self._whole(path, self.arrays[first:])]
            self.in_chunks = True
        elif {"nd", "data"} <= keys:
            self._foreign.append(_shown(path))

    def _key(self) -> Reading[str]:
        cursor = self._cursor
        item = yield from next_item(cursor, cursor.size_bytes)
        if item.kind is Kind.NUMBER:
            return str(item.value)
        if item.kind not in {Kind.TEXT, Kind.BYTES}:
            raise cursor.malformed(f"a key of a map at byte {item.begin:,} is no text")
        if item.length > MAX_KEY_BYTES:
            raise LimitExceeded(cursor.path, f"a key of {item.length:,} bytes")
        return (yield from cursor.take(item.length)).decode(errors="backslashreplace")

    def _value(self, path: Path) -> Reading[None]:
        cursor = self._cursor
        if len(path) > MAX_DEPTH:
            raise LimitExceeded(cursor.path, f"maps more than {MAX_DEPTH} deep")
        item = yield from next_item(cursor, cursor.size_bytes)
        match item.kind:
            case Kind.MAP:
                yield from self._map(path, item)
            case Kind.ARRAY:
                for at in range(item.value):
                    yield from self._value((*path, str(at)))
            case Kind.EXTENSION:
                yield from self._extension(path, item)
            case Kind.NUMBER:
                if path[-2:-1] == ("shape",):
                    self._sizes[path] = item.value
            case _:
                self._pass_over(path, item)

    def _pass_over(self, path: Path, item: Item) -> None:
        if item.length > LARGE_BYTES:
            self._unknown.append(f"{_shown(path)} ({item.length:,})")
        self._cursor.at = item.end

    # -- arrays

    def _extension(self, path: Path, item: Item) -> Reading[None]:
        if item.code not in {_NDARRAY, _SCALAR}:
            self._pass_over(path, item)
            return
        if len(self.arrays) >= MAX_ARRAYS:
            raise LimitExceeded(self._cursor.path, f"more than {MAX_ARRAYS:,} arrays")
        cursor = self._cursor
        parts = yield from next_item(cursor, item.end)
        dimensions = yield from next_item(cursor, item.end)
        if (parts.kind, parts.value) != (Kind.ARRAY, _PARTS) or dimensions.kind is not Kind.ARRAY:
            raise cursor.malformed(f"{_shown(path)} is no array of shape, dtype and bytes")
        shape = yield from self._shape(path, dimensions, item.end)
        dtype = yield from self._dtype(path, item.end)
        data = yield from next_item(cursor, item.end)
        array = Array(path, dtype, shape, data.begin)
        if data.kind not in {Kind.BYTES, Kind.TEXT} or data.end != item.end:
            raise cursor.malformed(f"{_shown(path)} does not end with its bytes")
        if prod(shape) >= _ELEMENTS_LIMIT or array.size_bytes != data.length:
            given = f"is given {data.length:,} bytes, which its shape does not take"
            raise cursor.malformed(f"{_shown(path)}, {dtype.name} {list(shape[:8])}, {given}")
        self.arrays.append(array)
        cursor.at = item.end

    def _shape(self, path: Path, dimensions: Item, stop: int) -> Reading[tuple[int, ...]]:
        if dimensions.value > MAX_RANK:
            raise self._cursor.malformed(f"{_shown(path)} has {dimensions.value:,} dimensions")
        shape = []
        for _ in range(dimensions.value):
            size = yield from next_item(self._cursor, stop)
            if size.kind is not Kind.NUMBER or size.value < 0:
                raise self._cursor.malformed(f"a dimension of {_shown(path)} is no size")
            shape.append(size.value)
        return tuple(shape)

    def _dtype(self, path: Path, stop: int) -> Reading[Dtype]:
        cursor = self._cursor
        item = yield from next_item(cursor, stop)
        if item.kind not in {Kind.TEXT, Kind.BYTES} or item.length > MAX_KEY_BYTES:
            raise cursor.malformed(f"the dtype of {_shown(path)} is no name")
        text = (yield from cursor.take(item.length)).decode(errors="backslashreplace")
        dtype = BY_NAME.get(text) or of_type(text)
        if dtype is None:
            raise UnknownDtype(
                cursor.path,
                f"{_shown(path)} has the dtype {quoted(text)}, which is not known",
                hint="a newer release of hfaudit may know it",
            )
        return dtype

    def _whole(self, path: Path, chunks: list[Array]) -> Array:
        """The array at `path` that was written in `chunks`."""
        shape: list[int] = []
        while (size := self._sizes.get((*path, "shape", str(len(shape))))) is not None:
            shape.append(size)
        ordered = [(*path, "chunks", str(at)) for at in range(len(chunks))]
        alike = len({chunk.dtype for chunk in chunks}) == 1
        elements = sum(prod(chunk.shape) for chunk in chunks)
        in_order = [chunk.path for chunk in chunks] == ordered
        if not in_order or not alike or min(shape, default=0) < 0 or prod(shape) != elements:
            raise self._cursor.malformed(f"the chunks of {_shown(path)} make no array {shape[:8]}")
        return Array(path, chunks[0].dtype, tuple(shape), chunks[0].begin)


def _shown(path: Path) -> str:
    return quoted(dotted("/".join(path)))


def _named(path: str, arrays: list[Array]) -> tuple[Tensor, ...]:
    tensors: dict[str, Tensor] = {}
    for array in arrays:
        name_ = dotted("/".join(array.path)) or _ALONE
        if name_ in tensors:
            reason = f"two arrays are called {quoted(name_)}"
            raise HeaderMalformed(path, reason, hint="rename one of them")
        end = array.begin + array.size_bytes
        elements = prod(array.shape)
        tensors[name_] = Tensor(name_, array.dtype, array.shape, elements, array.begin, end)
    return tuple(tensors.values())

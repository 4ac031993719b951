"""What a checkpoint's objects say of tensors: storages by key, and views of them.

    storage   ("storage", class, key, location, numel[, view])     kept outside of the pickle
              the class gives the dtype; of UntypedStorage, numel is in bytes
    tensor    _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])
              _rebuild_tensor_v3(..., hooks, dtype[, metadata])     offset and stride in elements

torch 2.13.0: torch/_utils.py, torch/_tensor.py, torch/serialization.py. Nothing of these is called;
their arguments are read.
"""

from dataclasses import dataclass, field
from math import prod
from typing import Final, NamedTuple, TypeGuard

from auditor.core.dtypes import Dtype
from auditor.core.findings import quoted
from auditor.errors import HeaderMalformed, UnknownDtype
from auditor.formats.pickle_values import Global, Made, Persistent, Value
from auditor.formats.torch_dtypes import BY_NAME, BY_STORAGE, UNTYPED_STORAGES, TorchDtype
from auditor.formats.torch_globals import path_of

DAMAGED: Final = "the file is damaged or no PyTorch file; compare its sha256 with the Hub's"
MAX_DIMENSIONS: Final = 64  # as NumPy; torch's own limit, where it has one, is 64, too
_INT64: Final = 1 << 63
_VIEW_PARTS: Final = 3  # key, offset, size
_STORAGE_PARTS: Final = (5, 6)


class Storage(NamedTuple):
    """Bytes `begin` to `end` of what is kept under `key`. Without a dtype, they are bytes."""

    key: str
    dtype: TorchDtype | None
    begin: int
    end: int


class StoredTensor(NamedTuple):
    """A tensor whose numbers lie between bytes `begin` and `end` of the storage `key`.

    `axes` are its dimensions of more than one element: how many there are, and how many bytes lie
    from one to the next; the widest step first. `stored_bytes` is less than `end - begin` where
    there are holes, and less than its elements take where they repeat (a step of 0).
    """

    key: str
    dtype: Dtype
    shape: tuple[int, ...]
    elements: int
    begin: int
    end: int
    axes: tuple[tuple[int, int], ...]
    stored_bytes: int


@dataclass(slots=True)
class TensorReader:
    """Reads the storages and tensors of the file at `path`.

    `storage_bytes` are the sizes of the storages that were read, by key, in the order of reading;
    `used` are the keys of those that something is known to look into. `kept` are tensors that are
    described outside of the pickle, by the key that it gives.

    All methods raise HeaderMalformed and UnknownDtype.
    """

    path: str
    storage_bytes: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    kept: dict[str, StoredTensor] = field(default_factory=dict)

    def malformed(self, reason: str) -> HeaderMalformed:
        return HeaderMalformed(self.path, reason, hint=DAMAGED)

    def storage(self, value: Value) -> Storage | None:
        """The storage that `value` refers to; None where it refers to none."""
        parts = value.key if isinstance(value, Persistent) else None
        if type(parts) is not tuple or len(parts) not in _STORAGE_PARTS or parts[0] != "storage":
            return None
        _, class_, key, _, numel, *view = parts
        if not isinstance(class_, Global) or type(key) is not str or not _is_size(numel):
            raise self.malformed("a storage without a class, a key or a size")
        dtype = self.storage_dtype(class_)
        step_bytes = (dtype.step_bytes if dtype else 0) or 1
        size_bytes = numel * step_bytes
        if self.storage_bytes.setdefault(key, size_bytes) != size_bytes:
            raise self.malformed(f"the storage {quoted(key)} has two sizes")
        begin, length = self._view(view[0]) if view and view[0] is not None else (0, numel)
        if begin + length > numel:
            raise self.malformed(f"a view reaches past the end of the storage {quoted(key)}")
        return Storage(key, dtype, begin * step_bytes, (begin + length) * step_bytes)

    def tensor(
        self, storage: Storage, dtype: TorchDtype | None, offset: Value, size: Value, stride: Value
    ) -> StoredTensor | None:
        """The view of `storage` that the arguments describe, in `dtype` where it is not its own.

        None for one that fills no whole bytes: of quantised numbers of less than a byte each.
        """
        self.used.add(storage.key)
        dtype = dtype or storage.dtype or BY_NAME["uint8"]
        shape, strides = self.sizes(size), self.sizes(stride)
        if len(shape) != len(strides) or not _is_size(offset):
            raise self.malformed("a tensor without an offset, a size or a stride")
        elements = prod(shape)
        if elements >= _INT64:
            raise self.malformed("a tensor of more elements than 63 bits count")
        if not dtype.step_bytes:
            return self._below_bytes(storage, dtype.dtype, shape, elements)
        steps = [step * dtype.step_bytes for step in strides]
        begin = storage.begin + (offset * dtype.step_bytes if elements else 0)
        reach = sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
        end = begin + reach + dtype.step_bytes if elements else begin
        if end > storage.end:
            raise self.malformed(
                f"a tensor ends at byte {end:,} of the storage {quoted(storage.key)},"
                f" which has {storage.end:,}"
            )
        axes = [(n, step) for n, step in zip(shape, steps, strict=True) if n > 1]
        axes.sort(key=lambda axis: -axis[1])
        distinct_bytes = prod(n for n, step in axes if step) * dtype.step_bytes
        if dtype.packed > 1:
            shape = (*shape[:-1], dtype.packed * (shape[-1] if shape else 1))
        return StoredTensor(
            key=storage.key,
            dtype=dtype.dtype,
            shape=shape,
            elements=elements * dtype.packed,
            begin=begin,
            end=end,
            axes=tuple(axes),
            stored_bytes=min(end - begin, distinct_bytes),
        )

    def storage_dtype(self, class_: Global) -> TorchDtype | None:
        """What a storage of the class holds; None where that is bytes."""
        return None if class_.name in UNTYPED_STORAGES else self._known(BY_STORAGE, class_)

    def dtype(self, value: Value) -> TorchDtype:
        if not isinstance(value, Global):
            raise self.malformed("a tensor of a dtype that has no name")
        return self._known(BY_NAME, value)

    def sizes(self, value: Value) -> tuple[int, ...]:
        """A size or stride: a tuple of numbers, or torch.Size of one."""
        if isinstance(value, Made) and path_of(value.maker) == "torch.Size" and value.args:
            value = value.args[0]
        if type(value) is not tuple or len(value) > MAX_DIMENSIONS:
            raise self.malformed("a size or stride that is none")
        if not all(map(_is_size, value)):
            raise self.malformed("a size or stride of what is no number of 63 bits")
        return value

    def _below_bytes(
        self, storage: Storage, dtype: Dtype, shape: tuple[int, ...], elements: int
    ) -> StoredTensor | None:
        """Rows of elements of less than a byte, each row filled up to bytes: the whole storage."""
        *rows, last = shape or (1,)
        stored_bytes = prod(rows) * -(-last // dtype.block_elements)
        if stored_bytes != storage.end - storage.begin or elements % dtype.block_elements:
            return None
        return StoredTensor(
            key=storage.key,
            dtype=dtype,
            shape=shape,
            elements=elements,
            begin=storage.begin,
            end=storage.end,
            axes=((stored_bytes, 1),),
            stored_bytes=stored_bytes,
        )

    def _view(self, view: Value) -> tuple[int, int]:
        """Offset and length of a part of a storage, as torch 0.4 and before had them."""
        if type(view) is not tuple or len(view) != _VIEW_PARTS or not all(map(_is_size, view[1:])):
            raise self.malformed("a view of a storage that is none")
        return view[1], view[2]

    def _known(self, table: dict[str, TorchDtype], named: Global) -> TorchDtype:
        dtype = table.get(named.name)
        if dtype is None or not named.module.startswith("torch"):
            raise UnknownDtype(
                self.path,
                f"a tensor of {quoted(named.path)}, whose size per element is not known",
                hint="a newer version of hfaudit may know it",
            )
        return dtype


def _is_size(value: Value) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _INT64

"""Which objects of a checkpoint are tensors: by the functions that would make them.

    torch._utils._rebuild_parameter(data, requires_grad, hooks)
    torch._utils._rebuild_qtensor(storage, offset, size, stride, quantizer, requires_grad, hooks)
    torch._utils._rebuild_sparse_tensor(layout, (indices, values, size[, coalesced]))
    torch._utils._rebuild_nested_tensor(values, sizes, strides, offsets)
    torch._utils._rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)
    torch._utils._rebuild_wrapper_subclass(class, dtype, size, stride, offset, layout, device, ...)
    torch._utils._rebuild_device_tensor_from_cpu_tensor(data, dtype, device, requires_grad)
    torch._tensor._rebuild_from_type_v2(function, class, arguments, state)
    torch.FloatTensor() with the state (storage, offset, size, stride), before torch 0.4

torch 2.13.0: torch/_utils.py, torch/_tensor.py. Nothing of these is called.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Final, TypeAlias

from auditor.core.findings import quoted
from auditor.errors import LimitExceeded
from auditor.formats.pickle_values import Made, Persistent, Value
from auditor.formats.torch_globals import Kind, class_of, kind_of, path_of
from auditor.formats.torch_parts import Opener, Pair
from auditor.formats.torch_tensors import StoredTensor, TensorReader

MAX_WRAPPING: Final = 8  # a parameter of a subclass of a tensor is wrapped three times
MAX_SCALES: Final = 4  # of a quantised tensor: scheme, scales, zero points, axis; of a sparse one
MAX_PIECES: Final = 250_000  # tensors that others are stored in, in all: under ten for each

_TENSOR_CLASS: Final = re.compile(r"torch\.(?:cuda\.)?\w*Tensor")
_PARAMETER: Final = "torch.nn.parameter.Parameter"
# Classes whose tensors are stored as they are. What bitsandbytes packs, its names tell.
_PLAIN_CLASS: Final = re.compile(
    r"torch\.(?:_tensor\.)?Tensor|torch\.nn\.parameter\.(?:Parameter|Buffer)"
    r"|bitsandbytes\.nn\.modules\.\w+"
)
_PACKINGS: Final = ("torchao",)  # packages whose tensors have the shape of what they pack

Args: TypeAlias = tuple[Value, ...]
Pieces: TypeAlias = tuple[tuple[str, StoredTensor], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an object stands for.

    `tensors` come with what follows the object's own name in theirs. `beside` are tensors of it
    that are no weights: scales, sizes, what else is set in it. `gap` says what it is where that
    leaves open how much it holds. With a `packing`, the tensors together are a matrix of so many
    `parameters`.
    """

    tensors: Pieces = ()
    gap: str = ""
    beside: tuple[StoredTensor, ...] = ()
    packing: str = ""
    parameters: int = 0


@dataclass(slots=True)
class ObjectReader:
    """Tells tensors from other objects, each object once: one that has two names stays one."""

    tensors: TensorReader
    opener: Opener
    _known: dict[int, Reading | None] = field(default_factory=dict)
    _pieces_left: int = field(default_factory=lambda: MAX_PIECES)

    def read(self, value: Value, wrapped: int = 0) -> Reading | None:
        """What `value` stands for, None for what is no tensor. `wrapped` counts the layers above.

        Raises HeaderMalformed, UnknownDtype, LimitExceeded.
        """
        if isinstance(value, Persistent):
            return self._read_outside(value)
        if not isinstance(value, Made):
            return None
        if id(value) not in self._known:
            self._check(wrapped)
            self._known[id(value)] = self._read_made(value, wrapped + 1)
        return self._known[id(value)]

    def call(self, function: str, args: Value, wrapped: int) -> Reading | None:
        """What `function` would make of `args`, None for a function that makes no tensors."""
        if function not in _REBUILDS:
            return None
        self._check(wrapped)
        fewest, rebuild = _REBUILDS[function]
        if type(args) is not tuple or len(args) < fewest:
            raise self.tensors.malformed(f"{quoted(function)} with too few arguments")
        return rebuild(self, args, wrapped)

    def pieces(self, parts: Iterable[Pair], wrapped: int) -> Pieces:
        """The tensors among `parts`, with a dot and the part's name before their own."""
        found: list[tuple[str, StoredTensor]] = []
        for name, value in parts:
            reading = self.read(value, wrapped) if isinstance(name, int | str) else None
            if reading is not None:
                self._pieces_left -= len(reading.tensors)
                if self._pieces_left < 0:
                    reason = f"tensors that are made of more than {MAX_PIECES:,} others"
                    raise LimitExceeded(self.tensors.path, reason)
                found += ((f".{name}{rest}", tensor) for rest, tensor in reading.tensors)
        return tuple(found)

    def _read_made(self, made: Made, wrapped: int) -> Reading | None:
        class_ = class_of(made)
        if _TENSOR_CLASS.fullmatch(class_) or class_ == _PARAMETER:
            return _of_class(self, made, wrapped)
        if kind_of(made) is Kind.ARRAY:
            return _ARRAY
        return self.call(class_, made.args, wrapped)

    def _read_outside(self, value: Persistent) -> Reading | None:
        kept = self.tensors.kept.get(value.key) if type(value.key) is str else None
        if kept is not None:
            return Reading(tensors=(("", kept),))
        storage = self.tensors.storage(value)
        if storage is None:
            return None
        self.tensors.used.add(storage.key)
        return _STORAGE

    def _check(self, wrapped: int) -> None:
        if wrapped > MAX_WRAPPING:
            raise self.tensors.malformed(f"a tensor wrapped more than {MAX_WRAPPING} times")


_STORAGE: Final = Reading(gap="a storage without a shape")
_ARRAY: Final = Reading(gap="an array of NumPy, within the pickle itself")
_NO_NUMBERS: Final = Reading(gap="a tensor without numbers")
_NO_STORAGE: Final = Reading(gap="a tensor whose numbers are in no storage of the file")
_NO_TENSOR: Final = Reading(gap="a tensor made of something that is not known")
_NO_BYTES: Final = Reading(gap="a quantised tensor that fills no whole bytes")


def _of_class(reader: ObjectReader, made: Made, wrapped: int) -> Reading:
    """A parameter of its data, or a tensor of torch before 0.4, which is in the state."""
    state = made.state if type(made.state) is tuple else ()
    for data in (*made.args[:1], *state[:1]):
        inner = reader.read(data, wrapped) if isinstance(data, Made) else None
        if inner is not None:
            return inner
    return _plain(reader, state, wrapped) if len(state) == 4 else _NO_NUMBERS  # noqa: PLR2004


def _plain(reader: ObjectReader, args: Args, _: int, *, dtype: Value = None) -> Reading:
    storage = reader.tensors.storage(args[0])
    if storage is None:
        return _NO_STORAGE
    known = None if dtype is None else reader.tensors.dtype(dtype)
    tensor = reader.tensors.tensor(storage, known, *args[1:4])
    return Reading(tensors=(("", tensor),)) if tensor else _NO_BYTES


def _of_dtype(reader: ObjectReader, args: Args, wrapped: int) -> Reading:
    return _plain(reader, args, wrapped, dtype=args[6])


def _quantised(reader: ObjectReader, args: Args, wrapped: int) -> Reading:
    plain = _plain(reader, args, wrapped)
    quantizer = args[4][:MAX_SCALES] if type(args[4]) is tuple else ()
    return _with(plain, reader.pieces(enumerate(quantizer), wrapped))


def _inner(reader: ObjectReader, args: Args, wrapped: int) -> Reading:
    return reader.read(args[0], wrapped) or _NO_TENSOR


def _with_state(reader: ObjectReader, args: Args, wrapped: int) -> Reading:
    """A parameter that somebody has set further attributes of."""
    return _with(_inner(reader, args, wrapped), _of_state(reader, args[3], wrapped))


def _nested(reader: ObjectReader, args: Args, wrapped: int) -> Reading:
    """Tensors of unlike sizes end to end, and where each of them is."""
    return _with(_inner(reader, args, wrapped), reader.pieces(enumerate(args[1:4]), wrapped))


def _with(reading: Reading, pieces: Pieces) -> Reading:
    """`reading` with tensors beside it."""
    return replace(reading, beside=(*reading.beside, *(tensor for _, tensor in pieces)))


def _of_state(reader: ObjectReader, state: Value, wrapped: int) -> Pieces:
    return reader.pieces(reader.opener.attributes(state).items(), wrapped)


def _sparse(reader: ObjectReader, args: Args, wrapped: int) -> Reading:
    parts = args[1][:MAX_SCALES] if type(args[1]) is tuple else ()
    return Reading(
        tensors=reader.pieces(enumerate(parts), wrapped),
        gap="a sparse tensor: what it leaves out may count or not",
    )


def _meta(reader: ObjectReader, args: Args, _: int) -> Reading:
    reader.tensors.sizes(args[1])
    return Reading(gap="a tensor of the meta device, which has no numbers")


def _wrapper(reader: ObjectReader, args: Args, _: int) -> Reading:
    """A tensor of a subclass, whose numbers are in the state that is set in it."""
    parameters = prod(reader.tensors.sizes(args[2]))
    package = path_of(args[0]).partition(".")[0]
    if package in _PACKINGS:
        return Reading(packing=package, parameters=parameters)
    return Reading(gap=_of_unknown_class(args[0]))


def _of_type(reader: ObjectReader, args: Args, wrapped: int) -> Reading:
    function, class_, inner_args, state = args[:4]
    inner = reader.call(path_of(function), inner_args, wrapped + 1) or _NO_TENSOR
    pieces = _of_state(reader, state, wrapped)
    if _PLAIN_CLASS.fullmatch(path_of(class_)):
        return _with(inner, pieces)
    most = 8 * max((tensor.stored_bytes for _, tensor in pieces), default=0)
    if inner.packing and inner.parameters <= most:  # a bit for each, at least
        return replace(inner, tensors=pieces)
    gap = inner.gap or _of_unknown_class(class_)
    return Reading(tensors=(*inner.tensors, *pieces), gap=gap, beside=inner.beside)


def _of_unknown_class(class_: Value) -> str:
    return f"a tensor of the class {quoted(path_of(class_))}, which may pack numbers"


_Rebuild: TypeAlias = Callable[[ObjectReader, Args, int], Reading]

_REBUILDS: Final[dict[str, tuple[int, _Rebuild]]] = {
    # the fewest arguments, how they are read
    "torch._utils._rebuild_tensor": (4, _plain),
    "torch._utils._rebuild_tensor_v2": (4, _plain),
    "torch._utils._rebuild_tensor_v3": (7, _of_dtype),
    "torch._utils._rebuild_qtensor": (5, _quantised),
    "torch._utils._rebuild_parameter": (1, _inner),
    "torch._utils._rebuild_parameter_with_state": (4, _with_state),
    "torch._utils._rebuild_nested_tensor": (4, _nested),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": (1, _inner),
    "torch._utils._rebuild_device_tensor_from_numpy": (1, _inner),
    "torch._utils._rebuild_xla_tensor": (1, _inner),
    "torch._utils._rebuild_sparse_tensor": (2, _sparse),
    "torch._utils._rebuild_meta_tensor_no_storage": (2, _meta),
    "torch._utils._rebuild_wrapper_subclass": (3, _wrapper),
    "torch._tensor._rebuild_from_type": (4, _of_type),
    "torch._tensor._rebuild_from_type_v2": (4, _of_type),
}

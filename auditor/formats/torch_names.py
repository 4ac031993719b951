"""The tensors of a checkpoint's object by their names, and what of it could not be read.

A name is the way to the tensor, with dots: `encoder.layer.0.weight`. Every object is gone into
once, by the first name that leads to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from auditor.core.findings import quoted
from auditor.core.tensors import Purpose, Use
from auditor.errors import LimitExceeded
from auditor.formats.pickle_values import Made, Value
from auditor.formats.torch_globals import class_of, is_call, kind_of
from auditor.formats.torch_objects import ObjectReader, Reading
from auditor.formats.torch_parts import Part, may_hold
from auditor.formats.torch_tensors import StoredTensor
from auditor.formats.torch_weight import Weight, weigh
from auditor.formats.torch_weights import OPTIMIZER_STATE, is_optimizer

MAX_NAMES: Final = 250_000  # twice the tensors that the opcodes of a pickle suffice for
MAX_NAME_CHARACTERS: Final = 1_000
MAX_DEPTH: Final = 100  # models nest to about 20
ALONE: Final = "tensor"  # the name of a tensor that is the whole of what was saved

_BUFFER: Final = Purpose(
    use=Use.CONSTANT, name="buffers", reason="the module that was saved has it among its buffers"
)


@dataclass(slots=True, kw_only=True)
class Naming:
    """Goes through an object and gathers `tensors` by name, in the order of the file.

    `purposes` are of those of which the object shows what they are for. `gaps` are the names of
    what may hold parameters and could not be read, by what it is, and `left_out` how much is none
    of the weights, by what it is instead. `module` is the class of the module that was pickled
    whole, where one was.
    """

    path: str
    objects: ObjectReader
    skipped: frozenset[int]
    tensors: dict[str, StoredTensor] = field(default_factory=dict)
    purposes: dict[str, Purpose] = field(default_factory=dict)
    gaps: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, Weight] = field(default_factory=dict)
    module: str = ""
    _seen: set[int] = field(default_factory=set)
    _weighed: set[int] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=count)

    def walk(self, root: Value) -> None:
        """Raises HeaderMalformed, UnknownDtype, LimitExceeded."""
        ways: list[tuple[str, Iterator[Part]]] = [("", iter([Part("", root)]))]
        while ways:
            way, parts = ways[-1]
            part = next(parts, None)
            if part is None:
                ways.pop()
                continue
            if may_hold(part.value):
                name = self._joined(way, part.name)
                inner = self._enter(name, part, len(ways))
                if inner is not None:
                    ways.append((name, iter(inner)))

    def _enter(self, name: str, part: Part, depth: int) -> list[Part] | None:
        """Takes what `part` is; its parts, where they are to be gone through."""
        value = part.value
        if id(value) in self.skipped or id(value) in self._seen:
            return None
        if part.passed_over:
            self._pass_over(name, part)
            return None
        reading = self.objects.read(value)
        if reading is None:
            self._seen.add(id(value))
            return self._open(name, value, depth)
        self._weighed.add(id(value))
        self._take(name, reading, is_buffer=part.is_buffer)
        return None

    def _pass_over(self, name: str, part: Part) -> None:
        """Leaves out what is none of the weights; an unknown object may hold some all the same."""
        value = part.value
        weight = weigh(value, self.objects, self._weighed)
        if not isinstance(value, Made) or self._is_known(value):
            self._add(part.passed_over, weight)
        elif weight:
            self._miss(f"what {quoted(class_of(value))} makes of tensors", name)

    def _is_known(self, made: Made) -> bool:
        is_read = kind_of(made) is not None or self.objects.read(made) is not None
        return is_read or is_optimizer(made) or self.objects.opener.is_module(made)

    def _open(self, name: str, value: Value, depth: int) -> list[Part] | None:
        """The parts of what is no tensor, if it has some that are known."""
        if is_optimizer(value):
            self._add(OPTIMIZER_STATE, weigh(value, self.objects, self._weighed))
            return None
        inner = self.objects.opener.parts_of(value)
        if inner is None:
            self._unknown(name, value)
        elif depth > MAX_DEPTH or len(name) > MAX_NAME_CHARACTERS:
            if weigh(value, self.objects, self._weighed):
                self._miss("parts nested too deep, or under too long a name", name)
            return None
        elif isinstance(value, Made) and self.objects.opener.is_module(value):
            self.module = self.module or class_of(value)
        return inner

    def _take(self, name: str, reading: Reading, *, is_buffer: bool) -> None:
        largest = max(reading.tensors, key=_stored_bytes, default=None)
        for piece in reading.tensors:
            rest, tensor = piece
            full = self._checked((name + rest).removeprefix(".") or ALONE)
            if self.tensors.setdefault(full, tensor) != tensor:
                raise self.objects.tensors.malformed(f"two tensors are named {quoted(full)}")
            if reading.packing:
                self.purposes[full] = _purpose(reading, rest, has_weights=piece is largest)
            elif is_buffer:
                self.purposes[full] = _BUFFER
        if len(self.tensors) > MAX_NAMES:
            raise LimitExceeded(self.path, f"more than {MAX_NAMES:,} names of tensors")
        if reading.gap:
            self._miss(reading.gap, name)
        if reading.beside:
            elements = sum(tensor.elements for tensor in reading.beside)
            self._add("what belongs to other tensors", Weight(len(reading.beside), elements))

    def _unknown(self, name: str, value: Value) -> None:
        """Something that is no tensor and has no parts that are known."""
        if not isinstance(value, Made):
            return
        if weigh(value, self.objects, self._weighed):
            self._miss(f"what {quoted(class_of(value))} makes of tensors", name)
        elif is_call(value) and kind_of(value) is None:
            self._miss(f"what {quoted(class_of(value))} returns", name)

    def _miss(self, what: str, name: str) -> None:
        self.gaps.setdefault(what, []).append(quoted(name or ALONE))

    def _add(self, what: str, weight: Weight) -> None:
        if weight:
            self.left_out[what] = self.left_out.get(what, Weight()) + weight

    def _joined(self, way: str, key: Value) -> str:
        """The name of a part. A key that is neither text nor number is numbered."""
        own = str(key) if isinstance(key, str | int) else f"?{next(self._numbers)}"
        own = own[: MAX_NAME_CHARACTERS + 1]  # longer ones are refused, and not put together before
        return f"{way}.{own}" if way else own

    def _checked(self, name: str) -> str:
        if len(name) > MAX_NAME_CHARACTERS:
            raise LimitExceeded(self.path, f"a name of {len(name):,} characters: {quoted(name)}")
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
            raise self.objects.tensors.malformed("a name that is not Unicode: a lone surrogate")
        return name


def _stored_bytes(piece: tuple[str, StoredTensor]) -> int:
    return piece[1].stored_bytes


def _purpose(reading: Reading, rest: str, *, has_weights: bool) -> Purpose:
    """Of one of several tensors that together are a packed one; the largest has the weights."""
    what, reason = f"weights packed by {reading.packing}", "its class says what it packs"
    if not has_weights:
        return Purpose(use=Use.BOOKKEEPING, name=what, reason=reason, packing=reading.packing)
    return Purpose(
        use=Use.WEIGHTS,
        name=what,
        reason=reason,
        parameters=reading.parameters,
        packing=reading.packing,
        ending=rest,
    )

"""The parts of a checkpoint's objects and their names: of dictionaries, lists and modules.

A module that was pickled whole (torch/nn/modules/module.py) keeps its parts in three dictionaries
of its state, which its parts' names leave out, as `state_dict` does. An object of TorchScript keeps
all of them in its state (torch/csrc/jit/serialization/pickler.cpp).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from auditor.errors import LimitExceeded
from auditor.formats.pickle_values import Dictionary, Made, Persistent, Value
from auditor.formats.torch_globals import Kind, class_of, is_call, kind_of

# Each pair of a pickle is opened three times or four. More than that may many objects do that share
# their parts.
MAX_PARTS: Final = 10_000_000

FEW_KEYS: Final = 64  # an optimizer keeps under ten of each parameter

Pair: TypeAlias = tuple[Value, Value]


class Part(NamedTuple):
    """One part of an object. `passed_over` says what it is where it is none of the weights."""

    name: Value
    value: Value
    passed_over: str = ""
    is_buffer: bool = False  # of a module


@dataclass(slots=True)
class Opener:
    """Opens the objects of the file at `path`. All raise LimitExceeded past MAX_PARTS."""

    path: str
    _left: int = field(default_factory=lambda: MAX_PARTS)

    def parts_of(self, value: Value) -> list[Part] | None:
        """The parts of `value` in their order; None for what has none that are known."""
        match value:
            case Dictionary():
                return self._parts(value.pairs)
            case list() | tuple():
                return self._parts(enumerate(value))
            case Made():
                return self._parts_of_made(value)
            case _:
                return None

    def attributes(self, state: Value) -> dict[str, Value]:
        """What an object's state sets: a dictionary, or two, of which the second are slots."""
        states = state[:2] if type(state) is tuple else (state,)
        pairs = [pair for each in states if isinstance(each, Dictionary) for pair in each.pairs]
        self._charge(len(pairs))
        return {name: value for name, value in pairs if type(name) is str}

    def is_module(self, made: Made) -> bool:
        """Whether it is a module that was pickled whole, of whatever class."""
        return not is_call(made) and self.attributes(made.state).keys() >= _MODULE

    def _parts_of_made(self, made: Made) -> list[Part] | None:
        kind = kind_of(made)
        if kind in {Kind.MAPPING, Kind.SEQUENCE}:
            return self._parts_of_container(made)
        state = self.attributes(made.state)
        if not is_call(made) and state.keys() >= _MODULE:
            return list(self._parts_of_module(state))
        is_script = class_of(made).startswith(_SCRIPT) and isinstance(made.state, Dictionary)
        if kind is Kind.NAMESPACE or is_script:
            return self._parts(state.items())
        is_of_dictionaries = kind is None and made.pairs and not is_call(made)
        return self._parts(made.pairs or ()) if is_of_dictionaries else None

    def _parts_of_container(self, made: Made) -> list[Part]:
        """What a container of Python's library was made of, and what was put into it."""
        first = made.args[0] if made.args else None
        inner = first if isinstance(first, list | tuple) else ()
        self._charge(len(inner))
        if kind_of(made) is Kind.SEQUENCE and not isinstance(first, Dictionary):
            return self._parts(enumerate([*inner, *(made.items or ())]))
        pairs = first.pairs if isinstance(first, Dictionary) else map(_pair, inner)
        return self._parts([*filter(None, pairs), *(made.pairs or ())])

    def _parts_of_module(self, state: dict[str, Value]) -> Iterator[Part]:
        left = self._plain_parts(state.get("_non_persistent_buffers_set"))
        passing = {part.value for part in left if type(part.value) is str}
        yield from self._plain_parts(state.get("_parameters"))
        for buffer in self._plain_parts(state.get("_buffers")):
            is_left = type(buffer.name) is str and buffer.name in passing
            passed_over = "buffers that a state dict leaves out" if is_left else ""
            yield buffer._replace(passed_over=passed_over, is_buffer=True)
        yield from self._plain_parts(state.get("_modules"))
        for name, value in state.items():
            if name not in _REGISTERED:
                yield Part(name, value, "attributes of modules, neither parameters nor buffers")

    def _plain_parts(self, value: Value) -> list[Part]:
        """The parts of a container; of a module none, which another one could be nested in."""
        is_plain = not isinstance(value, Made) or kind_of(value) in {Kind.MAPPING, Kind.SEQUENCE}
        return (self.parts_of(value) or []) if is_plain else []

    def _parts(self, pairs: Iterable[Pair]) -> list[Part]:
        """Of pairs with one key the last one, in the place of the first, as in a dictionary."""
        by_key: dict[object, Part] = {}
        count = 0
        for count, (name, value) in enumerate(pairs, start=1):  # noqa: B007 - the last is meant
            key = name if type(name) is str else len(by_key)
            by_key[key] = Part(name, value)
        self._charge(count)
        return list(by_key.values())

    def _charge(self, parts: int) -> None:
        self._left -= parts
        if self._left < 0:
            raise LimitExceeded(self.path, f"objects of more than {MAX_PARTS:,} parts in all")


def may_hold(value: Value) -> bool:
    """Whether a tensor may be in `value`, or be it."""
    return isinstance(value, Made | Dictionary | list | tuple | Persistent)


_MODULE: Final = frozenset({"_parameters", "_modules"})
_REGISTERED: Final = frozenset({"_parameters", "_buffers", "_modules"})
_SCRIPT: Final = "__torch__."  # classes that are in the archive's code


def is_mapping(value: Value) -> bool:
    """Whether the parts of `value` are those of a dictionary."""
    return isinstance(value, Dictionary) or (
        isinstance(value, Made) and kind_of(value) is Kind.MAPPING
    )


def few_keys(value: Value) -> frozenset[str]:
    """The keys of a dictionary that has few; none of a larger one, and of what is none."""
    pairs = value.pairs if isinstance(value, Dictionary | Made) and is_mapping(value) else None
    if not pairs or len(pairs) > FEW_KEYS:
        return frozenset()
    return frozenset(key for key, _ in pairs if type(key) is str)


def contents_of(value: Value) -> Iterator[Value]:
    """All that `value` holds, whatever it may be."""
    match value:
        case Dictionary():
            yield from (item for _, item in value.pairs)
        case list() | tuple():
            yield from value
        case Made():
            yield from value.args
            yield value.state
            yield from (item for _, item in value.pairs or ())
            yield from value.items or ()
        case _:  # numbers, texts, names: nothing is inside
            return


def _pair(value: Value) -> Pair | None:
    """One item of what Python 2 made an OrderedDict of: a list of two."""
    if isinstance(value, list | tuple) and len(value) == 2:  # noqa: PLR2004 - a pair
        return value[0], value[1]
    return None

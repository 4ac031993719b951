"""The parts of a checkpoint's objects and their names: of dictionaries, lists and modules.

A module that was pickled whole (torch/nn/modules/module.py) keeps its parts in three dictionaries
of its state, which its parts' names leave out, as `state_dict` does. An object of TorchScript keeps
all of them in its state (torch/csrc/jit/serialization/pickler.cpp).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from auditor.formats.pickle_values import Dictionary, Made, Value
from auditor.formats.torch_globals import Kind, class_of, is_call, kind_of

Pair: TypeAlias = tuple[Value, Value]


class Part(NamedTuple):
    """One part of an object. `passed_over` says what it is where it is none of the weights."""

    name: Value
    value: Value
    passed_over: str = ""
    is_buffer: bool = False  # of a module


def parts_of(value: Value) -> list[Part] | None:
    """The parts of `value` in their order; None for what has none that are known."""
    match value:
        case Dictionary():
            return _parts(value.pairs)
        case list() | tuple():
            return _parts(enumerate(value))
        case Made():
            return _parts_of_made(value)
        case _:
            return None


def attributes(state: Value) -> dict[str, Value]:
    """The attributes that an object's state sets: a dictionary, or one of them and one of slots."""
    states = state if type(state) is tuple else (state,)
    return {
        name: value
        for each in states
        if isinstance(each, Dictionary)
        for name, value in each.pairs
        if type(name) is str
    }


def is_mapping(value: Value) -> bool:
    """Whether the parts of `value` are those of a dictionary."""
    return isinstance(value, Dictionary) or (
        isinstance(value, Made) and kind_of(value) is Kind.MAPPING
    )


def is_script(made: Made) -> bool:
    """Whether it is an object of TorchScript, whose class is in the archive's code."""
    return class_of(made).startswith("__torch__.")


def is_module(made: Made) -> bool:
    """Whether it is a module that was pickled whole, of whatever class."""
    return not is_call(made) and {"_parameters", "_modules"} <= attributes(made.state).keys()


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


def _parts_of_made(made: Made) -> list[Part] | None:
    kind = kind_of(made)
    first = made.args[0] if made.args else None
    if is_module(made):
        return list(_parts_of_module(attributes(made.state)))
    if kind is Kind.MAPPING:
        return _parts([*_pairs(first), *(made.pairs or ())])
    if kind is Kind.SEQUENCE:
        return _parts(enumerate([*_sequence(first), *(made.items or ())]))
    if kind is Kind.NAMESPACE or is_script(made):
        return _parts(attributes(made.state).items())
    is_of_dictionaries = kind is None and made.pairs and not is_call(made)
    return _parts(made.pairs or ()) if is_of_dictionaries else None


def _parts_of_module(state: dict[str, Value]) -> Iterator[Part]:
    passing = {
        part.value
        for part in parts_of(state.get("_non_persistent_buffers_set")) or ()
        if type(part.value) is str
    }
    yield from parts_of(state.get("_parameters")) or ()
    for buffer in parts_of(state.get("_buffers")) or ():
        is_left = type(buffer.name) is str and buffer.name in passing
        passed_over = "buffers that a state dict leaves out" if is_left else ""
        yield buffer._replace(passed_over=passed_over, is_buffer=True)
    yield from parts_of(state.get("_modules")) or ()


def _pairs(value: Value) -> Iterable[Pair]:
    """What a dictionary was made of: another one, or in Python 2 a list of lists of two."""
    if isinstance(value, Dictionary):
        return value.pairs
    pairs = (each for each in _sequence(value) if isinstance(each, list | tuple))
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]  # noqa: PLR2004 - a pair


def _sequence(value: Value) -> Iterable[Value]:
    return value if isinstance(value, list | tuple) else ()


def _parts(pairs: Iterable[Pair]) -> list[Part]:
    """Of pairs with one key the last one, in the place of the first, as in a dictionary."""
    by_key: dict[object, Part] = {}
    for name, value in pairs:
        key = name if type(name) is str else len(by_key)
        by_key[key] = Part(name, value)
    return list(by_key.values())

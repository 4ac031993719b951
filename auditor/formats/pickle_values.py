"""What a pickle says, as values: plain ones are Python's own, the others are these.

A dictionary is a list of pairs, a set a list: keys of a hostile pickle can be chosen so that all of
them have one hash, and a table of such keys takes quadratic time. None of these values may be
compared, copied or shown whole: they may hold themselves, and one another many times.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

Value: TypeAlias = object


class NotPickle(ValueError):
    """The bytes break the rules of pickles."""


class CutPickle(NotPickle):
    """The bytes end before the pickle does, which goes on to byte `needed` at least."""

    def __init__(self, reason: str, needed: int) -> None:
        super().__init__(reason)
        self.needed = needed


class PickleTooLarge(ValueError):
    """More of something than any checkpoint has."""


@dataclass(frozen=True, slots=True)
class Global:
    """What loading would import."""

    module: str
    name: str
    path: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"{self.module}.{self.name}")


@dataclass(frozen=True, slots=True, eq=False)
class Persistent:
    """What is kept outside of the pickle, by the key that it gives."""

    key: Value


@dataclass(slots=True, eq=False)
class Dictionary:
    """Pairs in the order they were set. Of pairs with one key the last one holds."""

    pairs: list[tuple[Value, Value]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Made:
    """What loading would make: `maker` called with `args`, then given `state`.

    With `is_call` any function may stand there and return anything (the opcode REDUCE); else it is
    an instance of the class `maker`. `pairs` were set in it as in a dictionary, `items`
    appended to it as to a list; None takes less room than an empty list.
    """

    maker: Value
    args: tuple[Value, ...]
    is_call: bool
    state: Value = None
    pairs: list[tuple[Value, Value]] | None = None
    items: list[Value] | None = None

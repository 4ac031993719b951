"""A machine that follows the opcodes of a pickle and calls nothing.

A pickle is a program for a stack machine. Its 68 opcodes make numbers, strings and containers; a
few of them (GLOBAL, REDUCE, BUILD and their kin) import and call whatever the pickle names. Here
nothing is imported and nothing is called: what would be imported becomes a Global, and what would
be made a Made, which says by what, of what. What that means is for the reader to know.

Protocols 0 to 5: https://github.com/python/cpython/blob/main/Lib/pickletools.py.
"""

from collections.abc import Callable
from typing import Final

from auditor.formats.pickle_arguments import Arguments
from auditor.formats.pickle_values import (
    CutPickle,
    Dictionary,
    Global,
    Made,
    NotPickle,
    Persistent,
    PickleTooLarge,
    Value,
)

# A tensor takes 25 to 40 opcodes: these are files of some 100,000 of them. An opcode makes at most
# about 130 bytes of objects.
MAX_OPCODES: Final = 3_000_000
MAX_MEMO: Final = 1_500_000  # a tensor takes 8 entries of about 75 bytes
MAX_MARKS: Final = 10_000  # nesting; Python's own pickler gives up at about 500
MAX_GLOBALS: Final = 10_000  # distinct names; torch knows a few hundred
MAX_GLOBAL_CHARACTERS: Final = 1_000

_STOP: Final = ord(".")


class Machine(Arguments):
    """Loads the pickles of `data`, which lie end to end.

    `named` is all that they would import, `outside` all that they keep outside of themselves.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.named: dict[Global, Global] = {}
        self.outside: list[Persistent] = []
        self.stack: list[Value] = []
        self._below: list[list[Value]] = []  # what lies under each mark
        self._memo: dict[int, Value] = {}
        self._left = MAX_OPCODES

    def load(self) -> Value:
        """The object of the next pickle. Raises NotPickle, CutPickle, PickleTooLarge."""
        self.stack, self._below, self._memo = [], [], {}
        try:
            return self._run()
        except IndexError as error:
            raise NotPickle(f"an empty stack is taken from at byte {self.at:,}") from error

    def _run(self) -> Value:
        data, end = self.data, len(self.data)
        while self.at < end:
            opcode = data[self.at]
            self.at += 1
            self._left -= 1
            if self._left < 0:
                raise PickleTooLarge(f"a pickle of more than {MAX_OPCODES:,} opcodes")
            if opcode == _STOP:
                return self.stack.pop()
            step = _STEPS.get(opcode)
            if step is None:
                raise NotPickle(f"byte {self.at - 1:,} is no opcode: {opcode:#04x}")
            step(self)
        raise CutPickle("it ends before its last opcode", end + 1)

    # -- stack and memo

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def push_tuple(self, count: int) -> None:
        """The last `count` values as one."""
        if len(self.stack) < count:
            raise IndexError
        self.stack[-count:] = [tuple(self.stack[-count:])]

    def mark(self) -> None:
        if len(self._below) >= MAX_MARKS:
            raise PickleTooLarge(f"a pickle of objects nested {MAX_MARKS:,} deep")
        self._below.append(self.stack)
        self.stack = []

    def to_mark(self) -> list[Value]:
        """What lies above the last mark; it and the mark are taken away."""
        values, self.stack = self.stack, self._below.pop()
        return values

    def drop(self) -> None:
        """Takes the top away; where nothing lies above the last mark, the mark."""
        if self.stack:
            self.stack.pop()
        else:
            self.to_mark()

    def put(self, key: int) -> None:
        if len(self._memo) >= MAX_MEMO:
            raise PickleTooLarge(f"a pickle that refers back to more than {MAX_MEMO:,} objects")
        self._memo[key] = self.stack[-1]

    def put_next(self) -> None:
        self.put(len(self._memo))

    def get(self, key: int) -> None:
        if key not in self._memo:
            raise NotPickle(f"object {key:,} is referred to before it is made")
        self.stack.append(self._memo[key])

    # -- containers

    def set_items(self, items: list[Value]) -> None:
        target = self.stack[-1]
        pairs = _pairs(items)
        if isinstance(target, Dictionary):
            target.pairs += pairs
        elif isinstance(target, Made):
            target.pairs = target.pairs or []
            target.pairs += pairs
        else:
            raise NotPickle("items are set in something that has none")

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.set_items([key, value])

    def append_items(self, items: list[Value]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target += items
        elif isinstance(target, Made):
            target.items = target.items or []
            target.items += items
        else:
            raise NotPickle("items are appended to something that is no list")

    # -- what loading would import and make

    def name(self, module: Value, name: Value) -> None:
        if type(module) is not str or type(name) is not str:
            raise NotPickle("something is imported by no name")
        if len(module) + len(name) > MAX_GLOBAL_CHARACTERS:
            raise NotPickle(f"something is imported by {len(module) + len(name):,} characters")
        if len(self.named) >= MAX_GLOBALS:
            raise PickleTooLarge(f"a pickle that names more than {MAX_GLOBALS:,} things to import")
        named = Global(module, name)
        self.push(self.named.setdefault(named, named))

    def name_by_lines(self) -> None:
        self.name(self.text(self.line()), self.text(self.line()))

    def name_by_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.name(module, name)

    def name_by_code(self, width: int) -> None:
        """By a number that some module registered for a class."""
        self.name("copyreg", f"extension {self.unsigned(width)}")

    def make(self, *, is_call: bool) -> None:
        args, maker = self.stack.pop(), self.stack.pop()
        if type(args) is not tuple:
            raise NotPickle("something is called with no tuple")
        self.push(Made(maker, args, is_call))

    def make_with_keywords(self) -> None:
        keywords, args, maker = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.push(Made(maker, (args, keywords), is_call=False))

    def make_of_mark(self) -> None:
        parts = self.to_mark()
        self.push(Made(parts[0], tuple(parts[1:]), is_call=True))

    def make_of_line(self) -> None:
        args = self.to_mark()
        self.name_by_lines()
        self.push(Made(self.stack.pop(), tuple(args), is_call=True))

    def refer(self, key: Value) -> None:
        self.outside.append(Persistent(key))
        self.push(self.outside[-1])

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Made):
            raise NotPickle("a state is given to something that has none")
        target.state = state

    def refuse_buffer(self) -> None:
        raise NotPickle("it refers to a buffer that is kept outside of it")

    def pass_over(self, _: object = None) -> None:
        """What changes nothing here."""


def _pairs(items: list[Value]) -> list[tuple[Value, Value]]:
    if len(items) % 2:
        raise NotPickle("a key without a value")
    return list(zip(items[::2], items[1::2], strict=True))


_STEPS: Final[dict[int, Callable[[Machine], None]]] = {
    # how it is written
    0x80: lambda m: m.pass_over(m.take(1)),  # PROTO
    0x95: lambda m: m.pass_over(m.take(8)),  # FRAME
    # plain values
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),  # noqa: FBT003
    0x89: lambda m: m.push(False),  # noqa: FBT003
    ord("K"): lambda m: m.push(m.unsigned(1)),
    ord("M"): lambda m: m.push(m.unsigned(2)),
    ord("J"): lambda m: m.push(m.signed(m.take(4))),
    0x8A: lambda m: m.push(m.signed(m.counted(1))),  # LONG1
    0x8B: lambda m: m.push(m.signed(m.counted(4))),  # LONG4
    ord("I"): lambda m: m.push(m.decimal_or_bool()),
    ord("L"): lambda m: m.push(m.decimal()),
    ord("F"): lambda m: m.push(m.decimal_fraction()),
    ord("G"): lambda m: m.push(m.double()),
    ord("S"): lambda m: m.push(m.old_text(m.line()[1:-1])),  # between quotes
    ord("T"): lambda m: m.push(m.old_text(m.counted(4))),
    ord("U"): lambda m: m.push(m.old_text(m.counted(1))),
    ord("V"): lambda m: m.push(m.text(m.line(), "raw-unicode-escape")),
    ord("X"): lambda m: m.push(m.text(m.counted(4))),
    0x8C: lambda m: m.push(m.text(m.counted(1))),  # SHORT_BINUNICODE
    0x8D: lambda m: m.push(m.text(m.counted(8))),  # BINUNICODE8
    ord("C"): lambda m: m.push(m.counted(1)),
    ord("B"): lambda m: m.push(m.counted(4)),
    0x8E: lambda m: m.push(m.counted(8)),  # BINBYTES8
    0x96: lambda m: m.push(m.counted(8)),  # BYTEARRAY8
    0x97: Machine.refuse_buffer,  # NEXT_BUFFER
    0x98: Machine.pass_over,  # READONLY_BUFFER
    # containers
    ord(")"): lambda m: m.push(()),
    ord("t"): lambda m: m.push(tuple(m.to_mark())),
    0x85: lambda m: m.push_tuple(1),
    0x86: lambda m: m.push_tuple(2),
    0x87: lambda m: m.push_tuple(3),
    ord("]"): lambda m: m.push([]),
    ord("l"): lambda m: m.push(m.to_mark()),
    ord("a"): lambda m: m.append_items([m.stack.pop()]),
    ord("e"): lambda m: m.append_items(m.to_mark()),
    ord("}"): lambda m: m.push(Dictionary()),
    ord("d"): lambda m: m.push(Dictionary(_pairs(m.to_mark()))),
    ord("s"): Machine.set_item,
    ord("u"): lambda m: m.set_items(m.to_mark()),
    0x8F: lambda m: m.push([]),  # EMPTY_SET
    0x90: lambda m: m.append_items(m.to_mark()),  # ADDITEMS
    0x91: lambda m: m.push(m.to_mark()),  # FROZENSET
    # stack and memo
    ord("("): Machine.mark,
    ord("0"): Machine.drop,
    ord("1"): lambda m: m.pass_over(m.to_mark()),
    ord("2"): lambda m: m.push(m.stack[-1]),
    ord("g"): lambda m: m.get(m.memo_key()),
    ord("h"): lambda m: m.get(m.unsigned(1)),
    ord("j"): lambda m: m.get(m.unsigned(4)),
    ord("p"): lambda m: m.put(m.memo_key()),
    ord("q"): lambda m: m.put(m.unsigned(1)),
    ord("r"): lambda m: m.put(m.unsigned(4)),
    0x94: Machine.put_next,  # MEMOIZE
    # what loading would import, make, or look for outside of the pickle
    ord("c"): Machine.name_by_lines,
    0x93: Machine.name_by_stack,  # STACK_GLOBAL
    0x82: lambda m: m.name_by_code(1),
    0x83: lambda m: m.name_by_code(2),
    0x84: lambda m: m.name_by_code(4),
    ord("R"): lambda m: m.make(is_call=True),
    0x81: lambda m: m.make(is_call=False),  # NEWOBJ
    0x92: Machine.make_with_keywords,  # NEWOBJ_EX
    ord("o"): Machine.make_of_mark,
    ord("i"): Machine.make_of_line,
    ord("b"): Machine.build,
    ord("P"): lambda m: m.refer(m.text(m.line())),
    ord("Q"): lambda m: m.refer(m.stack.pop()),
}

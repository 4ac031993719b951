"""Messages of protocol buffers: what the wanted fields hold; all others are skipped."""

from collections.abc import Callable, Mapping
from types import GeneratorType
from typing import Any, Final

from auditor.errors import LimitExceeded
from auditor.formats.cursor import Cursor, Reading
from auditor.formats.protobuf_wire import (
    HEAD_BYTES,
    LENGTH,
    VARINT,
    Field,
    read_field,
    signed,
    varints,
)

MAX_TEXT_BYTES: Final = 1 << 16  # of a name; known ones have under 1,000
MAX_NUMBERS_BYTES: Final = 1_024  # of packed numbers that are looked at: shapes

Key = tuple[int, int]  # number and kind of a field
# What a field holds, or a reading of that; None stands for the field itself.
Content = Callable[[Field], Any] | None
Wanted = Mapping[Key, Content]


class Found(dict[Key, list[Any]]):
    """What the wanted fields of a message hold, in order."""

    def all(self, *keys: Key) -> list[Any]:
        return [content for key in keys for content in self.get(key, ())]

    def last(self, key: Key, otherwise: Any = None) -> Any:  # noqa: ANN401 - any content
        """Of a field that is given more than once the last counts."""
        return self[key][-1] if key in self else otherwise

    def text(self, number: int) -> str:
        text: str = self.last((number, LENGTH), "")
        return text

    def number(self, number: int) -> int:
        """The varint of the field `number`; 0 where it is not given."""
        at = self.last((number, VARINT))
        return 0 if at is None else signed(at.value)


def message(cursor: Cursor, stop: int, wanted: Wanted) -> Reading[Found]:
    """What the message that ends at `stop` has of the `wanted` fields."""
    found = Found()
    while cursor.at < stop:
        length = min(HEAD_BYTES, stop - cursor.at)
        head = cursor.held(length)
        if head is None:
            head = yield from cursor.peek(length)
        at = read_field(cursor, head, stop)
        if at.key in wanted:
            content = wanted[at.key]
            held = at if content is None else content(at)
            if type(held) is GeneratorType:
                held = yield from held
            found.setdefault(at.key, []).append(held)
        cursor.at = at.end
    return found


class Reader:
    """Reads what fields hold, at a cursor."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def message(self, at: Field, wanted: Wanted) -> Reading[Found]:
        return (yield from message(self.cursor, at.end, wanted))

    def text(self, at: Field) -> str | Reading[str]:
        """Text in UTF-8: at once where it has been read, as nearly all names have."""
        self._check_length(at, MAX_TEXT_BYTES)
        data = self.cursor.held(at.length)
        return self._text_ahead(at) if data is None else self._decoded(at, data)

    def _text_ahead(self, at: Field) -> Reading[str]:
        return self._decoded(at, (yield from self.cursor.take(at.length)))

    def _decoded(self, at: Field, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise self.cursor.malformed(f"a name near byte {at.begin:,} is no UTF-8") from error

    def numbers(self, at: Field) -> Reading[list[int]]:
        """Packed varints with their signs."""
        self._check_length(at, MAX_NUMBERS_BYTES)
        return varints(self.cursor, (yield from self.cursor.take(at.length)))

    def first_text(self, at: Field) -> Reading[str]:
        """The text in field 1 of a message: a name or a key."""
        found = yield from self.message(at, {(1, LENGTH): self.text})
        return found.text(1)

    def pair(self, at: Field) -> Reading[tuple[str, str]]:
        """The texts in fields 1 and 2; of one that is too long to be read, nothing."""
        found = yield from self.message(at, {(1, LENGTH): self._short, (2, LENGTH): self._short})
        return found.text(1), found.text(2)

    def _short(self, at: Field) -> str | Reading[str]:
        return self.text(at) if at.length <= MAX_TEXT_BYTES else ""

    def _check_length(self, at: Field, limit_bytes: int) -> None:
        if at.length > limit_bytes:
            raise LimitExceeded(
                self.cursor.path,
                f"a name or shape of {at.length:,} bytes; at most {limit_bytes:,} are read",
            )

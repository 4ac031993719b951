"""The key-values of a GGUF file: what is short is kept as text, the rest passed over.

    key      string: its length, its bytes
    type     u32: 0 u8, 1 i8, 2 u16, 3 i16, 4 u32, 5 i32, 6 f32, 7 bool, 8 string, 9 array,
             10 u64, 11 i64, 12 f64
    value    of that type; an array is the type of its members u32, their number, the members

Nearly all of the bytes are the vocabulary: an array of strings, which must be read through to know
where it ends, and arrays of numbers, which are jumped over.
"""

from collections.abc import Generator
from typing import Final, NamedTuple

from auditor.core.findings import quoted
from auditor.core.gguf_keys import length_key
from auditor.core.tensors import Span
from auditor.errors import LimitExceeded
from auditor.formats.gguf_bytes import DAMAGED, Reading, Window

MAX_KEYS: Final = 10_000  # the longest known headers have under 100
MAX_KEY_BYTES: Final = 65_535  # ggml/docs/gguf.md: keys are at most 2^16 - 1 bytes long
MAX_KEPT_BYTES: Final = 1_024  # names and licences are shorter, chat templates longer
DEFAULT_ALIGNMENT: Final = 32

_ALIGNMENT: Final = "general.alignment"
_STRING: Final = 8
_ARRAY: Final = 9
_FLOAT32: Final = 6
_BOOL: Final = 7
_UINT32: Final = 4
# What `struct` calls the numbers, and their bytes.
_NUMBERS: Final = {
    0: ("B", 1),
    1: ("b", 1),
    2: ("H", 2),
    3: ("h", 2),
    _UINT32: ("I", 4),
    5: ("i", 4),
    _FLOAT32: ("f", 4),
    _BOOL: ("B", 1),
    10: ("Q", 8),
    11: ("q", 8),
    12: ("d", 8),
}
# A token or a merge of the large vocabularies with its length: 8 bytes and 6 to 9. The first of an
# array are shorter than the rest.
_USUAL_STRING_BYTES: Final = 17
_MARGIN: Final = 16  # a sixteenth more than the strings so far let expect


class KeyValues(NamedTuple):
    """The short values by key, as text, the lengths of arrays, and what tensors are aligned to."""

    metadata: dict[str, str]
    alignment: int


def read_key_values(window: Window, count: int) -> Generator[Span, bytes, KeyValues]:
    """The `count` key-values at the window's place.

    Raises HeaderMalformed, HeaderTooLarge, LimitExceeded.
    """
    if count > MAX_KEYS:
        raise LimitExceeded(
            window.path, f"{count:,} key-values; at most {MAX_KEYS:,} are read", hint=DAMAGED
        )
    metadata: dict[str, str] = {}
    seen: set[str] = set()
    for _ in range(count):
        key = yield from _key(window)
        if key in seen:
            raise window.malformed(f"the key {quoted(key)} stands there twice")
        seen.add(key)
        kind = yield from window.unpack("I")
        if key == _ALIGNMENT and kind != _UINT32:
            raise window.malformed(f"{quoted(key)} is of type {kind}, and must be a u32")
        if kind == _ARRAY:
            metadata[length_key(key)] = str((yield from _pass_array(window, key)))
        elif (text := (yield from _text(window, key, kind))) is not None:
            metadata[key] = text
    return KeyValues(metadata, _alignment(window, metadata))


def _key(window: Window) -> Generator[Span, bytes, str]:
    length = yield from window.unpack(window.length)
    if not 0 < length <= MAX_KEY_BYTES:
        raise window.malformed(f"a key of {length:,} bytes; keys have 1 to {MAX_KEY_BYTES:,}")
    return decoded(window, (yield from window.take(length)), "a key")


def decoded(window: Window, name: bytes, what: str) -> str:
    """`name` as text. Raises HeaderMalformed where it is none."""
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise window.malformed(f"{what} is no UTF-8 text: {name[:40]!r}") from error


def _text(window: Window, key: str, kind: int) -> Generator[Span, bytes, str | None]:
    """A value as text; None where it is long."""
    if kind == _STRING:
        length = yield from window.unpack(window.length)
        if length > MAX_KEPT_BYTES:
            window.jump(length)
            return None
        return (yield from window.take(length)).decode(errors="replace")
    form, _ = _number(window, key, kind)
    value = yield from window.unpack(form)
    if kind == _BOOL:
        return "true" if value else "false"
    return f"{value:.7g}" if kind == _FLOAT32 else str(value)


def _number(window: Window, key: str, kind: int) -> tuple[str, int]:
    if kind not in _NUMBERS:
        raise window.malformed(f"{quoted(key)} is of type {kind}, which there is not")
    return _NUMBERS[kind]


def _pass_array(window: Window, key: str) -> Generator[Span, bytes, int]:
    """Passes over an array; how many members it has."""
    kind = yield from window.unpack("I")
    count: int = yield from window.unpack(window.length)
    if kind == _ARRAY:
        raise window.malformed(f"{quoted(key)} is an array of arrays, which ggml does not read")
    width = window.length.size if kind == _STRING else _number(window, key, kind)[1]
    if count * width > window.left_bytes:
        raise window.malformed(
            f"{quoted(key)} has {count:,} members of {width} bytes or more, and the file"
            f" {window.left_bytes:,} bytes left"
        )
    if kind == _STRING:
        yield from _pass_strings(window, count)
    else:
        window.jump(count * width)
    return count


def _pass_strings(window: Window, count: int) -> Reading:
    """Passes over `count` strings; asks for as much as those so far let expect."""
    begin, left = window.at, count
    while left := left - window.pass_strings(left):
        passed = count - left
        mean = (window.at - begin) // passed if passed else 0
        expected = left * max(mean, _USUAL_STRING_BYTES)
        yield from window.need(window.length.size, expected + expected // _MARGIN)
    window.jump(0)  # the last string may have ended past the file


def _alignment(window: Window, metadata: dict[str, str]) -> int:
    alignment = int(metadata.get(_ALIGNMENT, DEFAULT_ALIGNMENT))
    if alignment.bit_count() != 1:
        raise window.malformed(f"tensors are aligned to {alignment:,} bytes, no power of two")
    return alignment

"""Lists of ids as people keep them: lines of text, a column of a CSV file, JSON, JSON lines.

    text     one id a line; blank lines and lines that begin with # are no entries
    CSV      the column that is asked for, else the first of those called as in `NAMES`
    JSON     a list of ids, or of objects that have one under such a name
    JSONL    one of these a line

Every entry gives one text, whatever it is; what names no model is found out later. A list is read
as it is asked for, never whole.
"""

import codecs
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path, PurePath
from typing import IO, Any, Final

from auditor.errors import InvalidOption

NAMES: Final = ("model", "id", "model_id", "repo_id", "modelId")
STANDARD_INPUT: Final = "-"
MAX_ENTRY_CHARACTERS: Final = 10_000_000  # a whole answer of the Hub about a model may be an entry
_MAX_SHOWN: Final = 200
_COMMENT: Final = "#"
_CHUNK: Final = 1 << 16
_BLANKS: Final = " \t\r\n"

Reader = Callable[[str, Iterator[str], str | None], Iterator[str]]


def read_ids(path: str, column: str | None = None) -> Iterator[str]:
    """The entries of the list at `path`, in order; `-` is standard input.

    Raises InvalidOption where it cannot be read, or is not what it seems to be.
    """
    with _opened(path) as stream:
        chunks = _chunks(path, stream)
        begin = _begin(chunks)
        yield from _reader(path, begin, column)(path, chain((begin,), chunks), column)


def _reader(path: str, begin: str, column: str | None) -> Reader:
    """By the name's ending, else by what is asked for and how the list begins."""
    ending = PurePath(path).suffix.lower()
    if ending in _READERS:
        # NOTE: many files called .json hold one object a line.
        return _json_lines if ending == ".json" and begin.startswith("{") else _READERS[ending]
    if column is not None and not begin.startswith(("[", "{")):
        return _csv
    return {"[": _json, "{": _json_lines}.get(begin[:1], _text)


def _text(_path: str, chunks: Iterator[str], _column: str | None) -> Iterator[str]:
    for line in _lines(chunks):
        entry = line.strip()
        if entry and not entry.startswith(_COMMENT):
            yield entry


def _csv(path: str, chunks: Iterator[str], column: str | None) -> Iterator[str]:
    lines = _lines(chunks)
    head = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(chain((head,), lines), delimiter=delimiter)
    try:
        at = _column_of(path, [name.strip() for name in next(rows, [])], column)
        for row in rows:
            if row:
                yield row[at].strip() if at < len(row) else ""
    except csv.Error as error:
        raise InvalidOption(path, f"no CSV: {error}", hint="look at that line") from error


def _column_of(path: str, names: list[str], column: str | None) -> int:
    for name in NAMES if column is None else (column,):
        if name in names:
            return names.index(name)
    there = ", ".join(names[:20])[:_MAX_SHOWN]
    raise InvalidOption(
        path,
        f"no column is called {column or ' or '.join(NAMES)}",
        hint=f"name one with --column; there is: {there}",
    )


def _json_lines(path: str, chunks: Iterator[str], column: str | None) -> Iterator[str]:
    for number, line in enumerate(_lines(chunks), 1):
        if line.strip():
            try:
                yield _entry(json.loads(line), column)
            except (ValueError, RecursionError) as error:
                raise _no_json(f"{path}, line {number:,}", error) from error


def _json(path: str, chunks: Iterator[str], column: str | None) -> Iterator[str]:
    """The elements of a list, each parsed as soon as all of it has come."""
    text, count = _Text(chunks), 0
    try:
        text.expect("[")
        while text.next() != "]" or count:
            yield _entry(text.value(), column)
            count += 1
            if text.next() == "]":
                break
            text.expect(",")
    except (ValueError, RecursionError) as error:
        raise _no_json(f"{path}, after entry {count:,}", error) from error


class _Text:
    """JSON text that comes in pieces. Raises ValueError where it is none, or ends too early."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self._text = ""
        self._at = 0

    def next(self) -> str:
        """The next character that is no blank; it is not taken. Empty at the end."""
        while True:
            rest = len(self._text)
            while self._at < rest and self._text[self._at] in _BLANKS:
                self._at += 1
            if self._at < rest or not self._more():
                return self._text[self._at : self._at + 1]

    def expect(self, character: str) -> None:
        if self.next() != character:
            raise ValueError(f"no `{character}` where a list of JSON has one")
        self._at += 1

    def value(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        self.next()
        while True:
            try:
                value, end = json.JSONDecoder().raw_decode(self._text, self._at)
            except ValueError:
                if len(self._text) - self._at > MAX_ENTRY_CHARACTERS or not self._more():
                    raise
                continue
            # A number may go on in the next piece.
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _more(self) -> bool:
        chunk = next(self._chunks, "")
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)


def _entry(value: Any, column: str | None) -> str:  # noqa: ANN401 - whatever JSON holds
    """The text of an entry; of an object without an id itself, which then names no model."""
    if isinstance(value, dict):
        for name in NAMES if column is None else (column,):
            if isinstance(value.get(name), str):
                return str(value[name]).strip()
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value)[:_MAX_SHOWN]


def _no_json(subject: str, error: Exception) -> InvalidOption:
    reason = str(error) if isinstance(error, ValueError) else "nested too deep"
    return InvalidOption(subject, f"no JSON: {reason[:_MAX_SHOWN]}", hint="mend the list")


_READERS: Final[dict[str, Reader]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}


# -- bytes into text


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below, where no error is of opening it
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise InvalidOption(path, reason, hint="name a list of ids, or `-`") from error
    with stream:
        yield stream


def _chunks(path: str, stream: IO[bytes]) -> Iterator[str]:
    """The text in pieces; what is no UTF-8 is replaced, and then names no model."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    read = getattr(stream, "read1", stream.read)  # of a pipe what is there, not only a whole chunk
    try:
        while data := read(_CHUNK):
            if text := decoder.decode(data):
                yield text
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise InvalidOption(path, reason, hint="name a list of ids, or `-`") from error
    if rest := decoder.decode(b"", final=True):
        yield rest


def _begin(chunks: Iterator[str]) -> str:
    """The first text that is more than blanks, without those before it."""
    for chunk in chunks:
        if begin := chunk.lstrip(_BLANKS):
            return begin
    return ""


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    """Lines without their ends. One that is longer than any entry is cut."""
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split("\n")
        for line in lines:
            yield line.removesuffix("\r")
        rest = rest[:MAX_ENTRY_CHARACTERS]
    if rest:
        yield rest.removesuffix("\r")

"""The rows of a list, each with the line that it begins at, from CSV or JSON.

A CSV is divided by the one of comma, semicolon and tab that its header has most of; Excel writes
semicolons where the comma is the decimal sign, and may say so in a first line `sep=;`. JSON is a
list of objects whose values are texts and integers.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditor.claims.patterns import Pattern
from auditor.core import strict_json

MAX_CHARACTERS: Final = 20_000_000  # a hundred characters for each of two hundred thousand rows
MAX_ROWS: Final = 200_000
_DELIMITERS: Final = (",", ";", "\t")
_SAID: Final = "sep="  # Excel's first line
_BLANK: Final = Pattern(r"[ \t\r\n]*")


class BadList(ValueError):
    """The list cannot be read from `line` on."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Cells by column; `problem` is what keeps it from being one. Its columns are its own in JSON.

    `line` is where it begins, counted from 1.
    """

    line: int
    cells: Mapping[str, str]
    problem: str = ""
    warns_of_columns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a list. `columns` are those of a CSV's header, which stands at `line`."""

    columns: tuple[str, ...]
    line: int
    rows: Iterator[Row]


def rows_of(text: str) -> Rows:
    """The rows of a list in either form. They and this raise BadList."""
    if len(text) > MAX_CHARACTERS:
        raise BadList(1, f"{len(text):,} characters; at most {MAX_CHARACTERS:,} are read")
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] in {"[", "{"}:
        return Rows(columns=(), line=1, rows=_json_rows(text))
    return _csv_rows(text)


def _csv_rows(text: str) -> Rows:
    lines = text.splitlines(keepends=True)
    skipped = _leading(lines)
    delimiter = _delimiter(lines, skipped)
    reader = csv.reader(lines[skipped:], delimiter=delimiter, strict=True)
    header = next(_records(reader, skipped), None)
    if header is None:
        raise BadList(1, "the list is empty")
    line, columns = header
    return Rows(columns=tuple(columns), line=line, rows=_dressed(reader, columns, skipped))


def _leading(lines: Sequence[str]) -> int:
    """How many lines there are before the header: blank ones, and Excel's `sep=;`."""
    count = 0
    while count < len(lines) and (
        not lines[count].strip() or lines[count].lower().startswith(_SAID)
    ):
        count += 1
    return count


def _delimiter(lines: Sequence[str], skipped: int) -> str:
    said = [line.strip()[len(_SAID) :] for line in lines[:skipped] if line.strip()]
    if said and said[-1] in _DELIMITERS:
        return said[-1]
    header = lines[skipped] if skipped < len(lines) else ""
    return max(_DELIMITERS, key=header.count)


def _records(reader: Any, skipped: int) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401
    """Records with the line that each begins at; blank lines are none."""
    while True:
        line = skipped + reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadList(line, f"no sound CSV from here on: {error}") from error
        if any(cell.strip() for cell in record):
            yield line, record


def _dressed(reader: Any, columns: Sequence[str], skipped: int) -> Iterator[Row]:  # noqa: ANN401
    """Records as rows: each cell under its column."""
    for number, (line, record) in enumerate(_records(reader, skipped)):
        if number >= MAX_ROWS:
            raise BadList(line, f"more than {MAX_ROWS:,} rows")
        extra = [cell for cell in record[len(columns) :] if cell.strip()]
        problem = f"{len(record)} cells under {len(columns)} columns" if extra else ""
        cells = dict(zip(columns, record, strict=False))
        yield Row(line=line, cells=cells, problem=problem)


def _json_rows(text: str) -> Iterator[Row]:
    try:
        parsed = strict_json.parse(text.encode())
    except (strict_json.NotJson, UnicodeEncodeError) as error:
        raise BadList(1, str(error)) from error
    if not isinstance(parsed, list) or isinstance(parsed, strict_json.Object):
        raise BadList(1, "the list is no JSON list of objects")
    if len(parsed) > MAX_ROWS:
        raise BadList(1, f"{len(parsed):,} rows; at most {MAX_ROWS:,} are read")
    for line, value in zip(_lines_of_items(text), parsed, strict=True):
        yield _json_row(line, value)


def _lines_of_items(text: str) -> Iterator[int]:
    """The line at which each item of the sound JSON list in `text` begins."""
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    line = text.count("\n", 0, at) + 1
    while True:
        begin = _after_blanks(text, at)
        if text[begin] == "]":
            return
        line += text.count("\n", at, begin)
        yield line
        end = decoder.raw_decode(text, begin)[1]
        line += text.count("\n", begin, end)
        comma = _after_blanks(text, end)
        line += text.count("\n", end, comma)
        at = comma + (text[comma] == ",")


def _after_blanks(text: str, begin: int) -> int:
    match = _BLANK.match(text, begin)
    return match.end() if match else begin


def _json_row(line: int, value: Any) -> Row:  # noqa: ANN401
    if not isinstance(value, strict_json.Object):
        return Row(line=line, cells={}, problem="no object")
    cells: dict[str, str] = {}
    for key, item in value:
        if item is None:
            continue
        if isinstance(item, bool) or not isinstance(item, str | int):
            hint = " (write numbers with a point as text)" if isinstance(item, float) else ""
            return Row(line=line, cells={}, problem=f"`{key[:40]}` is no text or integer{hint}")
        if key in cells:
            return Row(line=line, cells={}, problem=f"`{key[:40]}` stands there twice")
        cells[key] = str(item)
    return Row(line=line, cells=cells, warns_of_columns=True)

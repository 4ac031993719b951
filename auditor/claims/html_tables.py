"""Tables written in HTML, as rows of cells: model cards of large families use them.

    <tr> <td rowspan="2">Llama 3</td> <td>8B</td> </tr>        Llama 3 | 8B
    <tr> <td>70B</td> </tr>                                    Llama 3 | 70B

Cells that span rows are repeated in each, so that a column keeps its place.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from auditor.claims.patterns import any_case

MAX_SPAN: Final = 64  # rows or columns; what spans more is a layout
MAX_CELLS: Final = 64
MAX_TABLE_LINES: Final = 2_000
MAX_TABLE_CHARACTERS: Final = 200_000

_ROW: Final = any_case(r"<tr(?=[\s>])")
_CELL: Final = any_case(r"<t([dh])(?=[\s>])([^<>]{0,300})>")
_SPAN: Final = any_case(r"(row|col)span\s*=\s*[\"']?([0-9]{1,3})")


class Row(NamedTuple):
    """One row. `number` is the line that it begins at."""

    number: int
    cells: tuple[str, ...]


def html_rows(lines: Sequence[str], first: int) -> tuple[Row, ...]:
    """The rows of the table in `lines`, the first of which has the number `first`.

    Cells are still marked up.
    """
    text = "\n".join(lines[:MAX_TABLE_LINES])[:MAX_TABLE_CHARACTERS]
    starts = [match.start() for match in _ROW.finditer(text)]
    rows: list[Row] = []
    hanging: dict[int, tuple[int, str]] = {}  # column: rows still to fill, content
    number, counted = first, 0
    for start, end in pairwise([*starts, len(text)]):
        number += text.count("\n", counted, start)
        counted = start
        cells, hanging = _filled(text[start:end], hanging)
        rows.append(Row(number, cells))
    return tuple(rows)


def _filled(
    row: str, hanging: dict[int, tuple[int, str]]
) -> tuple[tuple[str, ...], dict[int, tuple[int, str]]]:
    """The cells of a row, those that hang into it included, and what hangs into the next."""
    cells: list[str] = []
    below: dict[int, tuple[int, str]] = {}

    def take_hanging() -> None:
        while len(cells) in hanging and len(cells) < MAX_CELLS:
            left, content = hanging[len(cells)]
            if left > 1:
                below[len(cells)] = (left - 1, content)
            cells.append(content)

    matches = list(_CELL.finditer(row))[:MAX_CELLS]
    ends = [match.start() for match in matches[1:]] + [len(row)]
    for match, end in zip(matches, ends, strict=False):
        spans = {span[1].lower(): int(span[2]) for span in _SPAN.finditer(match[2])}
        content = row[match.end() : end].replace("\n", " ")
        take_hanging()
        for _ in range(min(spans.get("col", 1), MAX_SPAN)):
            if len(cells) < MAX_CELLS:
                if (rows := min(spans.get("row", 1), MAX_SPAN)) > 1:
                    below[len(cells)] = (rows - 1, content)
                cells.append(content)
    take_hanging()
    return tuple(cells), below

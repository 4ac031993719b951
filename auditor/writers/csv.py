"""CSV by RFC 4180, one row per model, the columns of `rows.COLUMNS`, UTF-8 without a mark.

Lines end in LF, which every reader of CSV takes and every line tool and diff expects. No cell holds
a line break, so a row is a line. Numbers are plain digits; an empty cell is unknown.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import IO, Any, Final

from auditor.core.record import Outcome, outcome_dict
from auditor.writers.escape import csv_cell
from auditor.writers.frame import frame
from auditor.writers.rows import COLUMNS, Cell, row_of

ROWS_AT_ONCE: Final = 1_000  # bounds the memory of a large list: a frame of so many rows at a time


@dataclass(frozen=True, slots=True)
class CsvWriter:
    """One row per model, in the order of the outcomes."""

    @property
    def name(self) -> str:
        return "csv"

    @property
    def endings(self) -> tuple[str, ...]:
        return (".csv",)

    def write(self, outcomes: Sequence[Outcome], stream: IO[bytes]) -> None:
        remaining = map(outcome_dict, outcomes)
        chunk = tuple(islice(remaining, ROWS_AT_ONCE))
        stream.write(_csv(chunk, header=True))
        while chunk := tuple(islice(remaining, ROWS_AT_ONCE)):
            stream.write(_csv(chunk, header=False))


def csv_lines(outcomes: Iterable[Mapping[str, Any]]) -> bytes:
    """The same lines without pandas: of a few rows at a time, a frame costs more than they do."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(map(_csv_cell, row_of(outcome)) for outcome in outcomes)
    return text.getvalue().encode()


def _csv_cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return csv_cell(cell)
    return _plain_decimal(cell) if isinstance(cell, float) else cell


def csv_head() -> bytes:
    """The names of the columns."""
    return ",".join(column.name for column in COLUMNS).encode() + b"\n"


def _csv(outcomes: Sequence[Mapping[str, Any]], *, header: bool) -> bytes:
    table = frame(outcomes, text=csv_cell)
    text: str = table.to_csv(
        index=False, header=header, lineterminator="\n", float_format=_plain_decimal
    )
    return text.encode()


def _plain_decimal(value: object) -> str:
    """The shortest decimal that reads back as the float `value`, never with an exponent."""
    return f"{Decimal(str(value)):f}"

"""CSV by RFC 4180, one row per model, the columns of `rows.COLUMNS`, UTF-8 without a mark.

Lines end in LF, which every reader of CSV takes and every line tool and diff expects. No cell holds
a line break, so a row is a line. Numbers are plain digits; an empty cell is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import IO, Final

from auditor.core.record import Outcome
from auditor.writers.escape import csv_cell
from auditor.writers.frame import frame

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
        remaining = iter(outcomes)
        chunk = tuple(islice(remaining, ROWS_AT_ONCE))
        stream.write(_csv(chunk, header=True))
        while chunk := tuple(islice(remaining, ROWS_AT_ONCE)):
            stream.write(_csv(chunk, header=False))


def _csv(outcomes: Sequence[Outcome], *, header: bool) -> bytes:
    table = frame(outcomes, text=csv_cell)
    text: str = table.to_csv(
        index=False, header=header, lineterminator="\n", float_format=_plain_decimal
    )
    return text.encode()


def _plain_decimal(value: object) -> str:
    """The shortest decimal that reads back as the float `value`, never with an exponent."""
    return f"{Decimal(str(value)):f}"

"""The tree of a model's modules: as text with aligned numbers, as CSV, as JSON."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from auditor.core.modules import Line
from auditor.core.sizes import decimal_size
from auditor.writers.escape import csv_cell, line

MAX_NAME: Final = 80  # characters of one part of a name in the text
HEAD: Final = ("module", "depth", "parameters", "other_elements", "tensors", "bytes", "dtypes")
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The modules of one model. `at` is the revision or commit that was read."""

    model: str
    at: str
    lines: Sequence[Line]


def write_text(trees: Sequence[Tree], stream: IO[bytes]) -> None:
    """One tree after the other, indented by depth, numbers right-aligned."""
    for index, tree in enumerate(trees):
        stream.write(b"\n" if index else b"")
        stream.write("".join(f"{each}\n" for each in _text_lines(tree)).encode())


def _text_lines(tree: Tree) -> list[str]:
    rows = [_cells(each) for each in tree.lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = (0, len(rows[0]) - 1)
    lines = [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [f"{line(tree.model, MAX_NAME)} @ {line(tree.at, MAX_NAME)}", *lines]


def _cells(each: Line) -> tuple[str, ...]:
    parameters = UNKNOWN if each.parameters is None else f"{each.parameters:,}"
    others = f"+ {each.others:,} no parameters" if each.others else ""
    return (
        "  " * each.depth + line(each.name, MAX_NAME),
        parameters,
        decimal_size(each.amount.stored_bytes),
        f"{each.amount.tensors:,}",
        " ".join(part for part in (", ".join(each.dtypes), others) if part),
    )


def _row(each: Line) -> tuple[str | int | None, ...]:
    return (
        each.path,
        each.depth,
        each.parameters,
        each.others,
        each.amount.tensors,
        each.amount.stored_bytes,
        " ".join(each.dtypes),
    )


def write_csv(trees: Sequence[Tree], stream: IO[bytes]) -> None:
    """A row for each module, the model before it."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("model", *HEAD))
    for tree in trees:
        for each in tree.lines:
            cells = (tree.model, *_row(each))
            rows.writerow([csv_cell(c) if isinstance(c, str) else c for c in cells])
    stream.write(text.getvalue().encode())


def write_json(trees: Sequence[Tree], stream: IO[bytes]) -> None:
    """`{"models": [{"model", "revision", "modules": [...]}]}`, numbers as integers."""
    models = [
        {
            "model": tree.model,
            "revision": tree.at,
            "modules": [dict(zip(HEAD, _row(each), strict=True)) for each in tree.lines],
        }
        for tree in trees
    ]
    stream.write(json.dumps({"models": models}, indent=2).encode() + b"\n")


FORMS: Final[Mapping[str, Callable[[Sequence[Tree], IO[bytes]], None]]] = {
    "terminal": write_text,
    "csv": write_csv,
    "json": write_json,
}

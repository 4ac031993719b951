"""Tables of a card: which column or row counts parameters, and which row is of this model.

| Model               | #params | Language |     a family: the row that names this model
|---------------------|---------|----------|
| bert-base-uncased   | 110M    | English  |
| bert-large-uncased  | 340M    | English  |

| Parameters | 8B |                               properties: a key and its value
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from auditor.claims.cells import Column, Counted, column_of, counted_in
from auditor.claims.figures import figures_in
from auditor.claims.markdown import Table, cells_of
from auditor.claims.prose import MOST_TEXT, Statement
from auditor.claims.subjects import ModelName, looks_like_a_name
from auditor.claims.vocabulary import is_parameter_key, is_size_key
from auditor.core.claims import Scope

MAX_ROWS: Final = 1_000
_LABEL_COLUMNS: Final = 3  # a row is named by one of its first cells
_PAIR: Final = 2
_CLOSEST: Final = 1_000  # "this model" is closer than any name
_LONGEST_FIGURE: Final = len("~1,000 million")

_OURS: Final = re.compile(r"this model|this repo|本模型", re.IGNORECASE)
_ASIDE: Final = re.compile(r"\s*\([^()]*\)\s*$")
_SIZE: Final = re.compile(r"[0-9.]+\s*[bBmM]")
_LATEX_KEY: Final = re.compile(r"[$(]*[nN]_?\{?(?:\\?text\{)?param\w{0,8}\}*[$)]*")


def table_statements(table: Table, model: ModelName) -> Iterator[tuple[int, Statement]]:
    """What a table says of numbers of parameters, with the line of each."""
    columns = [column for i, name in enumerate(table.header) if (column := column_of(i, name))]
    columns = [column for column in columns if not column.only_billions] or columns
    rows = [_Row(number=row.number, cells=row.cells) for row in table.rows[:MAX_ROWS]]
    for row in rows:
        for statement in _properties(table.header, row.cells, model):
            yield row.number, statement
    if columns and rows:
        yield from _family(_Family(columns=columns, rows=rows), model)


def lone_row(text: str, model: ModelName) -> Statement | None:
    """What a row without a header says: it has a key, or it names this model and one cell counts.

    Several cells that could count leave it open which one does.
    """
    cells = cells_of(text)
    keyed = next(_properties((), cells, model), None)
    if keyed or not model.is_named_by(cells[0]) or _SIZE.fullmatch(cells[0]):
        return keyed
    plain = Column(index=0, scope=Scope.TOTAL)
    found = [
        (cell, counted)
        for cell in cells[1:]
        if len(cell) <= _LONGEST_FIGURE
        for counted in counted_in(cell, plain)
    ]
    return _statement(cells[0], *found[0]) if len(found) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    number: int
    cells: Sequence[str]

    def cell(self, index: int) -> str:
        return self.cells[index] if index < len(self.cells) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Rows of models, and the columns that count their parameters."""

    columns: Sequence[Column]
    rows: Sequence[_Row]

    def label_columns(self) -> tuple[int, ...]:
        counting = {column.index for column in self.columns}
        return tuple(i for i in range(_LABEL_COLUMNS) if i not in counting)

    def counted(self, row: _Row) -> Iterator[tuple[str, Counted]]:
        for column in self.columns:
            cell = row.cell(column.index)
            for counted in counted_in(cell, column):
                yield cell, counted


def _family(family: _Family, model: ModelName) -> Iterator[tuple[int, Statement]]:
    own, label_at = _own_row(family, model)
    if own is None:
        return
    for row in family.rows:
        label = row.cell(label_at)
        for cell, counted in family.counted(row):
            about = counted if row is own else counted.of_another(label)
            yield row.number, _statement(label, cell, about)


def _own_row(family: _Family, model: ModelName) -> tuple[_Row | None, int]:
    """The row of this model and the column of its label; None where that is open.

    It is the row that names this model most closely. Among several (one label for a whole family,
    or no labels), it is the one that counts what this model's name says.
    """
    label_at, candidates = _named(family, model)
    if not candidates and len(family.rows) == 1 and not _names_another(family):
        candidates = family.rows
    elif len(candidates) != 1:
        candidates = _of_named_size(family, candidates or family.rows, model)
    return (candidates[0] if len(candidates) == 1 else None), label_at


def _names_another(family: _Family) -> bool:
    cells = (row.cell(index) for row in family.rows for index in family.label_columns())
    return any(cell and looks_like_a_name(cell) for cell in cells)


def _named(family: _Family, model: ModelName) -> tuple[int, Sequence[_Row]]:
    """The rows that name this model most closely, and the column that they name it in."""
    best, label_at, named = 0, 0, list[_Row]()
    for index in family.label_columns():
        for row in family.rows:
            label = row.cell(index)
            close = _CLOSEST if _OURS.search(label) else model.closeness(_ASIDE.sub("", label))
            if close > best:
                best, label_at, named = close, index, []
            if close and (close, index) == (best, label_at):
                named.append(row)
    return label_at, named


def _of_named_size(family: _Family, rows: Sequence[_Row], model: ModelName) -> list[_Row]:
    return [
        row
        for row in rows
        if any(counted.quantity.value == model.total for _, counted in family.counted(row))
    ]


def _properties(
    names: Sequence[str], cells: Sequence[str], model: ModelName
) -> Iterator[Statement]:
    """A row whose first cell is a key for parameters: its value is this model's."""
    key = cells[0]
    if len(cells) < _PAIR or not (
        is_parameter_key(key) or is_size_key(key) or _LATEX_KEY.fullmatch(key)
    ):
        return
    column = column_of(0, key) or Column(index=0, scope=Scope.TOTAL)
    values = [i for i, cell in enumerate(cells) if i and cell]
    own = [i for i in values if i < len(names) and model.is_named_by(names[i])]
    if not own:
        own = values if len(values) == 1 else _of_size(names, values, model)
    if len(own) != 1:
        return
    for index in values:
        for counted in counted_in(cells[index], replace(column, index=index)):
            name = names[index] if index < len(names) else ""
            about = counted if index == own[0] else counted.of_another(name)
            yield _statement(key, cells[index], about)


def _of_size(names: Sequence[str], indices: Sequence[int], model: ModelName) -> list[int]:
    """The columns headed by the size that is in this model's name: `1B MoE`."""
    return [
        index
        for index in indices
        if index < len(names)
        and any(figure.quantity.value == model.total for figure in figures_in(names[index]))
    ]


def _statement(label: str, cell: str, counted: Counted) -> Statement:
    return Statement(
        quantity=counted.quantity,
        scope=counted.scope,
        detail=counted.detail,
        text=f"{label} | {cell}"[:MOST_TEXT],
    )

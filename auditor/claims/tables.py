"""Tables of a card: which column or row counts parameters, and which row is of this model.

| Model               | #params | Language |     a family: the row that names this model
|---------------------|---------|----------|
| bert-base-uncased   | 110M    | English  |
| bert-large-uncased  | 340M    | English  |

| Parameters | 8B |                               properties: a key and its value
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from auditor.claims.cells import (
    MAX_CELL_CHARACTERS,
    Column,
    Counted,
    column_of,
    counted_in,
    sizes_in,
)
from auditor.claims.markdown import Table, cells_of
from auditor.claims.own_name import ModelName
from auditor.claims.patterns import Pattern, any_case
from auditor.claims.prose import MOST_TEXT, Statement, statements
from auditor.claims.subjects import looks_like_a_name
from auditor.claims.vocabulary import is_parameter_key, is_size_key, mentions_parameters
from auditor.core.claims import Scope

MAX_ROWS: Final = 1_000
_LABEL_COLUMNS: Final = 3  # a row is named by one of its first cells
_PAIR: Final = 2
_LEAST_IN_LONE_ROW: Final = 1_000_000  # without a heading, 250k is a vocabulary
_CLOSEST: Final = 1_000  # "this model" is closer than any name
_LONGEST_FIGURE: Final = len("~1,000 million")

_OURS: Final = any_case(
    r"(?:this|our|current) (?:model|repo|work|checkpoint)|(?<![a-z])ours(?![a-z])|本模型|本仓库"
)
_ASIDE: Final = Pattern(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])\s*$")
_KIND: Final = any_case(r"\s+(?:moe|dense|model)\s*$")
_MARKS: Final = Pattern(r"[†‡*↑↓✨🔥⭐\u200b]|\s+$")
_SIZE: Final = any_case(r"[0-9.]+\s*[bm]")
_LATEX_KEY: Final = Pattern(r"[$(]*[nN]_?\{?(?:\\?text\{)?param\w{0,8}\}*[$)]*")


def table_statements(table: Table, model: ModelName) -> Iterator[tuple[int, Statement]]:
    """What a table says of numbers of parameters, with the line of each."""
    columns = [column for i, name in enumerate(table.header) if (column := column_of(i, name))]
    columns = [column for column in columns if not column.only_billions] or columns
    rows = [_Row(number=row.number, cells=row.cells) for row in table.rows[:MAX_ROWS]]
    names = _column_names(table, model)
    for row in (*_header_as_row(table), *rows):
        for statement in _properties(names, row.cells, model):
            yield row.number, statement
        if len(row.cells) == _PAIR:
            for statement in _in_words(row.cells, model):
                yield row.number, statement
    if columns and rows:
        yield from _family(_Family(columns=columns, rows=rows), model)


def _header_as_row(table: Table) -> Sequence["_Row"]:
    """Of a table of two columns, the header is often the first property."""
    if len(table.header) != _PAIR or not table.rows:
        return ()
    return (_Row(number=max(1, table.rows[0].number - _PAIR), cells=table.header),)


def _in_words(cells: Sequence[str], model: ModelName) -> Iterator[Statement]:
    """What the value of another property says: `| Architecture | 14B parameters, dense |`."""
    key, value = cells
    if is_parameter_key(key) or len(value) > MAX_CELL_CHARACTERS or not mentions_parameters(value):
        return
    if not column_of(0, key) and not looks_like_a_name(_label(key)):
        yield from statements(value, model)


def _column_names(table: Table, model: ModelName) -> Sequence[str]:
    """The row that heads the columns with names of models: the first, or the one with this one."""
    named = [table.header, *(row.cells for row in table.rows[:MAX_ROWS])]
    return next((n for n in named if any(map(model.is_named_by, n[1:]))), table.header)


def lone_row(text: str, model: ModelName) -> Statement | None:
    """What a row without a header says: it has a key, or it names this model and one cell counts.

    Several cells that could count leave it open which one does.
    """
    cells = cells_of(text)
    keyed = next(_properties((), cells, model), None)
    if keyed or not model.is_named_by(_label(cells[0])) or _SIZE.fullmatch(cells[0]):
        return keyed
    plain = Column(index=0, scope=Scope.TOTAL)
    found = [
        (cell, counted)
        for cell in cells[1:]
        if len(cell) <= _LONGEST_FIGURE
        for counted in counted_in(cell, plain)
        if counted.quantity.value >= _LEAST_IN_LONE_ROW
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

    def labels(self, index: int) -> list[str]:
        """The labels in a column; an empty cell has the one above it."""
        labels: list[str] = []
        for row in self.rows:
            label = _label(row.cell(index))
            labels.append(label or (labels[-1] if labels else ""))
        return labels

    def counted(self, row: _Row) -> Iterator[tuple[str, Counted]]:
        for column in self.columns:
            cell = row.cell(column.index)
            for counted in counted_in(cell, column):
                yield cell, counted

    def is_of_size(self, row: _Row, model: ModelName) -> bool:
        """Whether a cell says the size in this model's name, or a finer one: `3B (3.21B)`."""
        return any(
            model.is_size(size)
            for column in self.columns
            if column.scope is Scope.TOTAL
            for size in sizes_in(row.cell(column.index), column)
        )


def _label(cell: str) -> str:
    """A cell without asides and marks: `InternViT-6B (ours)`, `METRO [51]`."""
    if _OURS.search(cell):
        return cell
    return _MARKS.sub("", _KIND.sub("", _ASIDE.sub("", _ASIDE.sub("", cell))))


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
    if not candidates:
        nameless = [row for row in family.rows if not _names_another(family, row)]
        alone = len(family.rows) == 1
        candidates = nameless if alone else _of_named_size(family, nameless, model)
    elif len(candidates) > 1:
        candidates = _of_named_size(family, candidates, model)
    return (candidates[0] if len(candidates) == 1 else None), label_at


def _names_another(family: _Family, row: _Row) -> bool:
    cells = (_label(row.cell(index)) for index in family.label_columns())
    return any(cell and looks_like_a_name(cell) for cell in cells)


def _named(family: _Family, model: ModelName) -> tuple[int, Sequence[_Row]]:
    """The rows that name this model most closely, and the column that they name it in."""
    best, label_at, named = 0, 0, list[_Row]()
    for index in family.label_columns():
        for row, label in zip(family.rows, family.labels(index), strict=True):
            close = _CLOSEST if _OURS.search(label) else model.closeness(label)
            if close > best:
                best, label_at, named = close, index, []
            if close and (close, index) == (best, label_at):
                named.append(row)
    return label_at, named


def _of_named_size(family: _Family, rows: Sequence[_Row], model: ModelName) -> list[_Row]:
    return [row for row in rows if family.is_of_size(row, model)]


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
    own = _own_columns(names, values, model)
    if len(own) != 1:
        return
    for index in values:
        for counted in counted_in(cells[index], replace(column, index=index)):
            name = names[index] if index < len(names) else ""
            about = counted if index == own[0] else counted.of_another(name)
            yield _statement(key, cells[index], about)


def _own_columns(names: Sequence[str], values: Sequence[int], model: ModelName) -> list[int]:
    """The columns of values headed by this model's name, closest, or by its size: `1B MoE`."""
    headed = {i: _label(names[i]) for i in values if i < len(names)}
    close = {
        index: _CLOSEST if _OURS.search(name) else model.closeness(name)
        for index, name in headed.items()
    }
    best = max(close.values(), default=0)
    if best:
        return [index for index in close if close[index] == best]
    if len(values) == 1:
        return list(values)
    plain = Column(index=0, scope=Scope.TOTAL)
    return [i for i, name in headed.items() if any(map(model.is_size, sizes_in(name, plain)))]


def _statement(label: str, cell: str, counted: Counted) -> Statement:
    return Statement(
        quantity=counted.quantity,
        scope=counted.scope,
        detail=counted.detail,
        text=f"{label} | {cell}"[:MOST_TEXT],
    )

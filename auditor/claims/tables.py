"""Tables of a card: which column or row counts parameters, and which row is of this model.

| Model               | #params | Language |     a family: the row that names this model
|---------------------|---------|----------|
| bert-base-uncased   | 110M    | English  |
| bert-large-uncased  | 340M    | English  |

| Parameters | 8B |                               properties: a key and its value
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.claims.figures import Figure, figures_in
from auditor.claims.markdown import Line
from auditor.claims.model_names import name_tokens, names_it
from auditor.claims.prose import Statement
from auditor.claims.subjects import ModelName
from auditor.claims.vocabulary import (
    COMPONENTS,
    is_parameter_key,
    is_size_key,
    mentions_parameters,
    scope_in,
)
from auditor.core.claims import Quantity, Scope, quantity

MAX_CELLS: Final = 64  # a row of more is data
MAX_ROWS: Final = 1_000
_LEAST_ROW_SEPARATORS: Final = 2
_LEAST_BARE: Final = 1_000_000
_BILLION: Final = 10**9
_MOST_TEXT: Final = 160

_DELIMITER: Final = re.compile(r":?-+:?")
_BAR: Final = re.compile(r"(?<!\\)\|")
_HEADER_UNIT: Final = re.compile(
    r"[(\[,]\s*(?:in\s+)?(?P<unit>m|b|k|millions?|billions?)\s*(?:[)\]]|$)"
    r"|in (?P<word>millions|billions)",
    re.IGNORECASE,
)
_UNITS: Final = {"k": 10**3, "m": 10**6, "b": 10**9}
_OTHER_HEADERS: Final = re.compile(
    r"hyper|tun(?:ed|ing)|training|tokens|flops|ratio|%|per layer|description|details|efficien",
    re.IGNORECASE,
)
_NAME_HEADERS: Final = re.compile(
    r"model|name|variant|checkpoint|version|size|type|architecture|backbone|系列|模型",
    re.IGNORECASE,
)
_COMPONENT: Final = re.compile(COMPONENTS, re.IGNORECASE)
_CELL: Final = re.compile(r"[~≈]?\s*(?P<figure>\S.*?)\s*(?:params?|parameters?)?", re.IGNORECASE)
_RESTATED: Final = re.compile(r"\s*\(\s*[~≈]?\s*(?P<digits>[0-9]{1,4}(?:\.[0-9]{1,3})?)?")
_OURS: Final = re.compile(r"this model|this repo|本模型", re.IGNORECASE)
_ASIDE: Final = re.compile(r"\s*\([^()]*\)\s*$")
_SIZE: Final = re.compile(r"[0-9.]+\s*[bBmM]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a column counts; a bare number in it counts in `bare_unit`."""

    index: int
    scope: Scope
    detail: str
    bare_unit: int
    only_billions: bool = False


def is_row(text: str) -> bool:
    """Whether a line outside a table with a header could be a row of one."""
    if "||" in text:
        return False
    return text.startswith("|") or len(_BAR.findall(text)) >= _LEAST_ROW_SEPARATORS


def cells_of(text: str) -> tuple[str, ...]:
    inner = text.strip()
    inner = inner.removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return tuple(cell.strip() for cell in _BAR.split(inner, maxsplit=MAX_CELLS)[:MAX_CELLS])


def is_delimiter(text: str) -> bool:
    return "-" in text and "|" in text and all(_DELIMITER.fullmatch(c) for c in cells_of(text))


def table_statements(
    header: Line | None, rows: Sequence[Line], model: ModelName
) -> Iterator[tuple[int, Statement]]:
    """What a table says of numbers of parameters, with the line of each."""
    data = [(row.number, cells_of(row.text)) for row in rows[:MAX_ROWS]]
    names = cells_of(header.text) if header else ()
    columns = [column for i, name in enumerate(names) if (column := _column(i, name))]
    sized = [column for column in columns if not column.only_billions] or columns
    for number, cells in data:
        for statement in _properties(names, cells, model):
            yield number, statement
    if sized and data:
        yield from _family(names, sized, data, model)
    elif not names:
        for number, cells in data:
            if statement := _lone_row(cells, model):
                yield number, statement


def _column(index: int, name: str) -> Column | None:
    if _OTHER_HEADERS.search(name.replace("trainable", "")) or len(name) > _MOST_TEXT:
        return None
    unit = _HEADER_UNIT.search(name)
    bare_unit = _UNITS[(unit["unit"] or unit["word"])[0].lower()] if unit else 1
    if component := _COMPONENT.search(name):
        if mentions_parameters(name):
            return Column(
                index=index, scope=Scope.COMPONENT, detail=component[0].lower(), bare_unit=bare_unit
            )
        return None
    if mentions_parameters(name):
        row = scope_in(name)
        if row is None:
            return Column(index=index, scope=Scope.TOTAL, detail="", bare_unit=bare_unit)
        if row.scope is None:
            return None
        return Column(index=index, scope=row.scope, detail=row.detail, bare_unit=bare_unit)
    if is_size_key(name):
        return Column(
            index=index, scope=Scope.TOTAL, detail="", bare_unit=bare_unit, only_billions=True
        )
    return None


def _family(
    names: Sequence[str],
    columns: Sequence[Column],
    data: Sequence[tuple[int, tuple[str, ...]]],
    model: ModelName,
) -> Iterator[tuple[int, Statement]]:
    label_at = next(
        (i for i, n in enumerate(names) if _NAME_HEADERS.search(n) and not mentions_parameters(n)),
        0,
    )
    own = _own_row([_label(cells, label_at) for _, cells in data], model)
    if own is None:
        return
    for index, (number, cells) in enumerate(data):
        label = _label(cells, label_at)
        for column in columns:
            if column.index == label_at or column.index >= len(cells):
                continue
            for figure, scope, detail in _in_cell(cells[column.index], column):
                if index != own:
                    scope, detail = Scope.OTHER_MODEL, label
                text = f"{label} | {cells[column.index]}"[:_MOST_TEXT]
                yield number, Statement(quantity=figure, scope=scope, detail=detail, text=text)


def _label(cells: Sequence[str], index: int) -> str:
    return cells[index] if index < len(cells) else ""


def _own_row(row_labels: Sequence[str], model: ModelName) -> int | None:
    """The row that names this model most closely; None if none does, or two do equally."""
    ours = [i for i, label in enumerate(row_labels) if _OURS.search(label)]
    if len(ours) == 1:
        return ours[0]
    lengths: dict[int, list[int]] = {}
    for index, label in enumerate(row_labels):
        tokens = name_tokens(_ASIDE.sub("", label).rpartition("/")[2])
        if names_it(tokens, model.tokens):
            lengths.setdefault(len(tokens), []).append(index)
    if not lengths:
        return None
    closest = lengths[max(lengths)]
    return closest[0] if len(closest) == 1 else None


def _properties(
    names: Sequence[str], cells: Sequence[str], model: ModelName
) -> Iterator[Statement]:
    """A row whose first cell is a key for parameters: its value is this model's."""
    if len(cells) < _LEAST_ROW_SEPARATORS or not (
        is_parameter_key(cells[0]) or is_size_key(cells[0]) or _is_latex_key(cells[0])
    ):
        return
    column = _column(0, cells[0]) or Column(index=0, scope=Scope.TOTAL, detail="", bare_unit=1)
    values = [i for i, cell in enumerate(cells) if i and cell]
    own = [i for i in values if i < len(names) and model.is_named_by(names[i])]
    if len(values) == 1 and not own:
        own = values
    if len(own) != 1:
        return
    for index in values:
        for figure, scope, detail in _in_cell(cells[index], column):
            if index != own[0]:
                scope, detail = Scope.OTHER_MODEL, names[index] if index < len(names) else ""
            text = f"{cells[0]} | {cells[index]}"[:_MOST_TEXT]
            yield Statement(quantity=figure, scope=scope, detail=detail, text=text)


def _is_latex_key(key: str) -> bool:
    return re.fullmatch(r"[$(]*[nN]_?\{?(?:\\?text\{)?param\w*\}*[$)]*", key) is not None


def _lone_row(cells: Sequence[str], model: ModelName) -> Statement | None:
    """A row without a header: it names this model, and one cell alone can be a count."""
    if not model.is_named_by(cells[0]) or _SIZE.fullmatch(cells[0]):
        return None
    plain = Column(index=0, scope=Scope.TOTAL, detail="", bare_unit=1)
    found = [
        (cell, figures[0][0])
        for cell in cells[1:]
        if len(figures := list(_in_cell(cell, plain))) == 1 and len(cell) < len("1,000 million.")
    ]
    if len(found) != 1:
        return None
    cell, figure = found[0]
    return Statement(
        quantity=figure, scope=Scope.TOTAL, detail="", text=f"{cells[0]} | {cell}"[:_MOST_TEXT]
    )


def _in_cell(cell: str, column: Column) -> Iterator[tuple[Quantity, Scope, str]]:
    """The figures of a cell: `110M`, `1B (1.23B)`, `671B total, 37B active`."""
    if len(cell) > _MOST_TEXT:
        return
    figures = [f for f in figures_in(cell, bare_unit=column.bare_unit) if _counts(f, column)]
    said = [scope_in(_words_after(cell, figures, i)) for i in range(len(figures))]
    if len(figures) == 1 and said[0] is None:
        restated = _RESTATED.match(cell, figures[0].end)
        figure = figures[0].quantity
        if restated and restated["digits"] and figures[0].unit:
            figure = _restated(restated["digits"], figures[0]) or figure
        elif not _is_whole(cell, figures[0]):
            return
        yield figure, column.scope, column.detail
    elif len(figures) == 2 and said == [None, None] and _RESTATED.match(cell, figures[0].end):
        yield figures[1].quantity, column.scope, column.detail
    else:
        for figure_, row in zip(figures, said, strict=True):
            if row is not None and row.scope is not None:
                yield figure_.quantity, row.scope, row.detail


def _counts(figure: Figure, column: Column) -> bool:
    if column.only_billions:
        return bool(figure.unit) and figure.quantity.value >= _BILLION
    if figure.unit:
        return figure.unit.lower() != "k" or column.bare_unit == 1
    return column.bare_unit > 1 or figure.quantity.value >= _LEAST_BARE


def _is_whole(cell: str, figure: Figure) -> bool:
    """Whether the cell holds the figure and nothing else but a sign or the word itself."""
    before, after = cell[: figure.begin], cell[figure.end :]
    return (
        not before.strip(" ~≈<*")
        and re.fullmatch(
            r"[\s*†‡]*(?:params?|parameters?)?[\s*†‡.]*(?:\([^()0-9]{0,60}\))?",
            after,
            re.IGNORECASE,
        )
        is not None
    )


def _words_after(cell: str, figures: Sequence[Figure], index: int) -> str:
    end = figures[index + 1].begin if index + 1 < len(figures) else len(cell)
    return cell[figures[index].end : end]


def _restated(digits: str, figure: Figure) -> Quantity | None:
    """`11B (10.6)`: the unit is that of the figure before."""
    value, unit = figure.quantity.value, figure.unit.lower()
    multiplier = next((m for u, m in _UNITS.items() if unit.startswith(u)), None)
    if multiplier is None:
        return None
    try:
        read = quantity(digits, multiplier, written=digits)
    except ValueError:
        return None
    return read if value <= 2 * read.value <= 4 * value else None

"""Columns and cells of a table: what a heading counts, and the figures of one cell.

#params · Total Params (M) · Backbone Parameters(M)        headings
110M · 1B (1.23B) · 11B (10.6) · 671B total, 37B active    cells
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from auditor.claims.figures import BILLIONS, LETTERS, Figure, figures_in, unit_in
from auditor.claims.vocabulary import COMPONENTS, is_size_key, mentions_parameters, scope_in
from auditor.core.claims import Quantity, Scope, quantity

MAX_CELL_CHARACTERS: Final = 160  # a longer one is prose
_LEAST_BARE: Final = 1_000_000
_PAIR: Final = 2

_OTHER_HEADINGS: Final = re.compile(
    r"hyper|tun(?:ed|ing)|training|tokens|flops|ratio|%|per layer|efficien|\(i\)|\(t\)|reduc",
    re.IGNORECASE,
)
_COMPONENT: Final = re.compile(COMPONENTS, re.IGNORECASE)
_OPENING: Final = re.compile(r"\s*\(\s*[~≈]?\s*")
_RESTATED: Final = re.compile(r"\s*\(\s*[~≈]?\s*(?P<digits>[0-9]{1,4}(?:\.[0-9]{1,3})?)\s*\)")
_NOTHING_ELSE: Final = re.compile(
    r"[\s†‡]*(?:params?|parameters?)?[\s†‡.]*(?:\([^()]{0,100}\))?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a column counts; a bare number in it counts in `bare_unit`.

    `only_billions`: headed "Size", which is parameters where it has a `B` and may be bytes if not.
    """

    index: int
    scope: Scope
    detail: str = ""
    bare_unit: int = 1
    only_billions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A figure of a cell and what it counts."""

    quantity: Quantity
    scope: Scope
    detail: str = ""

    def of_another(self, name: str) -> "Counted":
        return replace(self, scope=Scope.OTHER_MODEL, detail=name)


def column_of(index: int, heading: str) -> Column | None:
    """The column under `heading`, if it counts parameters."""
    if len(heading) > MAX_CELL_CHARACTERS or _OTHER_HEADINGS.search(heading):
        return None
    column = Column(index=index, scope=Scope.TOTAL, bare_unit=unit_in(heading))
    if not mentions_parameters(heading):
        return replace(column, only_billions=True) if is_size_key(heading) else None
    if component := _COMPONENT.search(heading):
        return replace(column, scope=Scope.COMPONENT, detail=component[0].lower())
    row = scope_in(heading)
    if row is None:
        return column
    return replace(column, scope=row.scope, detail=row.detail) if row.scope else None


def counted_in(cell: str, column: Column) -> Iterator[Counted]:
    """The figures of a cell that count parameters. A cell with anything unclear in it has none."""
    if len(cell) > MAX_CELL_CHARACTERS:
        return
    figures = [f for f in figures_in(cell, bare_unit=column.bare_unit) if _counts(f, column)]
    said = [scope_in(_words_after(cell, figures, i)) for i in range(len(figures))]
    if any(said):
        for figure, row in zip(figures, said, strict=True):
            if row is not None and row.scope is not None:
                yield Counted(quantity=figure.quantity, scope=row.scope, detail=row.detail)
    elif (read := _only(cell, figures)) is not None:
        yield Counted(quantity=read, scope=column.scope, detail=column.detail)


def _only(cell: str, figures: Sequence[Figure]) -> Quantity | None:
    """The one quantity of a cell: `110M`, or the finer of `1B (1.23B)` and `11B (10.6)`."""
    if not figures or cell[: figures[0].begin].strip(" ~≈"):
        return None
    first = figures[0]
    if len(figures) == _PAIR and _OPENING.fullmatch(cell, first.end, figures[1].begin):
        return figures[1].quantity
    if len(figures) > 1:
        return None
    restated = _RESTATED.match(cell, first.end)
    if restated and first.unit:
        return _in_its_unit(restated["digits"], first) or first.quantity
    return first.quantity if _NOTHING_ELSE.fullmatch(cell, first.end) else None


def _in_its_unit(digits: str, first: Figure) -> Quantity | None:
    """`(10.6)` after `11B`: the unit was left out. None if it is no other way to say the first."""
    multiplier = LETTERS.get(first.unit[:1].lower(), 0)
    try:
        read = quantity(digits, multiplier, written=f"{digits}{first.unit}")
    except ValueError:
        return None
    close = 2 * abs(read.value - first.quantity.value) <= first.quantity.value
    return read if close else None


def _counts(figure: Figure, column: Column) -> bool:
    if column.only_billions:
        return figure.unit.lower() in BILLIONS
    return bool(figure.unit) or column.bare_unit > 1 or figure.quantity.value >= _LEAST_BARE


def _words_after(cell: str, figures: Sequence[Figure], index: int) -> str:
    end = figures[index + 1].begin if index + 1 < len(figures) else len(cell)
    return cell[figures[index].end : end]

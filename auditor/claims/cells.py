"""Columns and cells of a table: what a heading counts, and the figures of one cell.

#params · Total Params (M) · Backbone Parameters(M)        headings
110M · 1B (1.23B) · 11B (10.6) · 671B total, 37B active    cells
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from auditor.claims.figures import BILLIONS, LETTERS, Figure, figures_in, unit_in
from auditor.claims.patterns import Pattern, any_case
from auditor.claims.vocabulary import (
    COMPONENTS,
    component_name,
    is_size_key,
    mentions_parameters,
    scope_in,
)
from auditor.core.claims import Quantity, Scope, quantity

MAX_CELL_CHARACTERS: Final = 160  # a longer one is prose
_LEAST_BARE: Final = 1_000_000
_TIMM_HEADING: Final = "param_count"  # pytorch-image-models results/README.md: in millions
_TIMM_UNIT: Final = 1_000_000
_PAIR: Final = 2

_OTHER_HEADINGS: Final = any_case(
    r"hyper|tun(?:ed|ing)|training|tokens|flops|ratio|%|per layer|efficien|\(i\)|\(t\)|reduc"
    r"|suffix|name|group|sharing|type|url|budget|saved|change"
)
_COMPONENT: Final = any_case(COMPONENTS)
_MODALITY: Final = any_case(
    r"(?<![a-z])(?:vision|visual|language|text|audio|speech|llm)(?= (?:model )?#?param)"
)
_TWO_SCOPES: Final = any_case(
    r"(?P<first>total|总|activ[a-z]+|激活)[^/]{0,12}/[^/]{0,12}(?P<second>total|总|activ[a-z]+|激活)"
)
_SLASH: Final = Pattern(r"[0-9]\s*[A-Za-z]{0,8}\s*/\s*~?[0-9]")
_UNIT: Final = Pattern(r"\s*\([MB]\)\s*$")
_OPENING: Final = Pattern(r"\s*\(\s*[~≈]?\s*")
_RESTATED: Final = Pattern(r"\s*\(\s*[~≈]?\s*(?P<digits>[0-9]{1,4}(?:\.[0-9]{1,3})?)\s*\)")
_NOTHING_ELSE: Final = any_case(r"[\s†‡]*(?:params?|parameters?)?[\s†‡.]*(?:\([^()]{0,100}\))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a column counts; a bare number in it counts in `bare_unit`.

    `only_billions`: headed "Size", which is parameters where it has a `B` and may be bytes if not.
    `pair`: what the first and the second figure of a cell count: `Params (Total / Activated)`.
    """

    index: int
    scope: Scope
    detail: str = ""
    bare_unit: int = 1
    only_billions: bool = False
    pair: tuple[Scope, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A figure of a cell and what it counts."""

    quantity: Quantity
    scope: Scope
    detail: str = ""

    def of_another(self, name: str) -> "Counted":
        return replace(self, scope=Scope.OTHER_MODEL, detail=name)


def _heads_none(heading: str) -> bool:
    """Whether a heading is too long, is of other things, or is a figure itself."""
    if len(heading) > MAX_CELL_CHARACTERS or _OTHER_HEADINGS.search(heading):
        return True
    return any(figure.unit for figure in figures_in(heading))


def column_of(index: int, heading: str) -> Column | None:
    """The column under `heading`, if it counts parameters."""
    if _heads_none(heading):
        return None
    bare_unit = _TIMM_UNIT if heading == _TIMM_HEADING else unit_in(heading)
    column = Column(index=index, scope=Scope.TOTAL, bare_unit=bare_unit)
    if pair := _TWO_SCOPES.search(heading):
        rows = scope_in(pair["first"]), scope_in(pair["second"])
        scopes = tuple(row.scope for row in rows if row and row.scope)
        parameters = mentions_parameters(heading)
        return replace(column, pair=scopes, only_billions=not parameters)
    if not mentions_parameters(heading):
        return _size_column(column, heading)
    component = _COMPONENT.search(heading) or _MODALITY.search(heading)
    if component and component[0].lower() != "backbone":  # DeBERTa's: all but the embeddings
        return replace(column, scope=Scope.COMPONENT, detail=component_name(component[0]))
    row = scope_in(heading)
    if row is None:
        return column
    return replace(column, scope=row.scope, detail=row.detail) if row.scope else None


def _size_column(column: Column, heading: str) -> Column | None:
    """The column under "Size": bytes are written `(MB)`, so `(M)` says that it counts."""
    if is_size_key(_UNIT.sub("", heading)) and column.bare_unit > 1:
        return column
    return replace(column, only_billions=True) if is_size_key(heading) else None


def counted_in(cell: str, column: Column) -> Iterator[Counted]:
    """The figures of a cell that count parameters. A cell with anything unclear in it has none."""
    if len(cell) > MAX_CELL_CHARACTERS:
        return
    figures = [f for f in figures_in(cell, bare_unit=column.bare_unit) if _counts(f, column)]
    if column.pair and len(figures) == len(column.pair) and _SLASH.search(cell):
        for figure, scope in zip(figures, column.pair, strict=True):
            yield Counted(quantity=figure.quantity, scope=scope)
        return
    said = [scope_in(_words_after(cell, figures, i)) for i in range(len(figures))]
    if any(said):
        for figure, row in zip(figures, said, strict=True):
            if row is None and figure is figures[0]:  # the 35B of `35B (3B active)`
                yield Counted(quantity=figure.quantity, scope=column.scope, detail=column.detail)
            elif row is not None and row.scope is not None:
                yield Counted(quantity=figure.quantity, scope=row.scope, detail=row.detail)
    elif (read := _only(cell, figures)) is not None:
        yield Counted(quantity=read, scope=column.scope, detail=column.detail)


def sizes_in(cell: str, column: Column) -> list[int]:
    """Every size that a cell or heading names: 3B and 3.21B of `3B (3.21B)`."""
    if len(cell) > MAX_CELL_CHARACTERS:
        return []
    figures = figures_in(cell, bare_unit=column.bare_unit)
    return [figure.quantity.value for figure in figures if _counts(figure, column)]


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

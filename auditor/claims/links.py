"""The figures of a line that count parameters, those of one list together.

1.3 billion active and 6.9 billion total parameters         one word for several figures
Number of Parameters: 80B in total and 3B activated         one key for several figures
21B total / 3.6B active                                     scopes that need no word
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from auditor.claims.beside import (
    DIRECT,
    NOT_COUNTED,
    WINDOW,
    Link,
    link_of,
    linked_by_component,
    linked_by_scope,
    linked_by_word,
    unit_of_key,
)
from auditor.claims.figures import Figure, figures_in
from auditor.claims.vocabulary import ABOUT, ANY_SCOPE, mentions_parameters
from auditor.core.claims import Scope

MAX_FIGURES_PER_LINE: Final = 200  # a line of more is data
_JOINED: Final = re.compile(
    rf"\s*(?P<words>\(?(?:(?:in )?{ANY_SCOPE})?\)?)\s*"
    r"(?P<sign>,|、|/|&|;|\+|-|~|and|or|und|oder|et|ou|y|o|e|to|through|和|及|与|以及|至|到"
    rf"|,\s*(?:and|or)|、?和)\s*(?:over|up to|more than)?\s*{ABOUT}",
    re.IGNORECASE,
)
_RANGE_SIGNS: Final = frozenset(("-", "~", "to", "through", "至", "到"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A figure of a list, and its link. `in_range`: one end of a range, such as 7B to 70B."""

    figure: Figure
    link: Link
    in_range: bool


def linked_groups(line: str, *, keys_only: bool = False) -> Iterator[tuple[Member, ...]]:
    """The figures of `line` that count parameters, those of one list together.

    `keys_only` takes only those after a key: `parameters: 7B`.
    """
    found = islice(figures_in(line, bare_unit=unit_of_key(line)), MAX_FIGURES_PER_LINE)
    figures = _without_restated(line, list(found))
    links = [linked_by_word(line, figure, keys_only=keys_only) for figure in figures]
    if not keys_only:
        _join_to_the_right(line, figures, links)
    _join_to_the_left(line, figures, links)
    if not keys_only:
        _add_scoped(line, figures, links)
    yield from _groups(line, figures, links)


def _without_restated(line: str, figures: Sequence[Figure]) -> list[Figure]:
    """Figures without those that only repeat the one before: 18亿 (1.8B)."""
    kept: list[Figure] = []
    for figure in figures:
        if kept and _restates(line, kept[-1], figure):
            kept[-1] = kept[-1]._replace(end=figure.end + 1)
        else:
            kept.append(figure)
    return kept


def _restates(line: str, first: Figure, second: Figure) -> bool:
    return (
        first.quantity.value == second.quantity.value
        and line[first.end : second.begin].strip() == "("
        and line[second.end : second.end + 1] == ")"
    )


def _join_to_the_right(line: str, figures: Sequence[Figure], links: list[Link | None]) -> None:
    """The word after the last figure of a list is meant for all: "2B and 5B parameters"."""
    for index in range(len(figures) - 2, -1, -1):
        right = links[index + 1]
        if links[index] is None and right is not None and not right.keyed:
            match = _between(line, figures, index)
            if match and figures[index].unit:
                link = link_of(match["words"], figures[index].begin, right.end)
                links[index] = (
                    link if link.said else replace(link, scope=right.scope, detail=right.detail)
                )


def _join_to_the_left(line: str, figures: Sequence[Figure], links: list[Link | None]) -> None:
    """The key before the first figure of a list is meant for all: "80B in total, 3B activated"."""
    for index in range(1, len(figures)):
        left = links[index - 1]
        if links[index] is None and left is not None:
            match = _between(line, figures, index - 1)
            after = line[figures[index].end : figures[index].end + WINDOW]
            if match and figures[index].unit and not NOT_COUNTED.match(after):
                said = DIRECT.match(after)
                if said or left.listing:
                    link = link_of(said["words"] if said else "", left.begin, figures[index].end)
                    links[index] = replace(link, keyed=left.keyed, listing=left.listing)


def _between(line: str, figures: Sequence[Figure], index: int) -> re.Match[str] | None:
    gap = line[figures[index].end : figures[index + 1].begin]
    return _JOINED.fullmatch(gap) if len(gap) <= WINDOW else None


def _add_scoped(line: str, figures: Sequence[Figure], links: list[Link | None]) -> None:
    """Figures beside a scope or a component, where the line is about parameters anyway."""
    scoped = {}
    for index, figure in enumerate(figures):
        if links[index] is None:
            links[index] = linked_by_component(line, figure)
            if links[index] is None and (link := linked_by_scope(line, figure)):
                scoped[index] = link
    kinds = {link.scope for link in (*scoped.values(), *links) if link}
    if mentions_parameters(line) or kinds >= {Scope.TOTAL, Scope.ACTIVE}:
        for index, link in scoped.items():
            links[index] = link


def _groups(
    line: str, figures: Sequence[Figure], links: Sequence[Link | None]
) -> Iterator[tuple[Member, ...]]:
    """Linked figures, those of one list together."""
    group: list[Member] = []
    for index, (figure, link) in enumerate(zip(figures, links, strict=True)):
        joined = _between(line, figures, index - 1) if index and group else None
        if group and (link is None or joined is None):
            yield tuple(group)
            group = []
        if link is not None:
            ranged = joined is not None and joined["sign"].strip().lower() in _RANGE_SIGNS
            if ranged:
                group[-1] = replace(group[-1], in_range=True)
            group.append(Member(figure=figure, link=link, in_range=ranged))
    if group:
        yield tuple(group)

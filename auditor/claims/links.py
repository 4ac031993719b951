"""The figures of a line that count parameters, those of one list together.

1.3 billion active and 6.9 billion total parameters         one word for several figures
Number of Parameters: 80B in total and 3B activated         one key for several figures
2, 8 and 72 billion parameters                              one unit for several figures
21B total / 3.6B active                                     scopes that need no word
39B active parameters out of 141B                           a part and its whole
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
    linked_by_word,
    unit_of_key,
)
from auditor.claims.figures import Figure, figures_in, read_figure
from auditor.claims.patterns import Pattern, any_case
from auditor.claims.unworded import (
    linked_by_component,
    linked_by_model,
    linked_by_name,
    linked_by_scope,
)
from auditor.claims.vocabulary import ABOUT, ANY_SCOPE, mentions_parameters
from auditor.core.claims import Scope

MAX_FIGURES_PER_LINE: Final = 200  # a line of more is data
MAX_SHARED: Final = 8  # figures that share one unit

_SIGN: Final = (
    r"(?P<sign>,\s*(?:and|or)|、?和|,|、|/|&|;|\+|-|~|and|or|und|oder|et|ou|y|o|e|i|и|to|through|vs\.?"
    r"|versus|bis|à|a|及|与|與|以及|至|到|〜|から)"
)
_JOINED: Final = any_case(
    rf"\s*(?P<words>\(?(?:(?:in )?{ANY_SCOPE})?\)?)\s*{_SIGN}\s*(?:over|up to|more than)?\s*{ABOUT}"
)
_RANGE_SIGNS: Final = frozenset(("-", "~", "to", "through", "bis", "à", "a", "至", "到", "〜"))
_VERSUS: Final = frozenset(("vs", "vs.", "versus"))
# "2, 8 and 72 billion": numbers before a figure that have its unit, the nearest first.
_SHARING: Final = any_case(
    r"(?<![A-Za-z0-9.,_$€£¥/])(?P<number>[0-9]{1,3}(?:[.,][0-9]{1,2})?)"
    r"(?:-|\s*(?:,\s*(?:and|or)|,|、|/|and|or|und|et|y|to|bis|à|和|至|到)\s*)$"
)
_NAMED_SO: Final = Pattern(r"[A-Z][A-Za-z]*[ -]$")  # "Llama 2 and 7B": the number of a name
_OUT_OF: Final = any_case(
    r"[^.!?]{0,40}?(?:out of|(?<![a-z])of|from|among|de|von|sur|su|/)"
    r"\s+(?:(?:its|the|a|un|einem|insgesamt)\s+)?(?:total\s+(?:of|de|von)\s+)?"
    rf"{ABOUT}"
)


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
    figures = _with_shared_units(line, _without_restated(line, list(found)))
    links = _by_words(line, figures, keys_only=keys_only)
    if not keys_only:
        _join_to_the_right(line, figures, links)
    _join_to_the_left(line, figures, links)
    if not keys_only:
        _add_scoped(line, figures, links)
        _add_wholes(line, figures, links)
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


def _with_shared_units(line: str, figures: Sequence[Figure]) -> list[Figure]:
    """Figures with those that have their unit in common: 2, 8 and 72 billion."""
    taken = {figure.begin for figure in figures if figure.unit}
    shared: dict[int, Figure] = {}
    for figure in figures:
        if not figure.unit:
            continue
        begin = figure.begin
        for _ in range(MAX_SHARED):
            match = _SHARING.search(line[max(0, begin - WINDOW) : begin])
            if match is None or begin - len(match[0]) in taken:
                break
            begin -= len(match[0])
            if _NAMED_SO.search(line[max(0, begin - WINDOW) : begin]):
                break
            if (sharing := _shared(match["number"], begin, figure)) is None:
                break
            shared[begin] = sharing
    plain = [figure for figure in figures if figure.begin not in shared]
    return sorted([*plain, *shared.values()])


def _shared(number: str, begin: int, figure: Figure) -> Figure | None:
    try:
        quantity = read_figure(f"{number}{figure.unit}")
    except ValueError:
        return None
    return Figure(begin, begin + len(number), quantity, figure.unit)


def _by_words(line: str, figures: Sequence[Figure], *, keys_only: bool) -> list[Link | None]:
    """Links by the word "parameters". One word belongs to one figure, the one before it first."""
    links: list[Link | None] = []
    for figure in figures:
        link = linked_by_word(line, figure, keys_only=keys_only)
        left = links[-1] if links else None
        if link and left and link.listing and not left.listing and link.begin < left.end:
            link = None
        links.append(link)
    return links


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
    for index, figure in enumerate(figures):
        if links[index] is None:
            links[index] = linked_by_model(line, figure) or linked_by_name(line, figure)


def _add_wholes(line: str, figures: Sequence[Figure], links: list[Link | None]) -> None:
    """The whole of which the figure before is the active part: "39B active of 141B"."""
    for index in range(1, len(figures)):
        part, whole = links[index - 1], figures[index]
        if part is None or part.scope is not Scope.ACTIVE or links[index] or not whole.unit:
            continue
        gap = line[figures[index - 1].end : whole.begin]
        after = line[whole.end : whole.end + WINDOW]
        if (
            len(gap) <= WINDOW
            and _OUT_OF.fullmatch(gap)
            and not NOT_COUNTED.match(after)
            and whole.quantity.value > figures[index - 1].quantity.value
        ):
            links[index] = replace(link_of("total", whole.begin, whole.end), said=True)


def _groups(
    line: str, figures: Sequence[Figure], links: Sequence[Link | None]
) -> Iterator[tuple[Member, ...]]:
    """Linked figures, those of one list together."""
    group: list[Member] = []
    for index, (figure, link) in enumerate(zip(figures, links, strict=True)):
        joined = _between(line, figures, index - 1) if index and group else None
        versus = joined is not None and joined["sign"].lower() in _VERSUS
        if group and (link is None or joined is None or versus):
            yield tuple(group)
            group = []
        if link is not None:
            ranged = joined is not None and joined["sign"].strip().lower() in _RANGE_SIGNS
            ranged = ranged and group[-1].link.scope is link.scope  # not "21B total - 3.6B active"
            if ranged:
                group[-1] = replace(group[-1], in_range=True)
            group.append(Member(figure=figure, link=link, in_range=ranged))
    if group:
        yield tuple(group)

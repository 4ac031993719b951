"""Which figures of a line count parameters, by the words around them.

    340M parameters · 236B total parameters · 7B-parameter      the word follows
    Number of Parameters: 6.53B · a parameter count of 1.3B     the word stands before
    1.3 billion active and 6.9 billion total parameters         one word for several figures
    21B total / 3.6B active                                     scopes that need no word
    860M UNet and 123M text encoder                             components

Precision before recall: a figure without such a word counts nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from auditor.claims.figures import BILLIONS, Figure, figures_in, unit_in
from auditor.claims.vocabulary import (
    ABOUT,
    ANY_SCOPE,
    COMPONENTS,
    PARAMETERS,
    is_parameter_key,
    is_size_key,
    mentions_parameters,
    scope_in,
)
from auditor.core.claims import Scope

MAX_FIGURES_PER_LINE: Final = 200  # a line of more is data
WINDOW: Final = 90  # characters looked at on either side of a figure
_LEAST_BARE: Final = 1_000_000  # a number without a unit is a count from seven digits on
_LEAST_BESIDE_WORD: Final = 10_000  # or from five, right before the word "parameters"

# Words between a figure and "parameters" that say nothing of what it counts.
_FILLER: Final = (
    r"(?:of|de|d'|di|der|to|model|unique|dense|billion|million"
    r"|的|个|個|の|개의|개|[两三四五六]?种|等)"
)
_AFTER: Final = re.compile(
    rf"(?P<words>(?:[\s-]*(?:{ANY_SCOPE}|{_FILLER})){{0,4}})[\s-]*{PARAMETERS}"
    rf"(?P<tail>\s*\(?\s*(?:(?:are|is|的)\s*)?(?:in the )?{ANY_SCOPE}(?![A-Za-z]))?",
    re.IGNORECASE,
)
_PER_TOKEN: Final = re.compile(
    rf"[\s-]*{PARAMETERS}\s+(?:are\s+)?(?:active\s+|used\s+)?(?:per|for each|for every|por|par|pro)"
    r"\s+(?:token|forward pass|inference)(?![A-Za-z])",
    re.IGNORECASE,
)
_ACTIVATES: Final = re.compile(
    rf"(?<![A-Za-z])activat(?:es?|ing)(?:\s+(?:only|just))?\s*{ABOUT}$", re.IGNORECASE
)
_DIRECT: Final = re.compile(
    rf"\s*\(?\s*(?:(?:of (?:them|which)|parameters)\s+)?(?:(?:are|is|in)\s+)?"
    rf"(?P<words>{ANY_SCOPE})(?![A-Za-z])",
    re.IGNORECASE,
)
_ASIDE: Final = re.compile(rf"[(,]\s*(?P<words>{ANY_SCOPE})\s*[:=]?\s*{ABOUT}$", re.IGNORECASE)
_EXPERTS: Final = re.compile(
    r"\s*(?:parameter\s+)?(?:sparse\s+)?(?P<words>mixture[- ]of[- ]experts|moe)(?![A-Za-z])",
    re.IGNORECASE,
)
_KEY: Final = re.compile(rf"(?P<key>[^:=|;!?<>]{{1,60}})(?P<sign>[:=])\s*{ABOUT}$", re.IGNORECASE)
_KEY_WITH_UNIT: Final = re.compile(
    r"[\s*+•#>-]*(?P<key>[^:=()]{1,60})(?P<unit>\([^()]{1,20}\))\s*[:=]"
)
_UNIT_AT_END: Final = re.compile(r"\s*\((?:in )?(?:[MBK]|millions|billions)\)$", re.IGNORECASE)
_OF: Final = re.compile(
    rf"(?P<words>(?:{ANY_SCOPE}[\s-]*)?{PARAMETERS}"
    r"[\s-]*(?:counts?|sizes?|numbers?|规模|总量|数量|量|数|數)?)\s*"
    rf"(?:\([^()]{{0,30}}\)\s*)?(?:of|is|was|are|为|是|到|は|が|:|-)?\s*{ABOUT}$",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(
    rf"\s*(?P<words>\(?(?:(?:in )?{ANY_SCOPE})?\)?)\s*"
    r"(?P<sign>,|、|/|&|;|\+|-|~|and|or|und|oder|et|ou|y|o|e|to|through|和|及|与|以及|至|到"
    rf"|,\s*(?:and|or)|、?和)\s*(?:over|up to|more than)?\s*{ABOUT}",
    re.IGNORECASE,
)
_RANGE_SIGNS: Final = frozenset(("-", "~", "to", "through", "至", "到"))
_RELATIVE: Final = re.compile(
    r"\s*(?:more|fewer|less|smaller|larger|additional|extra)(?![a-z])", re.IGNORECASE
)
_NOT_COUNTED: Final = re.compile(
    r"[\s-]*(?:training\s+)?(?:tokens?|words?|images?|pairs?|samples?|examples?|sentences?|documents?"
    r"|hours?|steps?|characters?|flops?|pages?|rows?|bytes?|users?|downloads?|lines?|videos?|queries"
    r"|bits?|token)(?![A-Za-z])",
    re.IGNORECASE,
)
COMPONENT_AFTER: Final = re.compile(
    rf"[\s-]*(?:{PARAMETERS})?[\s-]*(?:(?:of|for|in|on)\s+)?(?:the\s+)?(?P<component>{COMPONENTS}"
    r"|(?<=for )embedding(?![A-Za-z])|(?<=the )embedding layer)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Why a figure counts parameters: the scope in words, and where the passage begins and ends."""

    scope: Scope | None
    detail: str
    begin: int
    end: int
    keyed: bool = False  # a key of its own names it: no sentence to look for a subject in
    listing: bool = False  # the word stands before it, and is meant for what follows as well
    said: bool = False  # the scope was said in words


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
    found = islice(figures_in(line, bare_unit=_unit_of_key(line)), MAX_FIGURES_PER_LINE)
    figures = _without_restated(line, list(found))
    links = [_linked(line, figure, keys_only=keys_only) for figure in figures]
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


def _linked(line: str, figure: Figure, *, keys_only: bool) -> Link | None:
    before = line[max(0, figure.begin - WINDOW) : figure.begin]
    after = line[figure.end : figure.end + WINDOW]
    if _RELATIVE.match(after) or _is_named_in(line, figure):
        return None
    if not keys_only and (match := _AFTER.match(after)) and _is_count(figure, _LEAST_BESIDE_WORD):
        words = f"{match['words']} {match['tail'] or ''}"
        if _ACTIVATES.search(before) or _PER_TOKEN.match(after):
            words = f"{words} active"
        return _link(words, figure.begin, figure.end + match.end())
    if _NOT_COUNTED.match(after):
        return None
    grouped = "," in figure.quantity.written
    if match := _KEY.search(before):
        least = _LEAST_BESIDE_WORD if grouped else _LEAST_BARE
        return _by_key(match, figure) if _is_count(figure, least) else None
    if not keys_only and _is_count(figure, _LEAST_BARE) and (match := _OF.search(before)):
        link = _link(match["words"], figure.begin - len(match[0]), figure.end)
        return replace(link, listing=True)
    return None


def _is_count(figure: Figure, least: int) -> bool:
    quantity = figure.quantity
    return quantity.value >= (_LEAST_BESIDE_WORD if figure.unit else least)


def _is_named_in(line: str, figure: Figure) -> bool:
    """Whether the figure is the tail of a name: Llama-2-7B."""
    return re.search(r"[A-Za-z0-9]-$", line[max(0, figure.begin - 2) : figure.begin]) is not None


def _unit_of_key(line: str) -> int:
    """What a bare number counts in on a line such as `Params (M): 86.6`; 1 on any other."""
    match = _KEY_WITH_UNIT.match(line)
    return unit_in(match["unit"]) if match and is_parameter_key(match["key"]) else 1


def _by_key(match: re.Match[str], figure: Figure) -> Link | None:
    key = re.split(r"\. |, |\|", match["key"])[-1].strip(" -+•#*>")
    key = _UNIT_AT_END.sub("", key)
    sized = is_size_key(key) and figure.unit.lower() in BILLIONS
    if not (is_parameter_key(key) or sized):
        return None
    link = _link(key, figure.begin - len(match[0]) + match["key"].rfind(key), figure.end)
    return replace(link, keyed=True, listing=True)


def _link(words: str, begin: int, end: int) -> Link:
    row = scope_in(words)
    scope, detail = (row.scope, row.detail) if row else (Scope.TOTAL, "")
    return Link(scope=scope, detail=detail, begin=begin, end=end, said=row is not None)


def _join_to_the_right(line: str, figures: Sequence[Figure], links: list[Link | None]) -> None:
    """The word after the last figure of a list is meant for all: "2B and 5B parameters"."""
    for index in range(len(figures) - 2, -1, -1):
        right = links[index + 1]
        if links[index] is None and right is not None and not right.keyed:
            match = _between(line, figures, index)
            if match and figures[index].unit:
                link = _link(match["words"], figures[index].begin, right.end)
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
            if match and figures[index].unit and not _NOT_COUNTED.match(after):
                said = _DIRECT.match(after)
                if said or left.listing:
                    link = _link(said["words"] if said else "", left.begin, figures[index].end)
                    links[index] = replace(link, keyed=left.keyed, listing=left.listing)


def _between(line: str, figures: Sequence[Figure], index: int) -> re.Match[str] | None:
    gap = line[figures[index].end : figures[index + 1].begin]
    return _JOINED.fullmatch(gap) if len(gap) <= WINDOW else None


def _add_scoped(line: str, figures: Sequence[Figure], links: list[Link | None]) -> None:
    """Figures beside a scope or a component, where the line is about parameters anyway."""
    scoped = {}
    for index, figure in enumerate(figures):
        after = line[figure.end : figure.end + WINDOW]
        if links[index] is None and figure.unit and not _is_named_in(line, figure):
            before = line[max(0, figure.begin - WINDOW) : figure.begin]
            if match := _DIRECT.match(after) or _EXPERTS.match(after):
                scoped[index] = _link(match["words"], figure.begin, figure.end + match.end())
            elif match := _ASIDE.search(before):
                scoped[index] = _link(match["words"], figure.begin - len(match[0]), figure.end)
            if match := COMPONENT_AFTER.match(after):
                links[index] = Link(
                    scope=Scope.COMPONENT,
                    detail=match["component"].lower(),
                    begin=figure.begin,
                    end=figure.end + match.end(),
                    said=True,
                )
    kinds = {link.scope for link in (*scoped.values(), *links) if link}
    if mentions_parameters(line) or kinds >= {Scope.TOTAL, Scope.ACTIVE}:
        for index, link in scoped.items():
            if links[index] is None and (link.scope is not Scope.COMPONENT):
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

"""What the words right beside a figure say: whether it counts parameters, and which.

    340M parameters · 236B total parameters · 7B-parameter      the word follows
    Number of Parameters: 6.53B · a parameter count of 1.3B     the word stands before
    3.6B active · (non-embedding: 29B) · 30B MoE                a scope that may need no word
    860M UNet                                                   a component

Precision before recall: a figure without such a word counts nothing.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from auditor.claims.figures import BILLIONS, Figure, unit_in
from auditor.claims.vocabulary import (
    ABOUT,
    ANY_SCOPE,
    COMPONENTS,
    PARAMETERS,
    is_parameter_key,
    is_size_key,
    scope_in,
)
from auditor.core.claims import Scope

WINDOW: Final = 90  # characters looked at on either side of a figure
_LEAST_BARE: Final = 1_000_000  # a number without a unit is a count from seven digits on
_LEAST_BESIDE_WORD: Final = 10_000  # or from five, right before the word "parameters"

# Words between a figure and "parameters" that say nothing of what it counts.
_FILLER: Final = (
    r"(?:of|de|d'|di|der|to|model|unique|dense|billion|million"
    r"|的|个|個|の|개의|개|[两三四五六]?种|等)"
)
_OF_THE_NEXT: Final = r"\s*[:=]?\s*[~≈]?\s*[0-9]"  # "8B (active 3B)": of what follows it
_AFTER: Final = re.compile(
    rf"(?P<words>(?:[\s-]*(?:{ANY_SCOPE}|{_FILLER})){{0,4}})[\s-]*{PARAMETERS}"
    rf"(?P<tail>\s*\(?\s*(?:(?:are|is|的)\s*)?(?:in the )?{ANY_SCOPE}(?![A-Za-z])"
    rf"(?!{_OF_THE_NEXT}))?",
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
DIRECT: Final = re.compile(
    rf"\s*(?P<open>\()?\s*(?:(?:of (?:them|which)|parameters)\s+)?(?:(?:are|is|in)\s+)?"
    rf"(?P<words>{ANY_SCOPE})(?![A-Za-z])(?(open)(?!{_OF_THE_NEXT}))",
    re.IGNORECASE,
)
_ASIDE: Final = re.compile(rf"[(,;]\s*(?P<words>{ANY_SCOPE})\s*[:=]?\s*{ABOUT}$", re.IGNORECASE)
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
_RELATIVE: Final = re.compile(
    r"\s*(?:more|fewer|less|smaller|larger|additional|extra)(?![a-z])", re.IGNORECASE
)
NOT_COUNTED: Final = re.compile(
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


def linked_by_word(line: str, figure: Figure, *, keys_only: bool) -> Link | None:
    """The link of a figure beside the word "parameters", or after a key made of it."""
    before, after = _around(line, figure)
    if _RELATIVE.match(after) or _is_named_in(line, figure):
        return None
    if not keys_only and (match := _AFTER.match(after)) and _is_count(figure, _LEAST_BESIDE_WORD):
        words = f"{match['words']} {match['tail'] or ''}"
        if _ACTIVATES.search(before) or _PER_TOKEN.match(after):
            words = f"{words} active"
        return link_of(words, figure.begin, figure.end + match.end())
    if NOT_COUNTED.match(after):
        return None
    grouped = "," in figure.quantity.written
    if match := _KEY.search(before):
        least = _LEAST_BESIDE_WORD if grouped else _LEAST_BARE
        link = _by_key(match, figure, after) if _is_count(figure, least) else None
        if link is not None:
            return link
    if not keys_only and _is_count(figure, _LEAST_BARE) and (match := _OF.search(before)):
        link = link_of(match["words"], figure.begin - len(match[0]), figure.end)
        return replace(link, listing=True)
    return None


def _is_count(figure: Figure, least: int) -> bool:
    quantity = figure.quantity
    return quantity.value >= (_LEAST_BESIDE_WORD if figure.unit else least)


def _is_named_in(line: str, figure: Figure) -> bool:
    """Whether the figure is the tail of a name: Llama-2-7B."""
    return re.search(r"[A-Za-z0-9]-$", line[max(0, figure.begin - 2) : figure.begin]) is not None


def unit_of_key(line: str) -> int:
    """What a bare number counts in on a line such as `Params (M): 86.6`; 1 on any other."""
    match = _KEY_WITH_UNIT.match(line)
    return unit_in(match["unit"]) if match and is_parameter_key(match["key"]) else 1


def _by_key(match: re.Match[str], figure: Figure, after: str) -> Link | None:
    key = re.split(r"\. |, |\|", match["key"])[-1].strip(" -+•#*>")
    key = _UNIT_AT_END.sub("", key)
    sized = is_size_key(key) and figure.unit.lower() in BILLIONS
    if not (is_parameter_key(key) or sized):
        return None
    beside = DIRECT.match(after)
    words = f"{beside['words']}" if beside else key
    begin = figure.begin - len(match[0]) + match["key"].rfind(key)
    return replace(link_of(words, begin, figure.end), keyed=True, listing=True)


def link_of(words: str, begin: int, end: int) -> Link:
    """The link by what `words` say, which stand with the figure at `begin` to `end`."""
    row = scope_in(words)
    scope, detail = (row.scope, row.detail) if row else (Scope.TOTAL, "")
    return Link(scope=scope, detail=detail, begin=begin, end=end, said=row is not None)


def linked_by_scope(line: str, figure: Figure) -> Link | None:
    """The link of a figure beside a scope: it counts only where the line is about parameters."""
    before, after = _around(line, figure)
    if not figure.unit or _is_named_in(line, figure):
        return None
    link = None
    if match := DIRECT.match(after) or _EXPERTS.match(after):
        link = link_of(match["words"], figure.begin, figure.end + match.end())
    elif match := _ASIDE.search(before):
        link = link_of(match["words"], figure.begin - len(match[0]), figure.end)
    return link if link and link.scope is not Scope.COMPONENT else None


def linked_by_component(line: str, figure: Figure) -> Link | None:
    """The link of a figure right before a component: "860M UNet"."""
    match = COMPONENT_AFTER.match(_around(line, figure)[1])
    counts = figure.unit and figure.quantity.value >= _LEAST_BARE
    if not match or not counts or is_adapter(match["component"]) or _is_named_in(line, figure):
        return None
    return Link(
        scope=Scope.COMPONENT,
        detail=match["component"].lower(),
        begin=figure.begin,
        end=figure.end + match.end(),
        said=True,
    )


def is_adapter(component: str) -> bool:
    return component.lower().startswith(("lora", "adapter"))


def _around(line: str, figure: Figure) -> tuple[str, str]:
    return (
        line[max(0, figure.begin - WINDOW) : figure.begin],
        line[figure.end : figure.end + WINDOW],
    )

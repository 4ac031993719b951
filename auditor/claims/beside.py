"""What the words right beside a figure say: whether it counts parameters, and which.

    340M parameters · 236B total parameters · 7B-parameter      the word follows
    Number of Parameters: 6.53B · a parameter count of 1.3B     the word stands before

Precision before recall: a figure without such a word counts nothing.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from auditor.claims.figures import BILLIONS, Figure, unit_in
from auditor.claims.patterns import Pattern, any_case
from auditor.claims.vocabulary import (
    ABOUT,
    ANY_SCOPE,
    PARAMETERS,
    component_name,
    is_model_size_key,
    is_parameter_key,
    is_size_key,
    scope_in,
)
from auditor.core.claims import Scope

WINDOW: Final = 90  # characters looked at on either side of a figure
LEAST_BARE: Final = 1_000_000  # a number without a unit is a count from seven digits on
_LEAST_BESIDE_WORD: Final = 10_000  # or from five, beside the word "parameters"
_LEAST_AFTER_SCOPE: Final = 1_000  # or from four, after "total params:"

# Words between a figure and "parameters" that say nothing of what it counts.
_FILLER: Final = (
    r"(?:of|de|d'|di|der|to|model|unique|dense|billion|million|learned"
    r"|的|个|個|の|개의|개|[两三四五六]?种|等)"
)
_OF_THE_NEXT: Final = r"\s*[:=]?\s*[~≈]?\s*[0-9]"  # "8B (active 3B)": of what follows it
_AFTER: Final = any_case(
    rf"(?P<words>(?:[\s-]*(?:{ANY_SCOPE}|{_FILLER})){{0,4}})[\s-]*{PARAMETERS}"
    rf"(?P<tail>\s*\(?\s*(?:(?:are|is|的)\s*)?(?:in the )?{ANY_SCOPE}(?![A-Za-z])"
    rf"(?!{_OF_THE_NEXT}))?"
)
_PER_TOKEN: Final = any_case(
    rf"[\s-]*{PARAMETERS}\s+(?:are\s+)?(?:active\s+|used\s+|engaged\s+)?"
    r"(?:per|for each|for every|por|par|pro|at)\s+(?:each\s+)?"
    r"(?:token|forward pass|inference|step|jeton)(?![A-Za-z])"
)
_ACTIVATES: Final = any_case(
    r"(?:(?<![A-Za-z])(?:activat(?:es?|ing)|activa(?:ndo)?|activant|aktiviert)"
    r"(?:\s+(?:only|just|solo|apenas|seulement|nur))?|激活|启用|活跃)"
    rf"\s*(?:仅|只|了)?\s*{ABOUT}$"
)
# 10B visual parameters and 7B language parameters; 100 亿视觉参数
_OF_MODALITY: Final = any_case(
    r"[\s-]*(?P<modality>vision|visual|language|text|audio|speech|image|视觉|语言|文本|音频|语音)"
    rf"\s?{PARAMETERS}"
)
_REPRESENTS: Final = any_case(
    r"[\"\u201d'\u2019]?\s+(?:represents|refers to|is|denotes|indicates|stands for)"
    r"\s+(?:the|its|our)\s+(?:(?:total|approximate)\s+)?(?:number|count|amount) of\s+"
    rf"(?P<words>(?:{ANY_SCOPE}\s+)?(?:model(?:'s)?\s+)?{PARAMETERS})"
)
DIRECT: Final = any_case(
    rf"\s*(?P<open>\()?\s*(?:(?:of (?:them|which)|parameters)\s+)?(?:(?:are|is|in)\s+)?"
    rf"(?P<words>{ANY_SCOPE})(?![A-Za-z])(?(open)(?!{_OF_THE_NEXT}))"
)
_KEY: Final = any_case(rf"(?P<key>[^:=|;!?<>]{{1,60}})(?P<sign>[:=])\s*{ABOUT}$")
_KEY_WITH_UNIT: Final = Pattern(
    r"[\s*+•#>-]*(?P<key>[^:=()]{1,60})(?P<unit>\([^()]{1,20}\))\s*[:=]"
)
_UNIT_AT_END: Final = any_case(r"\s*\((?:in )?(?:[MBK]|millions|billions)\)$")
_OF: Final = any_case(
    rf"(?P<words>(?:{ANY_SCOPE}[\s-]*)?{PARAMETERS}"
    r"[\s-]*(?:counts?|sizes?|scales?|numbers?|规模|总量|数量|量|数|數)?)\s*"
    r"(?:of (?:this|the|our) (?:\w+ )?model\s+)?"
    rf"(?:\([^()]{{0,30}}\)\s*)?(?:of|is|was|are|为|是|到|は|が|-)?\s*:?\s*{ABOUT}$"
)
_RELATIVE: Final = any_case(r"\s*(?:more|fewer|less|smaller|larger|additional|extra)(?![a-z])")
NOT_COUNTED: Final = any_case(
    r"[\s-]*(?:training\s+)?(?:tokens?|words?|images?|pairs?|samples?|examples?|sentences?|documents?"
    r"|hours?|steps?|characters?|flops?|pages?|rows?|bytes?|users?|downloads?|lines?|videos?|queries"
    r"|bits?|token)(?![A-Za-z])"
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
    weak: bool = False  # nothing says "parameters": it counts only where it is plainly this model's


def linked_by_word(line: str, figure: Figure, *, keys_only: bool) -> Link | None:
    """The link of a figure beside the word "parameters", or after a key made of it."""
    before, after = around(line, figure)
    if _RELATIVE.match(after) or is_named_in(line, figure):
        return None
    if not keys_only and (link := _before_word(figure, before, after)):
        return link
    if NOT_COUNTED.match(after):
        return None
    if match := _KEY.search(before):
        link = _by_key(match, figure, after)
        least = _LEAST_AFTER_SCOPE if link and link.said else _LEAST_BESIDE_WORD
        if link is not None and _is_count(figure, least):
            return link
    if not keys_only and _is_count(figure, LEAST_BARE) and (match := _OF.search(before)):
        link = link_of(match["words"], figure.begin - len(match[0]), figure.end)
        return replace(link, listing=True)
    return None


def _before_word(figure: Figure, before: str, after: str) -> Link | None:
    """The link of a figure that the word follows."""
    if not _is_count(figure, _LEAST_BESIDE_WORD):
        return None
    if match := _OF_MODALITY.match(after):
        link = link_of("", figure.begin, figure.end + match.end())
        return replace(
            link, scope=Scope.COMPONENT, detail=component_name(match["modality"]), said=True
        )
    if match := _AFTER.match(after):
        tail = match["tail"] or ""
        if "backbone" in tail.lower():  # "a 1B parameter backbone" is a part
            link = link_of("", figure.begin, figure.end + match.end())
            return replace(link, scope=Scope.COMPONENT, detail="backbone", said=True)
        words = f"{match['words']} {tail}"
        if _ACTIVATES.search(before) or _PER_TOKEN.match(after):
            words = f"{words} active"
        return link_of(words, figure.begin, figure.end + match.end())
    if match := _REPRESENTS.match(after):
        return link_of(match["words"], figure.begin, figure.end + match.end())
    return None


def _is_count(figure: Figure, least: int) -> bool:
    quantity = figure.quantity
    return quantity.value >= (min(least, _LEAST_BESIDE_WORD) if figure.unit else least)


def is_named_in(line: str, figure: Figure) -> bool:
    """Whether the figure is the tail of a name: Llama-2-7B."""
    return re.search(r"[A-Za-z0-9]-$", line[max(0, figure.begin - 2) : figure.begin]) is not None


def unit_of_key(line: str) -> int:
    """What a bare number counts in on a line such as `Params (M): 86.6`; 1 on any other."""
    match = _KEY_WITH_UNIT.match(line)
    return unit_in(match["unit"]) if match and is_parameter_key(match["key"]) else 1


def _by_key(match: re.Match[str], figure: Figure, after: str) -> Link | None:
    key = re.split(r"\. |, |\|", match["key"])[-1].strip(" -+•#*>")
    key = _UNIT_AT_END.sub("", key)
    sized = (is_size_key(key) and figure.unit.lower() in BILLIONS) or (
        is_model_size_key(key) and figure.unit == "M"
    )
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


def around(line: str, figure: Figure) -> tuple[str, str]:
    return (
        line[max(0, figure.begin - WINDOW) : figure.begin],
        line[figure.end : figure.end + WINDOW],
    )

"""Figures that count without the word "parameters" beside them.

3.6B active · (non-embedding: 29B) · 30B MoE        a scope, where the line is about parameters
860M UNet · - Text encoder: 123M · VAE (84M)         a component
our 3B model · X is a compact 3B model              how large a model is: a weak link
Gopher (280B)                                       a name and its size: a weak link
"""

from dataclasses import replace
from typing import Final

from auditor.claims.beside import (
    DIRECT,
    LEAST_BARE,
    Link,
    around,
    is_named_in,
    link_of,
)
from auditor.claims.figures import BILLIONS, Figure
from auditor.claims.parts import PART_AFTER, is_adapter
from auditor.claims.patterns import Pattern, any_case
from auditor.claims.vocabulary import ABOUT, ANY_SCOPE, COMPONENTS, PARAMETERS, component_name
from auditor.core.claims import Scope

_ASIDE: Final = any_case(rf"[(,;]\s*(?P<words>{ANY_SCOPE})\s*[:=]?\s*{ABOUT}$")
_EXPERTS: Final = any_case(
    r"\s*(?:parameter\s+)?(?:sparse\s+)?(?P<words>mixture[- ]of[- ]experts|moe)(?![A-Za-z])"
)
# "our 3B model", "X is a compact 3B dense language model"
_THIS: Final = any_case(
    r"(?<![A-Za-z])(?:our|this|(?:is|are|releas\w+|open-sourc\w+|present\w*|introduc\w+"
    r"|announc\w+|provid\w+)\s+an?)(?:\s+(?!model)[a-z-]+,?){0,3}\s+$"
)
_A_MODEL_AFTER: Final = any_case(
    r"[ -](?:[A-Za-z-]+\s+){0,4}?(?:model|llm|slm|vlm|transformer|network)(?![A-Za-z])"
    r"(?!\s+(?:trained\s+)?(?:on|for|with)\s+[0-9.]+\s?[TB])"
)
_NAME_BEFORE: Final = Pattern(r"[A-Z][A-Za-z0-9]*(?:[-. ][A-Za-z0-9.]+)* \($")
_DATA: Final = any_case(r"token|dataset|corpus|trained|images|hours|samples")
# "- U-Net: 860M", and nothing else on the line
_COMPONENT_KEY: Final = any_case(
    rf"[\s*+•#-]*(?:[\w-]+\s+){{0,2}}?(?P<component>{COMPONENTS})s?(?:\s*\([^()]{{0,50}}\))?"
    rf"\s*[-:=]\s*{ABOUT}"
)
# The figure of a part in parentheses after it: of "an autoencoder (156M)".
_COMPONENT_ASIDE: Final = any_case(rf"(?P<component>{COMPONENTS})s?\s*\(\s*{ABOUT}$")
_LINE_END: Final = any_case(rf"\s*(?:{PARAMETERS})?\s*[.,;]?\s*$")


def linked_by_scope(line: str, figure: Figure) -> Link | None:
    """The link of a figure beside a scope: it counts only where the line is about parameters."""
    before, after = around(line, figure)
    if not figure.unit or is_named_in(line, figure):
        return None
    link = None
    if match := DIRECT.match(after) or _EXPERTS.match(after):
        link = link_of(match["words"], figure.begin, figure.end + match.end())
    elif match := _ASIDE.search(before):
        link = link_of(match["words"], figure.begin - len(match[0]), figure.end)
    return link if link and link.scope is not Scope.COMPONENT else None


def linked_by_model(line: str, figure: Figure) -> Link | None:
    """The weak link of a figure that says how large a model is: "our 3B model"."""
    before, after = around(line, figure)
    if not figure.unit or figure.quantity.value < LEAST_BARE or is_named_in(line, figure):
        return None
    if not (_THIS.search(before) and _A_MODEL_AFTER.match(after)):
        return None
    return replace(link_of("", figure.begin, figure.end), weak=True)


def linked_by_name(line: str, figure: Figure) -> Link | None:
    """The weak link of a figure alone in parentheses after a name: "Gopher (280B)"."""
    before, after = around(line, figure)
    if not (after.startswith(")") and figure.unit.lower() in BILLIONS):
        return None
    if not _NAME_BEFORE.search(before) or _DATA.search(before) or _DATA.search(after):
        return None
    return replace(link_of("", figure.begin, figure.end), weak=True)


def linked_by_component(line: str, figure: Figure) -> Link | None:
    """The link of a figure right before a component, or alone after it: "860M UNet"."""
    before, after = around(line, figure)
    match = PART_AFTER.match(after) or (
        _COMPONENT_KEY.fullmatch(before) if _LINE_END.match(after) else None
    )
    if match is None and after.startswith(")"):
        match = _COMPONENT_ASIDE.search(before)
    counts = figure.unit and figure.quantity.value >= LEAST_BARE
    if not match or not counts or is_adapter(match["component"]) or is_named_in(line, figure):
        return None
    return Link(
        scope=Scope.COMPONENT,
        detail=component_name(match["component"]),
        begin=figure.begin,
        end=figure.end,
        said=True,
    )

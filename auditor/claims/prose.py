"""What the lines of a card state: which figures count parameters, what they count, and of whom."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.claims.beside import COMPONENT_AFTER, WINDOW, is_adapter
from auditor.claims.figures import Figure
from auditor.claims.links import Member, linked_groups
from auditor.claims.subjects import ModelName, Subject, subject_of
from auditor.claims.vocabulary import COMPONENTS, PARAMETERS, may_count
from auditor.core.claims import Quantity, Scope

MOST_TEXT: Final = 160  # characters of the passage that is kept
_LINE_START: Final = len("- **# ")

_RANGE_BEFORE: Final = re.compile(r"(?<![A-Za-z])(?:from|between|von|de)\s*$", re.IGNORECASE)
_BOUND: Final = re.compile(
    r"(?:(?<![A-Za-z])(?:up to(?: and including)?|over|more than|less than|fewer than|under|below"
    r"|above|at least|at most|greater than|smaller than|larger than|exceeding|beyond|sub"
    r"|mehr als|bis zu|plus de|más de|mais de|hasta|até)|[<>≥≤]|超过|不到)"
    r"[\s-]*$",
    re.IGNORECASE,
)
# "Running a 70B parameter model needs ...": said of models at large.
_ANY: Final = re.compile(
    r"(?<![A-Za-z])(?:run|running|fits?|fitting|loads?|loading|serve|serving|host|hosting|deploy"
    r"|deploying|fine-?tune|fine-?tuning|quantize|quantizing)\s+(?:an?|any)\s+$",
    re.IGNORECASE,
)
_VERSION_OF: Final = re.compile(
    rf"[\s-]*{PARAMETERS}\s+(?:version|variant|size)s?\s+of\s+"
    r"(?P<name>[A-Za-z][A-Za-z0-9_-]{1,60})",
    re.IGNORECASE,
)
_PLURAL: Final = re.compile(
    rf"[\s-]*{PARAMETERS}[\s-]+(?:\w+\s+){{0,2}}models(?![A-Za-z])", re.IGNORECASE
)
_COMPONENT_BEFORE: Final = re.compile(
    rf"(?P<component>{COMPONENTS})s?[\s:=(~-]*"
    r"(?:(?:with|has|of|is|a|an|about|approximately|roughly|contains|adds)\s+)*[~≈]?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A figure and what it counts. `text` is the passage."""

    quantity: Quantity
    scope: Scope
    detail: str
    text: str


def statements(line: str, model: ModelName, *, keys_only: bool = False) -> Iterator[Statement]:
    """What `line` says of numbers of parameters. `keys_only`: only `key: value`."""
    if not may_count(line):
        return
    for group in linked_groups(line, keys_only=keys_only):
        yield from _of_group(line, group, model)


def _of_group(line: str, group: Sequence[Member], model: ModelName) -> Iterator[Statement]:
    unsaid = {member.figure.quantity.value for member in group if not member.link.said}
    before = line[max(0, group[0].figure.begin - WINDOW) : group[0].figure.begin]
    from_to = _RANGE_BEFORE.search(before) is not None
    for member in group:
        if member.link.scope is None:
            continue
        if len(unsaid) > 1 and not member.link.said:  # the sizes of a family
            own = member.figure.quantity.value == model.total
            subject = Subject(own=own and not (from_to or member.in_range))
        elif _is_bound(line, member.figure):
            continue
        else:
            subject = _subject(line, member, model)
        yield _statement(line, member, subject)


def _is_bound(line: str, figure: Figure) -> bool:
    """Whether it says how many at most or at least, or speaks of any model of that size."""
    before = line[max(0, figure.begin - WINDOW) : figure.begin]
    plus = line[figure.end : figure.end + 1] == "+"
    return plus or _BOUND.search(before) is not None or _ANY.search(before) is not None


def _subject(line: str, member: Member, model: ModelName) -> Subject:
    figure = member.figure
    if member.link.keyed and member.link.begin <= _LINE_START:
        return Subject(own=True)
    after = line[figure.end : figure.end + WINDOW]
    if (version := _VERSION_OF.match(after)) and not model.is_named_by(version["name"]):
        return Subject(own=False, name=version["name"])
    if _PLURAL.match(after) and figure.quantity.value != model.total:
        return Subject(own=False)
    begin = member.link.begin if member.link.keyed else figure.begin
    subject = subject_of(line, begin, model)
    # What the model's own name says is said of it, however the card spells that name.
    own = subject.own or (figure.quantity.value == model.total and not subject.compared)
    return Subject(own=True) if own else subject


def _statement(line: str, member: Member, subject: Subject) -> Statement:
    figure, link = member.figure, member.link
    scope, detail = link.scope or Scope.TOTAL, link.detail
    if not subject.own:
        scope, detail = Scope.OTHER_MODEL, subject.name
    elif scope is Scope.TOTAL:
        component = _component(line, figure)
        if component:
            scope = Scope.ADAPTER if is_adapter(component) else Scope.COMPONENT
            detail = component
    begin, end = min(link.begin, figure.begin), max(link.end, figure.end)
    text = line[begin:end].strip(" ,;(-|")
    return Statement(quantity=figure.quantity, scope=scope, detail=detail, text=text[:MOST_TEXT])


def _component(line: str, figure: Figure) -> str:
    after = COMPONENT_AFTER.match(line[figure.end : figure.end + WINDOW])
    before = _COMPONENT_BEFORE.search(line[max(0, figure.begin - WINDOW) : figure.begin])
    found = after or before
    return found["component"].lower() if found else ""

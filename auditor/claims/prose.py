"""What the lines of a card state: which figures count parameters, what they count, and of whom."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from auditor.claims.at_large import is_no_count, is_of_some_model
from auditor.claims.beside import WINDOW
from auditor.claims.figures import Figure
from auditor.claims.links import Member, linked_groups
from auditor.claims.own_name import ModelName
from auditor.claims.parts import is_adapter, part_at
from auditor.claims.patterns import any_case
from auditor.claims.subjects import Subject, looks_like_a_name, names_in, subject_of
from auditor.claims.vocabulary import ABOUT, PARAMETERS, may_count
from auditor.core.claims import Quantity, Scope

MOST_TEXT: Final = 160  # characters of the passage that is kept
_LINE_START: Final = len("- **# ")
_SAME_TENTHS: Final = 10  # figures within a tenth are one figure, written twice

_RANGE_BEFORE: Final = any_case(r"(?<![A-Za-z])(?:from|between|von|de)\s*$")
_VERSION_OF: Final = any_case(
    rf"[\s-]*{PARAMETERS}\s+(?:version|variant|size)s?\s+of\s+(?P<name>[A-Za-z][A-Za-z0-9_-]{{1,60}})"
)
_OTHER_ONE: Final = any_case(
    rf"[\s-]*{PARAMETERS}\s+(?:teacher|baseline|predecessor|parent|counterpart|competitor|sibling"
    r"|original|reference model)(?![A-Za-z])"
)
_NAMED_AFTER: Final = any_case(
    rf"\s*{PARAMETERS}\s?(?:规模|量级)?(?:的|の)\s?"
    r"(?P<name>[A-Za-z][A-Za-z0-9]*(?:[-._][A-Za-z0-9]+)*(?: [0-9.]+[BM]?)?)"
)
_PLURAL: Final = any_case(rf"[\s-]*{PARAMETERS}[\s-]+(?:[\w-]+\s+){{0,3}}models(?![A-Za-z])")
_PREDICATE: Final = any_case(rf"(?<![A-Za-z])are\s+(?:an?\s+(?:series|family) of\s+)?{ABOUT}$")
_MODELS_WITH: Final = any_case(
    r"(?<![A-Za-z])(?:models|llms|networks|systems|architectures)\s+(?:with|of|having|at|in the)"
    rf"(?:\s+only|\s+just)?\s+{ABOUT}$"
)
_OURS: Final = any_case(
    r"(?<![A-Za-z])(?:our|this|we\s+(?:release|present|introduce|provide|publish|open-source)\s+an?)"
    r"\s+(?:[a-z-]+,?\s+){0,3}$"
)
_RESPECTIVELY: Final = any_case(
    r"(?<![A-Za-z])(?:respectively|respectivement|respectivamente|jeweils|rispettivamente)|分别"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A figure and what it counts. `text` is the passage."""

    quantity: Quantity
    scope: Scope
    detail: str
    text: str
    position: int = 0  # where in the line the figure begins


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A figure of a line and whom it is about, before it is held against the others."""

    member: Member
    subject: Subject
    statement: Statement

    @property
    def value(self) -> int:
        return self.statement.quantity.value

    @property
    def is_total_in_words(self) -> bool:
        return self.member.link.said and self.statement.scope is Scope.TOTAL

    def is_in_name(self, model: ModelName) -> bool:
        """Whether the model's name says it, of the total or of what is active."""
        if self.statement.scope is Scope.ACTIVE:
            return model.active is not None and _is_same(self.value, model.active)
        return model.is_size(self.value)


def statements(line: str, model: ModelName, *, keys_only: bool = False) -> Iterator[Statement]:
    """What `line` says of numbers of parameters. `keys_only`: only `key: value`."""
    if not may_count(line):
        return
    readings = [
        reading
        for group in linked_groups(line, keys_only=keys_only)
        for reading in _of_group(line, group, model)
    ]
    rivals = [
        *_rivals([each for each in readings if each.statement.scope is Scope.TOTAL], model),
        *_rivals([each for each in readings if each.statement.scope is Scope.ACTIVE], model),
    ]
    for reading in readings:
        if reading in rivals:
            yield replace(reading.statement, scope=Scope.OTHER_MODEL, detail="")
        else:
            yield reading.statement


def _rivals(totals: Sequence[_Reading], model: ModelName) -> Sequence[_Reading]:
    """Those of several totals (or active parameters) in one line that cannot be this model's too.

    The one that its name says is this model's, or else the one that is said to be the total, or
    else the one with the most of its name before it. Where none stands out, none is.
    """
    if not totals or all(_is_same(total.value, totals[0].value) for total in totals):
        return ()
    closest = max(total.subject.close for total in totals)
    for chosen in (
        [total for total in totals if total.is_in_name(model)],
        [total for total in totals if total.is_total_in_words],
        [total for total in totals if total.subject.named and total.subject.close == closest],
    ):
        if chosen and all(_is_same(total.value, chosen[0].value) for total in chosen):
            return [total for total in totals if total not in chosen]
    return totals


def _is_same(value: int, other: int) -> bool:
    return _SAME_TENTHS * abs(value - other) <= max(value, other)


def _of_group(line: str, group: Sequence[Member], model: ModelName) -> Iterator[_Reading]:
    unsaid = {member.figure.quantity.value for member in group if not member.link.said}
    before = line[max(0, group[0].figure.begin - WINDOW) : group[0].figure.begin]
    from_to = _RANGE_BEFORE.search(before) is not None
    assigned = _assigned(line, group, model)
    for index, member in enumerate(group):
        if member.link.scope is None:
            continue
        if assigned:
            subject = assigned[index]
        elif member.in_range:
            subject = Subject(own=False)
        elif len(unsaid) > 1 and not member.link.said:  # the sizes of a family
            own = model.is_size(member.figure.quantity.value) and not from_to
            subject = Subject(own=own, named=own)
        elif is_no_count(line, member.figure):
            continue
        else:
            subject = _subject(line, member, model)
        if member.link.weak and not _is_plain(line, member, subject, model):
            continue
        yield _Reading(member=member, subject=subject, statement=_statement(line, member, subject))


def _is_plain(line: str, member: Member, subject: Subject, model: ModelName) -> bool:
    """Whether a figure without the word "parameters" is plainly of a model, this or another."""
    value = member.figure.quantity.value
    if line[member.figure.end : member.figure.end + 1] == ")":
        return subject.named if subject.own else looks_like_a_name(subject.name)
    ours = _OURS.search(line[max(0, member.figure.begin - WINDOW) : member.figure.begin])
    return subject.own and bool(subject.named or ours) and not model.is_far_from(value)


def _assigned(line: str, group: Sequence[Member], model: ModelName) -> Sequence[Subject]:
    """The subjects of "A, B and C have 1B, 2B and 3B parameters respectively"; none otherwise."""
    if len(group) < 2 or not _RESPECTIVELY.search(line):  # noqa: PLR2004
        return ()
    names = names_in(line[: group[0].figure.begin])[-len(group) :]
    if len(names) < len(group):
        return ()
    close = [model.closeness(name) for name in names]
    best = max(close)
    return [
        Subject(own=bool(best) and each == best, name=name, named=True)
        for name, each in zip(names, close, strict=True)
    ]


def _subject(line: str, member: Member, model: ModelName) -> Subject:
    figure = member.figure
    value = figure.quantity.value
    if member.link.keyed and member.link.begin <= _LINE_START:
        return Subject(own=True, named=True)
    if (after := _by_what_follows(line, figure, model)) is not None:
        return after
    begin = member.link.begin if member.link.keyed else figure.begin
    subject = subject_of(line, begin, model)
    # What the model's own name says is said of it, however the card spells that name.
    if value == model.total or (model.is_size(value) and not subject.named):
        return replace(subject, own=subject.own or not subject.compared)
    if not subject.own or subject.named or member.link.keyed:
        return subject
    # Nothing says whose it is: it is this model's, unless it reads like a remark on others.
    total = member.link.scope is Scope.TOTAL
    if (total and model.is_far_from(value)) or is_of_some_model(line, figure):
        return Subject(own=False)
    return subject


def _by_what_follows(line: str, figure: Figure, model: ModelName) -> Subject | None:
    """Whom the words after a figure make it of; None where they tell nothing."""
    before = line[max(0, figure.begin - WINDOW) : figure.begin]
    after = line[figure.end : figure.end + WINDOW]
    if (version := _VERSION_OF.match(after)) and looks_like_a_name(version["name"]):
        own = model.is_named_by(version["name"])
        return Subject(own=own, name=version["name"], named=True)
    if _OTHER_ONE.match(after):
        return Subject(own=False, compared=True)
    if (named := _NAMED_AFTER.match(after)) and looks_like_a_name(named["name"]):
        return Subject(own=model.is_named_by(named["name"]), name=named["name"], named=True)
    if model.is_size(figure.quantity.value):
        return None
    if _PLURAL.match(after) and not _PREDICATE.search(before):
        return Subject(own=False)
    return Subject(own=False) if _MODELS_WITH.search(before) else None


def _statement(line: str, member: Member, subject: Subject) -> Statement:
    figure, link = member.figure, member.link
    scope, detail = link.scope or Scope.TOTAL, link.detail
    component = part_at(line, figure) if scope is Scope.TOTAL and not link.said else ""
    if component and (subject.own or not subject.compared):
        scope = Scope.ADAPTER if is_adapter(component) else Scope.COMPONENT
        detail = component
    elif not subject.own:
        scope, detail = Scope.OTHER_MODEL, subject.name
    begin, end = min(link.begin, figure.begin), max(link.end, figure.end)
    text = line[begin:end].strip(" ,;(-|")
    return Statement(
        quantity=figure.quantity,
        scope=scope,
        detail=detail,
        text=text[:MOST_TEXT],
        position=figure.begin,
    )

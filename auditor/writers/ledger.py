"""What is real: the count as a sum, from its parts to every element that is stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from auditor.core.record import AuditRecord
from auditor.core.roles import PARAMETER_ROLES, Role
from auditor.core.tally import Count, Group, Tally
from auditor.core.verdict import Verdict
from auditor.writers.escape import line
from auditor.writers.words import MAX_NAME, MAX_PLACE, MAX_TEXT, Tone

MAX_ITEMS: Final = 6  # groups named in one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the sum that leads from a count to the next: `+` adds to the lines above it."""

    number: str
    name: str
    sign: str = ""
    items: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN


def ledger(record: AuditRecord) -> tuple[Entry, ...]:
    """The count as a sum: what makes up the total, then what is stored beside the parameters."""
    tally = record.tally
    if tally.total is None:
        return _unknown(tally)
    parts = _components(record) or _parts(record)
    total = Entry(sign="=" if parts else "", number=f"{tally.total:,}", name=_trained(tally))
    return (*parts, total, *_beside(tally), *_active(tally), *_apart(record), *_with_base(record))


def _unknown(tally: Tally) -> tuple[Entry, ...]:
    stored = Entry(number=f"{tally.stored.elements:,}", name="elements stored")
    if tally.total_range is None:
        name = "parameters: how many there are is not known"
        return (Entry(number="?", name=name, tone=Tone.DOUBT), stored)
    low, high = tally.total_range
    least = "parameters at the least; the exact count is not known"
    return (
        Entry(number=f"{low:,}", name=least, tone=Tone.DOUBT),
        Entry(number=f"{high:,}", name="parameters at the most", tone=Tone.DOUBT),
        stored,
    )


def _components(record: AuditRecord) -> tuple[Entry, ...]:
    counted = [(part.name, part.parameters) for part in record.components if not part.beside]
    if len(counted) < 2 or sum(n or 0 for _, n in counted) != record.tally.total:  # noqa: PLR2004
        return ()
    return _sum((f"{n or 0:,}", line(name, MAX_NAME), ()) for name, n in counted)


def _apart(record: AuditRecord) -> Iterable[Entry]:
    """Parts that are in the repository and not in the total."""
    for part in record.components:
        if part.beside:
            number = "?" if part.parameters is None else f"{part.parameters:,}"
            name = f"{line(part.name, MAX_NAME)}, counted apart"
            reason = line(part.beside, MAX_TEXT)
            yield Entry(number=number, name=name, items=(reason,), tone=Tone.ASIDE)


def _with_base(record: AuditRecord) -> Iterable[Entry]:
    """The model that an adapter belongs to, and the share that it trains, as PEFT prints it."""
    facts = record.adapter
    if facts is None or facts.base_parameters is None:
        return
    base = line(facts.base_model or facts.base, MAX_NAME)
    yield Entry(number=f"{facts.base_parameters:,}", name=f"in the base model {base}")
    if facts.trainable is not None and facts.all_parameters is not None:
        name = f"in both, of them {facts.trainable:,} trained ({facts.trainable_percent} %)"
        yield Entry(number=f"{facts.all_parameters:,}", name=name)


def _parts(record: AuditRecord) -> tuple[Entry, ...]:
    """The total taken apart into what is asked about and the rest."""
    part = _part_in_question(record)
    if part is None or record.tally.total is None:
        return ()
    rest = record.tally.total - part.value
    return _sum(
        (
            (f"{part.value:,}", line(part.name, MAX_PLACE), ()),
            (f"{rest:,}", _kind(part.differs_by), _group_items(part.differs_by)),
        )
    )


def _kind(groups: Sequence[Group]) -> str:
    """What the groups are, unless their one name says so itself."""
    names = list(_by_name(groups))
    if not all(group.head for group in groups) or (len(names) == 1 and "head" in names[0]):
        return ""
    return "heads" if len(names) > 1 else "head"


def _part_in_question(record: AuditRecord) -> Count | None:
    """The part that a documented figure is about; else the backbone, where there are heads."""
    total = record.tally.total or 0
    asked = {each.actual for each in record.comparisons if each.verdict is not Verdict.NOT_COMPARED}
    parts = [count for count in record.counts if count.value < total and count.differs_by]
    return next(
        (count for count in parts if count.value in asked),
        next((count for count in parts if count.key == "backbone"), None),
    )


def _sum(rows: Iterable[tuple[str, str, tuple[str, ...]]]) -> tuple[Entry, ...]:
    return tuple(
        Entry(sign="+" if index else "", number=number, name=name, items=items)
        for index, (number, name, items) in enumerate(rows)
    )


def _trained(tally: Tally) -> str:
    nothing_else = not (tally.buffers or tally.tied_copies or tally.auxiliary)
    ending = ", no buffers, no tied copies" if nothing_else else ""
    if not tally.frozen:
        return f"parameters, all trainable{ending}"
    trainable = f"{tally.trainable or 0:,} trainable"
    return f"parameters: {trainable}, {tally.frozen:,} frozen ({_frozen(tally)}){ending}"


def _active(tally: Tally) -> tuple[Entry, ...]:
    if tally.active is None or tally.active == tally.total:
        return ()
    return (Entry(number=f"{tally.active:,}", name="of them active for each token"),)


_BESIDE: Final = (
    (Role.BUFFER, "buffers, not parameters"),
    (Role.TIED_COPY, "tied copies, counted once"),
    (Role.AUXILIARY, "a quantiser's bookkeeping"),
)


def _beside(tally: Tally) -> Iterable[Entry]:
    """What is stored and is no parameter, and all that is stored.

    It is a sum where each parameter is one stored element; where weights are packed it is not.
    """
    stored = tally.stored.elements
    extra = tally.tied_copies + tally.buffers + tally.auxiliary
    adds_up = (tally.total or 0) + extra == stored
    for role, name in _BESIDE:
        groups = tuple(group for group in tally.groups if group.role is role)
        elements = sum(group.count for group in groups)
        if elements:
            sign = "+" if adds_up else ""
            yield Entry(sign=sign, number=f"{elements:,}", name=name, items=_group_items(groups))
    if stored != tally.total:
        yield Entry(sign="=" if adds_up else "", number=f"{stored:,}", name="elements stored")


def _by_name(groups: Iterable[Group]) -> dict[str, int]:
    elements: dict[str, int] = {}
    for group in groups:
        name = line(group.name, MAX_PLACE)
        elements[name] = elements.get(name, 0) + group.count
    return elements


def _frozen(tally: Tally) -> str:
    groups = (g for g in tally.groups if g.role in PARAMETER_ROLES and not g.trainable)
    return ", ".join(name.removeprefix("frozen ") for name in _by_name(groups))


def _group_items(groups: Sequence[Group]) -> tuple[str, ...]:
    """`name (pattern)` for one group, `name number` for each of several, the largest first."""
    elements = _by_name(sorted(groups, key=lambda group: -group.count))
    if len(elements) == 1:
        return (f"{next(iter(elements))} ({line(groups[0].pattern, MAX_PLACE)})",)
    named = [f"{name} {count:,}" for name, count in islice(elements.items(), MAX_ITEMS)]
    more = len(elements) - len(named)
    return (*named, f"{more:,} more") if more else tuple(named)


def groups(record: AuditRecord) -> tuple[Entry, ...]:
    """Every group with the rule that settled it."""
    return tuple(
        Entry(
            number=f"{group.count:,}",
            name=f"{line(group.name, MAX_PLACE)} ({line(group.pattern, MAX_PLACE)})",
            items=(line(group.reason, MAX_TEXT),),
            tone=Tone.PLAIN if group.role in PARAMETER_ROLES else Tone.ASIDE,
        )
        for group in record.tally.groups
    )


def counts(record: AuditRecord) -> tuple[Entry, ...]:
    """Every honest way to count this checkpoint."""
    return tuple(
        Entry(number=f"{count.value:,}", name=line(count.name, MAX_PLACE))
        for count in record.counts
    )

"""Roles settled by the class: what it trains, freezes, keeps as a buffer or ties.

The table of rules tells what a parameter is for (an embedding, a head); the class tells whether it
is one. Only what the two say differently is changed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from auditor.core.dtypes import DTYPES
from auditor.core.pairing import Built, Pairing, Part, Stored
from auditor.core.roles import (
    PARAMETER_ROLES,
    Assignment,
    Bucket,
    Context,
    Mark,
    Role,
    Rule,
    pattern_of,
)
from auditor.core.tie_rules import PAIRS

_NO_PARAMETERS: Final = frozenset({Role.BUFFER, Role.TIED_COPY, Role.AUXILIARY})
_TIED_BY_CONFIG: Final = tuple(pair.copy for pair in PAIRS if not pair.always)


class Change(NamedTuple):
    """One tensor whose role the class settles otherwise than the rules do."""

    stored: Stored
    mark: Mark
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The roles that hold. `disputed` are copies of which config and class say different things.

    `untied` are copies by the class whose bytes are others than the original's.
    """

    assignment: Assignment
    changes: tuple[Change, ...]
    disputed: tuple[tuple[Stored, Built], ...]
    untied: tuple[Stored, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settler:
    """Settles the tensors of one checkpoint.

    `authority` names the class in reasons. `equal` says of tensors whose bytes were compared with
    those of the one they may repeat whether they are the same.
    """

    authority: str
    assignment: Assignment
    context: Context
    rules: Sequence[Rule]
    equal: Mapping[str, bool]
    _settled: dict[object, tuple[Mark, Rule]] = field(default_factory=dict)

    def settle(self, pairing: Pairing) -> Settled:
        first = first_names(built for _, built in pairing.pairs)
        names = Counter(built.original or built.name for _, built in pairing.pairs)
        changes: list[Change] = []
        disputed: list[tuple[Stored, Built]] = []
        untied: list[Stored] = []
        for stored, built in pairing.pairs:
            matrix = built.original or built.name
            repeats = first[matrix] != built.name and stored.may_hold(built.elements)
            is_first = names[matrix] > 1 and first[matrix] == built.name
            is_copy = False if is_first else self._is_copy(stored, repeats=repeats)
            if repeats and is_copy is False:
                untied.append(stored)
            if is_copy is None:
                disputed.append((stored, built))
            else:
                changes.extend(self._changes(stored, built, is_copy=is_copy))
        for ours, theirs in pairing.together:
            changes.extend(self._of_group(ours, theirs))
        return Settled(
            assignment=changed(self.assignment, changes),
            changes=tuple(changes),
            disputed=tuple(disputed),
            untied=tuple(untied),
        )

    def _is_copy(self, stored: Stored, *, repeats: bool) -> bool | None:
        """Whether a tensor repeats another; None where it cannot be told.

        `repeats` is what the class says. What hangs on `tie_word_embeddings` is disputed where the
        config says otherwise: a class may have changed its mind since the checkpoint was written.
        """
        by_rules = stored.rule.role is Role.TIED_COPY
        if not (repeats or by_rules) or stored.rule.role is Role.BUFFER:
            return repeats
        known = self.equal.get(stored.tensor.name)
        if known is not None:
            return known
        by_config = f".{stored.tensor.name}".endswith(_TIED_BY_CONFIG)
        return None if repeats is not by_rules and by_config else repeats

    def _changes(self, stored: Stored, built: Built, *, is_copy: bool) -> Iterator[Change]:
        """The change to one tensor, where there is any."""
        if is_copy or built.part is Part.BUFFER:
            if stored.rule.role not in _NO_PARAMETERS:
                yield self._as_other(stored, Role.TIED_COPY if is_copy else Role.BUFFER)
        elif stored.may_hold(built.elements):
            yield from self._as_parameter(stored, built.part, built.shape, built.elements)

    def _as_other(self, stored: Stored, role: Role) -> Change:
        name = {Role.TIED_COPY: "tied copies", Role.BUFFER: "buffers"}.get(role, "bookkeeping")
        reason = f"{self.authority} has no parameter of its own here"
        key = (stored.bucket, role)
        if key not in self._settled:
            rule = Rule(name=name, role=role, reason=reason, trainable=False)
            self._settled[key] = Mark(role, name, reason), rule
        return Change(stored, *self._settled[key])

    def _as_parameter(
        self, stored: Stored, part: Part, shape: tuple[int, ...], elements: int
    ) -> Iterator[Change]:
        """A parameter of so many elements, trained or not; nothing where it passes for that."""
        trainable = part is Part.TRAINED
        known = stored.rule.role in PARAMETER_ROLES and stored.low == stored.high
        if known and stored.rule.trainable is trainable:
            return
        key = (stored.bucket, part, elements)
        if key not in self._settled:
            what = "trains" if trainable else "does not train"
            reason = f"{self.authority} {what} the {elements:,} parameters that it has here"
            rule = replace(self._rule(stored, shape), trainable=trainable, reason=reason)
            self._settled[key] = _mark(stored, rule, elements), rule
        yield Change(stored, *self._settled[key])

    def _rule(self, stored: Stored, shape: tuple[int, ...]) -> Rule:
        """What the parameter is for: by the rule it has, else by the first that says parameter."""
        if stored.rule.role in PARAMETER_ROLES:
            return stored.rule
        plain = Bucket(pattern_of(stored.name), DTYPES["BF16"], shape, None, stored.bucket.mtp)
        return next(
            rule
            for rule in self.rules
            if rule.role in PARAMETER_ROLES and rule.matches(plain, self.context)
        )

    def _of_group(self, ours: Sequence[Stored], theirs: Sequence[Built]) -> Iterator[Change]:
        """Tensors that hold together what the class has in other pieces."""
        parts = {built.part for built in theirs}
        if len(parts) > 1:
            return
        (part,) = parts
        whole = sum(built.elements for built in theirs)
        packed = [stored for stored in ours if stored.rule.role is Role.PACKED]
        unknown = [stored for stored in ours if stored.low != stored.high]
        if packed:
            yield from self._of_unknown_packing(ours, packed, theirs[0])
            return
        for stored in ours:
            if stored.low == stored.high:
                whole -= stored.low
                yield from self._as_parameter(stored, part, stored.tensor.shape, stored.low)
        if len(unknown) == 1:  # it holds what the others leave
            yield from self._as_parameter(unknown[0], part, (1, whole), whole)

    def _of_unknown_packing(
        self, ours: Sequence[Stored], packed: Sequence[Stored], built: Built
    ) -> Iterator[Change]:
        """All tensors of a module in which the class has one parameter: the largest holds it."""
        holder = max(packed, key=lambda stored: stored.tensor.elements)
        yield from self._as_parameter(holder, built.part, built.shape, built.elements)
        yield from (self._as_other(each, Role.AUXILIARY) for each in ours if each is not holder)


def first_names(built: Iterable[Built]) -> dict[str, str]:
    """For each parameter the name that counts: its own where that is stored, else a further one."""
    ordered = sorted(built, key=lambda each: bool(each.original))
    first: dict[str, str] = {}
    for each in ordered:
        first.setdefault(each.original or each.name, each.name)
    return first


def _mark(stored: Stored, rule: Rule, elements: int) -> Mark:
    """What marks the tensor as holding `elements` parameters; a packing keeps its name."""
    mark = stored.bucket.mark
    if mark is not None and mark.role is None:
        return replace(mark, low=elements, high=elements)
    return Mark(None, rule.name, rule.reason, low=elements, high=elements)


def changed(assignment: Assignment, changes: Iterable[Change]) -> Assignment:
    """`assignment` with the tensors of `changes` in buckets of their own."""
    counts, rules = dict(assignment.counts), dict(assignment.rules)
    marks = dict(assignment.marks)
    for stored, mark, rule in changes:
        old, new = stored.bucket, stored.bucket._replace(mark=mark)
        counts[old] -= 1
        counts[new] = counts.get(new, 0) + 1
        rules[new] = rule
        marks[stored.tensor.name] = mark
    emptied = [bucket for bucket, count in counts.items() if not count]
    for bucket in emptied:
        del counts[bucket], rules[bucket]
    return replace(assignment, counts=counts, rules=rules, marks=marks)

"""Our count: by role, dtype and group, and every honest way to count the same checkpoint."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Final, TypeVar

from auditor.core.roles import PARAMETER_ROLES, Assignment, Bucket, Role, Rule

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How many tensors, stored elements, bytes, and at least and at most how many parameters."""

    tensors: int = 0
    elements: int = 0
    stored_bytes: int = 0
    low: int = 0
    high: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            tensors=self.tensors + other.tensors,
            elements=self.elements + other.elements,
            stored_bytes=self.stored_bytes + other.stored_bytes,
            low=self.low + other.low,
            high=self.high + other.high,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Tensors that share a rule, under a name that can explain a difference.

    `name` reads in a sentence ("causal masks"); `pattern` is one stored name with its layer number
    as `*` (`h.*.attn.bias`), the one that holds most; `reason` says why the rule is so.
    """

    name: str
    role: Role
    trainable: bool
    amount: Amount
    pattern: str
    reason: str
    head: bool = False  # belongs to a head on top of the backbone
    mtp: bool = False  # belongs to a multi-token-prediction module beside the model
    output: bool = False  # the matrix from hidden states to vocabulary logits

    @property
    def count(self) -> int:
        """Its parameters, at least; of what holds none, its stored elements."""
        return self.amount.low if self.role in PARAMETER_ROLES else self.amount.elements


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One honest way to count the checkpoint: `key` is stable, `name` reads in a sentence.

    `differs_by` are the groups that separate it from the total, for the explanation.
    """

    key: str
    name: str
    value: int
    differs_by: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutCount:
    """One packing in a checkpoint: how many tensors hold weights, how many, in how many bytes.

    `stored_bytes` are those of the weights and their bookkeeping together.
    """

    name: str
    modules: int
    low: int
    high: int
    stored_bytes: int
    elements: int = 0  # stored ones that hold the weights

    @property
    def packs(self) -> bool:
        """Whether an element holds another number of weights than one."""
        return not self.low == self.high == self.elements

    @property
    def bits_per_weight(self) -> Fraction | None:
        """Bits that a weight really takes, bookkeeping included; None where that is not known."""
        exact = self.low == self.high and self.low > 0
        return Fraction(8 * self.stored_bytes, self.low) if exact else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The count of one checkpoint. Parameters are logical: ties once, no buffers, no bookkeeping.

    `total` and what follows from it are None where the logical count is not known; the stored
    amounts always are. `embedding` holds the input tables and, where it is a matrix of its own, the
    output one: what the cards of Pythia and Qwen leave out of their "non-embedding" figures.
    """

    stored: Amount
    by_dtype: Mapping[str, Amount]
    by_role: Mapping[Role, Amount]
    groups: tuple[Group, ...]
    scalars: int  # tensors of rank 0
    total: int | None
    trainable: int | None
    frozen: int | None
    embedding: int | None
    tied_copies: int
    buffers: int
    auxiliary: int
    active: int | None = None  # of a mixture of experts, everything that one token passes through
    total_range: tuple[int, int] | None = None  # lowest and highest, where `total` is not known
    layouts: tuple[LayoutCount, ...] = ()

    @property
    def non_embedding(self) -> int | None:
        if self.total is None or self.embedding is None:
            return None
        return self.total - self.embedding


def tally(assignment: Assignment, *, complete: bool = True) -> Tally:
    """The count of the tensors in `assignment`.

    The logical count is unknown where weights are packed in a way that is not understood, and where
    the checkpoint is not `complete` (a shard is missing).
    """
    amounts = {
        bucket: _amount(bucket, count, assignment.rules[bucket].role)
        for bucket, count in assignment.counts.items()
    }
    by_role: dict[Role, Amount] = {}
    by_dtype: dict[str, Amount] = {}
    for bucket, amount in amounts.items():
        role = assignment.rules[bucket].role
        by_role[role] = by_role.get(role, Amount()) + amount
        dtype = bucket.dtype.name
        by_dtype[dtype] = by_dtype.get(dtype, Amount()) + amount
    groups = _groups(amounts, assignment.rules)
    parameters = [group for group in groups if group.role in PARAMETER_ROLES]
    whole = sum((group.amount for group in parameters), start=Amount())
    bounded = complete and Role.PACKED not in by_role
    known = bounded and whole.low == whole.high
    return Tally(
        stored=sum(by_role.values(), start=Amount()),
        by_dtype=dict(sorted(by_dtype.items(), key=lambda item: -item[1].stored_bytes)),
        by_role={role: by_role[role] for role in Role if role in by_role},
        groups=groups,
        scalars=sum(amount.tensors for bucket, amount in amounts.items() if not bucket.shape),
        total=whole.low if known else None,
        total_range=(whole.low, whole.high) if bounded and not known else None,
        trainable=_count(g for g in parameters if g.trainable) if known else None,
        frozen=_count(g for g in parameters if not g.trainable) if known else None,
        embedding=_count(g for g in parameters if _is_embedding(g)) if known else None,
        tied_copies=by_role.get(Role.TIED_COPY, Amount()).elements,
        buffers=by_role.get(Role.BUFFER, Amount()).elements,
        auxiliary=by_role.get(Role.AUXILIARY, Amount()).elements,
        layouts=_layouts(amounts),
    )


def merged(tallies: Sequence[Tally], *, complete: bool = True) -> Tally:
    """The count of several checkpoints that are parts of one whole."""
    if len(tallies) == 1 and complete:
        return tallies[0]
    bounded = complete and all(_bounds(each) is not None for each in tallies)
    bounds = [_bounds(each) or (0, 0) for each in tallies]
    low, high = (sum(each[at] for each in bounds) for at in (0, 1))
    known = bounded and low == high

    def total_of(figure: Callable[[Tally], int | None]) -> int | None:
        return sum(figure(each) or 0 for each in tallies) if known else None

    by_dtype = _summed(each.by_dtype for each in tallies)
    by_role = _summed(each.by_role for each in tallies)
    return Tally(
        stored=sum((each.stored for each in tallies), start=Amount()),
        by_dtype=dict(sorted(by_dtype.items(), key=lambda item: -item[1].stored_bytes)),
        by_role={role: by_role[role] for role in Role if role in by_role},
        groups=_merged_groups(group for each in tallies for group in each.groups),
        scalars=sum(each.scalars for each in tallies),
        total=low if known else None,
        total_range=(low, high) if bounded and not known else None,
        trainable=total_of(lambda each: each.trainable),
        frozen=total_of(lambda each: each.frozen),
        embedding=total_of(lambda each: each.embedding),
        tied_copies=sum(each.tied_copies for each in tallies),
        buffers=sum(each.buffers for each in tallies),
        auxiliary=sum(each.auxiliary for each in tallies),
        layouts=_merged_layouts(layout for each in tallies for layout in each.layouts),
    )


def _bounds(tally_: Tally) -> tuple[int, int] | None:
    return tally_.total_range if tally_.total is None else (tally_.total, tally_.total)


def _summed(mappings: Iterable[Mapping[K, Amount]]) -> dict[K, Amount]:
    summed: dict[K, Amount] = {}
    for mapping in mappings:
        for key, amount in mapping.items():
            summed[key] = summed.get(key, Amount()) + amount
    return summed


def _merged_groups(groups: Iterable[Group]) -> tuple[Group, ...]:
    """Groups of one rule as one; the largest gives the pattern."""
    gathered: dict[tuple[str, Role, bool, bool], list[Group]] = {}
    for group in groups:
        key = (group.name, group.role, group.trainable, group.mtp)
        gathered.setdefault(key, []).append(group)
    joined = [
        replace(
            max(members, key=lambda group: (group.amount.high, group.amount.elements)),
            amount=sum((group.amount for group in members), start=Amount()),
        )
        for members in gathered.values()
    ]
    return tuple(sorted(joined, key=lambda group: (-group.count, group.name)))


def _merged_layouts(layouts: Iterable[LayoutCount]) -> tuple[LayoutCount, ...]:
    gathered: dict[str, LayoutCount] = {}
    for layout in layouts:
        known = gathered.get(layout.name)
        gathered[layout.name] = (
            layout
            if known is None
            else LayoutCount(
                name=layout.name,
                modules=known.modules + layout.modules,
                low=known.low + layout.low,
                high=known.high + layout.high,
                stored_bytes=known.stored_bytes + layout.stored_bytes,
                elements=known.elements + layout.elements,
            )
        )
    return tuple(sorted(gathered.values(), key=lambda layout: -layout.high))


def _is_embedding(group: Group) -> bool:
    return group.role is Role.EMBEDDING or group.output


def _amount(bucket: Bucket, count: int, role: Role) -> Amount:
    elements = prod(bucket.shape)
    low = high = 0
    if bucket.mark is not None and bucket.mark.role is None:
        low, high = bucket.mark.low, bucket.mark.high
    elif role in PARAMETER_ROLES:
        low = high = elements
    return Amount(
        tensors=count,
        elements=count * elements,
        stored_bytes=count * bucket.dtype.bytes_up_to(elements),
        low=count * low,
        high=count * high,
    )


def _count(groups: Iterable[Group]) -> int:
    return sum(group.count for group in groups)


def _layouts(amounts: Mapping[Bucket, Amount]) -> tuple[LayoutCount, ...]:
    """The packings that buckets are marked with, the largest first."""
    weights: dict[str, Amount] = {}
    stored: dict[str, int] = {}
    for bucket, amount in amounts.items():
        mark = bucket.mark
        if mark is None or not mark.layout:
            continue
        stored[mark.layout] = stored.get(mark.layout, 0) + amount.stored_bytes
        if mark.role is None:
            weights[mark.layout] = weights.get(mark.layout, Amount()) + amount
    return tuple(
        LayoutCount(
            name=name,
            modules=amount.tensors,
            low=amount.low,
            high=amount.high,
            stored_bytes=stored[name],
            elements=amount.elements,
        )
        for name, amount in sorted(weights.items(), key=lambda item: -item[1].high)
    )


def _groups(amounts: Mapping[Bucket, Amount], rules: Mapping[Bucket, Rule]) -> tuple[Group, ...]:
    """Buckets gathered by rule, largest first. A group's pattern is its largest bucket's."""
    gathered: dict[tuple[str, Role, bool, bool], list[Bucket]] = {}
    for bucket in amounts:
        rule = rules[bucket]
        gathered.setdefault((rule.name, rule.role, rule.trainable, bucket.mtp), []).append(bucket)
    groups = [
        _group(buckets, rules[buckets[0]], amounts, mtp=mtp)
        for (_, _, _, mtp), buckets in gathered.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.name)))


def _group(
    buckets: list[Bucket], rule: Rule, amounts: Mapping[Bucket, Amount], *, mtp: bool
) -> Group:
    largest = max(buckets, key=lambda bucket: (amounts[bucket].high, amounts[bucket].elements))
    return Group(
        name=rule.name,
        role=rule.role,
        trainable=rule.trainable,
        amount=sum((amounts[bucket] for bucket in buckets), start=Amount()),
        pattern=largest.pattern,
        reason=rule.reason,
        head=rule.head,
        mtp=mtp,
        output=rule.output,
    )


_WITHOUT: Final[tuple[tuple[str, str, Callable[[Group], bool]], ...]] = (
    # key, name, what is left out of the total
    ("trainable", "trainable parameters", lambda g: not g.trainable),
    ("non_embedding", "parameters without embeddings", _is_embedding),
    (
        "without_input_embedding",
        "parameters without the input embeddings",
        lambda g: g.role is Role.EMBEDDING,
    ),
    ("without_mtp", "parameters without the multi-token-prediction module", lambda g: g.mtp),
    ("backbone", "the backbone alone, without heads", lambda g: g.head or g.mtp),
)


def counts_of(tally_: Tally) -> tuple[Count, ...]:
    """Every honest count of the checkpoint, the total first; none that repeats another's value.

    Empty where the logical count is not known, but for the stored elements.
    """
    counts: list[Count] = []
    parameters = [group for group in tally_.groups if group.role in PARAMETER_ROLES]
    if tally_.total is not None:
        counts.append(Count(key="total", name="all parameters", value=tally_.total))
        for key, name, leaves_out in _WITHOUT:
            left_out = tuple(group for group in parameters if leaves_out(group))
            if left_out or key in {"trainable", "non_embedding"}:
                value = tally_.total - _count(left_out)
                counts.append(Count(key=key, name=name, value=value, differs_by=left_out))
    counts.extend(_stored_counts(tally_))
    return tuple(counts)


def _stored_counts(tally_: Tally) -> Iterable[Count]:
    extra = tuple(group for group in tally_.groups if group.role not in PARAMETER_ROLES)
    copies = tuple(group for group in extra if group.role is Role.TIED_COPY)
    if tally_.total is not None and copies and copies != extra:
        yield Count(
            key="with_tied_copies",
            name="parameters with tied copies counted twice",
            value=tally_.total + tally_.tied_copies,
            differs_by=copies,
        )
    if extra or tally_.layouts:
        packed = any(layout.packs for layout in tally_.layouts)
        yield Count(
            key="stored",
            name="every stored element" + (", packed ones as one weight" if packed else ""),
            value=tally_.stored.elements,
            differs_by=extra,
        )
    if tally_.scalars:
        yield Count(
            key="stored_without_scalars",
            name="every stored element but single numbers",
            value=tally_.stored.elements - tally_.scalars,
            differs_by=extra,
        )

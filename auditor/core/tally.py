"""Our count: by role, dtype and group, and every honest way to count the same checkpoint."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

from auditor.core.roles import PARAMETER_ROLES, Assignment, Bucket, Role, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How many tensors, elements and bytes."""

    tensors: int = 0
    elements: int = 0
    stored_bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            tensors=self.tensors + other.tensors,
            elements=self.elements + other.elements,
            stored_bytes=self.stored_bytes + other.stored_bytes,
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
    active: int | None = None
    total_range: tuple[int, int] | None = None  # lowest and highest, where `total` is not known

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
    amounts = {bucket: _amount(bucket, count) for bucket, count in assignment.counts.items()}
    by_role: dict[Role, Amount] = {}
    by_dtype: dict[str, Amount] = {}
    for bucket, amount in amounts.items():
        role = assignment.rules[bucket].role
        by_role[role] = by_role.get(role, Amount()) + amount
        dtype = bucket.dtype.name
        by_dtype[dtype] = by_dtype.get(dtype, Amount()) + amount
    groups = _groups(amounts, assignment.rules)
    parameters = [group for group in groups if group.role in PARAMETER_ROLES]
    known = complete and Role.PACKED not in by_role
    return Tally(
        stored=sum(by_role.values(), start=Amount()),
        by_dtype=dict(sorted(by_dtype.items(), key=lambda item: -item[1].stored_bytes)),
        by_role={role: by_role[role] for role in Role if role in by_role},
        groups=groups,
        scalars=sum(amount.tensors for bucket, amount in amounts.items() if not bucket.shape),
        total=_elements(parameters) if known else None,
        trainable=_elements(g for g in parameters if g.trainable) if known else None,
        frozen=_elements(g for g in parameters if not g.trainable) if known else None,
        embedding=_elements(g for g in parameters if _is_embedding(g)) if known else None,
        tied_copies=by_role.get(Role.TIED_COPY, Amount()).elements,
        buffers=by_role.get(Role.BUFFER, Amount()).elements,
        auxiliary=by_role.get(Role.AUXILIARY, Amount()).elements,
    )


def _is_embedding(group: Group) -> bool:
    return group.role is Role.EMBEDDING or group.output


def _amount(bucket: Bucket, count: int) -> Amount:
    elements = prod(bucket.shape)
    return Amount(
        tensors=count,
        elements=count * elements,
        stored_bytes=count * bucket.dtype.bytes_for(elements),
    )


def _elements(groups: Iterable[Group]) -> int:
    return sum(group.amount.elements for group in groups)


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
    return tuple(sorted(groups, key=lambda group: (-group.amount.elements, group.name)))


def _group(
    buckets: list[Bucket], rule: Rule, amounts: Mapping[Bucket, Amount], *, mtp: bool
) -> Group:
    largest = max(buckets, key=lambda bucket: amounts[bucket].elements)
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
                value = tally_.total - _elements(left_out)
                counts.append(Count(key=key, name=name, value=value, differs_by=left_out))
    counts.extend(_stored_counts(tally_))
    if tally_.active is not None:
        counts.append(Count(key="active", name="active parameters", value=tally_.active))
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
    if extra:
        yield Count(
            key="stored",
            name="every stored element",
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

"""Why two counts of one checkpoint differ, to the last element: the tensors that make it up."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from auditor.core.roles import PARAMETER_ROLES, Role
from auditor.core.tally import Count, Group

MOST_NAMED: Final = 4  # groups named one by one; the others as a number
_PERCENT: Final = 100
_HUNDREDTHS: Final = 10_000

_ROLE_NAMES: Final = {
    Role.WEIGHT: "the weights",
    Role.BIAS: "the biases",
    Role.NORM: "the norms",
    Role.EMBEDDING: "the embeddings",
    Role.HEAD: "the heads",
    Role.EXPERT: "the experts",
    Role.ADAPTER: "the adapters",
    Role.BUFFER: "buffers",
    Role.TIED_COPY: "tied copies",
    Role.AUXILIARY: "a quantiser's bookkeeping",
    Role.PACKED: "packed weights",
}


def signed_percent(share: Fraction) -> str:
    """`share` in percent: one decimal from 1 % upwards, two below, and words below those."""
    if share and abs(share) * _HUNDREDTHS < 1:
        return f"{'+' if share > 0 else '-'}less than 0.01 %"
    decimals = 1 if abs(share) * _PERCENT >= 1 else 2
    steps = _half_away(share * _PERCENT * 10**decimals)
    whole, rest = divmod(abs(steps), 10**decimals)
    return f"{'-' if steps < 0 else '+'}{whole:,}.{rest:0{decimals}} %"


def _half_away(number: Fraction) -> int:
    doubled = (2 * abs(number.numerator) + number.denominator) // (2 * number.denominator)
    return doubled if number >= 0 else -doubled


def explain_difference(difference: int, groups: Sequence[Group]) -> str:
    """What a figure does that is off by `difference` (what there is less what is documented).

    Continues a sentence that begins with the figure: "counts 12,582,912 that are causal masks
    (h.*.attn.bias), not parameters". Empty where no group, and no whole role, makes up the
    difference to the last element. Groups are never combined in other ways: among enough sums
    there is always one that fits.
    """
    if difference == 0:
        return ""
    elements = abs(difference)
    if difference > 0:
        left_out = _made_up_of(elements, [g for g in groups if g.role in PARAMETER_ROLES])
        return f"leaves out {_named(elements, *left_out)}" if left_out else ""
    others = [g for g in groups if g.role not in PARAMETER_ROLES]
    added = _made_up_of(elements, others) or _sum_of("", elements, others)
    if added:
        return f"counts {_no_parameters(elements, added[1])}"
    doubled = _made_up_of(elements, [g for g in groups if g.role is Role.EMBEDDING or g.output])
    return f"counts twice {_named(elements, *doubled)}" if doubled else ""


_Found = tuple[str, tuple[Group, ...]]
_KINDS: Final[tuple[tuple[str, Callable[[Group], bool]], ...]] = (
    ("the heads", lambda group: group.head),
    ("the multi-token-prediction module", lambda group: group.mtp),
    ("what is frozen", lambda group: not group.trainable),
)


def _made_up_of(elements: int, groups: Sequence[Group]) -> _Found | None:
    """The single group, or else all groups of one kind, that hold exactly `elements`."""
    return next(_fitting(elements, groups), None)


def _fitting(elements: int, groups: Sequence[Group]) -> Iterator[_Found]:
    for group in groups:
        if group.count == elements:
            yield "", (group,)
    for name, belongs in _KINDS:
        if found := _sum_of(name, elements, [group for group in groups if belongs(group)]):
            yield found
    for role, name in _ROLE_NAMES.items():
        if found := _sum_of(name, elements, [group for group in groups if group.role is role]):
            yield found


def _sum_of(name: str, elements: int, groups: Sequence[Group]) -> _Found | None:
    whole = sum(group.count for group in groups)
    return (name, tuple(groups)) if whole == elements else None


def _named(elements: int, name: str, groups: Sequence[Group]) -> str:
    if len(groups) == 1:
        return f"{elements:,}: {groups[0].name} ({groups[0].pattern})"
    return f"{elements:,}: {name} ({_listed(groups)})"


def _no_parameters(elements: int, groups: Sequence[Group]) -> str:
    if len(groups) > 1:
        return f"{elements:,} that are no parameters ({_listed(groups)})"
    return f"{elements:,} that are {groups[0].name} ({groups[0].pattern}), not parameters"


def _listed(groups: Sequence[Group]) -> str:
    largest = sorted(groups, key=lambda group: -group.count)
    parts = [f"{group.name} {group.count:,}" for group in largest[:MOST_NAMED]]
    if len(groups) > MOST_NAMED:
        parts.append(f"{len(groups) - MOST_NAMED} more")
    return " · ".join(parts)


def counted_otherwise(count: Count, total: int | None) -> str:
    """What a figure counts that is `count` and not the total, and what separates the two.

    "counts every stored element: 12,582,912 of them are causal masks (h.*.attn.bias), not
    parameters". The groups are named only where they make up the difference to the last element.
    """
    sentence = f"counts {count.name}"
    difference = 0 if total is None else count.value - total
    groups = count.differs_by
    if not difference or sum(g.count for g in groups) != abs(difference):
        return sentence
    if difference < 0:
        return f"{sentence}: {-difference:,} fewer than the total ({_listed(groups)})"
    if len(groups) == 1:
        only = groups[0]
        return (
            f"{sentence}: {difference:,} of them are {only.name} ({only.pattern}), not parameters"
        )
    return f"{sentence}: {difference:,} of them are no parameters ({_listed(groups)})"

"""Hold each claim against the count it is about, judge it, and say why it differs.

The order of the tests is the order of `verdict.SEVERITY`: the first that holds is the verdict. All
of it is integer arithmetic: a figure of value v whose last digit is worth u is what n rounds to
where v - u/2 <= n < v + u/2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from auditor.core.claims import Claim, Quantity, Scope, Tolerance
from auditor.core.differences import counted_otherwise, explain_difference, signed_percent
from auditor.core.tally import Count, Group
from auditor.core.verdict import DEFAULT_POLICY, SEVERITY, Policy, Verdict, agrees


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One claim, judged. `difference` is what there really is less what is documented."""

    claim: Claim
    verdict: Verdict
    actual: int | None
    explanation: str
    deciding: bool = True  # counts towards the model's verdict

    @property
    def difference(self) -> int | None:
        return None if self.actual is None else self.actual - self.claim.quantity.value


class Strength(StrEnum):
    """How hard it is for another count to give the figure by chance."""

    STRONG = "strong"
    MODERATE = "moderate"
    WEAK = "weak"


# The counts that a scope may mean, by key; the first is the usual one. A claim is held against the
# one that fits it best. Active parameters are counted with and without the input embedding, and
# both are honest: Mixtral's 12.9B has it, gpt-oss's 3.6B has not.
COUNTS_OF_SCOPE: Final = {
    Scope.TOTAL: ("total",),
    Scope.TRAINABLE: ("trainable",),
    Scope.ACTIVE: (
        "active",
        "active_without_input_embedding",
        "active_without_embeddings",
    ),
    Scope.NON_EMBEDDING: ("non_embedding",),
    Scope.ADAPTER: ("adapter",),
}
COMPONENT: Final = "component:"  # the key of a part's own count begins with it
_UNKNOWN: Final = {
    Scope.TOTAL: "how many parameters there are is not known",
    Scope.TRAINABLE: "how many parameters are trainable is not known",
    Scope.ACTIVE: "how many parameters are active is not known",
    Scope.NON_EMBEDDING: "how many parameters are no embeddings is not known",
    Scope.ADAPTER: "the adapter is not counted apart",
}
_DIGIT_WORDS: Final = ("no digit", "one digit", "two digits", "three digits", "four digits")


def compare(
    claim: Claim,
    counts: Sequence[Count],
    policy: Policy = DEFAULT_POLICY,
    *,
    groups: Sequence[Group] = (),
) -> Comparison:
    """`claim` against the one of `counts` that it is about.

    `groups` are those of the tally: they name what makes up a difference, to the last element.
    """
    if claim.scope is Scope.OTHER_MODEL:
        about = f"about {claim.detail}" if claim.detail else "about another model"
        return _not_judged(claim, Verdict.NOT_COMPARED, about)
    meant = _counts_meant(claim, counts)
    if not meant:
        return _not_judged(claim, Verdict.UNVERIFIABLE, _why_unverifiable(claim, counts))
    evidence = _Evidence(counts=counts, groups=groups, policy=policy)
    judged = [_against(claim, count, meant, evidence) for count in meant]
    return min(judged, key=lambda comparison: SEVERITY.index(comparison.verdict))


def judge(comparisons: Sequence[Comparison], *, total: int | None) -> Verdict:
    """The model's verdict: the worst of those that decide.

    Where none does, it is `unverifiable` if the total is not known or no figure could be compared,
    and `undocumented` if there was none.
    """
    deciding = [comparison.verdict for comparison in comparisons if comparison.deciding]
    if deciding:
        return max(deciding, key=SEVERITY.index)
    unverifiable = any(
        comparison.verdict is Verdict.UNVERIFIABLE and comparison.claim.certain
        for comparison in comparisons
    )
    return Verdict.UNVERIFIABLE if total is None or unverifiable else Verdict.UNDOCUMENTED


def agreement(figure: Quantity, count: int, policy: Policy = DEFAULT_POLICY) -> Verdict | None:
    """How `figure` is a way to write `count`; None where it is none."""
    value, unit = figure.value, figure.unit
    if unit == 1 and count == value:
        return Verdict.EXACT
    if figure.looks_exact:
        return None
    if _rounds_to(count, value, unit):
        return Verdict.ROUNDS
    if (
        _rounds_to(count, value, figure.padded_unit)
        and abs(count - value) <= policy.loosely * value
    ):
        return Verdict.ROUNDS_LOOSELY
    if value <= count < value + unit and count - value <= policy.truncated * value:
        return Verdict.TRUNCATED
    return None


def _agreement(claim: Claim, count: int, policy: Policy) -> Verdict | None:
    """How a claim agrees with `count`: within its own tolerance, where it has one."""
    verdict = agreement(claim.quantity, count, policy)
    if claim.tolerance is None:
        return verdict
    if not _is_within(claim.tolerance, claim.quantity, count):
        return None
    return verdict or Verdict.NEAR


def _is_within(tolerance: Tolerance, figure: Quantity, count: int) -> bool:
    return abs(count - figure.value) <= tolerance.parameters


def coincidence(figure: Quantity, candidates: int) -> Fraction:
    """The chance that one of `candidates` counts of about this size rounds to `figure`."""
    return min(Fraction(candidates * figure.unit, figure.value), Fraction(1))


def strength(chance: Fraction, policy: Policy = DEFAULT_POLICY) -> Strength:
    if chance < policy.strong_coincidence:
        return Strength.STRONG
    return Strength.MODERATE if chance < policy.moderate_coincidence else Strength.WEAK


def _rounds_to(count: int, value: int, unit: int) -> bool:
    return 2 * value - unit <= 2 * count < 2 * value + unit


def _counts_meant(claim: Claim, counts: Sequence[Count]) -> tuple[Count, ...]:
    if claim.scope is Scope.COMPONENT:  # a component is counted under its own name, if at all
        keys: tuple[str, ...] = (f"{COMPONENT}{claim.detail}", claim.detail)
    else:
        keys = COUNTS_OF_SCOPE[claim.scope]
    return tuple(count for key in keys for count in counts if count.key == key)


def _not_judged(claim: Claim, verdict: Verdict, explanation: str) -> Comparison:
    return Comparison(
        claim=claim, verdict=verdict, actual=None, explanation=explanation, deciding=False
    )


def _why_unverifiable(claim: Claim, counts: Sequence[Count]) -> str:
    reason = _UNKNOWN.get(claim.scope) or f"{claim.detail or 'this part'} is not counted apart"
    if claim.scope is Scope.TOTAL and any(count.key == "adapter" for count in counts):
        reason = "it may be about the base model, which was not counted with the adapter"
    equal = next((count for count in counts if count.value == claim.quantity.value), None)
    return f"{reason}; the figure equals {equal.name}" if equal else reason


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """What every claim of one model is held against."""

    counts: Sequence[Count]
    groups: Sequence[Group]
    policy: Policy

    @property
    def total(self) -> int | None:
        return next((count.value for count in self.counts if count.key == "total"), None)


def _against(claim: Claim, count: Count, meant: Sequence[Count], evidence: _Evidence) -> Comparison:
    verdict = _agreement(claim, count.value, evidence.policy)
    if verdict is not None:
        explanation = _agreeing(verdict, claim, count.value)
        if count.key != meant[0].key:
            explanation = f"{count.name}: {explanation}"
    else:
        others = tuple(_others(meant, evidence.counts))
        verdict, explanation = _disagreeing(claim, count, others, evidence)
    return Comparison(
        claim=claim,
        verdict=verdict,
        actual=count.value,
        explanation=explanation,
        deciding=claim.certain and _may_decide(claim, verdict, count.value, evidence.policy),
    )


def _may_decide(claim: Claim, verdict: Verdict, count: int, policy: Policy) -> bool:
    """A label decides where it agrees, and where it is so far off that no class has that name."""
    if not claim.label or agrees(verdict):
        return True
    smaller, larger = sorted((claim.quantity.value, count))
    return larger > policy.label_factor * smaller


def _agreeing(verdict: Verdict, claim: Claim, count: int) -> str:
    figure = claim.quantity
    if verdict is Verdict.NEAR and claim.tolerance is not None:
        return f"{_how_far(figure, count)}; within the tolerance of {claim.tolerance.written}"
    if verdict is Verdict.EXACT:
        return "equal to the last parameter"
    if verdict is Verdict.ROUNDS:
        return f"{count:,} to {_digits(figure.digits)}"
    if verdict is Verdict.TRUNCATED:
        return f"{count:,} with the last digits cut off, not rounded"
    return f"{count:,} is {figure.written} only to {_digits(figure.padded_digits)}"


def _digits(number: int) -> str:
    return _DIGIT_WORDS[number] if number < len(_DIGIT_WORDS) else f"{number} digits"


def _others(meant: Sequence[Count], counts: Sequence[Count]) -> Iterator[Count]:
    """The counts that are not meant, each value once."""
    seen = {count.value for count in meant}
    for other in counts:
        if other.value not in seen:
            seen.add(other.value)
            yield other


def _disagreeing(
    claim: Claim, count: Count, others: Sequence[Count], evidence: _Evidence
) -> tuple[Verdict, str]:
    figure, policy = claim.quantity, evidence.policy
    other = _other_that_gives(claim, others, policy)
    chance = coincidence(figure, len(others))
    if other and (other.value == figure.value or strength(chance, policy) is not Strength.WEAK):
        return Verdict.OTHER_SCOPE, _other_scope(figure, other, chance, evidence)
    reasons = [_how_far(figure, count.value)]
    if claim.label:
        reasons.insert(0, "a label, not a count")
    elif claim.tolerance is not None:
        reasons.append(f"beyond the tolerance of {claim.tolerance.written}")
    elif figure.looks_exact:
        reasons.append("a figure written to the last digit claims to be exact")
    explained = explain_difference(count.value - figure.value, evidence.groups)
    if explained:
        reasons.append(f"it {explained}")
    if other:
        reasons.append(
            f"{other.name}, {other.value:,}, would round to it ({_odds(chance, policy)})"
        )
    elif part := _nearest_part(figure, evidence.counts):
        reasons.append(part)
    near = abs(count.value - figure.value) <= policy.near * figure.value
    if claim.tolerance is not None or figure.looks_exact:
        near = False
    return Verdict.NEAR if near else Verdict.MISMATCH, "; ".join(reasons)


def _other_that_gives(claim: Claim, others: Sequence[Count], policy: Policy) -> Count | None:
    """The count that is the figure or rounds to it, the closest if there are several.

    Never a sum of components: among enough sums there is always one that fits.
    """
    giving = [
        other
        for other in others
        if _agreement(claim, other.value, policy) in {Verdict.EXACT, Verdict.ROUNDS}
    ]
    return min(giving, key=lambda other: abs(other.value - claim.quantity.value), default=None)


def _nearest_part(figure: Quantity, counts: Sequence[Count]) -> str:
    """Which part of a pipeline comes nearest, where the figure is neither the whole's nor a part's.

    Said, and not held for an explanation: among enough parts one is always near.
    """
    parts = [count for count in counts if count.key.startswith(COMPONENT)]
    if not parts:
        return ""
    nearest = min(parts, key=lambda part: abs(part.value - figure.value))
    share = signed_percent(Fraction(nearest.value - figure.value, figure.value))
    return f"no part has it either: {nearest.name}, the nearest, has {nearest.value:,} ({share})"


def _other_scope(figure: Quantity, other: Count, chance: Fraction, evidence: _Evidence) -> str:
    sentence = counted_otherwise(other, evidence.total)
    if other.value == figure.value:
        return sentence
    return f"{sentence}; {other.value:,} rounds to the figure ({_odds(chance, evidence.policy)})"


def _odds(chance: Fraction, policy: Policy) -> str:
    return f"{strength(chance, policy)}: {signed_percent(chance).removeprefix('+')} by chance"


def _how_far(figure: Quantity, count: int) -> str:
    more = "more" if count > figure.value else "fewer"
    share = signed_percent(Fraction(count - figure.value, figure.value))
    return f"{abs(count - figure.value):,} {more} than documented ({share})"

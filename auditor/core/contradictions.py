"""Claims that cannot all be right, whatever the count is."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

from auditor.core.claims import Claim, Scope
from auditor.core.findings import Finding, Severity
from auditor.core.verdict import DEFAULT_POLICY, Policy

CODE: Final = "claims-contradict"
MAX_SHOWN: Final = 6  # claims in one message


def contradictions(claims: Iterable[Claim], policy: Policy = DEFAULT_POLICY) -> tuple[Finding, ...]:
    """A finding for every scope of which two claims leave no count that could be both.

    Labels are left out, and what nobody saw in its source: neither documents a count.
    """
    by_scope: dict[tuple[Scope, str], list[Claim]] = {}
    for claim in claims:
        if claim.certain and not claim.label and claim.scope is not Scope.OTHER_MODEL:
            by_scope.setdefault((claim.scope, claim.detail), []).append(claim)
    return tuple(
        _finding(scope, detail, told)
        for (scope, detail), told in by_scope.items()
        if any(not _compatible(one, two, policy) for one, two in combinations(told, 2))
    )


def _compatible(one: Claim, two: Claim, policy: Policy) -> bool:
    """Whether some count could be called by both figures."""
    (low, high), (other_low, other_high) = _range(one, policy), _range(two, policy)
    return max(low, other_low) <= min(high, other_high)


def _range(claim: Claim, policy: Policy) -> tuple[int, int]:
    """Twice the least and twice the largest count that may be called by the figure."""
    figure = claim.quantity
    if claim.tolerance is not None:
        off = 2 * claim.tolerance.parameters
        return 2 * figure.value - off, 2 * figure.value + off
    if figure.looks_exact:
        return 2 * figure.value, 2 * figure.value
    loosely = min(figure.padded_unit, max(figure.unit, int(2 * policy.loosely * figure.value)))
    cut_off = min(2 * figure.unit, int(2 * policy.truncated * figure.value))
    return 2 * figure.value - loosely, 2 * figure.value + max(loosely, cut_off)


def _finding(scope: Scope, detail: str, told: Sequence[Claim]) -> Finding:
    different = {claim.quantity.value: claim for claim in reversed(told)}
    shown = [f"{claim.quantity.written} ({claim.where})" for claim in different.values()]
    shown.reverse()
    rest = f" and {len(shown) - MAX_SHOWN} more" if len(shown) > MAX_SHOWN else ""
    what = detail or scope.value.replace("_", "-")
    return Finding(
        code=CODE,
        severity=Severity.WARNING,
        message=(
            f"documented figures of the {what} contradict each other:"
            f" {', '.join(shown[:MAX_SHOWN])}{rest}; no count could be all of them"
        ),
    )

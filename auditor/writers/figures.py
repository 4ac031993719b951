"""What is documented: each figure, who says so, and how it stands to the count."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from auditor.core.claims import Claim, ClaimSource, Scope
from auditor.core.comparison import Comparison
from auditor.core.differences import signed_percent
from auditor.core.record import AuditRecord
from auditor.core.verdict import Verdict
from auditor.writers.escape import line
from auditor.writers.words import MAX_PLACE, MAX_TEXT, Tone, word

_SOURCES: Final = {
    ClaimSource.CARD: "model card",
    ClaimSource.NAME: "name",
    ClaimSource.HUB: "Hub",
    ClaimSource.INDEX: "shard index",
    ClaimSource.HEADER: "file metadata",
    ClaimSource.REGISTRY: "",  # the citation says it all
    ClaimSource.LIST: "your list",
}

_SCOPES: Final = {
    Scope.TOTAL: "",
    Scope.TRAINABLE: "trainable",
    Scope.ACTIVE: "active",
    Scope.NON_EMBEDDING: "without embeddings",
    Scope.COMPONENT: "",
    Scope.ADAPTER: "adapter",
    Scope.OTHER_MODEL: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """One documented figure: the figure, who says so, and how it stands to the count."""

    figure: str
    source: str
    verdict: str
    reason: str
    tone: Tone


def figure(claim: Claim) -> str:
    """The figure as it was written, with what it counts if that is not the whole model."""
    named = claim.scope in {Scope.COMPONENT, Scope.OTHER_MODEL}
    scope = claim.detail if named else _SCOPES[claim.scope]
    return line(f"{claim.quantity.written} {scope}", MAX_PLACE)


def share(comparison: Comparison) -> str:
    """`-1.4 %`: the real count less the documented figure; empty where it is not known."""
    documented_value = comparison.claim.quantity.value
    if comparison.difference is None or not documented_value:
        return ""
    return signed_percent(Fraction(comparison.difference, documented_value))


def documented(record: AuditRecord, *, everything: bool) -> tuple[Documented, ...]:
    """Each figure with its reason; those about other models only where everything is asked for."""
    return tuple(
        _documented(comparison)
        for comparison in record.comparisons
        if everything or comparison.verdict is not Verdict.NOT_COMPARED
    )


def _documented(comparison: Comparison) -> Documented:
    _, tone = word(comparison.verdict)
    verdict = comparison.verdict.value.replace("-", " ")
    reason = line(comparison.explanation, MAX_TEXT)
    return Documented(
        figure=figure(comparison.claim),
        source=_source(comparison.claim),
        verdict=verdict,
        reason=reason.removeprefix(verdict).lstrip(" :,;"),
        tone=tone if comparison.deciding else Tone.ASIDE,
    )


def _source(claim: Claim) -> str:
    who = _SOURCES[claim.source]
    where = line(claim.where, MAX_PLACE)
    if claim.source is ClaimSource.CARD:
        where = where.removeprefix("README.md").lstrip(" ,:")
    elif claim.source in {ClaimSource.HUB, ClaimSource.NAME}:
        where = ""  # there is only one such place
    return ", ".join(part for part in (who, where) if part)

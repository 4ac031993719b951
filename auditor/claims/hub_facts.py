"""What the Hub itself says: the total in its model information, and whether that adds up.

`safetensors.total` and `safetensors.parameters` of `/api/models/{id}` (huggingface_hub
`hf_api.py`, SafeTensorsInfo). The Hub counts elements; buffers and tied copies are in it.
"""

from typing import Final

from auditor.core.claims import Claim, ClaimSource, Published, Scope, exact_quantity
from auditor.core.findings import Finding, Severity
from auditor.core.repository import HubFacts

name: Final = "hub"
WHERE: Final = "Hub, safetensors.total"


def read(published: Published) -> tuple[Claim, ...]:
    facts = published.repository.hub
    if facts is None or facts.total is None or facts.total <= 0:
        return ()
    claim = Claim(
        text=f"{facts.total:,}",
        quantity=exact_quantity(facts.total),
        scope=Scope.TOTAL,
        source=ClaimSource.HUB,
        where=WHERE,
    )
    return (claim,)


def hub_findings(facts: HubFacts | None) -> tuple[Finding, ...]:
    """What is odd about the Hub's own figures: a total that is not the sum of its parts."""
    if facts is None or facts.total is None or not facts.parameters:
        return ()
    parts = sum(facts.parameters.values())
    if parts == facts.total:
        return ()
    listed = ", ".join(f"{dtype} {count:,}" for dtype, count in facts.parameters.items())
    finding = Finding(
        code="hub-total-inconsistent",
        severity=Severity.WARNING,
        message=(
            f"the Hub says {facts.total:,} in all, and {parts:,} by dtype ({listed}):"
            f" {abs(facts.total - parts):,} apart"
        ),
    )
    return (finding,)

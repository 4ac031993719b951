"""What is published: every reader of documented figures."""

from collections.abc import Sequence
from typing import Final

from auditor.claims import card, hub_facts, index_file, name, registry
from auditor.claims.card import card_findings
from auditor.claims.hub_facts import hub_findings
from auditor.core.protocols import ClaimReader

__all__ = ["READERS", "card_findings", "hub_findings"]

READERS: Final[Sequence[ClaimReader]] = (card, hub_facts, index_file, name, registry)

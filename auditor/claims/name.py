"""The size in the repository's name, as a label."""

from typing import Final

from auditor.claims.model_names import labels
from auditor.core.claims import Claim, ClaimSource, Published

name: Final = "name"
WHERE: Final = "the repository's name"
ADAPTER_CONFIG: Final = (
    "adapter_config.json"  # PEFT's; an adapter is named after the model it adapts
)


def read(published: Published) -> tuple[Claim, ...]:
    repository = published.repository
    if repository.file(ADAPTER_CONFIG) is not None:
        return ()
    return tuple(
        Claim(
            text=label.quantity.written,
            quantity=label.quantity,
            scope=label.scope,
            source=ClaimSource.NAME,
            where=WHERE,
            detail=label.detail,
            label=True,
        )
        for label in labels(repository.repo_id)
    )

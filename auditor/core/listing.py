"""What the Hub lists without a look into any repository: a thousand models a request."""

from dataclasses import dataclass, field
from typing import Final

from auditor.core.repository import HubFacts

MAX_LISTED: Final = 10_000_000  # four times as many models as the Hub has


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which models to list. Fields that are empty ask for nothing.

    `filters` are tags, all of which must hold. `sort` is a field of the Hub's, largest first.
    `collection` is a collection's slug; it stands alone.
    """

    author: str = ""
    search: str = ""
    task: str = ""
    library: str = ""
    filters: tuple[str, ...] = ()
    sort: str = ""
    limit: int | None = None
    collection: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One model as a list shows it. `gguf_total` is what the Hub read of a GGUF file."""

    repo_id: str
    commit: str | None = None
    facts: HubFacts = field(default_factory=HubFacts)
    model_type: str = ""
    architectures: tuple[str, ...] = ()
    quantised_by: str = ""  # the config's quantisation method; empty where it names none
    gguf_total: int | None = None
    gguf_architecture: str = ""
    disabled: bool = False
    downloads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """Where a model is now: its present name and the commit of the revision asked for."""

    repo_id: str
    commit: str

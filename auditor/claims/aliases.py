"""The ids that one model goes by."""

from typing import Final

# These organisations took over models that had a bare name until 2024; the Hub still redirects
# the old ids (`bert-base-uncased`).
LEGACY_ORGANISATIONS: Final = (
    "FacebookAI",
    "distilbert",
    "google-bert",
    "google-t5",
    "openai-community",
)
_LEGACY: Final = frozenset(each.lower() for each in LEGACY_ORGANISATIONS)


def ids_of(repo_id: str) -> frozenset[str]:
    """The ids that the model at `repo_id` goes by, in lower case: the Hub finds any case."""
    wanted = repo_id.lower()
    organisation, slash, bare = wanted.partition("/")
    return frozenset((wanted, bare) if slash and organisation in _LEGACY else (wanted,))

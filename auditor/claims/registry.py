"""Published figures with their citations: `registry.csv`, one row for each place that says one.

    model       the id on the Hub, as it is now
    figure      as written: 340M, 1.5 billion, 6,053,381,344
    scope       what it counts
    source      paper with section or table, or repository with file
    date        of the source, year-month-day
    certainty   seen: read in the source · unseen: known from elsewhere · retracted by its authors

Only rows that were seen decide a verdict.
"""

import csv
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from auditor.claims.figures import read_figure
from auditor.core.claims import Claim, ClaimSource, Published, Quantity, Scope
from auditor.core.repository import Origin

name: Final = "registry"

# These organisations took over models that had a bare name until 2024; the Hub still redirects
# the old ids (`bert-base-uncased`).
LEGACY_ORGANISATIONS: Final = (
    "FacebookAI",
    "distilbert",
    "google-bert",
    "google-t5",
    "openai-community",
)


class Certainty(StrEnum):
    """Whether a figure was read in its source."""

    SEEN = "seen"
    UNSEEN = "unseen"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFigure:
    """One row of the registry."""

    model: str
    quantity: Quantity
    scope: Scope
    source: str
    date: str
    certainty: Certainty

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids the model goes by, today's first."""
        organisation, _, bare = self.model.partition("/")
        return (self.model, bare) if organisation in LEGACY_ORGANISATIONS else (self.model,)


def parse_registry(lines: Iterable[str]) -> tuple[PublishedFigure, ...]:
    """The rows of a registry. Raises ValueError with the line number for a row that is none."""
    rows = csv.DictReader(lines)
    parsed = []
    for row in rows:
        try:
            parsed.append(
                PublishedFigure(
                    model=row["model"],
                    quantity=read_figure(row["figure"]),
                    scope=Scope(row["scope"]),
                    source=row["source"],
                    date=row["date"],
                    certainty=Certainty(row["certainty"]),
                )
            )
        except (KeyError, ValueError) as error:
            raise ValueError(f"registry.csv, line {rows.line_num}: {error}") from error
    return tuple(parsed)


@cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """Every row of the registry that ships with the package."""
    content = pkgutil.get_data("auditor.claims", "registry.csv") or b""
    return parse_registry(content.decode("utf-8").splitlines())


def read(published: Published) -> tuple[Claim, ...]:
    """The figures published of this model. A folder's name proves nothing, so it has none."""
    repository = published.repository
    if repository.origin is Origin.FOLDER:
        return ()
    wanted = repository.repo_id.lower()  # the Hub finds ids whatever their case
    return tuple(
        _claim(figure)
        for figure in published_figures()
        if wanted in {each.lower() for each in figure.ids}
    )


def _claim(figure: PublishedFigure) -> Claim:
    note = "" if figure.certainty is Certainty.SEEN else f" ({figure.certainty})"
    return Claim(
        text=figure.quantity.written,
        quantity=figure.quantity,
        scope=figure.scope,
        source=ClaimSource.REGISTRY,
        where=figure.source + note,
        certain=figure.certainty is Certainty.SEEN,
    )

"""Published figures with their citations: `registry.csv`, one row for each place that says one.

    model       the id on the Hub, as it is now; or the name of a system that is not there
    figure      as written: 340M, 1.5 billion, 6,053,381,344
    scope       what it counts
    detail      which component, where it counts one: unet, text_encoder
    source      paper with section or table, or repository with file; `by others:` and `rumour:`
                begin a source that is not the makers' own
    date        of the source, as exactly as it is known: 2018-10-11, 2023-06, 2022
    certainty   seen: read in the makers' own source, or in a copy of it
                unseen: not read there, or said by others alone
                retracted: taken back by its authors

Only rows that were seen decide a verdict.
"""

import csv
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from auditor.claims.aliases import ids_of
from auditor.claims.figures import read_figure
from auditor.claims.model_names import name_tokens
from auditor.core.claims import Claim, ClaimSource, Published, Quantity, Scope
from auditor.core.repository import Origin

name: Final = "registry"


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
    detail: str
    source: str
    date: str
    certainty: Certainty

    @property
    def on_hub(self) -> bool:
        """Whether `model` is an id on the Hub, and not the name of a system that is not there."""
        return "/" in self.model

    @property
    def ids(self) -> frozenset[str]:
        """The ids the model goes by, in lower case; none where it is not on the Hub."""
        return ids_of(self.model) if self.on_hub else frozenset()


def parse_registry(lines: Iterable[str]) -> tuple[PublishedFigure, ...]:
    """The rows of a registry. Raises ValueError with the line number for a row that is none."""
    rows = csv.DictReader(lines)
    parsed = []
    for row in rows:
        try:
            parsed.append(_figure(row))
        except (KeyError, ValueError) as error:
            raise ValueError(f"registry.csv, line {rows.line_num}: {error}") from error
    return tuple(parsed)


def _figure(row: Mapping[str, str]) -> PublishedFigure:
    scope = Scope(row["scope"])
    if (scope is Scope.COMPONENT) != bool(row["detail"]):
        raise ValueError("a component has a detail, and nothing else has one")
    return PublishedFigure(
        model=row["model"],
        quantity=read_figure(row["figure"]),
        scope=scope,
        detail=row["detail"],
        source=row["source"],
        date=row["date"],
        certainty=Certainty(row["certainty"]),
    )


@cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """Every row of the registry that ships with the package."""
    content = pkgutil.get_data("auditor.claims", "registry.csv") or b""
    return parse_registry(content.decode("utf-8").splitlines())


def figures_of(query: str) -> tuple[PublishedFigure, ...]:
    """The rows of the model that `query` is the id of, or else those whose names have its words.

    `gpt2` gives the rows of openai-community/gpt2, `gpt-3` those of all sizes of GPT-3.
    """
    exact = _rows_of(query)
    if exact:
        return exact
    words = name_tokens(query.rpartition("/")[2])
    return tuple(
        figure
        for figure in published_figures()
        if words and set(words) <= set(name_tokens(figure.model.rpartition("/")[2]))
    )


def read(published: Published) -> tuple[Claim, ...]:
    """The figures published of this model. A folder's name proves nothing, so it has none."""
    repository = published.repository
    if repository.origin is Origin.FOLDER:
        return ()
    return tuple(_claim(figure) for figure in _rows_of(repository.repo_id))


def _rows_of(repo_id: str) -> tuple[PublishedFigure, ...]:
    """The rows of the model at `repo_id`; the Hub finds ids whatever their case."""
    wanted = repo_id.lower()
    return tuple(
        figure for figure in published_figures() if wanted in {each.lower() for each in figure.ids}
    )


def _claim(figure: PublishedFigure) -> Claim:
    note = "" if figure.certainty is Certainty.SEEN else f" ({figure.certainty})"
    return Claim(
        text=figure.quantity.written,
        quantity=figure.quantity,
        scope=figure.scope,
        source=ClaimSource.REGISTRY,
        where=figure.source + note,
        detail=figure.detail,
        certain=figure.certainty is Certainty.SEEN,
    )

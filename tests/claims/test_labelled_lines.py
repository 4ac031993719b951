"""The card reader against lines labelled by hand: `labelled_lines.jsonl`, one object for each.

`own` are the figures of the model named with what they count, `others` those of other models. Each
line tells its source; "in the manner of" marks one that was written down from memory of a card.

Those with a `round` were written by somebody who had not seen the reader, before it was run on
them: benchmarks/README.md has what it reached then. It was made better with them since.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from auditor.claims import card
from auditor.core.claims import Claim, Published, Scope
from auditor.core.repository import Origin, Repository

LEAST_PRECISION = 98  # percent of the figures read that are right
LEAST_RECALL = 90  # percent of the labelled figures that are read
LEAST_CLEAN = 98  # percent of the lines without a figure of the model of which none is read
LEAST_OTHERS = 80  # percent of the figures of other models that are kept as such
LEAST_IN_A_LANGUAGE = 85  # percent of the labelled figures in any one language

Labels = set[tuple[int, str]]


@dataclass(frozen=True)
class Labelled:
    model: str
    text: str
    own: Labels
    others: set[int]
    language: str

    @property
    def read(self) -> tuple[Claim, ...]:
        return read(self.model, self.text)

    @property
    def found(self) -> Labels:
        claims = (claim for claim in self.read if claim.scope is not Scope.OTHER_MODEL)
        return {(claim.quantity.value, claim.scope) for claim in claims}

    @property
    def found_of_others(self) -> set[int]:
        claims = (claim for claim in self.read if claim.scope is Scope.OTHER_MODEL)
        return {claim.quantity.value for claim in claims}


def labelled() -> Iterator[Labelled]:
    lines = Path(__file__).with_name("labelled_lines.jsonl").read_text(encoding="utf-8")
    for line in lines.splitlines():
        row = json.loads(line)
        own = {(value, scope) for value, scope in row["own"]}
        yield Labelled(row["model"], row["text"], own, set(row["others"]), row["lang"])


LINES = tuple(labelled())
LANGUAGES = sorted({line.language for line in LINES})


@cache
def read(model: str, text: str) -> tuple[Claim, ...]:
    repository = Repository(
        repo_id=model, requested=model, revision=None, commit=None, origin=Origin.MEMORY, files=()
    )
    return card.read(Published(repository=repository, documents={"README.md": text}))


def recall(lines: Iterable[Labelled]) -> float:
    """Percent of the labelled figures that are read."""
    pairs = [(line.found & line.own, line.own) for line in lines]
    labels = sum(len(own) for _, own in pairs)
    return 100 * sum(len(found) for found, _ in pairs) / labels if labels else 100


def test_there_are_enough_lines_with_and_without_figures() -> None:
    assert len(LINES) >= 900
    assert sum(not line.own for line in LINES) >= 300
    assert len(LANGUAGES) >= 10


def test_what_is_read_of_the_model_itself_is_nearly_always_right() -> None:
    right = sum(len(line.found & line.own) for line in LINES)
    wrong = sum(len(line.found - line.own) for line in LINES)
    assert 100 * right >= LEAST_PRECISION * (right + wrong)


def test_most_of_what_cards_say_of_the_model_itself_is_read() -> None:
    assert recall(LINES) >= LEAST_RECALL


@pytest.mark.parametrize("language", LANGUAGES)
def test_most_of_it_is_read_in_every_language(language: str) -> None:
    assert recall(line for line in LINES if line.language == language) >= LEAST_IN_A_LANGUAGE


def test_hardly_anything_is_read_from_lines_that_state_no_count() -> None:
    silent = [line for line in LINES if not line.own]
    clean = sum(not line.found for line in silent)
    assert 100 * clean >= LEAST_CLEAN * len(silent)


def test_most_figures_of_other_models_are_kept_as_such() -> None:
    labels = sum(len(line.others) for line in LINES)
    kept = sum(len(line.others & line.found_of_others) for line in LINES)
    assert 100 * kept >= LEAST_OTHERS * labels

"""The card reader against lines labelled by hand: `labelled_lines.jsonl`, one object for each.

`own` are the figures of the model named with what they count, `others` those of other models. Each
line tells its source; "in the manner of" marks one that was written down from memory of a card.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.claims import card
from auditor.core.claims import Claim, Published, Scope
from auditor.core.repository import Origin, Repository

LEAST_PRECISION = 97  # percent of the figures read that are right
LEAST_RECALL = 95  # percent of the labelled figures that are read

Labels = set[tuple[int, str]]


@dataclass(frozen=True)
class Labelled:
    model: str
    text: str
    own: Labels
    others: set[int]


def labelled() -> Iterator[Labelled]:
    lines = Path(__file__).with_name("labelled_lines.jsonl").read_text(encoding="utf-8")
    for line in lines.splitlines():
        row = json.loads(line)
        own = {(value, scope) for value, scope in row["own"]}
        yield Labelled(row["model"], row["text"], own, set(row["others"]))


LINES = tuple(labelled())


def read(model: str, text: str) -> tuple[Claim, ...]:
    repository = Repository(
        repo_id=model, requested=model, revision=None, commit=None, origin=Origin.MEMORY, files=()
    )
    return card.read(Published(repository=repository, documents={"README.md": text}))


def own_figures(line: Labelled) -> Labels:
    claims = read(line.model, line.text)
    return {(c.quantity.value, c.scope) for c in claims if c.scope is not Scope.OTHER_MODEL}


def test_there_are_enough_lines_with_and_without_figures() -> None:
    assert len(LINES) >= 180
    assert sum(not line.own for line in LINES) >= 50


def test_what_is_read_of_the_model_itself_is_nearly_always_right() -> None:
    right = sum(len(own_figures(line) & line.own) for line in LINES)
    wrong = sum(len(own_figures(line) - line.own) for line in LINES)
    assert 100 * right >= LEAST_PRECISION * (right + wrong)


def test_most_of_what_cards_say_of_the_model_itself_is_read() -> None:
    labels = sum(len(line.own) for line in LINES)
    right = sum(len(own_figures(line) & line.own) for line in LINES)
    assert 100 * right >= LEAST_RECALL * labels


@pytest.mark.parametrize("line", [line for line in LINES if not line.own and not line.others])
def test_nothing_is_read_from_a_line_that_states_no_count(line: Labelled) -> None:
    assert read(line.model, line.text) == ()


@pytest.mark.parametrize("line", [line for line in LINES if line.others])
def test_the_figures_of_other_models_are_kept_as_such(line: Labelled) -> None:
    claims = read(line.model, line.text)
    others = {c.quantity.value for c in claims if c.scope is Scope.OTHER_MODEL}
    assert line.others <= others

"""How well cards are read: precision and recall on labelled lines, beside a naive expression.

    python -m benchmarks.claims

The lines are those of tests/claims/labelled_lines.jsonl. A figure is right if its value and what it
counts are those of a label. The naive reader takes each number before or behind the word
"parameters" for a total of the model.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from auditor.claims import card
from auditor.core.claims import Published, Scope
from auditor.core.repository import Origin, Repository

LINES: Final = Path(__file__).parents[1] / "tests" / "claims" / "labelled_lines.jsonl"

Figures = frozenset[tuple[int, str]]  # value and scope

_UNITS: Final = {"k": 10**3, "m": 10**6, "million": 10**6, "b": 10**9, "billion": 10**9}
_NUMBER: Final = r"([0-9][0-9,]*(?:\.[0-9]+)?)\s*-?(k|m|b|million|billion)?"
_NAIVE: Final = (
    re.compile(rf"{_NUMBER}[\s-]*param", re.IGNORECASE),
    re.compile(rf"param[a-z]*\W{{1,5}}{_NUMBER}\b", re.IGNORECASE),
)


@dataclass(frozen=True)
class Line:
    """A labelled text. `round` is 1 where its writer wrote the reader as well."""

    model: str
    text: str
    labels: Figures
    language: str
    round: int

    @property
    def kind(self) -> str:
        """The form of the text: a table, a list, a heap of `key: value`, or sentences."""
        if "<table" in self.text or re.search(r"^\s*\|?\s*:?-{2,}:?\s*\|", self.text, re.MULTILINE):
            return "table"
        if self.text.startswith("---"):
            return "front matter"
        if re.match(r"\s*(?:[-*+•]|\d+\.)\s", self.text):
            return "list"
        return "key: value" if re.match(r"[^.\n]{1,60}:", self.text) else "sentence"


def lines() -> Iterator[Line]:
    """Every labelled text."""
    for text in LINES.read_text(encoding="utf-8").splitlines():
        row: Mapping[str, Any] = json.loads(text)
        yield Line(
            model=row["model"],
            text=row["text"],
            labels=frozenset((value, scope) for value, scope in row["own"]),
            language=row["lang"],
            round=row.get("round", 1),
        )


def read(line: Line) -> Figures:
    """What the card reader takes for figures of the model."""
    repository = Repository(
        repo_id=line.model,
        requested=line.model,
        revision=None,
        commit=None,
        origin=Origin.MEMORY,
        files=(),
    )
    claims = card.read(Published(repository=repository, documents={"README.md": line.text}))
    return frozenset(
        (claim.quantity.value, claim.scope.value)
        for claim in claims
        if claim.scope is not Scope.OTHER_MODEL
    )


def naive(line: Line) -> Figures:
    """Every number beside the word "parameters", as a total."""
    return frozenset(
        (int(Decimal(digits.replace(",", "")) * _UNITS.get(unit.lower(), 1)), "total")
        for pattern in _NAIVE
        for digits, unit in pattern.findall(line.text)
    )


@dataclass(frozen=True)
class Score:
    """Figures by what became of them."""

    right: int
    wrong: int
    missed: int

    @classmethod
    def of(cls, reader: Callable[[Line], Figures], texts: Iterable[Line]) -> "Score":
        pairs = [(reader(line), line.labels) for line in texts]
        return cls(
            right=sum(len(found & labels) for found, labels in pairs),
            wrong=sum(len(found - labels) for found, labels in pairs),
            missed=sum(len(labels - found) for found, labels in pairs),
        )

    @property
    def precision(self) -> str:
        return _share(self.right, self.right + self.wrong)

    @property
    def recall(self) -> str:
        return _share(self.right, self.right + self.missed)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _of_scope(reader: Callable[[Line], Figures], scope: Scope) -> Callable[[Line], Figures]:
    return lambda line: frozenset(each for each in reader(line) if each[1] == scope.value)


def _only_labels(line: Line, scope: Scope) -> Line:
    labels = frozenset(each for each in line.labels if each[1] == scope.value)
    return Line(line.model, line.text, labels, line.language, line.round)


Group = tuple[str, Sequence[Line], Callable[[Line], Figures], Callable[[Line], Figures]]


def groups(texts: Sequence[Line]) -> Iterator[Group]:
    """The rows of the table: a name, its texts, and both readers."""
    yield "all", texts, read, naive
    for number in sorted({line.round for line in texts}):
        of_round = [line for line in texts if line.round == number]
        yield f"round {number}", of_round, read, naive
    for language in sorted({line.language for line in texts}):
        in_it = [line for line in texts if line.language == language]
        yield language, in_it, read, naive
    for kind in sorted({line.kind for line in texts}):
        yield kind, [line for line in texts if line.kind == kind], read, naive
    for scope in Scope:
        if scope is not Scope.OTHER_MODEL:
            of_scope = [_only_labels(line, scope) for line in texts]
            yield scope.value, of_scope, _of_scope(read, scope), _of_scope(naive, scope)


def table(texts: Sequence[Line]) -> Iterator[str]:
    """The scores as a Markdown table."""
    yield "| lines | number | figures | precision | recall | naive precision | naive recall |"
    yield "|---|---|---|---|---|---|---|"
    for name, of_group, ours, theirs in groups(texts):
        mine, other = Score.of(ours, of_group), Score.of(theirs, of_group)
        figures = sum(len(line.labels) for line in of_group)
        cells = (name, f"{len(of_group):,}", f"{figures:,}", mine.precision, mine.recall,
                 other.precision, other.recall)  # fmt: skip
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print("\n".join(table(tuple(lines()))))

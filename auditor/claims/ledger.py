"""The user's own list of figures, as CSV or JSON: "my catalogue says".

    model                          figure      scope    tolerance   source
    google-bert/bert-base-uncased  110M
    openai/gpt-oss-20b             3.6B        active   2%          catalogue, p. 4
    me/model@v2                    336226108   total    0

`figure` is written as people write it (340M, 1.5 billion, 6,053,381,344). `scope` is one of Scope;
`component:unet` names a component. `tolerance` is a share of the figure (2%) or a number of
parameters (1M, 0): within it the figure stands, outside it does not, however it was rounded.
`revision` binds a row to one. A CSV has a header; commas, semicolons or tabs divide it. A JSON
file is a list of objects with these keys.

Every problem is kept with its line, so that all of them can be shown at once; a row with an error
gives no entry.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

from auditor.claims.aliases import ids_of
from auditor.claims.ledger_cells import (
    figure_in,
    model_in,
    plain_word,
    scope_in,
    shown,
    tolerance_in,
)
from auditor.claims.ledger_rows import BadList, Row, rows_of
from auditor.core.claims import Claim, ClaimSource, Published, Quantity, Scope, Tolerance
from auditor.core.identity import HubRef, ModelRef
from auditor.core.repository import Repository

MAX_PROBLEMS: Final = 1_000  # a list with more is some other file

# Columns by the names that people give them.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("model", "id", "model_id", "repo", "repo_id", "repository"),
    "figure": ("figure", "parameters", "params", "count", "exact"),
    "scope": ("scope", "counts"),
    "detail": ("detail", "component"),
    "tolerance": ("tolerance", "tol"),
    "source": ("source", "citation", "where"),
    "revision": ("revision", "commit", "tag"),
}
_COLUMN_OF: Final = {name: column for column, names in COLUMNS.items() for name in names}
_REQUIRED: Final = ("model", "figure")


class Severity(StrEnum):
    """An error gives no entry; a warning is worth a word."""

    ERROR = "error"
    WARNING = "warning"


class Problem(NamedTuple):
    """What is wrong with the list, and on which line (counted from 1)."""

    line: int
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row. `revision` is empty where it holds for every one."""

    line: int
    model: ModelRef
    revision: str
    quantity: Quantity
    scope: Scope
    detail: str
    tolerance: Tolerance | None
    source: str

    @property
    def ids(self) -> frozenset[str]:
        """The ids that its model goes by; a folder has its path alone."""
        model = self.model
        return ids_of(model.repo_id) if isinstance(model, HubRef) else frozenset((model.path,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A list, read. `name` is what it is called in reports."""

    name: str
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(each for each in self.problems if each.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(each for each in self.problems if each.severity is Severity.WARNING)

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """Every model of the list at every revision it names, once, in the list's order."""
        unique: dict[tuple[frozenset[str], str], ModelRef] = {}
        for entry in self.entries:
            unique.setdefault((entry.ids, entry.revision), entry.model)
        return tuple(unique.values())


@dataclass(frozen=True, kw_only=True)
class LedgerReader:
    """A claim reader over a list: what it says of a repository."""

    ledger: Ledger

    @property
    def name(self) -> str:
        return "list"

    def read(self, published: Published) -> tuple[Claim, ...]:
        repository = published.repository
        found: dict[int, Entry] = {}
        for known in _ids(repository):
            found.update({entry.line: entry for entry in self._by_id.get(known, ())})
        return tuple(
            _claim(found[line], self.ledger.name)
            for line in sorted(found)
            if found[line].revision in {"", repository.revision, repository.commit}
        )

    @cached_property
    def _by_id(self) -> Mapping[str, Sequence[Entry]]:
        by_id: dict[str, list[Entry]] = {}
        for entry in self.ledger.entries:
            for known in entry.ids:
                by_id.setdefault(known, []).append(entry)
        return by_id


def _ids(repository: Repository) -> frozenset[str]:
    """What a repository may be called in a list: by its present or its requested id, or path."""
    names = (repository.repo_id, repository.requested, repository.requested.partition("@")[0])
    return frozenset(names).union(*map(ids_of, names))


def _claim(entry: Entry, name: str) -> Claim:
    source = f": {entry.source}" if entry.source else ""
    return Claim(
        text=entry.quantity.written,
        quantity=entry.quantity,
        scope=entry.scope,
        source=ClaimSource.LIST,
        where=f"{name}, line {entry.line}{source}",
        detail=entry.detail,
        tolerance=entry.tolerance,
    )


def read_ledger(text: str, name: str) -> Ledger:
    """The list in `text`. Nothing raises: what cannot be read is a problem with its line."""
    reading = _Reading()
    try:
        rows = rows_of(text)
        reading.take_columns(rows.columns, rows.line)
        if not reading.has_errors:
            for row in rows.rows:
                reading.take(row)
    except BadList as bad:
        reading.note(bad.line, Severity.ERROR, bad.message)
    problems = sorted(reading.problems, key=lambda problem: problem.line)[:MAX_PROBLEMS]
    return Ledger(name=name, entries=tuple(reading.entries.values()), problems=tuple(problems))


@dataclass(slots=True)
class _Reading:
    """A list while it is read. Entries are kept by what they say something of, and who says so."""

    entries: dict[tuple[object, ...], Entry] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    def note(self, line: int, severity: Severity, message: str) -> None:
        self.problems.append(Problem(line, severity, message))

    def take_columns(self, columns: Sequence[str], line: int) -> None:
        """Notes columns that are missing, doubled or unknown. JSON has none for the whole list."""
        known: dict[str, str] = {}
        for column in columns:
            meaning = _COLUMN_OF.get(plain_word(column))
            if meaning is None:
                self.note(line, Severity.WARNING, f"column {shown(column)} is not known")
            elif meaning in known:
                two = f"{shown(known[meaning])} and {shown(column)}"
                self.note(line, Severity.ERROR, f"two columns for the {meaning}: {two}")
            else:
                known[meaning] = column
        for needed in _REQUIRED if columns else ():
            if needed not in known:
                self.note(line, Severity.ERROR, f"no column `{needed}`")

    def take(self, row: Row) -> None:
        """Adds the entry of a row, or notes what is wrong with it."""
        if row.problem:
            self.note(row.line, Severity.ERROR, row.problem)
            return
        try:
            entry = _entry(row.line, dict(self._values(row)))
        except ValueError as error:
            self.note(row.line, Severity.ERROR, str(error))
            return
        key = (entry.ids, entry.revision, entry.scope, entry.detail, entry.source)
        earlier = self.entries.setdefault(key, entry)
        if earlier is entry:
            return
        if earlier.quantity.value == entry.quantity.value:
            self.note(row.line, Severity.WARNING, f"says again what line {earlier.line} says")
        else:
            message = f"another figure than on line {earlier.line}, of the same source"
            self.note(row.line, Severity.ERROR, message)

    def _values(self, row: Row) -> Iterator[tuple[str, str]]:
        """The cells of a row by what they mean."""
        for column, value in row.cells.items():
            if meaning := _COLUMN_OF.get(plain_word(column)):
                yield meaning, value.strip()
            elif row.warns_of_columns:
                self.note(row.line, Severity.WARNING, f"key {shown(column)} is not known")


def _entry(line: int, values: Mapping[str, str]) -> Entry:
    """Raises ValueError, which says what is wrong with the row."""
    for needed in _REQUIRED:
        if not values.get(needed):
            raise ValueError(f"no {needed}")
    model, revision = model_in(values["model"], values.get("revision", ""))
    quantity = figure_in(values["figure"])
    scope, detail = scope_in(values.get("scope", ""), values.get("detail", ""))
    return Entry(
        line=line,
        model=model,
        revision=revision,
        quantity=quantity,
        scope=scope,
        detail=detail,
        tolerance=tolerance_in(values.get("tolerance", ""), quantity),
        source=values.get("source", ""),
    )

"""How far a batch came, so that the same command goes on there; and what audits found before.

What is written here is written in one transaction with what it belongs to: the outcomes of some
models, and how many bytes of each report are safely in its file. A process that dies in between
leaves a file that is longer than the journal says, and the next one cuts it.
"""

import json
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, delete, exists, func, select, update

from auditor.core.kept import Place
from auditor.store.engine import Database
from auditor.store.schema import JOURNAL, audits, lines, names, outcomes, outputs, runs

FILE_NAME: Final = "journal.sqlite"
_LEVEL: Final = 1  # as for the cache: repeated keys shrink at once

Outcome = dict[str, Any]  # by the JSON contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One batch in the journal. `resumed` tells that an earlier process began it."""

    id: int
    resumed: bool
    loaded_lines: int | None  # None until the whole input was taken over


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the input. `model_key` is the same for lines that surely mean the same model."""

    number: int
    text: str
    model_key: str
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a model of a run."""

    model_key: str
    verdict: str
    error_kind: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKey:
    """Under what an audit is found again: `settings` stands for all that it depends on besides."""

    endpoint: str
    repo_id: str
    commit: str
    settings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """An audit that may serve again, and what opening its repository had cost."""

    outcome: Outcome
    opening_requests: int
    opening_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """The repository that an id led to, and what opening it by that id had cost."""

    endpoint: str
    asked: str
    repo_id: str
    opening_requests: int
    opening_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is to be written down at once."""

    done: Sequence[Done] = ()
    audits: Sequence[tuple[AuditKey, Audit]] = ()
    names: Sequence[Name] = ()


class Journal:
    """Runs and audits in the store. For any thread. Raises StoreError."""

    def __init__(self, place: str, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(place, FILE_NAME, JOURNAL)
        self._clock = clock

    def close(self) -> None:
        self._database.close()

    # -- runs

    def begin(self, key: str, request: str, *, fresh: bool = False) -> Run:
        """The unfinished run of that key, else a new one. With `fresh`, a new one anyway."""
        with self._database.writing() as connection:
            found = connection.execute(select(runs).where(runs.c.key == key)).first()
            if found is not None and not fresh and found.finished_at is None:
                return Run(id=found.id, resumed=True, loaded_lines=found.loaded_lines)
            if found is not None:
                connection.execute(delete(runs).where(runs.c.id == found.id))
            made = connection.execute(
                runs.insert().values(key=key, request=request, started_at=int(self._clock()))
            )
            return Run(
                id=made.inserted_primary_key[0],  # type: ignore[index] # of one row there is one
                resumed=False,
                loaded_lines=None,
            )

    def finish(self, run: Run) -> None:
        """Notes the end; what the run needed to go on is removed."""
        with self._database.writing() as connection:
            for table in (outputs, outcomes, lines):
                connection.execute(delete(table).where(table.c.run_id == run.id))
            connection.execute(
                update(runs).where(runs.c.id == run.id).values(finished_at=int(self._clock()))
            )

    # -- lines

    def take_over(self, run: Run, part: Sequence[Line]) -> bool:
        """Takes over consecutive lines of the input; whether they differ from what was there.

        With the first that differs, everything from there on is forgotten.
        """
        if not part:
            return False
        first, last = part[0].number, part[-1].number
        with self._database.writing() as connection:
            known = connection.execute(
                select(lines.c.number, lines.c.text, lines.c.model_key, lines.c.commit_sha)
                .where(lines.c.run_id == run.id, lines.c.number.between(first, last))
                .order_by(lines.c.number)
            ).all()
            same = 0
            for row, line in zip(known, part, strict=False):
                if tuple(row) != (line.number, line.text, line.model_key, line.commit):
                    break
                same += 1
            if same == len(part):
                return False
            changed = self._forget_lines(connection, run, part[same].number)
            connection.execute(lines.insert(), [_line_row(run, line) for line in part[same:]])
        return changed

    def end_of_input(self, run: Run, count: int) -> bool:
        """Notes that the input has `count` lines; whether there were more before."""
        with self._database.writing() as connection:
            changed = self._forget_lines(connection, run, count + 1)
            connection.execute(update(runs).where(runs.c.id == run.id).values(loaded_lines=count))
        return changed

    def models(self, run: Run) -> int:
        """How many models the lines mean, as far as the lines alone tell."""
        with self._database.reading() as connection:
            count = select(func.count(lines.c.model_key.distinct()))
            return int(connection.execute(count.where(lines.c.run_id == run.id)).scalar_one())

    def open_lines(self, run: Run, after: int, limit: int) -> list[Line]:
        """The next lines whose model has no outcome yet."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(lines)
                .where(
                    lines.c.run_id == run.id,
                    lines.c.number > after,
                    ~exists().where(
                        outcomes.c.run_id == lines.c.run_id,
                        outcomes.c.model_key == lines.c.model_key,
                    ),
                )
                .order_by(lines.c.number)
                .limit(limit)
            ).all()
        return [
            Line(number=r.number, text=r.text, model_key=r.model_key, commit=r.commit_sha)
            for r in rows
        ]

    def rows(self, run: Run, after: int, limit: int) -> list[Outcome]:
        """The outcomes of the next lines in order, up to the first that has none."""
        with self._database.reading() as connection:
            found = connection.execute(
                select(lines.c.text, outcomes.c.data)
                .select_from(
                    lines.outerjoin(
                        outcomes,
                        and_(
                            outcomes.c.run_id == lines.c.run_id,
                            outcomes.c.model_key == lines.c.model_key,
                        ),
                    )
                )
                .where(lines.c.run_id == run.id, lines.c.number > after)
                .order_by(lines.c.number)
                .limit(limit)
            ).all()
        made = []
        for text, data in found:
            if data is None:
                break
            made.append({**_unpacked(data), "requested": text})
        return made

    # -- outcomes

    def write_down(self, run: Run, progress: Progress) -> None:
        """Keeps everything of `progress`, or nothing of it."""
        now, packs = int(self._clock()), _Packs()
        with self._database.writing() as connection:
            if progress.done:
                connection.execute(
                    outcomes.insert(), [_outcome_row(run, done, packs) for done in progress.done]
                )
            for key, audit in progress.audits:
                connection.execute(delete(audits).where(_is_audit(key)))
                connection.execute(audits.insert().values(_audit_row(key, audit, now, packs)))
            for name in progress.names:
                connection.execute(delete(names).where(_is_name(name.endpoint, name.asked)))
                connection.execute(names.insert().values(asdict(name)))

    def forget(self, run: Run, error_kinds: Iterable[str]) -> int:
        """Forgets failures of these kinds, so that they are tried again; how many they were."""
        with self._database.writing() as connection:
            gone = connection.execute(
                delete(outcomes).where(
                    outcomes.c.run_id == run.id, outcomes.c.error_kind.in_(list(error_kinds))
                )
            ).rowcount
            if gone:
                connection.execute(delete(outputs).where(outputs.c.run_id == run.id))
        return gone

    def verdicts(self, run: Run) -> Mapping[tuple[str, str | None], int]:
        """How many lines have each verdict and kind of error so far."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(outcomes.c.verdict, outcomes.c.error_kind, func.count())
                .select_from(
                    lines.join(
                        outcomes,
                        and_(
                            outcomes.c.run_id == lines.c.run_id,
                            outcomes.c.model_key == lines.c.model_key,
                        ),
                    )
                )
                .where(lines.c.run_id == run.id)
                .group_by(outcomes.c.verdict, outcomes.c.error_kind)
            ).all()
        return {(verdict, kind): int(count) for verdict, kind, count in rows}

    def model_verdicts(self, run: Run) -> Mapping[str, int]:
        """How many models have each verdict so far."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(outcomes.c.verdict, func.count())
                .where(outcomes.c.run_id == run.id)
                .group_by(outcomes.c.verdict)
            ).all()
        return {verdict: int(count) for verdict, count in rows}

    # -- reports

    def place_of(self, run: Run, path: str) -> Place | None:
        """How far the report at `path` is written; None where nothing is."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(outputs).where(outputs.c.run_id == run.id, outputs.c.path == path)
            ).first()
        if row is None:
            return None
        return Place(rows=row.written_lines, size_bytes=row.written_bytes, sha256=row.sha256)

    def note_place(self, run: Run, path: str, place: Place) -> None:
        with self._database.writing() as connection:
            connection.execute(
                delete(outputs).where(outputs.c.run_id == run.id, outputs.c.path == path)
            )
            connection.execute(
                outputs.insert().values(
                    run_id=run.id,
                    path=path,
                    written_lines=place.rows,
                    written_bytes=place.size_bytes,
                    sha256=place.sha256,
                )
            )

    # -- audits of this and of earlier runs

    def audit(self, key: AuditKey) -> Audit | None:
        """What was found at that commit, by these settings."""
        with self._database.reading() as connection:
            row = connection.execute(select(audits).where(_is_audit(key))).first()
        if row is None:
            return None
        return Audit(
            outcome=_unpacked(row.data),
            opening_requests=row.opening_requests,
            opening_bytes=row.opening_bytes,
        )

    def name(self, endpoint: str, asked: str) -> Name | None:
        """Where an id led when it was last opened; None for one that was not."""
        with self._database.reading() as connection:
            found = connection.execute(select(names).where(_is_name(endpoint, asked))).mappings()
            row = found.first()
        return None if row is None else Name(**row)

    def prune(self, *, unused_days: int) -> int:
        """Removes audits and unfinished runs of longer ago; how many audits."""
        before = int(self._clock()) - unused_days * 86_400
        with self._database.writing() as connection:
            connection.execute(delete(runs).where(runs.c.started_at < before))
            return connection.execute(delete(audits).where(audits.c.audited_at < before)).rowcount

    def count_audits(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(audits)).scalar_one())

    def clear(self) -> int:
        """Removes all audits; unfinished runs stay. How many audits."""
        with self._database.writing() as connection:
            connection.execute(delete(names))
            removed = connection.execute(delete(audits)).rowcount
        self._database.compact()
        return removed

    @staticmethod
    def _forget_lines(connection: Connection, run: Run, first: int) -> bool:
        """Forgets lines from that number on, and the reports if there were any."""
        gone = connection.execute(
            delete(lines).where(lines.c.run_id == run.id, lines.c.number >= first)
        ).rowcount
        if gone:
            connection.execute(delete(outputs).where(outputs.c.run_id == run.id))
            connection.execute(update(runs).where(runs.c.id == run.id).values(loaded_lines=None))
        return bool(gone)


class _Packs:
    """Outcomes as they are kept; each is packed once, though it stands in two tables."""

    def __init__(self) -> None:
        self._packs: dict[int, tuple[Outcome, bytes]] = {}

    def of(self, outcome: Outcome) -> bytes:
        if id(outcome) not in self._packs:
            text = json.dumps(outcome, separators=(",", ":")).encode("ascii")
            self._packs[id(outcome)] = outcome, zlib.compress(text, _LEVEL)
        return self._packs[id(outcome)][1]


def _unpacked(data: bytes) -> Outcome:
    outcome: Outcome = json.loads(zlib.decompress(data))
    return outcome


def _line_row(run: Run, line: Line) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "number": line.number,
        "text": line.text,
        "model_key": line.model_key,
        "commit_sha": line.commit,
    }


def _outcome_row(run: Run, done: Done, packs: _Packs) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "model_key": done.model_key,
        "verdict": done.verdict,
        "error_kind": done.error_kind,
        "data": packs.of(done.outcome),
    }


def _audit_row(key: AuditKey, audit: Audit, now: int, packs: _Packs) -> dict[str, Any]:
    return {
        "endpoint": key.endpoint,
        "repo_id": key.repo_id,
        "commit_sha": key.commit,
        "settings": key.settings,
        "data": packs.of(audit.outcome),
        "opening_requests": audit.opening_requests,
        "opening_bytes": audit.opening_bytes,
        "audited_at": now,
    }


def _is_name(endpoint: str, asked: str) -> Any:  # noqa: ANN401 - SQLAlchemy's condition
    return and_(names.c.endpoint == endpoint, names.c.asked == asked)


def _is_audit(key: AuditKey) -> Any:  # noqa: ANN401 - SQLAlchemy's condition
    return and_(
        audits.c.endpoint == key.endpoint,
        audits.c.repo_id == key.repo_id,
        audits.c.commit_sha == key.commit,
        audits.c.settings == key.settings,
    )

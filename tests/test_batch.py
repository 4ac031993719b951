import asyncio
import csv
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.batch import Asked, Batch, BatchOptions, Report, Summary
from auditor.core.identity import HubRef, ModelRef, parse_model_ref
from auditor.core.listing import Tip
from auditor.core.protocols import OpenRepository
from auditor.core.tensors import Span
from auditor.errors import HfauditError, NotFound, Unreachable
from auditor.sources.memory import MemoryRepository, MemorySource
from auditor.store.journal import Journal
from auditor.writers.streams import form_of
from builders import safetensors_file

HUB = "http://hub"


def files(rows: int = 4) -> dict[str, bytes]:
    """A model of 10 x `rows` parameters."""
    return {
        "config.json": b'{"model_type": "gpt2"}',
        "model.safetensors": safetensors_file({"wte.weight": ("F32", [10, rows])}),
    }


class Counting:
    """A MemorySource that counts what is opened and read; each read takes its time."""

    def __init__(self, models: Mapping[str, Mapping[str, bytes]], **more: Any) -> None:
        self.inner = MemorySource(models, **more)
        self.opened: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}

    async def open(self, ref: ModelRef) -> OpenRepository:
        self.opened[str(ref)] += 1
        repository = await self.inner.open(ref)
        await asyncio.sleep(self.seconds.get(str(ref), 0))
        return CountingRepository(self, repository)

    async def aclose(self) -> None: ...


class CountingRepository:
    def __init__(self, source: Counting, inner: MemoryRepository) -> None:
        self.source, self.inner = source, inner
        self.repository = inner.repository

    @property
    def traffic(self) -> Any:
        return self.inner.traffic

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:
        return await self.inner.read_file(path, limit_bytes=limit_bytes)

    async def read_span(self, path: str, span: Span) -> bytes:
        self.source.read[self.repository.repo_id] += 1
        return await self.inner.read_span(path, span)

    async def read_headers(self, index_path: str) -> None:  # noqa: ARG002
        return None


async def listed(entries: list[str | Asked]) -> AsyncIterator[Asked]:
    for entry in entries:
        yield (entry, None) if isinstance(entry, str) else entry


def audited(
    folder: Path,
    source: Any,
    entries: list[Any],
    *,
    report: str = "report.jsonl",
    tip: Any = None,
    stop_after: float | None = None,
    request: str = "test",
    **options: Any,
) -> Summary:
    """A batch with its store and its report in `folder`."""

    async def main() -> Summary:
        journal = Journal(str(folder))
        path = str(folder / report)
        try:
            batch = Batch(
                source=source,
                parse=parse_model_ref,
                journal=journal,
                reports=[Report(path=path, form=form_of(path))],
                options=BatchOptions(request=request, **options),
                endpoint=HUB,
                tip=tip,
            )
            if stop_after is not None:
                asyncio.get_running_loop().call_later(stop_after, batch.stop)
            return await batch.run(listed(entries))
        finally:
            journal.close()

    return asyncio.run(main())


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "report.jsonl").read_bytes().splitlines()]


def told(folder: Path, *keys: str) -> list[Any]:
    made = [tuple(row[key] for key in keys) for row in rows(folder)]
    return [each[0] for each in made] if len(keys) == 1 else made


def test_every_line_has_its_row_in_the_order_of_the_list(tmp_path: Path) -> None:
    source = Counting({f"org/m{n}": files(n + 1) for n in range(40)})
    source.seconds = {f"org/m{n}": 0.001 * (40 - n) for n in range(40)}  # the last is ready first
    names = [f"org/m{n}" for n in range(40)]
    summary = audited(tmp_path, source, names, jobs=40)
    assert told(tmp_path, "requested") == names
    assert [row["parameters"]["total"] for row in rows(tmp_path)] == [10 * n for n in range(1, 41)]
    assert summary.finished
    assert sum(summary.verdicts.values()) == 40


def test_failures_are_rows_with_their_reason(tmp_path: Path) -> None:
    source = Counting({"org/a": files(), "org/empty": {"README.md": b""}})
    entries = ["org/a", "no model!", "org/nothing", "org/empty", ""]
    audited(tmp_path, source, entries)
    kinds = [row["error"] and row["error"]["kind"] for row in rows(tmp_path)]
    assert kinds == [None, "invalid-model", "not-found", "no-weights", "invalid-model"]
    assert told(tmp_path, "requested") == entries


def test_a_line_that_stands_twice_is_audited_once_and_told_twice(tmp_path: Path) -> None:
    source = Counting({"org/a": files()})
    entries = ["org/a", "https://huggingface.co/org/a", "org/a@main", "org/a"]
    summary = audited(tmp_path, source, entries)
    assert told(tmp_path, "model", "requested") == [("org/a", entry) for entry in entries]
    assert source.opened.total() == source.read["org/a"] == 1
    assert (summary.standing.models, summary.standing.lines) == (1, 4)


@pytest.mark.parametrize("jobs", [1, 8])
def test_aliases_of_one_repository_are_audited_once(tmp_path: Path, jobs: int) -> None:
    source = Counting({"org/a": files()}, aliases={"old": "org/a", "older": "org/a"})
    audited(tmp_path, source, ["old", "org/a", "older"], jobs=jobs)
    assert source.read["org/a"] == 1
    assert told(tmp_path, "model", "requested") == [
        ("org/a", "old"),
        ("org/a", "org/a"),
        ("org/a", "older"),
    ]


def test_aliases_of_a_model_that_fails_fail_alike(tmp_path: Path) -> None:
    source = Counting({"org/a": {"README.md": b""}}, aliases={"old": "org/a"})
    audited(tmp_path, source, ["old", "org/a"], jobs=2)
    assert told(tmp_path, "requested", "status") == [("old", "failed"), ("org/a", "failed")]


def test_a_second_pass_reads_no_file_of_what_did_not_change(tmp_path: Path) -> None:
    models = {"org/a": files(), "org/b": files(5)}
    audited(tmp_path, Counting(models), ["org/a", "org/b"])
    first = rows(tmp_path)
    again = Counting({**models, "org/b": files(6)})
    summary = audited(tmp_path, again, ["org/a", "org/b"])
    assert again.read == {"org/b": 1}
    assert rows(tmp_path)[0] == first[0]
    assert rows(tmp_path)[1]["parameters"]["total"] == 60
    assert (summary.standing.again, summary.standing.resumed) == (1, False)


def test_with_fresh_everything_is_read_again(tmp_path: Path) -> None:
    models = {"org/a": files()}
    audited(tmp_path, Counting(models), ["org/a"], request="one")
    again = Counting(models, aliases={"old": "org/a"})
    audited(tmp_path, again, ["org/a", "old"], request="two", fresh=True)
    assert again.read == {"org/a": 1}


def test_a_list_that_tells_the_commit_saves_opening_the_model(tmp_path: Path) -> None:
    source = Counting({"org/a": files(), "org/b": files(5)})
    audited(tmp_path, source, ["org/a", "org/b"])
    commits = told(tmp_path, "commit")
    again = Counting({"org/a": files(), "org/b": files(5)})
    audited(tmp_path, again, [("org/a", commits[0]), ("org/b", "0" * 40)])
    assert again.opened == {"org/b": 1}  # its commit is another by the list


def test_a_tip_saves_opening_a_model_that_is_known_and_no_other(tmp_path: Path) -> None:
    asked = []

    async def tip(ref: HubRef) -> Tip:
        asked.append(ref.repo_id)
        return Tip(repo_id="org/a", commit=commit)

    audited(tmp_path, Counting({"org/a": files()}), ["org/a"])
    (commit,) = told(tmp_path, "commit")
    again = Counting({"org/a": files(), "org/b": files()})
    audited(tmp_path, again, ["org/a", "org/b"], tip=tip)
    assert asked == ["org/a"]
    assert again.opened == {"org/b": 1}


def test_a_tip_that_fails_is_the_failure_of_its_model(tmp_path: Path) -> None:
    async def tip(ref: HubRef) -> Tip:
        raise NotFound(str(ref), "gone")

    audited(tmp_path, Counting({"org/a": files()}), ["org/a"])
    audited(tmp_path, Counting({"org/a": files()}), ["org/a"], tip=tip)
    assert told(tmp_path, "status") == ["failed"]


# -- stopping and going on


def test_a_batch_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    models = {f"org/m{n}": files(n + 1) for n in range(30)}
    names = list(models)
    whole = tmp_path / "whole"
    whole.mkdir()
    audited(whole, Counting(models), names)
    first = Counting(models)
    first.seconds = dict.fromkeys(names[12:], 60)
    stopped = audited(tmp_path, first, names, jobs=4, stop_after=0.3)
    assert not stopped.finished
    assert told(tmp_path, "requested") == names[:12]
    second = Counting(models)
    summary = audited(tmp_path, second, names)
    assert summary.finished
    assert summary.standing.resumed
    assert set(second.opened) == set(names[12:])
    assert (tmp_path / "report.jsonl").read_bytes() == (whole / "report.jsonl").read_bytes()


def test_a_batch_is_stopped_at_once_while_everything_hangs(tmp_path: Path) -> None:
    source = Counting({"org/a": files()})
    source.seconds = {"org/a": 3_600}
    summary = audited(tmp_path, source, ["org/a"], stop_after=0.05)
    assert not summary.finished
    assert summary.seconds < 30


def test_a_list_that_changed_gives_the_rows_of_the_new_one(tmp_path: Path) -> None:
    models = {f"org/m{n}": files(n + 1) for n in range(6)}
    source = Counting(models)
    source.seconds = {"org/m5": 60}
    audited(tmp_path, source, list(models), stop_after=0.3)
    changed = ["org/m4", "org/new", "org/m0", "org/m1"]
    again = Counting({**models, "org/new": files(9)})
    summary = audited(tmp_path, again, changed)
    assert told(tmp_path, "requested") == changed
    assert set(again.opened) == {"org/new"}
    assert summary.finished


def test_failures_that_may_pass_are_tried_again_and_others_are_not(tmp_path: Path) -> None:
    failures: dict[str, HfauditError] = {"org/down": Unreachable("org/down", "no answer")}
    source = Counting({"org/a": files(), "org/slow": files()}, failures=failures)
    source.seconds = {"org/slow": 60}
    audited(tmp_path, source, ["org/down", "org/gone", "org/slow"], stop_after=0.3)
    assert told(tmp_path, "status") == ["failed", "failed"]
    again = Counting({"org/down": files(), "org/slow": files(), "org/gone": files()})
    audited(tmp_path, again, ["org/down", "org/gone", "org/slow"])
    assert told(tmp_path, "status") == ["audited", "failed", "audited"]


def test_too_many_failures_stop_it(tmp_path: Path) -> None:
    source = Counting({"org/a": files()})
    names = ["org/a", *(f"org/nothing{n}" for n in range(50))]
    summary = audited(tmp_path, source, names, jobs=1, max_failures=3)
    assert (summary.finished, summary.too_many_failures) == (False, True)
    assert told(tmp_path, "status") == ["audited", *["failed"] * 4]


def test_reports_with_an_end_are_written_when_all_is_done(tmp_path: Path) -> None:
    source = Counting({"org/a": files(), "org/slow": files()})
    source.seconds = {"org/slow": 60}
    audited(tmp_path, source, ["org/a", "org/slow"], report="report.json", stop_after=0.3)
    assert not (tmp_path / "report.json").exists()
    models = {"org/a": files(), "org/slow": files()}
    audited(tmp_path, Counting(models), ["org/a", "org/slow"], report="report.json")
    outcomes = json.loads((tmp_path / "report.json").read_bytes())["outcomes"]
    assert [outcome["requested"] for outcome in outcomes] == ["org/a", "org/slow"]


def test_an_error_of_the_list_ends_the_batch_and_is_raised(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[Asked]:
        yield "org/a", None
        raise NotFound("list", "gone")

    async def main() -> None:
        journal = Journal(str(tmp_path))
        batch = Batch(
            source=Counting({}),
            parse=parse_model_ref,
            journal=journal,
            reports=[],
            options=BatchOptions(request="x"),
        )
        with pytest.raises(NotFound, match="gone"):
            await batch.run(broken())
        journal.close()

    asyncio.run(main())


def test_an_empty_list_is_a_report_without_rows(tmp_path: Path) -> None:
    assert audited(tmp_path, Counting({}), [], report="report.csv").finished
    assert len(list(csv.reader((tmp_path / "report.csv").read_text().splitlines()))) == 1

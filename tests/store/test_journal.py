from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.core.kept import Place
from auditor.errors import StoreError
from auditor.store.journal import Audit, AuditKey, Done, Journal, Line, Name, Progress, Run
from auditor.store.lock import alone


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(str(tmp_path), clock=lambda: 1_000.0)
    yield made
    made.close()


def lines(*texts: str, first: int = 1) -> list[Line]:
    """Lines whose model is their text in small letters."""
    return [
        Line(number=number, text=text, model_key=text.lower())
        for number, text in enumerate(texts, first)
    ]


def done(key: str, verdict: str = "exact", kind: str | None = None, **more: Any) -> Done:
    outcome = {"model": key, "requested": key, **more}
    return Done(model_key=key, verdict=verdict, error_kind=kind, outcome=outcome)


def begun(journal: Journal, *texts: str) -> Run:
    run = journal.begin("key", "{}")
    journal.take_over(run, lines(*texts))
    journal.end_of_input(run, len(texts))
    return run


def requested(journal: Journal, run: Run, after: int = 0) -> list[str]:
    return [row["requested"] for row in journal.rows(run, after, 100)]


def test_an_unfinished_run_is_gone_on_with_and_a_finished_one_is_not(journal: Journal) -> None:
    first = journal.begin("key", "{}")
    again = journal.begin("key", "{}")
    assert (first.resumed, again.resumed, again.id) == (False, True, first.id)
    journal.finish(first)
    assert journal.begin("key", "{}").resumed is False
    assert journal.begin("other", "{}").resumed is False


def test_a_fresh_run_forgets_the_unfinished_one(journal: Journal) -> None:
    run = begun(journal, "a")
    journal.write_down(run, Progress(done=[done("a")]))
    fresh = journal.begin("key", "{}", fresh=True)
    assert fresh.resumed is False
    assert requested(journal, fresh) == []


def test_lines_are_open_until_their_model_has_an_outcome(journal: Journal) -> None:
    run = begun(journal, "a", "b", "A", "c")
    assert [line.text for line in journal.open_lines(run, 0, 10)] == ["a", "b", "A", "c"]
    journal.write_down(run, Progress(done=[done("a")]))
    assert [line.text for line in journal.open_lines(run, 0, 10)] == ["b", "c"]
    assert [line.text for line in journal.open_lines(run, 2, 1)] == ["c"]


def test_rows_come_in_order_up_to_the_first_gap_each_as_it_was_asked_for(journal: Journal) -> None:
    run = begun(journal, "a", "b", "A", "c")
    journal.write_down(run, Progress(done=[done("a"), done("c")]))
    assert requested(journal, run) == ["a"]
    journal.write_down(run, Progress(done=[done("b")]))
    assert requested(journal, run) == ["a", "b", "A", "c"]
    assert requested(journal, run, after=2) == ["A", "c"]


def test_models_and_verdicts_are_counted_by_models_and_by_lines(journal: Journal) -> None:
    run = begun(journal, "a", "b", "A", "c")
    journal.write_down(run, Progress(done=[done("a"), done("b", "failed", "gated")]))
    assert journal.models(run) == 3
    assert journal.model_verdicts(run) == {"exact": 1, "failed": 1}
    assert journal.verdicts(run) == {("exact", None): 2, ("failed", "gated"): 1}


def test_the_same_list_again_changes_nothing(journal: Journal) -> None:
    run = begun(journal, "a", "b")
    journal.note_place(run, "report", Place(rows=2, size_bytes=20, sha256="x"))
    journal.take_over(run, lines("a", "b"))
    journal.end_of_input(run, 2)
    assert journal.place_of(run, "report") == Place(rows=2, size_bytes=20, sha256="x")


@pytest.mark.parametrize(
    "texts", [["a", "x", "c"], ["a", "b"], ["a", "b", "c", "d"], ["x", "a", "b", "c"]]
)
def test_a_list_that_changed_takes_the_place_of_the_old_one(
    journal: Journal, texts: list[str]
) -> None:
    run = begun(journal, "a", "b", "c")
    journal.write_down(run, Progress(done=[done("a"), done("b"), done("c")]))
    journal.note_place(run, "report", Place(rows=3, size_bytes=30, sha256="x"))
    journal.take_over(run, lines(*texts))
    journal.end_of_input(run, len(texts))
    open_keys = [line.model_key for line in journal.open_lines(run, 0, 10)]
    assert open_keys == [text for text in texts if text not in "abc"]  # the rest is kept
    only_longer = texts[:3] == ["a", "b", "c"]
    assert (journal.place_of(run, "report") is None) is not only_longer


def test_a_list_of_which_only_a_part_came_over_is_read_on(journal: Journal) -> None:
    run = journal.begin("key", "{}")
    journal.take_over(run, lines("a", "b"))  # and the process died
    run = journal.begin("key", "{}")
    assert run.loaded_lines is None
    journal.take_over(run, lines("a", "b"))
    journal.take_over(run, lines("c", first=3))
    journal.end_of_input(run, 3)
    assert [line.text for line in journal.open_lines(run, 0, 10)] == ["a", "b", "c"]
    assert journal.begin("key", "{}").loaded_lines == 3


def test_failures_that_may_pass_are_forgotten_and_the_report_with_them(journal: Journal) -> None:
    run = begun(journal, "a", "b")
    journal.write_down(run, Progress(done=[done("a"), done("b", "failed", "unreachable")]))
    journal.note_place(run, "report", Place(rows=2, size_bytes=20, sha256="x"))
    assert journal.forget(run, ["gated"]) == 0
    assert journal.place_of(run, "report") is not None
    assert journal.forget(run, ["unreachable"]) == 1
    assert journal.place_of(run, "report") is None
    assert [line.text for line in journal.open_lines(run, 0, 10)] == ["b"]


KEY = AuditKey(endpoint="http://hub", repo_id="org/a", commit="1" * 40, settings="s")


def audit(**outcome: Any) -> Audit:
    return Audit(outcome=outcome, opening_requests=1, opening_bytes=100)


def test_an_audit_is_found_by_commit_and_settings_and_nothing_else(journal: Journal) -> None:
    run = begun(journal, "a")
    journal.write_down(run, Progress(audits=[(KEY, audit(total=5))]))
    assert journal.audit(KEY) == audit(total=5)
    for other in ({"commit": "2" * 40}, {"settings": "t"}, {"endpoint": ""}, {"repo_id": "org/b"}):
        assert journal.audit(AuditKey(**({field: getattr(KEY, field) for field in (
            "endpoint", "repo_id", "commit", "settings")} | other))) is None  # fmt: skip


def test_a_newer_audit_takes_the_place_of_the_old_one(journal: Journal) -> None:
    run = begun(journal, "a")
    journal.write_down(run, Progress(audits=[(KEY, audit(total=5))]))
    journal.write_down(run, Progress(audits=[(KEY, audit(total=6))]))
    assert journal.audit(KEY) == audit(total=6)
    assert journal.count_audits() == 1


def test_names_lead_where_they_last_led(journal: Journal) -> None:
    run = begun(journal, "a")
    first, second = (
        Name(
            endpoint="http://hub",
            asked="old",
            repo_id=repo_id,
            opening_requests=2,
            opening_bytes=9,
        )
        for repo_id in ("org/a", "org/b")
    )
    assert journal.name("http://hub", "old") is None
    journal.write_down(run, Progress(names=[first]))
    journal.write_down(run, Progress(names=[second]))
    assert journal.name("http://hub", "old") == second
    assert journal.name("http://mirror", "old") is None


def test_all_of_a_progress_is_written_down_or_nothing(journal: Journal) -> None:
    run = begun(journal, "a", "b")
    journal.write_down(run, Progress(done=[done("a")]))
    with pytest.raises(StoreError):  # "a" has an outcome already
        journal.write_down(run, Progress(done=[done("b"), done("a")]))
    assert [line.text for line in journal.open_lines(run, 0, 10)] == ["b"]


def test_pruning_and_clearing_remove_audits(tmp_path: Path) -> None:
    now = 0.0
    journal = Journal(str(tmp_path), clock=lambda: now)
    run = begun(journal, "a")
    journal.write_down(run, Progress(audits=[(KEY, audit())]))
    now = 10 * 86_400.0
    assert journal.prune(unused_days=11) == 0
    assert journal.prune(unused_days=9) == 1
    run = journal.begin("key", "{}")
    journal.write_down(run, Progress(audits=[(KEY, audit())]))
    assert journal.clear() == 1
    assert journal.count_audits() == 0
    assert journal.begin("key", "{}").resumed is True  # what is under way goes on
    journal.close()


def test_a_finished_run_leaves_nothing_behind_but_its_audits(journal: Journal) -> None:
    run = begun(journal, "a")
    journal.write_down(run, Progress(done=[done("a")], audits=[(KEY, audit())]))
    journal.finish(run)
    assert requested(journal, run) == []
    assert journal.count_audits() == 1


def test_one_report_is_written_by_one_process_at_a_time() -> None:
    with (
        alone("/reports/a.csv"),
        alone("/reports/b.csv"),
        pytest.raises(StoreError, match="another process"),
        alone("/reports/a.csv"),
    ):
        pass
    with alone("/reports/a.csv"):
        pass

from auditor.core.verdict import MEANING, SEVERITY, Verdict, agrees, differs


def test_every_verdict_has_a_meaning() -> None:
    assert set(MEANING) == set(Verdict)


def test_a_mismatch_is_the_only_verdict_that_differs() -> None:
    assert [verdict for verdict in Verdict if differs(verdict)] == [Verdict.MISMATCH]


def test_near_and_another_scope_still_agree() -> None:
    assert agrees(Verdict.NEAR)
    assert agrees(Verdict.OTHER_SCOPE)


def test_what_was_not_compared_neither_agrees_nor_differs() -> None:
    silent = [verdict for verdict in Verdict if not agrees(verdict) and not differs(verdict)]
    assert set(silent) == set(Verdict) - set(SEVERITY)


def test_severity_runs_from_exact_to_mismatch() -> None:
    assert SEVERITY[0] is Verdict.EXACT
    assert SEVERITY[-1] is Verdict.MISMATCH
    assert len(set(SEVERITY)) == len(SEVERITY)

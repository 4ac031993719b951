"""What is documented, as it comes into a record: lists, contradictions, known mistakes."""

import pytest

from auditor import AuditRecord, Verdict, audit
from auditor.auditing import AuditOptions
from auditor.claims.ledger import LedgerReader, read_ledger
from auditor.core.claims import ClaimSource
from auditor.core.comparison import Comparison
from auditor.sources.memory import MemorySource
from builders import Tensors, safetensors_file

FORTY: Tensors = {"wte.weight": ("F32", [10, 4])}
MILLIONS: Tensors = {"wte.weight": ("F32", [10_000, 124])}  # 1,240,000


def audited(
    tensors: Tensors, *, card: str = "", figures: str = "", model: str = "org/model"
) -> AuditRecord:
    files = {"model.safetensors": safetensors_file(tensors), "README.md": card.encode()}
    ledger = read_ledger(figures, "list.csv") if figures else None
    readers = (LedgerReader(ledger=ledger),) if ledger else ()
    return audit(model, source=MemorySource({model: files}), options=AuditOptions(readers=readers))


def listed(record: AuditRecord) -> list[Comparison]:
    return [each for each in record.comparisons if each.claim.source is ClaimSource.LIST]


def contradictions(record: AuditRecord) -> list[str]:
    return [each.message for each in record.findings if each.code == "claims-contradict"]


def test_a_list_of_ones_own_is_judged_beside_what_the_repository_says() -> None:
    figures = "model,figure,source\norg/model,50,page 4\nother/model,7B,\n"
    record = audited(FORTY, card="A model with 40 parameters.\n", figures=figures)
    (claim,) = listed(record)
    assert claim.verdict is Verdict.MISMATCH  # 40 are there, and no 50
    assert claim.claim.where == "list.csv, line 2: page 4"
    assert record.verdict is Verdict.MISMATCH


def test_the_tolerance_of_a_list_decides_in_place_of_the_rounding_rules() -> None:
    exact = audited(FORTY, figures="model,figure,tolerance\norg/model,42,5%\n")
    strict = audited(FORTY, figures="model,figure,tolerance\norg/model,42,1\n")
    assert [each.verdict for each in listed(exact)] == [Verdict.NEAR]  # 2 of 42 are 4.8 %
    assert [each.verdict for each in listed(strict)] == [Verdict.MISMATCH]


def test_claims_that_cannot_both_be_right_are_a_finding_and_name_their_places() -> None:
    record = audited(
        MILLIONS,
        card="The model has 1.24M parameters.\n",
        figures="model,figure\norg/model,1.5M\n",
    )
    (message,) = contradictions(record)
    assert "1.24M (README.md, line 1)" in message
    assert "1.5M (list.csv, line 2)" in message


def test_claims_that_only_round_differently_do_not_contradict() -> None:
    record = audited(
        MILLIONS,
        card="The model has 1.24M parameters.\n",
        figures="model,figure\norg/model,1.2M\n",
    )
    assert contradictions(record) == []


@pytest.mark.parametrize(("model", "explained"), [("openai-community/gpt2", True), ("a/b", False)])
def test_a_figure_that_is_known_to_be_wrong_has_its_reviewed_reason(
    model: str, *, explained: bool
) -> None:
    record = audited(MILLIONS, model=model, card="The model has 117M parameters.\n")
    reasons = [
        each.explanation for each in record.comparisons if each.claim.quantity.written == "117M"
    ]
    assert reasons != []
    assert all(("40,478 tokens" in reason) is explained for reason in reasons)

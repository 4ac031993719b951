"""Figures that are known to be wrong or to mean something else, found and explained.

Where no checkpoint is built here, one tensor stands in for it that has its published count.
"""

import pytest

from architectures import bert
from auditor import AuditRecord, Verdict, audit
from auditor.core.claims import ClaimSource
from auditor.core.comparison import Comparison
from auditor.core.repository import HubFacts
from auditor.core.tensors import Tensor
from auditor.sources.contents import Content, ZeroTailed
from auditor.sources.memory import MemorySource
from builders import Tensors, virtual_header


def audited(
    model: str, tensors: Tensors, *, hub: HubFacts | None = None, card: str = ""
) -> AuditRecord:
    head, size_bytes = virtual_header(tensors)
    weights = ZeroTailed(head=head, size_bytes=size_bytes)
    files: dict[str, Content] = {"model.safetensors": weights, "README.md": card.encode()}
    return audit(model, source=MemorySource({model: files}, hub={model: hub} if hub else None))


def of_count(count: int) -> Tensors:
    return {"model.layers.0.mlp.weight": ("BF16", [count])}


def as_written(tensors: tuple[Tensor, ...]) -> Tensors:
    return {str(each.name): (each.dtype.name, list(each.shape)) for each in tensors}


def claim(record: AuditRecord, written: str, source: ClaimSource) -> Comparison:
    found = [
        each
        for each in record.comparisons
        if each.claim.quantity.written == written and each.claim.source is source
    ]
    assert found != []
    return found[0]


def test_multilingual_bert_is_said_to_have_110_million_and_has_177_9() -> None:
    # V d + (512 + 2) d + 2 d + 12 (12 d^2 + 13 d) + d^2 + d with V = 119,547 and d = 768
    d = 768
    count = (119_547 + 514 + 2) * d + 12 * (12 * d**2 + 13 * d) + d**2 + d
    assert count == 177_853_440
    tensors = as_written(bert(vocab=119_547, heads=False))
    record = audited("google-bert/bert-base-multilingual-cased", tensors)
    wrong = claim(record, "110M", ClaimSource.REGISTRY)
    assert record.verdict is wrong.verdict is Verdict.MISMATCH
    assert wrong.actual == count
    assert "67,853,440 more than documented (+61.7 %)" in wrong.explanation


@pytest.mark.parametrize(
    ("model", "written", "count", "verdict"),
    [
        # 350M follows GPT-3 Medium; its embeddings are half as wide as its layers
        ("facebook/opt-350m", "350M", 331_196_416, Verdict.MISMATCH),
        ("openai/whisper-tiny", "39 M", 37_760_640, Verdict.MISMATCH),  # 3.2 % too high
        ("openai/whisper-small", "244 M", 241_734_912, Verdict.NEAR),
        ("openai/whisper-large-v3-turbo", "809 M", 808_878_080, Verdict.ROUNDS),
        ("openai/whisper-large-v3-turbo", "798 M", 808_878_080, Verdict.NEAR),
    ],
)
def test_published_sizes_that_no_count_rounds_to(
    model: str, written: str, count: int, verdict: Verdict
) -> None:
    record = audited(model, of_count(count))
    assert claim(record, written, ClaimSource.REGISTRY).verdict is verdict


def test_whisper_turbo_has_two_published_sizes_that_contradict_each_other() -> None:
    record = audited("openai/whisper-large-v3-turbo", of_count(808_878_080))
    messages = [each.message for each in record.findings if each.code == "claims-contradict"]
    assert len(messages) == 1
    assert "809 M" in messages[0]
    assert "798 M" in messages[0]


def test_gemma_2b_is_a_class_mark_and_no_mismatch() -> None:
    record = audited("google/gemma-2b", of_count(2_506_172_416))
    label = claim(record, "2b", ClaimSource.NAME)
    assert not label.deciding
    assert "a label, not a count" in label.explanation


def test_a_figure_that_is_written_to_the_last_digit_and_off_is_a_mismatch_however_near() -> None:
    # 6,053,381,344 - 6,050,882,784 = 2,498,560
    record = audited("EleutherAI/gpt-j-6b", of_count(6_050_882_784))
    exact_looking = claim(record, "6053381344", ClaimSource.REGISTRY)
    assert exact_looking.verdict is Verdict.MISMATCH
    assert exact_looking.difference == -2_498_560
    assert "claims to be exact" in exact_looking.explanation


def test_a_hub_total_that_is_wrong_by_orders_of_magnitude_is_found() -> None:
    count = 7_615_616_512
    hub = HubFacts(total=333_312, parameters={"BF16": 333_312})
    record = audited("someone/model-7b", of_count(count), hub=hub)
    declared = claim(record, "333,312", ClaimSource.HUB)
    assert record.verdict is declared.verdict is Verdict.MISMATCH
    assert declared.difference == count - 333_312
    assert not claim(record, "7b", ClaimSource.NAME).deciding


def test_671_and_685_billion_are_both_said_of_deepseek_v3_and_do_not_contradict() -> None:
    card = (
        "The total size of DeepSeek-V3 models is 685B, which includes 671B of the Main Model"
        " weights and 14B of the Multi-Token Prediction (MTP) Module weights.\n"
    )
    record = audited("deepseek-ai/DeepSeek-V3", of_count(671_026_419_200), card=card)
    assert claim(record, "671B", ClaimSource.REGISTRY).verdict is Verdict.ROUNDS
    messages = [each.message for each in record.findings if each.code == "claims-contradict"]
    assert not any("of the total" in message for message in messages)
    # With the embeddings and the head that it shares it has 14B, without them 11.5B.
    assert [message for message in messages if "11.5B" in message and "14B" in message] != []

"""Bytes of the weights, as stored and as they would be loaded."""

from architectures import bert, gpt2, judged, tensors_of
from auditor.core.config import ModelConfig
from auditor.core.memory import memory_of
from auditor.core.role_rules import RULES
from auditor.core.roles import assign
from auditor.core.tally import tally


def test_bert_large_takes_four_bytes_each_and_half_a_byte_each() -> None:
    _, counted = judged(bert(layers=24, width=1_024), {"model_type": "bert"})
    assert dict(memory_of(counted)) == {
        "stored": 4 * 336_226_108,  # 1,344,904,432: 1.34 GB
        "F32": 4 * 336_226_108,
        "F16": 2 * 336_226_108,
        "BF16": 2 * 336_226_108,
        "INT8": 336_226_108,
        "INT4": 336_226_108 // 2,
    }


def test_masks_are_stored_and_not_loaded() -> None:
    _, counted = judged(gpt2(), {"model_type": "gpt2"})
    figures = memory_of(counted)
    assert figures["stored"] == 4 * 137_022_720
    assert figures["F32"] == 4 * 124_439_808


def test_half_a_byte_is_rounded_up() -> None:
    tensors = tensors_of({"weight": ("F32", (3,))})
    assert memory_of(tally(assign(tensors, ModelConfig(), {}, RULES)))["INT4"] == 2


def test_of_an_unknown_count_only_the_stored_bytes_are_told() -> None:
    tensors = tensors_of({"weight": ("F32", (3,))})
    counted = tally(assign(tensors, ModelConfig(), {}, RULES), complete=False)
    assert dict(memory_of(counted)) == {"stored": 12}

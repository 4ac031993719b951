"""The JSON contract, key by key."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.core.claims import ClaimSource, quantity
from auditor.core.left_out import LeftOut
from auditor.core.record import Outcome, bits_per_weight, deciding, outcome_dict
from auditor.core.verdict import Verdict
from records import (
    MILLION,
    bert_large,
    claim,
    compared,
    every_outcome,
    gated,
    gpt2,
    llama,
    packed,
    pipeline,
    whisper,
)
from schema_check import errors

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "outcome.schema.json").read_text(encoding="utf-8")
)

OUTCOME = """model requested revision commit status verdict documented parameters stored memory
    roles groups layouts counts components claims findings files left_out shape adapter architecture
    hub proof error""".split()
PARAMETERS = """total trainable frozen active embedding non_embedding tied_copies buffers auxiliary
    range""".split()
CLAIM = """text written value scope detail source where verdict actual difference
    difference_percent explanation deciding label certain""".split()
PROOF = """origin note requests retries bytes_read weight_bytes spans headers_by roles_by
    versions""".split()


@pytest.mark.parametrize("outcome", every_outcome())
def test_every_outcome_has_the_keys_of_the_contract_in_its_order(outcome: Outcome) -> None:
    found = outcome_dict(outcome)
    assert list(found) == OUTCOME
    assert list(found["parameters"]) == PARAMETERS
    assert list(found["proof"]) == PROOF
    assert list(found["stored"]) == ["elements", "bytes", "dtype", "by_dtype"]


@pytest.mark.parametrize("outcome", every_outcome())
def test_every_outcome_is_what_the_published_schema_describes(outcome: Outcome) -> None:
    report = {"schema": 1, "outcomes": [outcome_dict(outcome)]}
    assert errors(report, SCHEMA, SCHEMA) == []


def test_the_parameters_of_bert_large() -> None:
    assert outcome_dict(bert_large())["parameters"] == {
        "total": 336_226_108,
        "trainable": 336_226_108,
        "frozen": 0,
        "active": None,
        "embedding": 31_780_864,
        "non_embedding": 304_445_244,  # 336,226,108 - 31,780,864
        "tied_copies": 0,
        "buffers": 0,
        "auxiliary": 0,
        "range": None,
    }


def test_memory_is_in_bytes_gb_and_gib() -> None:
    memory = outcome_dict(bert_large())["memory"]
    assert list(memory) == ["stored", "F32", "F16", "BF16", "INT8", "INT4"]
    assert memory["stored"] == {"bytes": 1_344_904_432, "GB": "1.34", "GiB": "1.25"}
    assert memory["INT4"] == {"bytes": 168_113_054, "GB": "0.168", "GiB": "0.157"}


def test_buffers_are_stored_and_are_no_parameters() -> None:
    found = outcome_dict(gpt2())
    assert found["parameters"]["total"] == 124_439_808
    assert found["parameters"]["buffers"] == 12_582_912
    assert found["stored"]["elements"] == 137_022_720
    assert found["roles"]["buffer"] == {
        "tensors": 12,
        "elements": 12_582_912,
        "bytes": 50_331_648,
    }


def test_frozen_parameters_and_tied_copies_are_told_apart() -> None:
    parameters = outcome_dict(whisper())["parameters"]
    assert parameters["total"] == 763_857_920
    assert parameters["trainable"] == 762_321_920
    assert parameters["frozen"] == 1_536_000
    assert parameters["tied_copies"] == 53_109_760


def test_a_claim_has_its_difference_and_the_share_of_what_is_documented() -> None:
    first = outcome_dict(bert_large())["claims"][0]
    assert list(first) == CLAIM
    assert first["written"] == "340M"
    assert first["value"] == 340_000_000
    assert first["actual"] == 336_226_108
    assert first["difference"] == -3_773_892
    assert first["difference_percent"] == -1.11


def test_an_unknown_count_is_null_with_the_range_it_lies_in() -> None:
    found = outcome_dict(packed())
    assert found["parameters"]["total"] is None
    assert found["parameters"]["non_embedding"] is None
    assert found["parameters"]["range"] == [1_744_830_464, 13_958_643_712]
    assert found["claims"][0]["difference"] is None
    assert found["findings"][0]["code"] == "unknown-packing"


def test_a_failure_has_every_key_with_nothing_in_it() -> None:
    found = outcome_dict(gated())
    assert found["status"] == "failed"
    assert found["verdict"] == "failed"
    assert found["error"]["kind"] == "gated"
    assert set(found["parameters"].values()) == {None}
    assert set(found["proof"].values()) == {None}
    assert found["claims"] == found["files"] == found["left_out"] == []
    assert found["memory"] == found["roles"] == found["stored"]["by_dtype"] == {}


def test_an_audit_has_no_error() -> None:
    assert outcome_dict(llama())["error"] is None


def test_spans_and_components_are_spelled_out() -> None:
    found = outcome_dict(pipeline())
    assert found["proof"]["spans"] == [{"path": "model.safetensors", "begin": 0, "end": 65_536}]
    assert found["components"][2] == {
        "name": "vae",
        "class_name": "AutoencoderKL",
        "format": "safetensors",
        "parameters": 83_653_863,
        "stored_bytes": 334_615_452,
        "beside": "",
    }


def test_another_quantisation_tells_the_bits_of_a_weight() -> None:
    # Llama-3.1-8B in Q4_K_M: 4,920,739,232 bytes x 8 / 8,030,261,248 = 4.902 bits.
    left = LeftOut(
        paths=("a.Q4_K_M.gguf",),
        reason="the same weights in Q4_K_M",
        size_bytes=4_920_739_232,
        quantisation="Q4_K_M",
    )
    record = replace(llama(), left_out=(left,))
    assert record.tally.total == 8_030_261_248
    assert outcome_dict(record)["left_out"] == [
        {
            "paths": ["a.Q4_K_M.gguf"],
            "reason": "the same weights in Q4_K_M",
            "size_bytes": 4_920_739_232,
            "quantisation": "Q4_K_M",
            "bits_per_weight": "4.90",
        }
    ]
    assert bits_per_weight(left, None) is None
    assert bits_per_weight(replace(left, quantisation=""), 8_030_261_248) is None


def test_text_from_a_repository_stands_as_it_was_found() -> None:
    nasty = "=1+1\r\n\x1b[31m\ud800"
    record = replace(bert_large(), model=nasty)
    assert outcome_dict(record)["model"] == nasty


def test_equal_outcomes_give_equal_text() -> None:
    assert [json.dumps(outcome_dict(each)) for each in every_outcome()] == [
        json.dumps(outcome_dict(each)) for each in every_outcome()
    ]


def test_the_documented_figure_is_the_one_that_the_verdict_rests_on() -> None:
    # 124M on the card rounds; the verdict is the Hub's, which counts the masks
    documented = outcome_dict(gpt2())["documented"]
    assert (documented["source"], documented["verdict"]) == ("hub", "other-scope")


def test_a_figure_that_decides_outranks_one_that_does_not() -> None:
    figure = quantity("340", MILLION, written="340M")
    aside = compared(
        claim(figure, ClaimSource.NAME), Verdict.ROUNDS, 340_000_001, "", deciding=False
    )
    decides = compared(claim(figure), Verdict.ROUNDS, 340_000_002, "")
    record = replace(bert_large(), verdict=Verdict.ROUNDS, comparisons=(aside, decides))
    assert deciding(record) is decides


def test_a_verdict_that_rests_on_nothing_documented_has_no_figure() -> None:
    record = replace(bert_large(), verdict=Verdict.UNDOCUMENTED)
    assert deciding(record) is None
    assert outcome_dict(record)["documented"] is None

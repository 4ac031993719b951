"""Tied matrices that are stored twice, with real bytes: equal, different, and not to be told."""

import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import pytest

from auditor import AuditRecord, audit
from auditor.auditing import AuditOptions
from auditor.core.blueprint import Blueprint, Drawing
from auditor.core.tie_samples import SAMPLE_BYTES
from auditor.sources.memory import MemorySource
from blueprints import blueprint
from builders import Tensors, virtual_header
from command import hfaudit
from hub import Hub, Repo

# 3,000 x 8 in F32 are 96,000 bytes: more than the three samples together
HEAD, TABLE, NORM = "lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"
LLAMA: Tensors = {TABLE: ("F32", [3_000, 8]), HEAD: ("F32", [3_000, 8]), NORM: ("F32", [8])}
TABLE_PARAMETERS = 24_000
TIED = {"model_type": "qwen3", "tie_word_embeddings": True}
UNTIED = {"model_type": "qwen3", "tie_word_embeddings": False}
VERIFIED = AuditOptions(verify_ties=True)


def random_bytes(seed: int) -> bytes:
    return Random(seed).randbytes(96_000)  # noqa: S311 - data of a test


def file_of(table: bytes, head: bytes) -> bytes:
    start, _ = virtual_header(LLAMA)
    return start + table + head + bytes(32)


EQUAL = file_of(random_bytes(1), random_bytes(1))
DIFFERENT = file_of(random_bytes(1), random_bytes(2))


def audited(
    weights: bytes, config: Mapping[str, Any] | None, options: AuditOptions = VERIFIED
) -> AuditRecord:
    files = {"model.safetensors": weights}
    if config is not None:
        files["config.json"] = json.dumps(config).encode()
    return audit("org/model", source=MemorySource({"org/model": files}), options=options)


def codes(record: AuditRecord) -> set[str]:
    return {finding.code for finding in record.findings}


def test_equal_bytes_confirm_what_the_config_says() -> None:
    record = audited(EQUAL, TIED)
    assert record.tally.total == TABLE_PARAMETERS + 8
    assert record.tally.tied_copies == TABLE_PARAMETERS
    assert {"tied-copy-stored", "tie-verified"} <= codes(record)


def test_a_copy_that_differs_counts_for_itself_whatever_the_config_says() -> None:
    record = audited(DIFFERENT, TIED)
    assert record.tally.total == 2 * TABLE_PARAMETERS + 8
    assert record.tally.tied_copies == 0
    assert "tie-differs" in codes(record)
    assert "tied-copy-stored" not in codes(record)


def test_without_a_config_the_bytes_settle_what_was_open() -> None:
    assert audited(EQUAL, None, AuditOptions()).tally.total is None
    assert audited(EQUAL, None).tally.total == TABLE_PARAMETERS + 8
    assert audited(DIFFERENT, None).tally.total == 2 * TABLE_PARAMETERS + 8
    assert "tie-not-settled" not in codes(audited(EQUAL, None))


def test_zeros_settle_nothing() -> None:
    record = audited(file_of(bytes(96_000), bytes(96_000)), TIED)
    assert record.tally.total == TABLE_PARAMETERS + 8  # the config's word stands
    assert "tie-not-verified" in codes(record)


def test_a_head_that_is_said_to_be_its_own_is_not_compared() -> None:
    record = audited(EQUAL, UNTIED)
    assert record.tally.total == 2 * TABLE_PARAMETERS + 8
    assert len(record.proof.spans) == 1  # the header


def test_the_proof_has_the_spans_that_were_compared() -> None:
    record = audited(EQUAL, TIED)
    (_, header), *samples = record.proof.spans
    begin = len(virtual_header(LLAMA)[0])
    middle = (96_000 - SAMPLE_BYTES) // 2
    places = [place for at in (0, middle, 96_000 - SAMPLE_BYTES) for place in (at, 96_000 + at)]
    assert sorted(span.begin - begin for _, span in samples) == sorted(places)
    assert {span.length for _, span in samples} == {SAMPLE_BYTES}
    assert record.proof.bytes_read == header.length + 6 * SAMPLE_BYTES + len(json.dumps(TIED))


def test_without_being_asked_nothing_is_compared() -> None:
    record = audited(DIFFERENT, TIED, AuditOptions())
    assert record.tally.total == TABLE_PARAMETERS + 8
    assert len(record.proof.spans) == 1


# -- with a class


class Shelf:
    """An architect with one blueprint."""

    def __init__(self, built: Blueprint) -> None:
        self._built = built

    async def draw(self, config: Mapping[str, Any], class_name: str | None = None) -> Drawing:  # noqa: ARG002
        return self._built


OWN = {TABLE: (3_000, 8), NORM: (8,)}


def with_class(weights: bytes, config: Mapping[str, Any], built: Blueprint) -> AuditRecord:
    return audited(weights, config, AuditOptions(verify_ties=True, architect=Shelf(built)))


def test_bytes_outrank_the_class() -> None:
    built = blueprint(OWN, ties={HEAD: TABLE})
    assert with_class(EQUAL, TIED, built).tally.total == TABLE_PARAMETERS + 8
    differing = with_class(DIFFERENT, TIED, built)
    assert differing.tally.total == 2 * TABLE_PARAMETERS + 8
    assert differing.proof.roles_by.endswith("for the tensors that it has")


def test_a_dispute_of_config_and_class_is_settled_by_bytes() -> None:
    untied = blueprint({**OWN, HEAD: (3_000, 8)})
    disputed = audited(EQUAL, TIED, AuditOptions(architect=Shelf(untied)))
    assert "tie-disputed" in codes(disputed)
    for weights, total in ((EQUAL, TABLE_PARAMETERS + 8), (DIFFERENT, 2 * TABLE_PARAMETERS + 8)):
        record = with_class(weights, TIED, untied)
        assert record.tally.total == total
        assert "tie-disputed" not in codes(record)


def test_what_only_the_class_ties_is_compared_too() -> None:
    built = blueprint({TABLE: (3_000, 8), NORM: (8,)}, ties={HEAD: TABLE})
    equal = with_class(EQUAL, UNTIED, built)
    assert equal.tally.total == TABLE_PARAMETERS + 8
    assert "tie-verified" in codes(equal)
    assert with_class(DIFFERENT, UNTIED, built).tally.total == 2 * TABLE_PARAMETERS + 8


# -- over HTTP, by the command


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    config = json.dumps(TIED).encode()
    repos = [
        Repo(name, {"config.json": config, "model.safetensors": weights})
        for name, weights in (("org/equal", EQUAL), ("org/different", DIFFERENT))
    ]
    with Hub(repos) as server:
        yield server


def test_the_command_compares_over_http(hub: Hub, tmp_path: Any) -> None:
    ran = hfaudit(
        "org/equal",
        "org/different",
        *("--verify-ties", "--blueprint", "off", "-f", "json"),
        home=tmp_path,
        HF_ENDPOINT=hub.endpoint,
    )
    totals = [outcome["parameters"]["total"] for outcome in ran.outcomes]
    assert totals == [TABLE_PARAMETERS + 8, 2 * TABLE_PARAMETERS + 8]
    assert len(ran.outcomes[0]["proof"]["spans"]) == 1 + 6


def test_the_tree_of_modules_follows_the_bytes(hub: Hub, tmp_path: Any) -> None:
    ran = hfaudit(
        "tensors",
        "org/different",
        *("--verify-ties", "--blueprint", "off", "--depth", "0"),
        home=tmp_path,
        HF_ENDPOINT=hub.endpoint,
    )
    assert f"{2 * TABLE_PARAMETERS + 8:,}" in ran.out

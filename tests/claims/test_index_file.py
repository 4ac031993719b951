from collections.abc import Mapping
from typing import Any

import pytest

from auditor.claims import index_file
from auditor.core.claims import Claim, ClaimSource, Published
from auditor.core.repository import Origin, Repository

REPOSITORY = Repository(
    repo_id="example/model",
    requested="example/model",
    revision="main",
    commit="0" * 40,
    origin=Origin.HUB,
    files=(),
)


def read(
    index: Mapping[str, Any] | None = None, headers: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Claim, ...]:
    return index_file.read(
        Published(
            repository=REPOSITORY,
            index_path="model.safetensors.index.json",
            index_metadata=index or {},
            header_metadata=headers or {},
        )
    )


@pytest.mark.parametrize("value", [7_615_616_512, "7615616512", "7,615,616,512", " 7615616512 "])
def test_the_index_may_write_its_count_as_a_number_or_as_text(value: object) -> None:
    (claim,) = read({"total_parameters": value, "total_size": 15_231_233_024})
    assert claim.quantity.value == 7_615_616_512
    assert claim.quantity.looks_exact
    assert claim.source is ClaimSource.INDEX
    assert claim.where == "model.safetensors.index.json, metadata.total_parameters"


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -7, 7.5e9, "7B", "", "-7", "seven", [7], {"a": 7}, 10**30, "9" * 10_000],
)
def test_junk_in_the_metadata_is_no_claim(value: object) -> None:
    assert read({"total_parameters": value}) == ()
    assert read(headers={"model.safetensors": {"total_parameters": str(value)}}) == ()


def test_a_header_may_tell_its_count() -> None:
    (claim,) = read(
        headers={"model.safetensors": {"format": "pt", "total_parameters": "134515008"}}
    )
    assert claim.quantity.value == 134_515_008
    assert claim.source is ClaimSource.HEADER
    assert claim.where == "model.safetensors, __metadata__.total_parameters"


def test_shards_that_tell_the_same_count_make_one_claim_and_others_none() -> None:
    same = {
        "1.safetensors": {"total_parameters": "99"},
        "2.safetensors": {"total_parameters": "99"},
    }
    assert len(read(headers=same)) == 1
    each = {
        "1.safetensors": {"total_parameters": "40"},
        "2.safetensors": {"total_parameters": "59"},
    }
    assert read(headers=each) == ()


def test_index_and_header_are_claims_of_their_own() -> None:
    claims = read({"total_parameters": 99}, {"model.safetensors": {"total_parameters": "98"}})
    assert [claim.source for claim in claims] == [ClaimSource.INDEX, ClaimSource.HEADER]

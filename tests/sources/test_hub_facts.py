"""What the API says is read as if it meant harm: whatever has the wrong type was not said."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.repository import HubFacts
from auditor.errors import BadAnswer, HfauditError, LimitExceeded
from auditor.sources import hub_facts
from auditor.sources.hub_errors import Asked
from auditor.sources.hub_facts import Info, read_info

SHA = "a" * 40
ASKED = Asked(
    endpoint="https://hub.example.org", repo_id="org/name", revision="main", with_token=False
)
FIELDS = (
    *("id", "sha", "disabled", "gated", "private", "library_name", "pipeline_tag", "tags"),
    *("lastModified", "cardData", "safetensors", "siblings"),
)

TEXTS = st.text("ab/.\0é", max_size=5) | st.sampled_from((*FIELDS, SHA, "org/name", "auto"))
KEYS = st.sampled_from(
    ("rfilename", "size", "blobId", "lfs", "sha256", "oid", "base_model", "total", "parameters")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=9,
)


def info(**fields: Any) -> Info:
    return read_info(json.dumps({"sha": SHA, **fields}).encode(), ASKED)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, VALUES)))
def test_whatever_the_fields_hold_reading_them_ends_in_an_info_or_an_error(
    fields: dict[str, Any],
) -> None:
    try:
        found = info(**fields)
    except HfauditError:
        return
    assert isinstance(found.facts, HubFacts)
    assert len({file.path for file in found.files}) == len(found.files)


def test_an_info_of_nothing_but_wrong_types_says_nothing() -> None:
    wrong: dict[str, Any] = {
        "id": 7,
        "disabled": "true",
        "gated": "maybe",
        "private": 1,
        "library_name": ["x"],
        "pipeline_tag": {},
        "tags": "en",
        "lastModified": 5,
        "cardData": [],
        "siblings": {},
        "safetensors": {"total": "1", "parameters": [1]},
    }
    found = info(**wrong)
    assert found.facts == HubFacts()
    assert (found.repo_id, found.disabled, found.files, found.complete) == (
        *("org/name", False, ()),
        False,
    )


@pytest.mark.parametrize("number", [True, -1, 1.0, "1", None, 1 << 63])
def test_what_is_no_count_is_no_count(number: object) -> None:
    facts = info(safetensors={"total": number, "parameters": {"F32": number, "BF16": 2}}).facts
    assert (facts.total, facts.parameters) == (None, {"BF16": 2})


@pytest.mark.parametrize(
    ("base_model", "kept"),
    [("a/b", ("a/b",)), (["a/b", 7, "", "c/d"], ("a/b", "c/d")), (7, ()), ("x" * 9_999, ())],
)
def test_base_models_come_alone_or_in_a_list(base_model: object, kept: tuple[str, ...]) -> None:
    assert info(cardData={"base_model": base_model}).facts.base_model == kept


@pytest.mark.parametrize(
    ("gated", "kept"),
    [("auto", "auto"), ("manual", "manual"), (False, None), (True, "auto"), ("no", None)],
)
def test_a_gate_is_of_one_of_two_kinds(gated: object, kept: str | None) -> None:
    assert info(gated=gated).facts.gated == kept


@pytest.mark.parametrize(
    "name", ["../etc", "a/b/c", "a//b", "/a", "a/", "-a/b", "a b/c", "a" * 97, "a/..", ""]
)
def test_a_present_name_that_is_none_is_not_taken(name: str) -> None:
    assert info(id=name).repo_id == "org/name"


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "a\0b", "x" * 5_000, 7, None]
)
def test_a_path_that_git_could_not_have_is_left_out_and_the_list_is_not_whole(
    path: object,
) -> None:
    good = {"rfilename": "model.safetensors", "size": 8}
    found = info(siblings=[good, {"rfilename": path, "size": 8}])
    assert [file.path for file in found.files] == ["model.safetensors"]
    assert not found.complete


def test_the_oid_is_the_sha256_of_a_large_file_and_the_git_blob_of_a_small_one() -> None:
    rows = [
        {"rfilename": "a", "size": 8, "blobId": "b" * 40, "lfs": {"sha256": "c" * 64, "size": 8}},
        {"rfilename": "b", "size": 8, "blobId": "b" * 40},
        # as a tree may be shown to the anonymous
        {"rfilename": "c", "size": 8, "blobId": "b" * 40, "lfs": {"sha256": "*****", "size": 8}},
        {"rfilename": "d", "size": 8, "blobId": "not hex"},
    ]
    assert [(file.oid, file.is_lfs) for file in info(siblings=rows).files] == [
        *(("c" * 64, True), ("b" * 40, False), ("b" * 40, True)),
        (None, False),
    ]


def test_more_files_than_any_model_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_facts, "MAX_FILES", 3)
    rows = [{"rfilename": f"{at}", "size": 1} for at in range(4)]
    assert len(info(siblings=rows[:3]).files) == 3
    with pytest.raises(LimitExceeded, match="4 files; at most 3"):
        info(siblings=rows)


def test_more_values_than_any_info_has_are_refused_before_they_are_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_facts, "MAX_API_VALUES", 100)
    with pytest.raises(BadAnswer, match="more than 100 values"):
        info(tags=[[]] * 101)

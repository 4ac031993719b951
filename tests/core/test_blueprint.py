"""Blueprints, and their form on disk and between processes."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.blueprint import (
    SCHEMA,
    Blueprint,
    Buffer,
    NoBlueprint,
    Parameter,
    Refusal,
    from_json,
    to_json,
)
from blueprints import blueprint

TEXTS = st.text(max_size=8)
SHAPES = st.lists(st.integers(0, 1 << 40), max_size=4).map(tuple)
BLUEPRINTS = st.builds(
    Blueprint,
    class_name=TEXTS,
    library=TEXTS,
    parameters=st.lists(st.builds(Parameter, TEXTS, SHAPES, st.booleans())).map(tuple),
    buffers=st.lists(st.builds(Buffer, TEXTS, SHAPES, TEXTS)).map(tuple),
    ties=st.dictionaries(TEXTS, TEXTS),
    names_in_memory=st.dictionaries(TEXTS, TEXTS),
    passed_over=st.lists(TEXTS).map(tuple),
    base_prefix=TEXTS,
    note=TEXTS,
)
REFUSALS = st.builds(NoBlueprint, refusal=st.sampled_from(Refusal), reason=TEXTS)


@given(BLUEPRINTS | REFUSALS)
def test_what_is_written_as_json_is_read_back(drawing: Blueprint | NoBlueprint) -> None:
    assert from_json(json.loads(json.dumps(to_json(drawing)))) == drawing


def test_the_total_counts_what_is_frozen_and_no_buffer() -> None:
    built = blueprint(
        {"a.weight": (3, 4), "a.bias": (3,), "scale": ()},
        frozen={"a.bias"},
        buffers={"mask": (1, 1, 8, 8)},
        ties={"b.weight": "a.weight"},
    )
    assert built.total == 3 * 4 + 3 + 1
    assert built.trainable == 3 * 4 + 1


def test_the_backbone_is_what_lies_under_the_base_models_name() -> None:
    built = blueprint({"model.a.weight": (3, 4), "model.b": (5,), "lm_head.weight": (100, 3)})
    assert built.backbone == 3 * 4 + 5
    assert blueprint({"a.weight": (3, 4)}).backbone is None


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"schema": SCHEMA},
        {"schema": SCHEMA + 1},
        {"schema": SCHEMA, "refusal": "no such word", "reason": ""},
        {**to_json(blueprint({"a": (1,)})), "parameters": [["a", [1]]]},
        {**to_json(blueprint({"a": (1,)})), "parameters": [["a", ["1"], True]]},
        {**to_json(blueprint({"a": (1,)})), "parameters": [["a", 1, True]]},
        {**to_json(blueprint({"a": (1,)})), "ties": None},
        {**to_json(blueprint({"a": (1,)})), "buffers": 3},
    ],
)
def test_what_is_no_blueprint_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(value)


def test_a_blueprint_keeps_its_note() -> None:
    built = replace(blueprint({"a": (1,)}), note="the first of three classes")
    assert from_json(to_json(built)) == built

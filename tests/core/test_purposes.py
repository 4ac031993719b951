"""What a file says of its own tensors becomes marks, and the config settles what may be a copy."""

from typing import Any

import pytest

from auditor.core.config import read_config
from auditor.core.dtypes import DTYPES
from auditor.core.findings import Finding, Severity
from auditor.core.purposes import marks_of
from auditor.core.roles import Mark, Role
from auditor.core.tensors import Header, Purpose, Tensor, Use, WeightFile

TIED: dict[str, Any] = {"model_type": "llama", "tie_word_embeddings": True}
UNTIED: dict[str, Any] = {"model_type": "llama", "tie_word_embeddings": False}


def marked(purpose: Purpose, config: dict[str, Any] | None) -> tuple[Mark, tuple[Finding, ...]]:
    tensor = Tensor("a", DTYPES["U8"], (8,), 8, 0, 8)
    header = Header(format="ONNX", size_bytes=8, tensors=(tensor,), purposes={"a": purpose})
    marks, findings = marks_of(
        [WeightFile(path="a.onnx", oid=None, header=header)],
        read_config(config or {}),
        has_config=config is not None,
    )
    return marks["a"], findings


@pytest.mark.parametrize(
    ("use", "role"), [(Use.CONSTANT, Role.BUFFER), (Use.BOOKKEEPING, Role.AUXILIARY)]
)
def test_what_holds_no_parameters_has_the_role_of_that(use: Use, role: Role) -> None:
    mark, findings = marked(Purpose(use=use, name="things", reason="so", packing="QDQ"), None)
    assert (mark.role, mark.name, mark.reason) == (role, "things", "so")
    assert findings == ()


def test_weights_are_as_many_as_the_file_says_under_their_plain_name() -> None:
    purpose = Purpose(
        use=Use.WEIGHTS, name="w", reason="so", parameters=16, packing="4 bits", ending="_Q4"
    )
    mark, findings = marked(purpose, None)
    assert (mark.role, mark.low, mark.high) == (None, 16, 16)
    assert (mark.layout, mark.stored) == ("4 bits", "_Q4")
    assert findings == ()


def test_a_copy_is_a_copy_whatever_the_config_says() -> None:
    purpose = Purpose(use=Use.COPY, name="copies", reason="so", parameters=8, original="b")
    for config in (None, TIED, UNTIED):
        mark, findings = marked(purpose, config)
        assert mark.role is Role.TIED_COPY
        assert [finding.code for finding in findings] == ["tied-copy-stored"]


MAYBE = Purpose(use=Use.WEIGHTS, name="output", reason="so", parameters=8, original="words")


def test_what_may_be_a_copy_is_one_where_the_config_ties() -> None:
    mark, (finding,) = marked(MAYBE, TIED)
    assert mark.role is Role.TIED_COPY
    assert finding.severity is Severity.NOTICE
    assert "`a` (8 parameters) repeats `words` and is counted once" in finding.message


def test_it_is_none_where_the_config_unties() -> None:
    mark, findings = marked(MAYBE, UNTIED)
    assert (mark.role, mark.low, mark.high) == (None, 8, 8)
    assert findings == ()


def test_without_a_config_it_is_nothing_at_the_least_and_itself_at_the_most() -> None:
    mark, (finding,) = marked(MAYBE, None)
    assert (mark.role, mark.low, mark.high) == (None, 0, 8)
    assert finding.severity is Severity.ERROR


def test_tensors_of_one_purpose_share_one_mark() -> None:
    same = {
        name: Purpose(use=Use.CONSTANT, name="indices", reason="so") for name in ("a", "b", "c")
    }
    header = Header(format="ONNX", size_bytes=0, tensors=(), purposes=same)
    marks, _ = marks_of(
        [WeightFile(path="a.onnx", oid=None, header=header)], read_config({}), has_config=False
    )
    assert len(marks) == 3
    assert len({id(mark) for mark in marks.values()}) == 1

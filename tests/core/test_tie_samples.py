"""Which bytes of two matrices are compared, and what they say."""

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.dtypes import DTYPES
from auditor.core.findings import Severity
from auditor.core.tensors import Span, Tensor
from auditor.core.tie_samples import (
    MAX_SAMPLED,
    SAMPLE_BYTES,
    SAMPLES,
    TieCheck,
    checked,
    equal_by_name,
    sample_spans,
    to_sample,
)

COPIES = {"lm_head.weight": "embed.weight"}
VARIED = bytes(range(200))


def tensor(name: str, *shape: int, dtype: str = "BF16") -> Tensor:
    elements = prod(shape)
    return Tensor(name, DTYPES[dtype], shape, elements, 0, DTYPES[dtype].bytes_for(elements))


def named(*tensors: Tensor) -> dict[str, Tensor]:
    return {each.name: each for each in tensors}


TENSORS = named(tensor("embed.weight", 10, 10), tensor("lm_head.weight", 10, 10))


def check(head: bytes, table: bytes) -> TieCheck:
    (only,) = checked(COPIES, TENSORS, {"lm_head.weight": [head], "embed.weight": [table]})
    return only


def test_a_small_tensor_is_compared_whole() -> None:
    assert sample_spans(0) == ()
    assert sample_spans(200) == (Span(0, 200),)
    assert sample_spans(3 * 4_096) == (Span(0, 12_288),)


def test_a_large_tensor_is_compared_at_its_beginning_middle_and_end() -> None:
    # 311,164,928 bytes: the head of Qwen3-0.6B, 151,936 x 1,024 in BF16; half of the way from the
    # first sample to the last is (311,164,928 - 4,096) / 2 = 155,580,416
    assert sample_spans(311_164_928) == (
        Span(0, 4_096),
        Span(155_580_416, 155_584_512),
        Span(311_160_832, 311_164_928),
    )


@given(st.integers(min_value=1, max_value=1 << 50))
def test_samples_lie_in_the_tensor_one_after_another(stored_bytes: int) -> None:
    spans = sample_spans(stored_bytes)
    ends = [0, *(span.end for span in spans)]
    assert all(span.begin >= end for span, end in zip(spans, ends, strict=False))
    assert ends[-1] == stored_bytes
    assert sum(span.length for span in spans) <= SAMPLES * SAMPLE_BYTES


def test_equal_bytes_are_a_copy_as_far_as_they_were_compared() -> None:
    told = check(VARIED, VARIED)
    assert told.equal is True
    assert told.finding.code == "tie-verified"
    assert told.finding.severity is Severity.INFO
    assert "200 of 200 bytes" in told.finding.message


def test_one_other_byte_is_another_matrix() -> None:
    told = check(VARIED, VARIED[:-1] + b"\0")
    assert told.equal is False
    assert told.finding.code == "tie-differs"
    assert told.finding.severity is Severity.WARNING
    assert "each counts for itself" in told.finding.message


def test_bytes_of_one_value_say_nothing() -> None:
    told = check(bytes(200), bytes(200))
    assert told.equal is None
    assert told.finding.code == "tie-not-verified"
    assert "one value all over" in told.finding.message


def test_two_dtypes_are_not_compared() -> None:
    tensors = named(tensor("embed.weight", 10, 10), tensor("lm_head.weight", 10, 5, dtype="F32"))
    assert to_sample(COPIES, tensors) == ()
    (told,) = checked(COPIES, tensors, {})
    assert told.equal is None
    assert "different dtypes" in told.reason


def test_what_could_not_be_read_is_said() -> None:
    (told,) = checked(COPIES, TENSORS, {}, problem="they could not be read (no answer)")
    assert told.equal is None
    assert "they could not be read (no answer)" in told.finding.message


def test_a_table_with_three_copies_is_read_once() -> None:
    names = ["shared", "encoder", "decoder", "head"]
    tensors = named(*(tensor(name, 4, 4) for name in names))
    copies = dict.fromkeys(names[1:], "shared")
    assert sorted(to_sample(copies, tensors)) == sorted(names)


def test_no_more_tensors_are_read_than_is_sane() -> None:
    copies = {f"copy.{number}": f"original.{number}" for number in range(100)}
    tensors = named(*(tensor(name, 4, 4) for pair in copies.items() for name in pair))
    assert len(to_sample(copies, tensors)) == MAX_SAMPLED
    told = checked(copies, tensors, {})
    assert len(told) == 100
    assert equal_by_name(told) == {}


@pytest.mark.parametrize("equal", [True, False])
def test_only_what_is_known_is_passed_on(equal: bool) -> None:  # noqa: FBT001 - the case itself
    known = TieCheck(copy="a", original="b", equal=equal)
    unknown = TieCheck(copy="c", original="b", equal=None)
    assert equal_by_name([known, unknown]) == {"a": equal}

"""Every malformed file is refused for its own reason, and as the reference reader judges it."""

import pytest
import safetensors

from auditor.core.tensors import Header
from auditor.errors import HfauditError
from builders import read
from hostile import CASES, Case

REFERENCE = tuple(int(part) for part in safetensors.__version__.split(".")[:2])
REFUSED = [case for case in CASES if case.reason is not None]
ACCEPTED = [case for case in CASES if case.reason is None]


def by_name(case: Case) -> str:
    return case.name


def accepts(data: bytes) -> bool:
    try:
        read(data)
    except HfauditError:
        return False
    return True


def reference_accepts(data: bytes) -> bool:
    try:
        safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError:
        return False
    return True


def test_the_names_of_the_cases_are_distinct() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", REFUSED, ids=by_name)
def test_a_malformed_file_is_refused_for_its_reason(case: Case) -> None:
    with pytest.raises(HfauditError) as caught:
        read(case.data)
    assert type(caught.value) is case.error
    assert case.reason is not None
    assert case.reason in caught.value.reason
    assert caught.value.hint
    assert caught.value.subject == "model.safetensors"


@pytest.mark.parametrize("case", ACCEPTED, ids=by_name)
def test_a_strange_but_sound_file_is_read(case: Case) -> None:
    assert isinstance(read(case.data), Header)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_the_reference_reader_judges_alike_or_a_row_says_why_not(case: Case) -> None:
    if case.since > REFERENCE:
        pytest.skip(f"safetensors {safetensors.__version__} does not know the dtype")
    ours = accepts(case.data)
    assert (ours != reference_accepts(case.data)) == bool(case.differs)


@pytest.mark.parametrize("case", REFUSED, ids=by_name)
def test_no_message_carries_control_characters_or_grows_with_the_file(case: Case) -> None:
    with pytest.raises(HfauditError) as caught:
        read(case.data)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400

"""What is not read is refused with the reason."""

from auditor.core.unread_formats import UNREAD, reason_unread
from auditor.formats import FORMATS


def test_what_is_not_read_has_a_reason_that_reads_in_a_sentence() -> None:
    assert all(reason and not reason.endswith(".") for reason in UNREAD.values())
    assert "a pickle with the numbers inside it" in reason_unread("Paddle")


def test_a_kind_is_read_or_has_a_reason_and_not_both() -> None:
    assert not set(UNREAD) & set(FORMATS)


def test_an_unknown_kind_has_a_reason_too() -> None:
    assert reason_unread("Sinclair QL") == "no reader of this kind of file is built in"

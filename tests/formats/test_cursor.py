"""A cursor asks for what lies ahead in spans that grow, and never for what is jumped over."""

from collections.abc import Generator, Iterable

import pytest

from auditor.core.tensors import Header, Span
from auditor.errors import HeaderMalformed
from auditor.formats.cursor import FIRST_READ_BYTES, NEAR_BYTES, READ_AFTER_JUMP_BYTES, Cursor
from auditor.formats.dotted_names import dotted
from spread_files import feed


def spans_of(size_bytes: int, reads: Iterable[tuple[int, int]]) -> list[Span]:
    """The spans that are asked for when so many bytes are taken at each of these places."""

    def read_header(path: str, size: int) -> Generator[Span, bytes, Header]:
        cursor = Cursor(path, size)
        for at, count in reads:
            cursor.at = at
            assert len((yield from cursor.take(count))) == count
        return Header(format="", size_bytes=size, tensors=())

    return list(feed(read_header, (size_bytes,)).spans)


MB = 1_000_000


def test_what_was_read_is_not_asked_for_again() -> None:
    assert spans_of(MB, [(0, 10), (10, 10), (FIRST_READ_BYTES - 5, 5)]) == [
        Span(0, FIRST_READ_BYTES)
    ]


def test_no_span_goes_past_the_end_of_the_file() -> None:
    assert spans_of(100, [(0, 10), (90, 10)]) == [Span(0, 100)]


def test_spans_that_follow_one_another_double() -> None:
    first = FIRST_READ_BYTES
    assert spans_of(MB, [(0, 10), (first - 2, 4), (3 * first - 1, 2)]) == [
        Span(0, first),
        Span(first, 3 * first),
        Span(3 * first, 7 * first),
    ]


def test_after_a_jump_a_span_is_short_again() -> None:
    far = FIRST_READ_BYTES + NEAR_BYTES + 1
    assert spans_of(MB, [(0, 10), (far, 10)])[1] == Span(far, far + READ_AFTER_JUMP_BYTES)


def test_a_small_gap_is_jumped_over_without_starting_anew() -> None:
    near = FIRST_READ_BYTES + NEAR_BYTES
    assert spans_of(MB, [(0, 10), (near, 10)])[1] == Span(near, near + 2 * FIRST_READ_BYTES)


def test_what_is_longer_than_a_span_is_asked_for_at_once() -> None:
    assert spans_of(MB, [(0, 500_000)]) == [Span(0, 500_000)]


def test_nothing_is_asked_for_at_the_end() -> None:
    assert spans_of(100, [(100, 0)]) == []
    with pytest.raises(HeaderMalformed, match="it ends within 1 bytes from byte 100"):
        spans_of(100, [(100, 1)])


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("bert/encoder/layer_0/kernel:0", "bert.encoder.layer_0.kernel"),
        ("model.layers.0.weight", "model.layers.0.weight"),
        ("kernel:10", "kernel:10"),
        (":0", ""),
    ],
)
def test_a_path_is_words_between_dots(name: str, known: str) -> None:
    assert dotted(name) == known

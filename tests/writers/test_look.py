import io
import os

import pytest

from auditor.writers.look import DEFAULT_WIDTH, NARROWEST, WIDEST, Look


class Screen(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def screen(encoding: str = "utf-8") -> Screen:
    return Screen(io.BytesIO(), encoding=encoding)


def pipe(encoding: str = "utf-8") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def test_a_terminal_has_colour_and_a_pipe_has_none() -> None:
    assert Look.of(screen(), {}).colour
    assert not Look.of(pipe(), {}).colour


@pytest.mark.parametrize(
    ("environ", "on_screen", "in_pipe"),
    [
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),  # no-color.org: only when it is not empty
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_the_user_has_the_last_word_on_colour(
    environ: dict[str, str], *, on_screen: bool, in_pipe: bool
) -> None:
    assert Look.of(screen(), environ).colour is on_screen
    assert Look.of(pipe(), environ).colour is in_pipe


@pytest.mark.parametrize(
    ("columns", "width"),
    [("72", 72), ("5", NARROWEST), ("5000", WIDEST), ("", DEFAULT_WIDTH), ("wide", DEFAULT_WIDTH)],
)
def test_columns_tell_the_width_within_reason(columns: str, width: int) -> None:
    assert Look.of(pipe(), {"COLUMNS": columns}).width == width


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_a_real_terminal_without_a_size_gets_the_default_width() -> None:
    primary, secondary = os.openpty()
    with os.fdopen(primary, "rb"), os.fdopen(secondary, "w", encoding="utf-8") as stream:
        look = Look.of(stream, {})
    assert look == Look(width=DEFAULT_WIDTH, colour=True, unicode=True)


@pytest.mark.parametrize(
    ("encoding", "unicode"),
    [("utf-8", True), ("UTF8", True), ("utf_8", True), ("latin-1", False), ("ascii", False)],
)
def test_a_stream_that_is_not_utf_8_gets_ascii(encoding: str, *, unicode: bool) -> None:
    assert Look.of(pipe(encoding), {}).unicode is unicode

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.writers.escape import MAX_CELL_CHARACTERS, csv_cell, line, without_actors

ANY_TEXT = st.text(st.characters(), max_size=80)  # surrogates and unassigned characters included
HOSTILE = st.text(
    st.sampled_from("=+-@\uff1d\uff0b\uff0d\uff20\t\r\n \u00a0\u3000'\";,|a1"), max_size=12
)


def begins_a_formula(text: str) -> bool:
    """As a spreadsheet might see it: blanks and quotes are skipped, wide forms folded."""
    rest = unicodedata.normalize("NFKC", text).lstrip(" \t\r\n'\"`")
    return rest[:1] in set("=+-@") and not text.startswith("'")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        " =1",
        '"=1',
        "'=1",
        "\u00a0=1",
        "\uff1d1+1",
        "\ufe63" + "1",
        "\u200b=1",
    ],
)
def test_a_cell_that_could_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert csv_cell(text) == "'" + without_actors(text)


def test_a_formula_behind_a_semicolon_gets_one_too() -> None:
    assert csv_cell("harmless;=1+1") == "harmless;'=1+1"


@pytest.mark.parametrize("text", ["", "google-bert/bert-large", "340M", "a=b", "1 - 2", "x@main"])
def test_harmless_cells_stay_as_they_are(text: str) -> None:
    assert csv_cell(text) == text


@given(HOSTILE | ANY_TEXT)
def test_no_text_at_all_becomes_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert not begins_a_formula(cell)
    assert not any(begins_a_formula(part) for part in cell.split(";"))


@given(HOSTILE | ANY_TEXT)
def test_what_is_put_before_a_cell_can_be_taken_away_again(text: str) -> None:
    clean = without_actors(text)
    assert csv_cell(text).replace("'", "") == clean.replace("'", "")


@given(ANY_TEXT)
def test_nothing_that_acts_on_a_terminal_is_left(text: str) -> None:
    left = {unicodedata.category(character) for character in without_actors(text)}
    assert left.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@given(ANY_TEXT)
def test_what_is_left_can_be_written_as_utf_8(text: str) -> None:
    assert without_actors(text).encode().decode() == without_actors(text)


def test_an_escape_sequence_loses_what_makes_it_one() -> None:
    assert without_actors("\x1b[31mred\x1b]8;;http://evil\x07") == "[31mred]8;;http://evil"


def test_text_that_turns_around_is_turned_back() -> None:
    assert without_actors("model\u202efdp.exe\u2066") == "modelfdp.exe"


def test_line_breaks_of_every_kind_become_one_blank() -> None:
    assert without_actors("a\r\nb\nc\u2028d\x85e") == "a b c d e"


def test_a_long_name_is_cut_in_the_middle() -> None:
    assert line("a" * 100_000, 9) == "aaaa…aaaa"
    assert line("org/" + "x" * 50 + "-7b", 13) == "org/xx…xxx-7b"


def test_a_name_of_blanks_is_nothing() -> None:
    assert line(" \n\t ", 10) == ""


@given(ANY_TEXT, st.integers(min_value=3, max_value=40))
def test_a_line_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(line(text, limit)) <= limit


def test_a_cell_is_never_longer_than_a_spreadsheet_holds() -> None:
    assert len(csv_cell("=" + "x" * 100_000)) == MAX_CELL_CHARACTERS

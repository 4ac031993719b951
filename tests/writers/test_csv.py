import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.claims import exact_quantity, quantity
from auditor.core.record import Outcome, outcome_dict
from auditor.core.verdict import Verdict
from auditor.writers.csv import ROWS_AT_ONCE, CsvWriter
from auditor.writers.escape import csv_cell
from auditor.writers.frame import frame
from auditor.writers.json import JsonWriter
from auditor.writers.rows import COLUMNS, Kind
from records import bert_large, claim, compared, every_outcome, gated, hostile

if TYPE_CHECKING:
    import pandas as pd

KINDS = {Kind.TEXT: "string", Kind.INTEGER: "Int64", Kind.DECIMAL: "Float64"}
WHOLE_NUMBERS = st.integers(min_value=0, max_value=2**80)


def written(*outcomes: Outcome) -> str:
    stream = io.BytesIO()
    CsvWriter().write(outcomes, stream)
    return stream.getvalue().decode()


def read(*outcomes: Outcome) -> list[dict[str, str]]:
    """As the standard library reads it: text in every cell."""
    return list(csv.DictReader(io.StringIO(written(*outcomes), newline="")))


def read_with_pandas(*outcomes: Outcome) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_csv(
        io.StringIO(written(*outcomes)),
        keep_default_na=False,
        na_values=[""],
        dtype={column.name: KINDS[column.kind] for column in COLUMNS},
    )


def in_json(outcome: Outcome) -> dict[str, Any]:
    stream = io.BytesIO()
    JsonWriter().write((outcome,), stream)
    (found,) = json.loads(stream.getvalue())["outcomes"]
    assert isinstance(found, dict)
    return found


def test_it_reads_back_with_pandas_to_equal_values() -> None:
    import pandas as pd

    outcomes = every_outcome()
    pd.testing.assert_frame_equal(
        read_with_pandas(*outcomes),
        frame(map(outcome_dict, outcomes), text=csv_cell),
        check_dtype=True,
    )


def test_pandas_finds_whole_numbers_without_being_told() -> None:
    import pandas as pd

    table = pd.read_csv(io.StringIO(written(bert_large())))
    assert table["parameters_total"].dtype == "int64"
    assert table["difference_percent"].tolist() == [-1.11]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(range(len(every_outcome()))), max_size=5))
def test_every_outcome_gives_exactly_one_row_and_one_line(chosen: list[int]) -> None:
    outcomes = [every_outcome()[index] for index in chosen]
    assert len(read(*outcomes)) == len(outcomes)
    assert written(*outcomes).count("\n") == 1 + len(outcomes)


def test_a_list_longer_than_one_frame_keeps_all_its_rows_in_order() -> None:
    outcomes = [replace(gated(), requested=f"org/{n}") for n in range(2 * ROWS_AT_ONCE + 1)]
    assert [each["requested"] for each in read(*outcomes)] == [o.requested for o in outcomes]


def test_nothing_audited_is_a_head_without_rows() -> None:
    assert written() == ",".join(column.name for column in COLUMNS) + "\n"


@pytest.mark.parametrize("outcome", every_outcome())
def test_csv_and_json_say_the_same(outcome: Outcome) -> None:
    (cells,) = read(outcome)
    found = in_json(outcome)
    documented = found["documented"] or {}
    pairs = {
        "parameters_total": found["parameters"]["total"],
        "parameters_trainable": found["parameters"]["trainable"],
        "parameters_frozen": found["parameters"]["frozen"],
        "parameters_embedding": found["parameters"]["embedding"],
        "parameters_non_embedding": found["parameters"]["non_embedding"],
        "tied_copies": found["parameters"]["tied_copies"],
        "buffers": found["parameters"]["buffers"],
        "stored_elements": found["stored"]["elements"],
        "stored_bytes": found["stored"]["bytes"],
        "memory_int4_bytes": found["memory"].get("INT4", {}).get("bytes"),
        "documented": documented.get("value"),
        "real": documented.get("actual"),
        "difference": documented.get("difference"),
        "requests": found["proof"]["requests"],
        "bytes_read": found["proof"]["bytes_read"],
    }
    assert {name: cells[name] for name in pairs} == {
        name: "" if value is None else str(value) for name, value in pairs.items()
    }
    assert cells["verdict"] == found["verdict"]
    percent = documented.get("difference_percent")
    assert cells["difference_percent"] == ("" if percent is None else str(percent))


@settings(max_examples=30, deadline=None)
@given(documented=st.integers(min_value=1, max_value=2**80), actual=WHOLE_NUMBERS)
def test_numbers_of_any_size_are_plain_digits(documented: int, actual: int) -> None:
    comparison = compared(claim(exact_quantity(documented)), Verdict.MISMATCH, actual, "")
    record = replace(bert_large(), verdict=Verdict.MISMATCH, comparisons=(comparison,))
    (cells,) = read(record)
    assert cells["documented"] == str(documented)
    assert cells["difference"] == str(actual - documented)
    assert set(cells["difference_percent"]) <= set("-.0123456789")


def test_a_tiny_share_has_no_exponent() -> None:
    # one of seven billion: 0.000000014 %
    comparison = compared(claim(exact_quantity(7_000_000_000)), Verdict.MISMATCH, 7_000_000_001, "")
    record = replace(bert_large(), verdict=Verdict.MISMATCH, comparisons=(comparison,))
    assert read(record)[0]["difference_percent"] == "0.000000014"


def test_a_negative_number_is_no_formula_and_stays_a_number() -> None:
    assert read(bert_large())[0]["difference"] == "-3773892"


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_any_text_survives_the_way_to_pandas_without_becoming_a_formula(text: str) -> None:
    figure = quantity("340", 10**6, written="340M")
    comparison = compared(claim(figure, text=text), Verdict.ROUNDS, 340_000_000, text)
    record = replace(bert_large(), model=text, verdict=Verdict.ROUNDS, comparisons=(comparison,))
    table = read_with_pandas(record)
    for name in ("model", "explanation"):
        cell = table[name].fillna("").iloc[0]
        assert cell == csv_cell(text)
        assert cell[:1] not in set("=+-@\t\r")


def test_an_attackers_record_is_one_line_of_harmless_text() -> None:
    (cells,) = read(hostile())
    assert cells["requested"] == "'@SUM(1+1)|cmd"
    assert cells["explanation"].startswith("'=HYPERLINK(")
    assert len(cells["model"]) == 32_767
    text = written(hostile())
    assert not any(character in text for character in ("\x1b", "\r", "\u202e"))


def test_a_model_called_null_is_no_missing_value() -> None:
    table = read_with_pandas(replace(bert_large(), model="null", requested="NA"))
    assert table["model"].tolist() == ["null"]
    assert table["requested"].tolist() == ["NA"]

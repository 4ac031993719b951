from pathlib import Path

import pytest

from auditor.core.record import Outcome
from auditor.core.verdict import MEANING
from auditor.writers.rows import COLUMNS, Cell, Kind, row
from records import bert_large, every_outcome, gated, gpt2, llama, packed

README = (Path(__file__).parents[2] / "reports" / "README.md").read_text(encoding="utf-8")
PROMISED = """model requested revision commit status verdict parameters_total parameters_trainable
    parameters_active parameters_embedding parameters_non_embedding tied_copies buffers
    stored_elements stored_bytes dtype documented documented_text documented_source difference
    difference_percent explanation hub_total name_figure findings error error_hint""".split()
TYPES: dict[Kind, type] = {Kind.TEXT: str, Kind.INTEGER: int, Kind.DECIMAL: float}


def cells(outcome: Outcome) -> dict[str, Cell]:
    return {column.name: cell for column, cell in zip(COLUMNS, row(outcome), strict=True)}


def test_no_column_that_was_promised_is_missing() -> None:
    assert set(PROMISED) <= {column.name for column in COLUMNS}


def test_every_column_is_explained_in_the_readme_of_the_reports() -> None:
    table = [f"| `{c.name}` | {c.kind.value} | {c.meaning} |" for c in COLUMNS]
    assert "\n".join(table) in README


def test_every_verdict_is_explained_there_too() -> None:
    table = [f"| `{verdict.value}` | {meaning} |" for verdict, meaning in MEANING.items()]
    assert "\n".join(table) in README


@pytest.mark.parametrize("outcome", every_outcome())
def test_each_cell_is_of_its_columns_kind_or_unknown(outcome: Outcome) -> None:
    for column, cell in zip(COLUMNS, row(outcome), strict=True):
        assert cell is None or type(cell) is TYPES[column.kind], column.name


@pytest.mark.parametrize("outcome", every_outcome())
def test_no_cell_is_an_empty_text(outcome: Outcome) -> None:
    assert "" not in row(outcome)


def test_the_row_of_bert_large() -> None:
    found = cells(bert_large())
    assert found["model"] == "google-bert/bert-large-uncased"
    assert found["parameters_total"] == 336_226_108
    assert found["parameters_active"] is None
    assert found["buffers"] == 0  # known to be none, which is not the same as unknown
    assert found["dtype"] == "F32"
    assert found["documented"] == 340_000_000
    assert found["documented_figure"] == "340M"
    assert found["real"] == 336_226_108
    assert found["difference"] == -3_773_892
    assert found["difference_percent"] == -1.11
    assert found["registry_figure"] == 340_000_000
    assert found["hub_total"] == 336_226_108
    assert found["files_left_out"] == 3
    assert found["error"] is None


def test_a_sources_figure_is_the_one_for_the_whole_model() -> None:
    found = cells(llama())
    assert found["card_figure"] == 8_000_000_000  # not the 70B of the sibling
    assert found["list_figure"] == 8_030_000_000
    assert found["index_total"] is None


def test_the_hubs_total_is_there_with_and_without_a_claim() -> None:
    assert cells(gpt2())["hub_total"] == 137_022_720
    assert cells(gated())["hub_total"] is None


def test_a_range_stands_in_two_columns() -> None:
    found = cells(packed())
    assert found["parameters_total"] is None
    assert (found["parameters_low"], found["parameters_high"]) == (1_744_830_464, 13_958_643_712)
    assert found["findings"] == "unknown-packing"


def test_a_failure_is_a_row_with_its_reason() -> None:
    found = cells(gated())
    assert found["status"] == "failed"
    assert found["error_kind"] == "gated"
    assert "must be asked for" in str(found["error"])
    assert "hf auth login" in str(found["error_hint"])
    assert found["parameters_total"] is None
    assert found["files"] is None

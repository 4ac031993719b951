import pytest

from auditor.errors import InvalidOption
from auditor.writers import WRITERS
from auditor.writers.choice import name_for_path, writer_for


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_of_the_table_is_there_and_agrees_with_its_row(name: str) -> None:
    writer = writer_for(name)
    assert writer.name == name
    assert writer.endings == WRITERS[name].endings


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("report.csv", "csv"),
        ("out/REPORT.JSON", "json"),
        ("report.v2.json", "json"),
        ("report.txt", "terminal"),
    ],
)
def test_the_ending_of_a_file_tells_its_format(path: str, name: str) -> None:
    assert name_for_path(path) == name


@pytest.mark.parametrize("path", ["report.doc", "report", "report.csv.gz", ".csv"])
def test_an_ending_that_nobody_writes_is_refused_with_those_there_are(path: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        name_for_path(path)
    assert ".txt, .csv, .json" in refused.value.hint


def test_no_two_writers_share_an_ending() -> None:
    endings = [ending for row in WRITERS.values() for ending in row.endings]
    assert len(endings) == len(set(endings))


def test_a_name_that_is_no_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidOption, match="no such format") as refused:
        writer_for("doc")
    assert refused.value.hint == "choose one of terminal, csv, json"

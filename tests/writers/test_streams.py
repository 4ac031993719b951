import hashlib
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.kept import Place
from auditor.core.protocols import Writer
from auditor.core.record import AuditFailure, outcome_dict
from auditor.errors import InvalidOption, OutputError
from auditor.writers.csv import CsvWriter, csv_head, csv_lines
from auditor.writers.json import JsonWriter
from auditor.writers.rows import COLUMNS
from auditor.writers.streams import Growing, GrowingFile, Whole, form_of
from records import every_outcome

OUTCOMES = every_outcome()
DICTS = [outcome_dict(outcome) for outcome in OUTCOMES]


def growing(path: Path | str) -> GrowingFile:
    form = form_of(str(path))
    assert isinstance(form, Growing)
    return GrowingFile(str(path), form)


def written(path: Path, *parts: list[dict[str, Any]], place: Place | None = None) -> Place:
    file = growing(path)
    file.open(place)
    for part in parts:
        file.append(part)
    found = file.settle()
    file.close()
    return found


def as_audit_writes(name: str) -> bytes:
    stream = io.BytesIO()
    writer: Writer = CsvWriter() if name == "csv" else JsonWriter()
    writer.write(OUTCOMES, stream)
    return stream.getvalue()


def test_a_csv_that_grew_is_the_csv_of_one_audit_to_the_byte(tmp_path: Path) -> None:
    written(tmp_path / "r.csv", DICTS[:1], DICTS[1:4], [], DICTS[4:])
    assert (tmp_path / "r.csv").read_bytes() == as_audit_writes("csv")


@given(st.lists(st.text(max_size=20) | st.sampled_from(['"', ",", "=1", "\r\n", ""]), min_size=3))
def test_any_text_gives_the_same_cell_as_the_csv_of_one_audit(texts: list[str]) -> None:
    failures = [
        AuditFailure(requested=text, kind=text, message=f"{text}{n}", hint=text)
        for n, text in enumerate(texts)
    ]
    stream = io.BytesIO()
    CsvWriter().write(failures, stream)
    assert csv_head() + csv_lines(map(outcome_dict, failures)) == stream.getvalue()


def test_json_is_that_of_one_audit_to_the_byte() -> None:
    form = form_of("r.json")
    assert isinstance(form, Whole)
    stream = io.BytesIO()
    form.write(iter(DICTS), stream)
    assert stream.getvalue() == as_audit_writes("json")
    empty, other = io.BytesIO(), io.BytesIO()
    form.write(iter(()), empty)
    JsonWriter().write([], other)
    assert empty.getvalue() == other.getvalue()


def test_json_lines_are_the_outcomes_one_a_line(tmp_path: Path) -> None:
    written(tmp_path / "r.jsonl", DICTS[:3], DICTS[3:])
    lines = (tmp_path / "r.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == DICTS


def test_an_outcome_from_the_journal_gives_the_same_row(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", json.loads(json.dumps(DICTS)))
    assert (tmp_path / "a.csv").read_bytes() == as_audit_writes("csv")


def test_parquet_holds_the_same_cells(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    form = form_of("r.parquet")
    assert isinstance(form, Whole)
    huge = json.loads(json.dumps(DICTS[0]))
    huge["parameters"]["total"] = 2**80  # a card may claim any number; a cell has 64 bits
    with (tmp_path / "r.parquet").open("wb") as stream:
        form.write(iter([*DICTS, huge]), stream)
    table = parquet.read_table(tmp_path / "r.parquet")
    assert table.column_names == [column.name for column in COLUMNS]
    rows = table.to_pylist()
    assert [row["requested"] for row in rows[:-1]] == [each["requested"] for each in DICTS]
    totals = [each["parameters"]["total"] for each in DICTS]
    assert [row["parameters_total"] for row in rows] == [*totals, None]


def test_a_list_of_nothing_is_a_parquet_file_without_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    form = form_of("r.parquet")
    assert isinstance(form, Whole)
    with (tmp_path / "r.parquet").open("wb") as stream:
        form.write(iter(()), stream)
    assert parquet.read_table(tmp_path / "r.parquet").num_rows == 0


@pytest.mark.parametrize("cut", [1, 7, 300])
def test_what_a_dead_process_wrote_past_the_place_is_cut(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "r.csv"
    place = written(path, DICTS[:2])
    whole = path.read_bytes()
    written(path, DICTS[2:], place=place)
    with path.open("r+b") as stream:
        stream.truncate(len(whole) + cut)  # half a row
    written(path, DICTS[2:], place=place)
    assert path.read_bytes() == as_audit_writes("csv")


@pytest.mark.parametrize("damage", ["deleted", "shortened", "changed", "emptied"])
def test_a_report_that_is_not_what_was_written_is_begun_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "r.csv"
    place = written(path, DICTS[:2])
    data = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes({"shortened": data[:-1], "changed": data[:-2] + b"x\n"}.get(damage, b""))
    file = growing(path)
    file.open(place)
    assert file.rows == 0
    file.append(DICTS)
    file.close()
    assert path.read_bytes() == as_audit_writes("csv")


def test_the_place_says_rows_bytes_and_their_hash(tmp_path: Path) -> None:
    place = written(tmp_path / "r.csv", DICTS[:2])
    data = (tmp_path / "r.csv").read_bytes()
    assert place == Place(rows=2, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def test_an_old_report_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(b"x" * 1_000_000)
    written(tmp_path / "r.csv", DICTS)
    assert (tmp_path / "r.csv").read_bytes() == as_audit_writes("csv")


_FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
from auditor.errors import OutputError
from auditor.writers.streams import GrowingFile, form_of
import json
file = GrowingFile(sys.argv[1], form_of(sys.argv[1]))
file.open(None)
try:
    file.append(json.load(sys.stdin))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on files here")
def test_where_no_more_can_be_written_whole_rows_are_left(tmp_path: Path) -> None:
    whole = as_audit_writes("csv")
    path = tmp_path / "r.csv"
    limit = len(whole) - 10
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _FULL, str(path), str(limit)],
        input=json.dumps(DICTS).encode(),
        capture_output=True,
        check=True,
    )
    assert b"larger than is allowed" in done.stdout
    data = path.read_bytes()
    assert whole.startswith(data)
    assert data.endswith(b"\n")
    assert 0 < len(data) <= limit


def test_a_place_that_cannot_be_written_is_an_error_of_the_report(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        growing(tmp_path / "nowhere" / "r.csv").open(None)


@pytest.mark.skipif(os.name != "posix", reason="needs a device that swallows")
def test_a_device_is_written_to_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "null.csv").symlink_to(os.devnull)
    file = growing(tmp_path / "null.csv")
    file.open(Place(rows=5, size_bytes=100, sha256="x"))
    file.append(DICTS)
    file.settle()
    file.close()
    assert file.rows == len(DICTS)


def test_the_form_follows_from_the_ending_or_is_named() -> None:
    assert form_of("a.CSV").name == "csv"
    assert form_of("a.jsonl").name == "jsonl"
    assert form_of("a", "jsonl").name == "jsonl"
    assert form_of("-").name == "csv"
    for path in ("a", "a.xlsx"):
        with pytest.raises(InvalidOption, match=r"ending|ends in"):
            form_of(path)

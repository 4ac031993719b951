import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InvalidOption
from auditor.sources.id_lists import _json, read_ids


def entries(folder: Path, name: str, data: str | bytes, column: str | None = None) -> list[str]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_ids(str(path), column))


def test_a_text_has_one_id_a_line_and_comments(tmp_path: Path) -> None:
    text = "gpt2\n\n# ours\n  org/name@v1  \r\nlast"
    assert entries(tmp_path, "ids.txt", text) == ["gpt2", "org/name@v1", "last"]


def test_the_mark_of_another_system_is_no_part_of_the_first_id(tmp_path: Path) -> None:
    assert entries(tmp_path, "ids", b"\xef\xbb\xbfgpt2\n") == ["gpt2"]


@pytest.mark.parametrize("name", ["model", "id", "model_id", "repo_id", "modelId"])
def test_a_csv_is_read_by_the_usual_name_of_its_column(tmp_path: Path, name: str) -> None:
    assert entries(tmp_path, "ids.csv", f"rank,{name}\n1,gpt2\n2,org/x\n") == ["gpt2", "org/x"]


def test_a_csv_is_read_by_the_column_that_is_asked_for(tmp_path: Path) -> None:
    text = 'model,base\na,"b"\nc,d\n'
    assert entries(tmp_path, "ids.csv", text, "base") == ["b", "d"]
    assert entries(tmp_path, "ids.txt.1", text, "base") == ["b", "d"]  # asked for, so it is a CSV


def test_a_csv_of_another_country_has_semicolons(tmp_path: Path) -> None:
    assert entries(tmp_path, "ids.csv", "n;model\n1,5;gpt2\n") == ["gpt2"]
    assert entries(tmp_path, "ids.tsv", "n\tmodel\n1\tgpt2\n") == ["gpt2"]


def test_a_row_without_an_id_is_an_entry_all_the_same(tmp_path: Path) -> None:
    assert entries(tmp_path, "ids.csv", "n,model\n1,gpt2\n2\n3,\n") == ["gpt2", "", ""]


def test_a_csv_without_such_a_column_names_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="no column is called model") as caught:
        entries(tmp_path, "ids.csv", "name,size\ngpt2,1\n")
    assert "name, size" in caught.value.hint
    with pytest.raises(InvalidOption, match="no column is called base"):
        entries(tmp_path, "ids.csv", "model\ngpt2\n", "base")


def test_json_is_a_list_of_ids_or_of_objects(tmp_path: Path) -> None:
    value = ["gpt2", {"id": "org/a", "likes": 3}, {"modelId": "org/b"}, 7, {"likes": 3}]
    texts = ["gpt2", "org/a", "org/b", "7", '{"likes": 3}']
    assert entries(tmp_path, "ids.json", json.dumps(value, indent=1)) == texts
    assert entries(tmp_path, "ids.jsonl", "\n".join(map(json.dumps, value))) == texts
    assert entries(tmp_path, "none.json", " [ ] ") == []


def test_a_key_that_is_asked_for_outranks_the_usual_ones(tmp_path: Path) -> None:
    assert entries(tmp_path, "ids.json", '[{"id": "a", "base": "b"}]', "base") == ["b"]


def test_a_list_without_an_ending_is_known_by_its_beginning(tmp_path: Path) -> None:
    assert entries(tmp_path, "a", '\n ["gpt2"]') == ["gpt2"]
    assert entries(tmp_path, "b", '{"id": "gpt2"}\n{"id": "x"}') == ["gpt2", "x"]
    assert entries(tmp_path, "c.json", '{"id": "gpt2"}\n{"id": "x"}') == ["gpt2", "x"]
    assert entries(tmp_path, "d", "") == []


@pytest.mark.parametrize("text", ['["a" "b"]', '["a",]', '["a"', "[", '"a"', "", '["a", nul]'])
def test_json_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidOption, match="no JSON"):
        entries(tmp_path, "ids.json", text)


def test_a_broken_line_of_json_lines_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="line 2"):
        entries(tmp_path, "ids.jsonl", '"gpt2"\n{\n')


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="no such file"):
        list(read_ids(str(tmp_path / "nothing.txt")))


def test_bytes_that_are_no_text_name_no_model_and_are_an_entry(tmp_path: Path) -> None:
    assert entries(tmp_path, "ids", b"gpt2\n\xff\xfe\n") == ["gpt2", "\ufffd\ufffd"]


def test_standard_input_is_read_as_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"gpt2\norg/x\n")))
    assert list(read_ids("-")) == ["gpt2", "org/x"]


@given(st.lists(st.text(max_size=20) | st.integers() | st.lists(st.integers()), max_size=20))
def test_json_in_pieces_is_the_same_list(values: list[object]) -> None:
    text = json.dumps(values)
    for size in (1, 2, 7, 1_000):
        pieces = iter([text[at : at + size] for at in range(0, len(text), size)])
        expected = [v.strip() if isinstance(v, str) else json.dumps(v)[:200] for v in values]
        assert list(_json("list", pieces, None)) == expected

"""`--figures FILE`: the user's own list beside what the repositories say."""

from pathlib import Path

import pytest

from command import Ran, hfaudit

GOOD = """model,figure,scope,tolerance,source
google-bert/bert-large-uncased,340M,,,"catalogue, p. 4"
CompVis/stable-diffusion-v1-4,890M,,5%,catalogue
CompVis/stable-diffusion-v1-4,860M,component:unet,,
gpt2,124M,,,
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def ask(home: Path, text: str, *args: str, name: str = "list.csv") -> Ran:
    (home / name).write_text(text)
    return hfaudit("--offline", *args, "--figures", name, home=home)


def test_without_a_model_every_model_of_the_list_is_audited_once_in_its_order(home: Path) -> None:
    ran = ask(home, GOOD, "-f", "json")
    assert ran.code == 1  # 890M is wrong, and the list decides
    assert [(each["model"], each["verdict"]) for each in ran.outcomes] == [
        ("google-bert/bert-large-uncased", "rounds-loosely"),
        ("CompVis/stable-diffusion-v1-4", "mismatch"),
        ("openai-community/gpt2", "other-scope"),
    ]


def test_a_row_of_the_list_is_a_claim_with_its_line_and_source(home: Path) -> None:
    ran = ask(home, GOOD, "-f", "json", "bert-large-uncased")
    (outcome,) = ran.outcomes
    (claim,) = [claim for claim in outcome["claims"] if claim["source"] == "list"]
    assert claim["where"] == "list.csv, line 2: catalogue, p. 4"
    assert (claim["written"], claim["value"]) == ("340M", 340_000_000)


def test_a_list_as_json_says_the_same(home: Path) -> None:
    text = '[{"model": "gpt2", "figure": 124439808, "tolerance": "0"}]'
    (outcome,) = ask(home, text, "-f", "json", name="list.json").outcomes
    (claim,) = [claim for claim in outcome["claims"] if claim["source"] == "list"]
    assert (claim["verdict"], claim["actual"]) == ("exact", 124_439_808)


def test_every_wrong_row_is_told_with_its_line_and_nothing_is_audited(home: Path) -> None:
    ran = ask(home, "model,figure\ngpt2,abc\nroberta-base,125M\na//b,1M\n")
    assert (ran.code, ran.out) == (2, "")
    assert "list.csv, line 2: error: figure 'abc'" in ran.err
    assert "list.csv, line 4: error: model 'a//b'" in ran.err
    assert "line 3" not in ran.err
    assert "2 rows are wrong" in ran.err


def test_what_is_only_odd_is_a_warning_and_the_audit_goes_on(home: Path) -> None:
    ran = ask(home, "model,figure,colour\ngpt2,124M,red\n", "-q")
    assert ran.code == 0
    assert ran.err == "list.csv, line 1: warning: column 'colour' is not known\n"
    assert "openai-community/gpt2" in ran.out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file or directory"),
        (b"model,figure\ngpt2,1\xff\n", "byte 19 is no UTF-8"),
        (b"model,figure\n", "it lists no model"),
    ],
)
def test_a_list_that_cannot_be_used_is_a_wrong_command_line(
    home: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (home / "list.csv").write_bytes(content)
    ran = hfaudit("--offline", "--figures", "list.csv", home=home)
    assert ran.code == 2
    assert reason in ran.err


def test_a_revision_beside_a_list_is_ambiguous_and_refused(home: Path) -> None:
    ran = ask(home, GOOD, "--revision", "v2")
    assert ran.code == 2
    assert "column `revision`" in ran.err


def test_neither_a_model_nor_a_list_is_a_wrong_command_line(home: Path) -> None:
    ran = hfaudit("audit", "-q", home=home)
    assert ran.code == 2
    assert "Missing argument 'MODEL...'" in ran.err


def test_a_batch_compares_with_the_list_and_takes_a_changed_one_for_another(home: Path) -> None:
    def batch(figure: str) -> str:
        (home / "list.csv").write_text(f"model,figure\ngpt2,{figure}\n")
        args = ("--offline", "-q", "--column", "model", "--figures", "list.csv")
        return hfaudit("batch", "list.csv", *args, "--store", "store", home=home).out

    assert "124000000" in batch("124M")
    assert "150000000" in batch("150M")

"""`hfaudit figures` and `hfaudit explain`: what is published, and how it is judged."""

import csv
import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from auditor.claims.registry import published_figures
from auditor.core.verdict import DEFAULT_POLICY, THRESHOLDS, Verdict
from command import hfaudit


def rows(query: str, home: Path) -> list[dict[str, str]]:
    ran = hfaudit("figures", query, "-f", "csv", home=home)
    return list(csv.DictReader(io.StringIO(ran.out)))


def body(query: str, home: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(hfaudit("figures", query, "-f", "json", home=home).out)
    return parsed


def test_without_a_model_every_row_of_the_registry_is_listed(tmp_path: Path) -> None:
    ran = hfaudit("figures", "-f", "csv", home=tmp_path)
    listed = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(listed) == len(published_figures()) > 150
    assert all(row["source"] and row["certainty"] for row in listed)


def test_hyperparameters_and_parameters_are_told_apart_and_the_steps_add_up(
    tmp_path: Path,
) -> None:
    of: dict[str, dict[str, int]] = {"hyperparameter": {}, "parameters": {}, "computed": {}}
    for row in rows("gpt-3 175b", tmp_path):
        if row["what"] in of:
            of[row["what"]][row["name"]] = int(row["value"])
    assert of["hyperparameter"]["width"] == 12_288
    assert "width" not in of["parameters"]
    assert sum(of["parameters"].values()) == of["computed"][""] == 174_604_259_328


def test_training_follows_from_documented_tokens_with_its_assumptions(tmp_path: Path) -> None:
    (run,) = body("gpt-3 175b", tmp_path)["runs"]
    assert run["tokens"] == 300_000_000_000
    assert run["flops_computed"] == 6 * 174_604_259_328 * 300_000_000_000
    assert run["flops"] == 314 * 10**21  # as published
    assert run["tokens_per_parameter"] == 1.72
    assert any("6 N D" in each for each in run["assumptions"])


def test_what_a_run_costs_is_a_range_at_stated_prices(tmp_path: Path) -> None:
    ran = hfaudit("figures", "gpt-3 175b", home=tmp_path)
    # 3,552,000 hours at 1.50 and at 2.00 dollars
    assert "5.33 to 7.10  million US dollars" in ran.out
    assert "Lambda Labs 2020" in ran.out


def test_of_a_mixture_of_experts_the_active_parameters_are_trained_and_no_balance_is_claimed(
    tmp_path: Path,
) -> None:
    ran = hfaudit("figures", "deepseek-ai/DeepSeek-V3", home=tmp_path)
    assert "active" in ran.out
    assert "is optimal" not in ran.out


def test_nothing_is_said_of_training_where_no_tokens_are_documented(tmp_path: Path) -> None:
    found = body("bert-large-uncased", tmp_path)
    assert found["figures"] != []
    assert found["runs"] == found["computations"] == []


def test_a_figure_that_is_known_to_be_wrong_is_listed_with_the_reason(tmp_path: Path) -> None:
    (reason,) = body("openai-community/gpt2", tmp_path)["reasons"]
    assert reason["figure"] == "117M"
    assert "40,478" in reason["because"]


def test_all_sizes_of_the_chinchilla_study_compute_to_what_was_printed(tmp_path: Path) -> None:
    computed = body("chinchilla study", tmp_path)["computations"]
    assert len(computed) == 50
    assert {each["verdict"] for each in computed} == {"rounds"}


def test_a_name_that_nothing_is_known_of_is_a_wrong_command_line(tmp_path: Path) -> None:
    ran = hfaudit("figures", "no-such-thing", home=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "no published figure of it is known here" in ran.err


def test_a_report_may_go_to_a_file_and_its_ending_says_how(tmp_path: Path) -> None:
    assert hfaudit("figures", "gopher", "-o", "gopher.json", home=tmp_path).code == 0
    assert json.loads((tmp_path / "gopher.json").read_text())["computations"] != []


def test_lines_for_the_terminal_are_at_most_a_hundred_wide(tmp_path: Path) -> None:
    for query in ("gpt-3", "gpt-4", "gpt2", "deepseek-v3"):
        lines = hfaudit("figures", query, home=tmp_path).out.splitlines()
        assert max(map(len, lines)) <= 100


# -- explain


def test_the_whole_scheme_names_every_verdict_and_every_threshold(tmp_path: Path) -> None:
    ran = hfaudit("explain", home=tmp_path)
    assert ran.code == 0
    names = [each.name for each in fields(DEFAULT_POLICY)]
    assert [name for name in (*names, *map(str, Verdict)) if f"  {name} " not in ran.out] == []


def test_every_threshold_of_the_policy_is_explained() -> None:
    assert set(THRESHOLDS) == {each.name for each in fields(DEFAULT_POLICY)}


@pytest.mark.parametrize(
    ("verdict", "said", "not_said"),
    [
        ("near", "2 %:", "5 %:"),
        ("rounds-loosely", "5 %:", "2 %:"),
        ("exact", "to the last parameter", "Thresholds"),
        ("mismatch", "exit code 1", "truncated"),
    ],
)
def test_one_verdict_is_told_with_the_thresholds_that_it_depends_on(
    tmp_path: Path, verdict: str, said: str, not_said: str
) -> None:
    ran = hfaudit("explain", verdict, home=tmp_path)
    assert said in ran.out
    assert not_said not in ran.out


def test_what_is_no_verdict_is_a_wrong_command_line(tmp_path: Path) -> None:
    assert hfaudit("explain", "maybe", home=tmp_path).code == 2

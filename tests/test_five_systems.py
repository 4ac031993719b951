"""The five systems of docs/explanation/five-systems.md, each answered as the page answers it."""

from pathlib import Path
from typing import Any

import pytest

from command import hfaudit

PAGE = (Path(__file__).parents[1] / "docs" / "explanation" / "five-systems.md").read_text()


def audited(model: str, home: Path) -> dict[str, Any]:
    (outcome,) = hfaudit("--offline", "-f", "json", model, home=home).outcomes
    return outcome


def printed(query: str, home: Path) -> str:
    ran = hfaudit("figures", query, home=home)
    assert ran.code == 0
    return ran.out


def claimed(outcome: dict[str, Any], written: str) -> list[dict[str, Any]]:
    return [claim for claim in outcome["claims"] if claim["written"] == written]


def test_bert_large_is_340_million_only_if_the_zero_is_no_digit(tmp_path: Path) -> None:
    outcome = audited("bert-large-uncased", tmp_path)
    assert outcome["parameters"]["total"] == 336_226_108
    counts = {count["key"]: count["value"] for count in outcome["counts"]}
    assert 335_141_888 in counts.values()  # the encoder alone
    assert {claim["verdict"] for claim in claimed(outcome, "340M")} == {"rounds-loosely"}


def test_no_count_of_stable_diffusion_is_890_million_and_no_sum_of_its_parts(
    tmp_path: Path,
) -> None:
    outcome = audited("CompVis/stable-diffusion-v1-4", tmp_path)
    (claim,) = claimed(outcome, "890M")
    assert (claim["verdict"], claim["certain"], claim["deciding"]) == ("mismatch", False, False)
    assert outcome["verdict"] == "rounds"  # the makers' own 860M and 123M
    values = [count["value"] for count in outcome["counts"]]
    unet, text_encoder, vae = 859_520_964, 123_060_480, 83_653_863
    assert {unet, text_encoder, vae, unet + text_encoder + vae} <= set(values)
    sums = [*values, unet + vae, unet + text_encoder, text_encoder + vae]
    assert not [value for value in sums if 885_000_000 <= value < 895_000_000]
    assert f"{unet + vae:,} with the VAE and {unet + text_encoder:,} with" in PAGE.replace(
        "\n", " "
    )


def test_gpt3_is_computed_from_what_its_paper_prints(tmp_path: Path) -> None:
    # V d + c d + L (12 d^2 + 13 d) + 2 d
    d, layers, vocabulary, context = 12_288, 96, 50_257, 2_048
    total = (vocabulary + context) * d + layers * (12 * d**2 + 13 * d) + 2 * d
    assert total == 174_604_259_328
    text = printed("gpt-3", tmp_path)
    assert f"{total:,}" in text
    chosen, learned = text.partition("GPT-3 175B: parameters, learned")[::2]
    assert "hyperparameters, chosen by its makers and not learned" in chosen
    assert "50,257 x 12,288" in learned


def test_of_gpt4_nothing_is_computed_and_every_figure_is_a_rumour(tmp_path: Path) -> None:
    text = printed("gpt-4", tmp_path)
    assert text.startswith("GPT-4: unverifiable")
    assert "no further details about the architecture" in text
    assert "hyperparameters" not in text
    assert "tokens" not in text
    assert text.count("rumour:") == text.count("unseen") == 3


def test_chinchilla_is_computed_with_its_relative_positions_and_is_balanced(
    tmp_path: Path,
) -> None:
    # V d + V + L (5 d a + 2 d f + f + 4 d + 2 a) + d with f = 4 d
    d, a, layers, vocabulary = 8_192, 64 * 128, 80, 32_000
    layer = 5 * d * a + 2 * d * 4 * d + 4 * d + 4 * d + 2 * a
    total = vocabulary * d + vocabulary + layers * layer + d
    assert total == 70_061_956_352
    text = printed("chinchilla 70b", tmp_path)
    assert f"{total:,}" in text
    assert "70B: rounds" in text
    assert "19.98  tokens for each parameter" in text  # 1.4e12 / 70,061,956,352


@pytest.mark.parametrize(
    "what", ["bert-large-uncased", "stable-diffusion", "gpt-3", "gpt-4", "chinchilla"]
)
def test_the_page_shows_what_the_command_prints_for_each(what: str) -> None:
    commands = [line for line in PAGE.splitlines() if line.startswith("$ hfaudit")]
    assert len(commands) == 5
    assert [line for line in commands if what in line] != []

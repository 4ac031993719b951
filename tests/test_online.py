"""The real Hub: `tox -e online`. Totals are those that others publish of these models."""

from pathlib import Path

import pytest

from command import hfaudit

pytestmark = pytest.mark.online


@pytest.mark.parametrize(
    ("model", "now", "total", "stored"),
    [
        # 109,482,240 of the encoder, 624,188 of the pre-training heads
        ("bert-base-uncased", "google-bert/bert-base-uncased", 110_106_428, 110_106_428),
        # causal masks of 12 layers, 1,024 x 1,024 each, are stored and are no parameters
        ("gpt2", "openai-community/gpt2", 124_439_808, 124_439_808 + 12 * 1_024**2),
        ("mistralai/Mistral-7B-v0.3", "mistralai/Mistral-7B-v0.3", 7_248_023_552, 7_248_023_552),
    ],
)
def test_a_model_of_the_hub_is_counted_without_its_weights(
    model: str, now: str, total: int, stored: int, tmp_path: Path
) -> None:
    ran = hfaudit(model, "-f", "json", home=tmp_path)
    assert ran.code == 0, ran.err
    (outcome,) = ran.outcomes
    assert outcome["model"] == now
    assert outcome["parameters"]["total"] == total
    assert outcome["stored"]["elements"] == stored
    assert outcome["proof"]["bytes_read"] < 2_000_000


def test_a_model_that_is_not_there_says_so(tmp_path: Path) -> None:
    ran = hfaudit("hfaudit/no-such-model", "-f", "json", home=tmp_path)
    assert ran.code == 3
    (outcome,) = ran.outcomes
    assert outcome["error"]["kind"] == "not-found"

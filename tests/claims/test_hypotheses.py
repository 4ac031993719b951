"""Each hypothesis is worked out from hyperparameters, and rounds to the figure it explains."""

import pytest

from auditor.claims.figures import read_figure
from auditor.claims.hypotheses import HYPOTHESES, hypothesis_of
from auditor.core.comparison import agreement
from auditor.core.verdict import Verdict

GPT1_VOCABULARY = 40_478


@pytest.mark.parametrize(
    ("model", "figure", "layers", "width"),
    [
        ("openai-community/gpt2", "117M", 12, 768),
        ("openai-community/gpt2-medium", "345M", 24, 1_024),
        ("openai-community/gpt2-large", "762M", 36, 1_280),
        ("openai-community/gpt2-xl", "1542M", 48, 1_600),
    ],
)
def test_the_retracted_sizes_of_gpt2_are_those_of_a_smaller_vocabulary(
    model: str, figure: str, layers: int, width: int
) -> None:
    hypothesis = hypothesis_of(model, read_figure(figure))
    assert hypothesis is not None
    embeddings = (GPT1_VOCABULARY + 1_024) * width
    blocks = layers * (12 * width**2 + 13 * width)
    assert hypothesis.count == embeddings + blocks + 2 * width


def test_vit_large_has_307_million_parameters_at_another_patch_size() -> None:
    d = 1_024
    blocks = 24 * (12 * d**2 + 13 * d)
    patches, positions, token, norm = (32 * 32 * 3 + 1) * d, 50 * d, d, 2 * d
    hypothesis = hypothesis_of("google/vit-large-patch16-224", read_figure("307M"))
    assert hypothesis is not None
    assert hypothesis.count == blocks + patches + positions + token + norm + 1_000 * (d + 1)


def test_every_hypothesis_gives_its_figure_and_cites_something() -> None:
    for each in HYPOTHESES:
        verdict = agreement(read_figure(each.figure), each.count)
        assert verdict in {Verdict.EXACT, Verdict.ROUNDS}
        assert len(each.source) > 10


def test_a_figure_that_is_right_or_of_another_model_has_none() -> None:
    assert hypothesis_of("openai-community/gpt2", read_figure("124M")) is None
    assert hypothesis_of("someone/gpt2", read_figure("117M")) is None


def test_a_legacy_id_is_the_same_model() -> None:
    assert hypothesis_of("gpt2", read_figure("117M")) is not None

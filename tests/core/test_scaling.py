from fractions import Fraction

import pytest

from auditor.core.scaling import (
    ACCELERATORS,
    LOSS_FITS,
    PRICES,
    compute_optimal_tokens,
    cost_cents,
    tokens_per_parameter,
    training_flops,
    utilisation,
)

GPT3, GOPHER, CHINCHILLA = 174_604_259_328, 279_710_317_824, 70_061_956_352
BILLION = 10**9


@pytest.mark.parametrize(
    ("parameters", "tokens", "published"),
    [
        (GPT3, 300 * BILLION, 3.14e23),  # Brown et al. 2020, Table D.1
        (6_050_882_784, 402 * BILLION, 1.5e22),  # the card of gpt-j-6b
        (405_853_388_800, 15_600 * BILLION, 3.8e25),  # Grattafiori et al. 2024, section 3.2
    ],
)
def test_six_n_d_gives_the_flops_that_were_published(
    parameters: int, tokens: int, published: float
) -> None:
    assert training_flops(parameters, tokens) == pytest.approx(published, rel=0.03)


def test_flops_are_counted_in_integers() -> None:
    assert training_flops(GPT3, 300 * BILLION) == 314_287_666_790_400_000_000_000


@pytest.mark.parametrize(
    ("parameters", "tokens", "ratio"),
    [
        (GPT3, 300 * BILLION, 1.7),
        (GOPHER, 300 * BILLION, 1.1),
        (CHINCHILLA, 1_400 * BILLION, 20.0),
        (176_247_271_424, 366 * BILLION, 2.1),  # BLOOM
        (68_976_648_192, 2_000 * BILLION, 29.0),  # Llama 2 70B
    ],
)
def test_tokens_per_parameter(parameters: int, tokens: int, ratio: float) -> None:
    assert float(tokens_per_parameter(parameters, tokens)) == pytest.approx(ratio, abs=0.05)


def test_chinchilla_has_about_the_tokens_that_its_paper_finds_best() -> None:
    assert compute_optimal_tokens(CHINCHILLA) == 1_401_239_127_040


@pytest.mark.parametrize(
    ("flops", "hours", "gpu", "share"),
    [
        (training_flops(GPT3, 300 * BILLION), 10_000 * 355, "V100", 0.197),  # 14.8 days
        (training_flops(68_976_648_192, 2_000 * BILLION), 1_720_320, "A100", 0.428),
        (training_flops(405_853_388_800, 15_600 * BILLION), 30_840_000, "H100", 0.346),
    ],
)
def test_utilisation_of_known_runs_is_plausible(
    flops: int, hours: int, gpu: str, share: float
) -> None:
    assert float(utilisation(flops, hours, ACCELERATORS[gpu])) == pytest.approx(share, abs=0.001)


def test_the_final_run_of_deepseek_v3_costs_what_its_paper_says() -> None:
    _, most = cost_cents(2_788_000)  # DeepSeek-AI 2024, Table 1: 2.788M H800 hours, $5.576M
    assert most == 5_576_000 * 100


def test_prices_and_accelerators_name_who_says_so() -> None:
    assert all(price.source for price in PRICES)
    assert all(each.source for each in ACCELERATORS.values())


def test_the_fitted_loss_says_that_parameters_alone_do_not_make_a_model_better() -> None:
    for fit in LOSS_FITS:
        chinchilla = fit.loss(CHINCHILLA, 1_400 * BILLION)
        assert chinchilla < fit.loss(GOPHER, 300 * BILLION)
        assert chinchilla < fit.loss(GPT3, 300 * BILLION)
    # 1.69 + 406.4 / 70.06e9^0.34 + 410.7 / 1.4e12^0.28
    assert LOSS_FITS[0].loss(CHINCHILLA, 1_400 * BILLION) == pytest.approx(1.937, abs=0.001)


def test_ratios_to_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="no parameters"):
        tokens_per_parameter(0, 1)
    with pytest.raises(ValueError, match="no hours"):
        utilisation(1, 0, ACCELERATORS["A100"])


def test_a_ratio_is_exact() -> None:
    assert tokens_per_parameter(3, 2) == Fraction(2, 3)

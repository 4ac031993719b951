"""Published-only systems, computed.

Worked by hand, GPT-3 175B (V 50,257, context 2,048, L 96, d 12,288):
    token embeddings     50,257 x 12,288                     =     617,558,016
    position embeddings   2,048 x 12,288                     =      25,165,824
    attention            96 (4 x 12,288^2 + 4 x 12,288)      =  57,986,777,088
    feed-forward         96 (8 x 12,288^2 + 5 x 12,288)      = 115,970,015,232
    LayerNorm            96 x 4 x 12,288 + 2 x 12,288        =       4,743,168
                                                               174,604,259,328
"""

import pytest

from auditor.claims.arithmetic import (
    compute,
    parse_systems,
    published_systems,
    systems_of,
    unpublished,
)
from auditor.core.claims import quantity
from auditor.core.comparison import agreement
from auditor.core.verdict import Verdict

HEADER = ",".join(
    "system formula layers width heads head_width feed_forward vocabulary context figure note"
    " source".split()
)


def parameters(name: str) -> int:
    (system,) = (each for each in published_systems() if each.name == name)
    return compute(system).parameters


def test_gpt_3_is_computed_step_by_step() -> None:
    (system,) = systems_of("GPT-3 175B")
    computed = compute(system)
    assert {step.what: step.parameters for step in computed.steps} == {
        "token embeddings": 617_558_016,
        "position embeddings": 25_165_824,
        "attention": 57_986_777_088,
        "feed-forward": 115_970_015_232,
        "LayerNorm": 4_743_168,
    }
    assert computed.parameters == 174_604_259_328
    assert computed.steps[0].factors == "50,257 x 12,288"
    assert computed.steps[2].factors == "96 x 4 x 12,288 x 12,288 + 96 x 4 x 12,288"


def test_hyperparameters_are_told_apart_from_parameters() -> None:
    (system,) = systems_of("GPT-3 175B")
    assert system.hyperparameters == {
        "layers": 96,
        "width": 12_288,
        "heads": 96,
        "width of a head": 128,
        "feed-forward width": 49_152,
        "vocabulary": 50_257,
        "context": 2_048,
    }


@pytest.mark.parametrize(
    ("name", "millions"),
    [  # Brown et al. 2020, Table D.1
        ("GPT-3 Small", 125),
        ("GPT-3 Medium", 356),
        ("GPT-3 Large", 760),
        ("GPT-3 XL", 1_320),
        ("GPT-3 2.7B", 2_650),
        ("GPT-3 6.7B", 6_660),
        ("GPT-3 13B", 12_850),
        ("GPT-3 175B", 174_600),
    ],
)
def test_every_size_of_gpt_3_lands_on_table_d1(name: str, millions: int) -> None:
    # the worst of them, 1,315,723,264 for 1,320 million, is off by 0.33 percent
    assert abs(parameters(name) - millions * 10**6) < 0.0034 * millions * 10**6


def test_the_fourth_digit_of_175_0_billion_is_not_real() -> None:
    (system,) = systems_of("GPT-3 175B")
    assert compute(system).verdict is Verdict.NEAR
    assert agreement(quantity("175", 10**9), compute(system).parameters) is Verdict.ROUNDS


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # the ones that Rae et al. 2021, Table 1 print as 44M, 117M, 417M, 1.4B, 7.1B and 280B
        ("Gopher 44M", 43_720_448),
        ("Gopher 117M", 116_713_472),
        ("Gopher 417M", 417_420_032),
        ("Gopher 1.4B", 1_374_684_416),
        ("Gopher 7.1B", 7_111_740_672),
        ("Gopher 280B", 279_710_317_824),
        ("Chinchilla 70B", 70_061_956_352),
    ],
)
def test_gopher_and_chinchilla_are_computed_to_the_parameter(name: str, expected: int) -> None:
    (system,) = (each for each in published_systems() if each.name == name)
    computed = compute(system)
    assert computed.parameters == expected
    assert computed.verdict is Verdict.ROUNDS


def test_without_the_projection_of_relative_positions_chinchilla_would_be_no_70_billion() -> None:
    (system,) = systems_of("Chinchilla 70B")
    computed = compute(system)
    (positions,) = (step for step in computed.steps if step.what == "relative positions")
    # 80 x 8,192 x 8,192 + 80 x 2 x 8,192
    assert positions.parameters == 5_370_019_840
    assert agreement(system.figure, computed.parameters - positions.parameters) is None


def test_all_fifty_models_of_table_a9_round_to_their_printed_size() -> None:
    study = [each for each in published_systems() if each.name.startswith("Chinchilla study")]
    assert len(study) == 50
    assert {compute(system).verdict for system in study} == {Verdict.ROUNDS}


def test_six_models_of_table_a9_have_heads_that_are_not_as_wide_as_the_model() -> None:
    study = [each for each in published_systems() if each.name.startswith("Chinchilla study")]
    odd = [each.figure.value // 10**6 for each in study if each.attention_width != each.width]
    assert odd == [3_530, 4_084, 11_452, 12_569, 13_735, 14_940]


def test_every_row_computes_to_the_size_that_its_paper_prints() -> None:
    for system in published_systems():
        computed = compute(system)
        assert abs(computed.parameters - system.figure.value) <= 0.02 * system.figure.value
        assert system.note or computed.verdict is Verdict.ROUNDS


def test_a_system_is_found_by_the_words_of_its_name() -> None:
    assert len(systems_of("gpt-3")) == 8
    assert systems_of("gpt-4") == ()
    assert systems_of("") == ()


def test_gpt_4_cannot_be_computed_and_its_makers_say_why() -> None:
    row = unpublished("gpt-4")
    assert row is not None
    assert "no further details about the architecture (including model size)" in row.statement
    assert row.source == "OpenAI 2023 (arXiv 2303.08774), section 2"
    assert unpublished("gpt-3") is None
    assert unpublished("") is None


@pytest.mark.parametrize(
    "row",
    [
        "X,rnn,1,2,1,2,8,10,5,1M,,A paper",
        "X,gpt,one,2,1,2,8,10,5,1M,,A paper",
        "X,gpt,1,2,1,2,8,10,5,large,,A paper",
        "X,gpt,1,2",
    ],
)
def test_a_row_that_is_none_is_reported_by_its_line(row: str) -> None:
    with pytest.raises(ValueError, match=r"systems\.csv, line 2: "):
        parse_systems([HEADER, row])

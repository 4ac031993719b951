"""Worked numbers.

BERT with its pre-training heads: transform d*d + d, norm 2d, bias 30,522, next sentence 2d + 2.
    base,  d =   768:   590,592 + 1,536 + 30,522 + 1,538 =   624,188; 109,482,240 in the encoder
    large, d = 1,024: 1,049,600 + 2,048 + 30,522 + 2,050 = 1,084,220; 335,141,888 in the encoder
GPT-2: 124,439,808 parameters, and 12 causal masks of 1,024 x 1,024 = 12,582,912 stored beside them.
Qwen3-0.6B: 596,049,920 parameters; the tied head of 151,936 x 1,024 = 155,582,464 is stored too.
"""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auditor.core.claims import Claim, ClaimSource, Quantity, Scope, exact_quantity, quantity
from auditor.core.comparison import (
    Comparison,
    Strength,
    agreement,
    coincidence,
    compare,
    judge,
    strength,
)
from auditor.core.differences import explain_difference, signed_percent
from auditor.core.roles import Role
from auditor.core.tally import Amount, Count, Group
from auditor.core.verdict import SEVERITY, Policy, Verdict

MILLION = 10**6
BILLION = 10**9
LOOKS_EXACT = 10**6


def claim(
    figure: Quantity,
    scope: Scope = Scope.TOTAL,
    *,
    detail: str = "",
    label: bool = False,
    certain: bool = True,
) -> Claim:
    return Claim(
        text=figure.written,
        quantity=figure,
        scope=scope,
        source=ClaimSource.CARD,
        where="README.md, line 1",
        detail=detail,
        label=label,
        certain=certain,
    )


def group(
    name: str,
    elements: int,
    role: Role = Role.HEAD,
    pattern: str = "some.weight",
    *,
    head: bool = False,
    output: bool = False,
) -> Group:
    return Group(
        name=name,
        role=role,
        trainable=True,
        amount=Amount(
            tensors=1, elements=elements, stored_bytes=4 * elements, low=elements, high=elements
        ),
        pattern=pattern,
        reason="a reason",
        head=head,
        output=output,
    )


def count(key: str, value: int, name: str = "", differs_by: tuple[Group, ...] = ()) -> Count:
    return Count(key=key, name=name or key, value=value, differs_by=differs_by)


def total(value: int) -> tuple[Count, ...]:
    return (count("total", value, "all parameters"),)


HEADS = (
    group("head transform", 590_592, head=True, pattern="cls.predictions.transform.dense.weight"),
    group("head bias", 30_522, head=True, pattern="cls.predictions.bias"),
    group("next-sentence head", 1_538, head=True, pattern="cls.seq_relationship.weight"),
    group("head norm", 1_536, head=True, pattern="cls.predictions.transform.LayerNorm.gamma"),
)
BERT_BASE = (
    *total(110_106_428),
    count("non_embedding", 86_269_244, "parameters without embeddings"),
    count("backbone", 109_482_240, "the backbone alone", HEADS),
)
MASKS = group("causal masks", 12_582_912, Role.BUFFER, "h.*.attn.bias")
GPT2 = (
    *total(124_439_808),
    count("non_embedding", 85_056_000, "parameters without embeddings"),
    count("stored", 137_022_720, "every stored element", (MASKS,)),
)
TABLE = group("token embeddings", 155_582_464, Role.EMBEDDING, "model.embed_tokens.weight")
SECOND = group(
    "a second copy of model.embed_tokens.weight", 155_582_464, Role.TIED_COPY, "lm_head.weight"
)


# --- one figure against one count


@pytest.mark.parametrize(
    ("digits", "multiplier", "actual", "verdict"),
    [
        ("340", MILLION, 335_141_888, Verdict.ROUNDS_LOOSELY),  # 335 to 345 at two digits
        ("340", MILLION, 336_226_108, Verdict.ROUNDS_LOOSELY),
        ("110", MILLION, 110_106_428, Verdict.ROUNDS),
        ("110", MILLION, 109_482_240, Verdict.ROUNDS_LOOSELY),  # below 109.5 million
        ("109482240", 1, 109_482_240, Verdict.EXACT),
        ("405", BILLION, 405_853_388_800, Verdict.TRUNCATED),  # it rounds to 406
        ("7.61", BILLION, 7_615_616_512, Verdict.TRUNCATED),  # it rounds to 7.62
        ("1.23", BILLION, 1_235_814_400, Verdict.TRUNCATED),
        ("14", BILLION, 14_659_507_200, Verdict.TRUNCATED),  # +4.7 %
        ("6053381344", 1, 6_050_882_784, None),
        ("550", MILLION, 559_890_432, None),
        ("70", BILLION, 68_976_648_192, Verdict.ROUNDS_LOOSELY),
        ("1.5", BILLION, 1_557_611_200, Verdict.TRUNCATED),  # +3.8 %
        ("30", BILLION, 32_528_943_616, None),  # 25 to 35 at one digit, but 8.4 % off
        ("10", MILLION, 10_990_000, None),  # 10 to 11, but 9.9 % off
    ],
)
def test_a_figure_is_a_way_to_write_a_count(
    digits: str, multiplier: int, actual: int, verdict: Verdict | None
) -> None:
    assert agreement(quantity(digits, multiplier), actual) is verdict


@pytest.mark.parametrize(
    ("actual", "verdict"),
    [
        (339_499_999, Verdict.ROUNDS_LOOSELY),
        (339_500_000, Verdict.ROUNDS),  # v - u/2 belongs to it
        (340_499_999, Verdict.ROUNDS),
        (340_500_000, Verdict.ROUNDS_LOOSELY),  # v + u/2 does not
        (335_000_000, Verdict.ROUNDS_LOOSELY),
        (334_999_999, None),
    ],
)
def test_the_lower_end_of_rounding_belongs_to_the_figure_and_the_upper_does_not(
    actual: int, verdict: Verdict | None
) -> None:
    assert agreement(quantity("340", MILLION), actual) is verdict


def formatted(value: int, digits: int) -> Quantity:
    """`value` as somebody would write it with so many digits: a whole number of some unit."""
    unit = 10 ** max(len(str(value)) - digits, 0)
    return quantity(str((2 * value + unit) // (2 * unit)), unit)


@given(st.integers(1, 10**13), st.integers(1, 13))
def test_a_figure_formatted_from_a_count_agrees_at_any_number_of_digits(
    value: int, digits: int
) -> None:
    figure = formatted(value, digits)
    expected = Verdict.EXACT if figure.unit == 1 else Verdict.ROUNDS
    assert agreement(figure, value) is expected


@given(st.integers(1, 10**13), st.integers(1, 13))
def test_a_figure_cut_off_instead_of_rounded_agrees_within_five_percent(
    value: int, digits: int
) -> None:
    unit = 10 ** max(len(str(value)) - digits, 0)
    cut = quantity(str(value // unit), unit)
    assume(20 * (value - cut.value) <= cut.value)
    assert agreement(cut, value) in SEVERITY[: SEVERITY.index(Verdict.OTHER_SCOPE)]


@given(st.integers(1, 10**13), st.integers(1, 13), st.data())
def test_a_figure_with_one_digit_changed_is_never_exact_and_never_rounds(
    value: int, digits: int, data: st.DataObject
) -> None:
    figure = formatted(value, digits)
    written = str(figure.value // figure.unit)
    place = data.draw(st.integers(0, len(written) - 1))
    digit = data.draw(st.sampled_from("0123456789").filter(lambda each: each != written[place]))
    changed = written[:place] + digit + written[place + 1 :]
    assume(changed.strip("0"))
    verdict = agreement(quantity(changed, figure.unit), value)
    assert verdict not in {Verdict.EXACT, Verdict.ROUNDS}


@given(st.integers(LOOKS_EXACT, 10**13), st.integers(-(10**6), 10**6).filter(bool))
def test_a_machine_written_figure_that_is_off_is_a_mismatch_however_small(
    value: int, off: int
) -> None:
    assume(value + off > 0)
    assume(value >= 10**10 or value + off >= LOOKS_EXACT)
    compared = compare(claim(exact_quantity(value)), total(value + off))
    assert compared.verdict is Verdict.MISMATCH
    assert compared.difference == off


# --- a claim against the counts of a checkpoint


def test_an_exact_figure_is_equal_to_the_last_parameter() -> None:
    compared = compare(claim(exact_quantity(110_106_428)), BERT_BASE)
    assert compared.verdict is Verdict.EXACT
    assert compared.explanation == "equal to the last parameter"


def test_a_rounded_figure_says_at_how_many_digits() -> None:
    compared = compare(claim(quantity("110", MILLION)), BERT_BASE)
    assert compared.explanation == "110,106,428 to three digits"
    compared = compare(claim(quantity("110.106", MILLION)), BERT_BASE)
    assert compared.explanation == "110,106,428 to 6 digits"


def test_a_padded_figure_says_to_how_many_digits_it_holds() -> None:
    compared = compare(claim(quantity("340", MILLION, written="340M")), total(336_226_108))
    assert compared.verdict is Verdict.ROUNDS_LOOSELY
    assert compared.explanation == "336,226,108 is 340M only to two digits"


def test_a_cut_off_figure_says_so() -> None:
    compared = compare(claim(quantity("405", BILLION)), total(405_853_388_800))
    assert compared.explanation == "405,853,388,800 with the last digits cut off, not rounded"


def test_a_mismatch_tells_how_much_more_there_is_in_percent_of_the_figure() -> None:
    # 177,853,440 - 110,000,000 = 67,853,440, and 67.85 / 110 = 61.7 %
    compared = compare(claim(quantity("110", MILLION)), total(177_853_440))
    assert compared.verdict is Verdict.MISMATCH
    assert compared.difference == 67_853_440
    assert compared.explanation == "67,853,440 more than documented (+61.7 %)"


def test_a_figure_off_by_less_than_two_percent_is_near() -> None:
    # 9,890,432 / 550,000,000 = 1.798 %
    compared = compare(claim(quantity("550", MILLION)), total(559_890_432))
    assert compared.verdict is Verdict.NEAR
    assert compared.explanation == "9,890,432 more than documented (+1.8 %)"


def test_near_ends_at_two_percent_of_the_figure() -> None:
    figure = quantity("5.00", BILLION)
    assert compare(claim(figure), total(5_100_000_000)).verdict is Verdict.NEAR
    assert compare(claim(figure), total(5_100_000_001)).verdict is Verdict.MISMATCH


def test_an_exact_looking_figure_that_is_off_by_little_is_a_mismatch() -> None:
    # 6,050,882,784 - 6,053,381,344 = -2,498,560 = -0.041 %
    compared = compare(claim(quantity("6053381344"), Scope.TOTAL), total(6_050_882_784))
    assert compared.verdict is Verdict.MISMATCH
    assert compared.explanation == (
        "2,498,560 fewer than documented (-0.04 %);"
        " a figure written to the last digit claims to be exact"
    )


def test_a_total_that_counts_masks_names_them_and_their_number() -> None:
    compared = compare(claim(exact_quantity(137_022_720)), GPT2)
    assert compared.verdict is Verdict.OTHER_SCOPE
    assert compared.explanation == (
        "counts every stored element: 12,582,912 of them are causal masks (h.*.attn.bias),"
        " not parameters"
    )


def test_a_total_without_the_heads_names_each_head() -> None:
    compared = compare(claim(quantity("109482240")), BERT_BASE)
    assert compared.verdict is Verdict.OTHER_SCOPE
    assert compared.explanation == (
        "counts the backbone alone: 624,188 fewer than the total (head transform 590,592"
        " · head bias 30,522 · next-sentence head 1,538 · head norm 1,536)"
    )


def test_another_scope_that_could_give_the_figure_by_chance_says_how_likely_that_is() -> None:
    # two other counts, 137 million written to a million: 2 x 1 / 137 = 1.46 %
    compared = compare(claim(quantity("137", MILLION)), GPT2)
    assert compared.verdict is Verdict.OTHER_SCOPE
    assert compared.explanation.endswith(
        "; 137,022,720 rounds to the figure (strong: 1.5 % by chance)"
    )


def test_a_weak_coincidence_never_turns_a_mismatch_into_agreement() -> None:
    # gemma-2b: 1,981,884,416 without its table rounds to 2B, as one number in two does
    counts = (
        *total(2_506_172_416),
        count("non_embedding", 1_981_884_416, "parameters without embeddings"),
    )
    compared = compare(claim(quantity("2", BILLION)), counts)
    assert compared.verdict is Verdict.MISMATCH
    assert compared.explanation == (
        "506,172,416 more than documented (+25.3 %);"
        " parameters without embeddings, 1,981,884,416, would round to it (weak: 50.0 % by chance)"
    )


def test_of_several_other_scopes_the_closest_is_named() -> None:
    counts = (*total(9 * BILLION), count("a", 7_040_000_000), count("b", 7_010_000_000))
    compared = compare(claim(quantity("7.0", BILLION)), counts)
    assert compared.verdict is Verdict.OTHER_SCOPE
    assert compared.explanation.startswith("counts b; 7,010,000,000 rounds to the figure")


def test_a_claim_is_held_against_the_count_of_its_own_scope() -> None:
    counts = (*total(30_532_122_624), count("non_embedding", 29_909_792_768))
    compared = compare(claim(quantity("29.9", BILLION), Scope.NON_EMBEDDING), counts)
    assert compared.verdict is Verdict.ROUNDS
    assert compared.actual == 29_909_792_768


def test_active_parameters_may_be_meant_without_the_input_embedding_and_it_says_so() -> None:
    # gpt-oss-20b: 4,187,440,704 active, less 201,088 x 2,880 = 579,133,440
    counts = (
        *total(20_914_757_184),
        count("active", 4_187_440_704, "active parameters"),
        count(
            "active_without_input_embedding",
            3_608_307_264,
            "active parameters without the input embedding",
        ),
    )
    compared = compare(claim(quantity("3.6", BILLION), Scope.ACTIVE), counts)
    assert compared.verdict is Verdict.ROUNDS
    assert compared.explanation == (
        "active parameters without the input embedding: 3,608,307,264 to two digits"
    )


def test_a_figure_of_another_model_is_not_compared() -> None:
    other = claim(quantity("340", MILLION), Scope.OTHER_MODEL, detail="bert-large-uncased")
    compared = compare(other, BERT_BASE)
    assert compared.verdict is Verdict.NOT_COMPARED
    assert (compared.actual, compared.deciding) == (None, False)
    assert compared.explanation == "about bert-large-uncased"


def test_a_scope_without_a_count_is_unverifiable_with_the_reason() -> None:
    compared = compare(claim(quantity("3.3", BILLION), Scope.ACTIVE), total(30_532_122_624))
    assert compared.verdict is Verdict.UNVERIFIABLE
    assert compared.explanation == "how many parameters are active is not known"


def test_a_component_is_compared_under_its_own_name_or_not_at_all() -> None:
    unet = claim(quantity("860", MILLION), Scope.COMPONENT, detail="unet")
    counts = (*total(1_066_235_307), count("component:unet", 859_520_964, "the unet"))
    assert compare(unet, counts).verdict is Verdict.ROUNDS
    assert compare(unet, total(1_066_235_307)).verdict is Verdict.UNVERIFIABLE


def test_an_unknown_total_still_says_which_count_the_figure_equals() -> None:
    stored = (count("stored", 1_234_567_890, "every stored element"),)
    compared = compare(claim(exact_quantity(1_234_567_890)), stored)
    assert compared.verdict is Verdict.UNVERIFIABLE
    assert compared.explanation == (
        "how many parameters there are is not known; the figure equals every stored element"
    )


# --- labels and the model's verdict


def test_a_label_decides_where_it_agrees() -> None:
    compared = compare(claim(quantity("7", BILLION), label=True), total(7_241_732_096))
    assert (compared.verdict, compared.deciding) == (Verdict.ROUNDS, True)


def test_a_label_that_is_somewhat_off_is_shown_and_does_not_decide() -> None:
    # gemma-7b: 8,537,680,896, 22.0 % more than 7 billion
    compared = compare(claim(quantity("7", BILLION), label=True), total(8_537_680_896))
    assert (compared.verdict, compared.deciding) == (Verdict.MISMATCH, False)
    assert compared.explanation == (
        "a label, not a count; 1,537,680,896 more than documented (+22.0 %)"
    )


@pytest.mark.parametrize("actual", [14_000_000_001, 3_499_999_999])
def test_a_label_off_by_more_than_a_factor_of_two_decides(actual: int) -> None:
    assert compare(claim(quantity("7", BILLION), label=True), total(actual)).deciding


@pytest.mark.parametrize("actual", [14_000_000_000, 3_500_000_000])
def test_a_label_off_by_a_factor_of_two_does_not_decide(actual: int) -> None:
    assert not compare(claim(quantity("7", BILLION), label=True), total(actual)).deciding


def test_an_uncertain_claim_does_not_decide() -> None:
    doubtful = compare(claim(quantity("117", MILLION), certain=False), GPT2)
    assert (doubtful.verdict, doubtful.deciding) == (Verdict.MISMATCH, False)
    assert judge([doubtful], total=124_439_808) is Verdict.UNDOCUMENTED


def verdicts(*figures: Quantity) -> list[Comparison]:
    return [compare(claim(figure), GPT2) for figure in figures]


def test_a_model_is_as_good_as_the_worst_of_its_deciding_claims() -> None:
    hub, card = exact_quantity(137_022_720), quantity("124", MILLION)
    assert judge(verdicts(card), total=124_439_808) is Verdict.ROUNDS
    assert judge(verdicts(card, hub), total=124_439_808) is Verdict.OTHER_SCOPE
    wrong = quantity("150", MILLION)
    assert judge(verdicts(card, wrong, hub), total=124_439_808) is Verdict.MISMATCH


def test_a_model_without_claims_is_undocumented_and_unverifiable_if_its_count_is_unknown() -> None:
    assert judge([], total=124_439_808) is Verdict.UNDOCUMENTED
    assert judge([], total=None) is Verdict.UNVERIFIABLE


def test_a_model_of_which_only_an_uncounted_part_is_documented_is_unverifiable() -> None:
    part = compare(claim(quantity("860", MILLION), Scope.COMPONENT, detail="unet"), GPT2)
    assert judge([part], total=124_439_808) is Verdict.UNVERIFIABLE


def test_figures_of_other_models_leave_a_model_undocumented() -> None:
    other = compare(claim(quantity("340", MILLION), Scope.OTHER_MODEL), GPT2)
    assert judge([other], total=124_439_808) is Verdict.UNDOCUMENTED


# --- chance


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        (Fraction(199, 10_000), Strength.STRONG),
        (Fraction(2, 100), Strength.MODERATE),
        (Fraction(10, 100), Strength.WEAK),
    ],
)
def test_strength_falls_with_the_chance_of_coincidence(
    chance: Fraction, expected: Strength
) -> None:
    assert strength(chance) is expected


def test_no_chance_is_greater_than_certainty() -> None:
    assert coincidence(quantity("2", BILLION), candidates=5) == 1


def test_a_policy_moves_the_thresholds() -> None:
    strict = Policy(near=Fraction(1, 100))
    assert compare(claim(quantity("550", MILLION)), total(559_890_432), strict).verdict is (
        Verdict.MISMATCH
    )


# --- differences


def test_a_group_left_out_is_named_with_its_tensors() -> None:
    assert explain_difference(590_592, HEADS) == (
        "leaves out 590,592: head transform (cls.predictions.transform.dense.weight)"
    )


def test_all_heads_left_out_are_named_together() -> None:
    assert explain_difference(624_188, HEADS) == (
        "leaves out 624,188: the heads (head transform 590,592 · head bias 30,522"
        " · next-sentence head 1,538 · head norm 1,536)"
    )


def test_a_buffer_counted_is_no_parameter() -> None:
    assert explain_difference(-12_582_912, (MASKS,)) == (
        "counts 12,582,912 that are causal masks (h.*.attn.bias), not parameters"
    )


def test_a_table_counted_twice_is_found_where_no_copy_is_stored() -> None:
    assert explain_difference(-155_582_464, (TABLE,)) == (
        "counts twice 155,582,464: token embeddings (model.embed_tokens.weight)"
    )


def test_everything_that_is_no_parameter_is_tried_together() -> None:
    # 12,582,912 + 155,582,464 = 168,165,376
    assert explain_difference(-168_165_376, (MASKS, SECOND)) == (
        "counts 168,165,376 that are no parameters"
        " (a second copy of model.embed_tokens.weight 155,582,464 · causal masks 12,582,912)"
    )


def test_two_groups_that_happen_to_add_up_explain_nothing() -> None:
    assert explain_difference(590_592 + 1_538, HEADS) == ""


def test_a_buffer_is_never_left_out_and_a_weight_is_never_counted_twice() -> None:
    weights = group("weights", 1_000_000, Role.WEIGHT)
    assert explain_difference(12_582_912, (MASKS,)) == ""
    assert explain_difference(-1_000_000, (weights,)) == ""


def test_no_difference_needs_no_explanation() -> None:
    assert explain_difference(0, HEADS) == ""


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (Fraction(617, 1000), "+61.7 %"),
        (Fraction(-1, 100), "-1.0 %"),
        (Fraction(-41, 100_000), "-0.04 %"),
        (Fraction(1, 1_000_000), "+less than 0.01 %"),
        (Fraction(1234), "+123,400.0 %"),
    ],
)
def test_percent_is_signed_and_short(share: Fraction, written: str) -> None:
    assert signed_percent(share) == written

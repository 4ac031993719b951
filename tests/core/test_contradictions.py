from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.claims import Claim, ClaimSource, Quantity, Scope, Tolerance, quantity
from auditor.core.comparison import agreement
from auditor.core.contradictions import contradictions
from auditor.core.findings import Severity

MILLION = 10**6
BILLION = 10**9


def claim(figure: Quantity, scope: Scope = Scope.TOTAL, where: str = "README.md, line 1") -> Claim:
    return Claim(
        text=figure.written,
        quantity=figure,
        scope=scope,
        source=ClaimSource.CARD,
        where=where,
    )


BERT_CARD = claim(quantity("110", MILLION, written="110M"))
HUB = claim(quantity("177974523", written="177,974,523"), where="Hub, safetensors.total")


def test_two_figures_of_one_scope_that_no_count_could_be_are_a_finding() -> None:
    (finding,) = contradictions([BERT_CARD, HUB])
    assert finding.code == "claims-contradict"
    assert finding.severity is Severity.WARNING
    assert finding.message == (
        "documented figures of the total contradict each other: 110M (README.md, line 1),"
        " 177,974,523 (Hub, safetensors.total); no count could be all of them"
    )


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (quantity("7", BILLION), quantity("7.24", BILLION)),
        (quantity("340", MILLION), quantity("336", MILLION)),  # 340M with padding
        (quantity("340", MILLION), quantity("336226108")),
        (quantity("405", BILLION), quantity("405853388800")),  # cut off, not rounded
        (quantity("14", BILLION), quantity("14.66", BILLION)),
    ],
)
def test_figures_that_one_count_can_have_agree(one: Quantity, two: Quantity) -> None:
    assert contradictions([claim(one), claim(two)]) == ()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (quantity("117", MILLION), quantity("124", MILLION)),
        (quantity("7", BILLION), quantity("8.5", BILLION)),
        (quantity("809", MILLION), quantity("798", MILLION)),  # whisper's README and its card
        (quantity("6053381344"), quantity("6050882784")),
    ],
)
def test_figures_that_no_count_can_have_do_not(one: Quantity, two: Quantity) -> None:
    assert len(contradictions([claim(one), claim(two)])) == 1


def test_scopes_are_kept_apart_and_other_models_left_out() -> None:
    assert contradictions([BERT_CARD, replace(HUB, scope=Scope.NON_EMBEDDING)]) == ()
    assert contradictions([BERT_CARD, replace(HUB, scope=Scope.OTHER_MODEL)]) == ()
    unet = replace(BERT_CARD, scope=Scope.COMPONENT, detail="unet")
    vae = replace(HUB, scope=Scope.COMPONENT, detail="vae")
    assert contradictions([unet, vae]) == ()


def test_labels_and_unseen_figures_document_nothing() -> None:
    assert contradictions([BERT_CARD, replace(HUB, label=True)]) == ()
    assert contradictions([BERT_CARD, replace(HUB, certain=False)]) == ()


def test_a_tolerance_widens_what_a_figure_may_mean() -> None:
    tolerant = replace(BERT_CARD, tolerance=Tolerance(parameters=68 * MILLION, written="68M"))
    assert contradictions([tolerant, HUB]) == ()


@given(
    st.integers(10**6, 10**12),
    st.integers(1, 999),
    st.sampled_from([MILLION, 10 * MILLION, 100 * MILLION, BILLION]),
)
def test_what_agrees_with_the_same_count_never_contradicts(
    count: int, digits: int, unit: int
) -> None:
    rounded, other = quantity(str(max(1, count // unit)), unit), quantity(str(digits), unit)
    told = [figure for figure in (rounded, other) if agreement(figure, count)]
    assert contradictions([claim(figure) for figure in told]) == ()

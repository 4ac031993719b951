"""A claim with a tolerance of its own agrees within it and nowhere else."""

import pytest

from auditor.core.claims import Claim, ClaimSource, Scope, Tolerance, quantity
from auditor.core.comparison import Comparison, compare
from auditor.core.tally import Count
from auditor.core.verdict import Verdict

MILLION = 10**6


def held(millions: str, tolerance: int | None, actual: int, *others: int) -> Comparison:
    """The comparison of a figure in millions with `actual`."""
    claim = Claim(
        text=f"{millions}M",
        quantity=quantity(millions, MILLION, written=f"{millions}M"),
        scope=Scope.TOTAL,
        source=ClaimSource.LIST,
        where="figures.csv, line 2",
        tolerance=None if tolerance is None else Tolerance(parameters=tolerance, written="so much"),
    )
    counts = [Count(key="total", name="all parameters", value=actual)]
    counts += [Count(key=f"other{i}", name="another", value=n) for i, n in enumerate(others)]
    return compare(claim, counts)


@pytest.mark.parametrize(
    ("tolerance", "actual", "verdict"),
    [
        (None, 336_226_108, Verdict.ROUNDS_LOOSELY),  # 340M with its zero as padding
        (4 * MILLION, 336_226_108, Verdict.ROUNDS_LOOSELY),  # 3,773,892 off
        (3 * MILLION, 336_226_108, Verdict.MISMATCH),  # though it rounds
        (40 * MILLION, 301_000_000, Verdict.NEAR),  # 39 million off
        (40 * MILLION, 299_000_000, Verdict.MISMATCH),
        (0, 340_000_000, Verdict.ROUNDS),
        (0, 340_000_001, Verdict.MISMATCH),
    ],
)
def test_a_tolerance_takes_the_place_of_rounding(
    tolerance: int | None, actual: int, verdict: Verdict
) -> None:
    assert held("340", tolerance, actual).verdict is verdict


def test_the_report_says_by_whose_tolerance_a_figure_stands_or_falls() -> None:
    inside = held("340", 40 * MILLION, 301_000_000)
    assert inside.explanation == (
        "39,000,000 fewer than documented (-11.5 %); within the tolerance of so much"
    )
    outside = held("340", 3 * MILLION, 336_226_108)
    assert outside.explanation.endswith("beyond the tolerance of so much")


def test_an_exact_figure_may_be_off_by_its_tolerance() -> None:
    claim = Claim(
        text="6,053,381,344",
        quantity=quantity("6053381344"),
        scope=Scope.TOTAL,
        source=ClaimSource.LIST,
        where="figures.csv, line 2",
        tolerance=Tolerance(parameters=3 * MILLION, written="3M"),
    )
    # 6,053,381,344 - 6,050,882,784 = 2,498,560
    count = Count(key="total", name="all parameters", value=6_050_882_784)
    assert compare(claim, [count]).verdict is Verdict.NEAR


def test_another_count_explains_a_figure_only_within_its_tolerance() -> None:
    # 85,054,464 rounds to 85M, and is 54,464 off
    assert held("85", 60_000, 124_439_808, 85_054_464).verdict is Verdict.OTHER_SCOPE
    assert held("85", 50_000, 124_439_808, 85_054_464).verdict is Verdict.MISMATCH

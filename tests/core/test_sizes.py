"""1 GB is 1,000,000,000 bytes, 1 GiB is 1,073,741,824.

1,344,904,432 bytes: 1.3449 GB; / 1,073,741,824 = 1.2525 GiB.
"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.sizes import binary_size, decimal_size, gibibytes, gigabytes, percent


def test_bert_large_is_1_34_gb_and_1_25_gib() -> None:
    assert gigabytes(1_344_904_432) == "1.34"
    assert gibibytes(1_344_904_432) == "1.25"


def test_less_than_one_gb_keeps_three_significant_digits() -> None:
    assert gigabytes(90_868_376) == "0.0909"
    assert gigabytes(2_048) == "0.00000205"


def test_many_gb_keep_two_decimals() -> None:
    assert gigabytes(281_241_268_224) == "281.24"
    assert gigabytes(0) == "0.00"


@pytest.mark.parametrize(
    ("size_bytes", "decimal", "binary"),
    [
        (0, "0 bytes", "0 bytes"),
        (1, "1 byte", "1 byte"),
        (999, "999 bytes", "999 bytes"),
        (2_048, "2.05 kB", "2.00 KiB"),
        (68_256, "68.3 kB", "66.7 KiB"),  # 68,256 / 1,024 = 66.66
        (672_452_216, "672 MB", "641 MiB"),  # / 1,048,576 = 641.3
        (999_999, "1.00 MB", "977 KiB"),  # 999.999 kB would be 1000 kB
        (1_344_904_432, "1.34 GB", "1.25 GiB"),
        (5_000_000_000_000_000, "5,000 TB", "4,547 TiB"),  # / 1,024^4 = 4547.5 less a bit
    ],
)
def test_a_size_has_three_digits_and_a_unit(size_bytes: int, decimal: str, binary: str) -> None:
    assert decimal_size(size_bytes) == decimal
    assert binary_size(size_bytes) == binary


@pytest.mark.parametrize(
    ("part", "whole", "share"),
    [
        (67_853_440, 110_000_000, "61.68"),  # 61.685 %, a hair below
        (-3_773_892, 340_000_000, "-1.11"),  # 1.10997 %
        (2_498_560, 6_053_381_344, "0.041"),  # two digits where two decimals would be 0.04
        (1, 7_000_000_000, "0.000000014"),
        (0, 5, "0.00"),
    ],
)
def test_a_share_is_in_percent_and_keeps_two_digits(part: int, whole: int, share: str) -> None:
    assert percent(part, whole) == Decimal(share)


def test_a_share_of_nothing_is_not_known() -> None:
    assert percent(5, 0) is None


@given(st.integers(min_value=0, max_value=10**18))
def test_a_size_in_gb_is_off_by_less_than_a_hundredth_of_it(size_bytes: int) -> None:
    wrong = abs(Decimal(gigabytes(size_bytes)) * 10**9 - size_bytes)
    assert 100 * wrong <= max(size_bytes, 1)

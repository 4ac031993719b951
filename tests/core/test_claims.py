import pytest

from auditor.core.claims import exact_quantity, quantity

MILLION = 10**6
BILLION = 10**9


def test_the_last_digit_of_340m_is_worth_a_million_and_its_zero_may_be_padding() -> None:
    figure = quantity("340", MILLION, written="340M")
    assert (figure.value, figure.unit, figure.padded_unit) == (340 * MILLION, MILLION, 10 * MILLION)
    assert (figure.digits, figure.padded_digits) == (3, 2)


def test_the_last_digit_of_7_24b_is_worth_ten_million() -> None:
    figure = quantity("7.24", BILLION)
    assert (figure.value, figure.unit) == (7_240_000_000, 10 * MILLION)


def test_zeros_behind_a_decimal_point_are_digits_and_no_padding() -> None:
    assert quantity("70.0", BILLION).padded_unit == 100 * MILLION
    assert quantity("70", BILLION).padded_unit == 10 * BILLION


@pytest.mark.parametrize("digits", ["6053381344", "1066235307", "4194304", "85056000"])
def test_an_integer_of_seven_digits_written_out_looks_exact(digits: str) -> None:
    assert quantity(digits).looks_exact


@pytest.mark.parametrize("digits", ["2700000000", "110000000", "999999"])
def test_a_written_out_round_number_and_a_short_one_do_not_look_exact(digits: str) -> None:
    assert not quantity(digits).looks_exact


def test_a_decimal_that_reaches_down_to_one_parameter_looks_exact() -> None:
    assert quantity("7.241732096", BILLION).looks_exact


def test_every_digit_counts_of_what_a_machine_wrote() -> None:
    assert exact_quantity(2_700_000_000).looks_exact
    assert exact_quantity(2_700_000_000).written == "2,700,000,000"


@pytest.mark.parametrize("digits", ["", ".", "1.2.3", "7e9", "-7", "\u0667", "0", "0.0", "9" * 21])
def test_what_is_no_positive_plain_number_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match=r"plain|zero"):
        quantity(digits, BILLION)


def test_a_figure_finer_than_one_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="finer"):
        quantity("1.5")


@pytest.mark.parametrize("value", [0, -1])
def test_no_machine_documents_nothing(value: int) -> None:
    with pytest.raises(ValueError, match="document nothing"):
        exact_quantity(value)

import pytest

from auditor.claims.figures import figures_in, read_figure, unit_in

MILLION = 10**6
BILLION = 10**9


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("340M", 340 * MILLION, MILLION),
        ("39 M", 39 * MILLION, MILLION),
        ("7.24B", 7_240 * MILLION, 10 * MILLION),
        ("1.5 billion", 1_500 * MILLION, 100 * MILLION),
        ("1T", 1_000 * BILLION, 1_000 * BILLION),
        ("1,542M", 1_542 * MILLION, MILLION),
        ("6,053,381,344", 6_053_381_344, 1),
        ("4.022.468.096", 4_022_468_096, 1),
        ("6053381344", 6_053_381_344, 1),
        ("1.5e9", 1_500 * MILLION, 100 * MILLION),
        ("6,5B", 6_500 * MILLION, 100 * MILLION),
        ("1,3 Milliarden", 1_300 * MILLION, 100 * MILLION),
        ("685 milliards", 685 * BILLION, BILLION),
        ("8,79 mil millones", 8_790 * MILLION, 10 * MILLION),
        ("33 bilhões", 33 * BILLION, BILLION),
        ("70亿", 7 * BILLION, 100 * MILLION),
        ("2.8 万亿", 2_800 * BILLION, 100 * BILLION),
        ("1300億", 130 * BILLION, 100 * MILLION),
        ("22.7 million", 22_700_000, 100_000),
    ],
)
def test_a_figure_is_read_with_its_unit(text: str, value: int, unit: int) -> None:
    quantity = read_figure(text)
    assert (quantity.value, quantity.unit, quantity.written) == (value, unit, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B",
        "7BB",
        "7 GB",
        "440MB",
        "v1.5",
        "$5M",
        "8x7B",
        "7%",
        "0B",
        "1.5",
        "999T",
        "A3B",
        "7B13B",
    ],
)
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not one figure"):
        read_figure(text)


def test_all_figures_of_a_text_are_found_with_their_places() -> None:
    text = "21B total, 3.6B active"
    assert [text[figure.begin : figure.end] for figure in figures_in(text)] == ["21B", "3.6B"]


def test_a_bare_number_counts_in_the_unit_of_its_heading() -> None:
    (figure,) = figures_in("86.6", bare_unit=unit_in("Params (M)"))
    assert figure.quantity.value == 86_600_000


@pytest.mark.parametrize(
    ("heading", "unit"),
    [
        ("Params (M)", MILLION),
        ("Params / M", MILLION),
        ("Parameters [B]", BILLION),
        ("Parameters (in millions)", MILLION),
        ("Parameters, in billions", BILLION),
        ("Parameters", 1),
        ("Model", 1),
    ],
)
def test_a_heading_may_hold_the_unit(heading: str, unit: int) -> None:
    assert unit_in(heading) == unit

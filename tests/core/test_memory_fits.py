"""What fits where, with the margin to the byte."""

from dataclasses import replace

import pytest

from auditor.core.hardware import HARDWARE, capacity_of
from auditor.core.memory_cache import Ask, Cache, Grows, Part
from auditor.core.memory_fits import Load, fit_of
from auditor.errors import InvalidOption

GIB = 1024**3
# 131,072 bytes a token in BF16, as Llama-3.1-8B
LLAMA = Cache(
    parts=(Part(name="attention", layers=32, elements=2_048, rule="2 x 8 heads x 128"),),
    longest=131_072,
)


WHOLE = Load(
    weight_bytes=16 * 10**9,
    other_dtypes={"INT8": 9 * 10**9, "INT4": 6 * 10**9},
    cache=LLAMA,
    ask=Ask(context=8_192),
)


def load(context: int = 8_192) -> Load:
    return replace(WHOLE, ask=Ask(context=context))


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("24GB", 24_000_000_000),
        ("24gib", 24 * GIB),
        ("1.5TB", 1_500_000_000_000),
        ("h100", 81_559 * 1024**2),
        ("H100x8", 8 * 81_559 * 1024**2),
        ("8xh100", 8 * 81_559 * 1024**2),
        ("2 x 24GB", 48_000_000_000),
        ("RTX 4090", 24 * GIB),
        ("a100-40gb", 40 * GIB),
        ("NVIDIA L40S", 46_068 * 1024**2),
        ("m3max-64GB", 64 * GIB),
    ],
)
def test_a_capacity_is_written_as_people_write_it(text: str, size_bytes: int) -> None:
    assert capacity_of(text).total_bytes == size_bytes


@pytest.mark.parametrize(
    "text", ["", "h1000", "24", "24 bananas", "0GB", "0xh100", "2xh100x2", "-4GB", "9" * 99 + "GB"]
)
def test_what_is_no_capacity_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        capacity_of(text)


def test_every_accelerator_says_where_its_figure_is_from() -> None:
    assert all(each.source for each in HARDWARE.values())


def test_unified_memory_comes_with_a_caution() -> None:
    assert "three quarters" in capacity_of("m2ultra-192gb").caution


def test_it_fits_with_a_margin() -> None:
    fit = fit_of(load(), capacity_of("24GB"))
    assert fit.fits
    assert fit.needed_bytes == 16_000_000_000 + 8_192 * 131_072
    assert fit.margin_bytes == 8_000_000_000 - 1_073_741_824


def test_to_the_byte() -> None:
    exact = replace(WHOLE, cache=None, ask=None, weight_bytes=24_000_000_000)
    assert fit_of(exact, capacity_of("24GB")).fits
    more = replace(WHOLE, cache=None, ask=None, weight_bytes=24_000_000_001)
    assert fit_of(more, capacity_of("24GB")).fits is False


def test_the_longest_context_that_fits_is_said() -> None:
    # 8,000,000,000 / 131,072 = 61,035.2
    assert fit_of(load(131_072), capacity_of("24GB")).longest_context == 61_035


def test_no_context_is_longer_than_the_model_s_own() -> None:
    assert fit_of(load(), capacity_of("h100")).longest_context == 131_072


def test_the_largest_batch_is_said() -> None:
    # 8,000,000,000 / 1,073,741,824 = 7.45
    assert fit_of(load(), capacity_of("24GB")).largest_batch == 7


def test_where_it_does_not_fit_other_dtypes_are_named_the_widest_first() -> None:
    fit = fit_of(load(), capacity_of("12GB"))
    assert fit.fits is False
    assert fit.margin_bytes == 12 * 10**9 - 16 * 10**9 - 1_073_741_824
    assert [(each.name, each.margin_bytes) for each in fit.dtypes] == [
        ("INT8", 3 * 10**9 - 1_073_741_824),
        ("INT4", 6 * 10**9 - 1_073_741_824),
    ]
    assert fit.longest_context == 0


def test_what_is_not_known_may_not_fit_but_too_much_is_too_much() -> None:
    unknown = replace(WHOLE, cache=None, ask=None, is_all_known=False)
    assert fit_of(unknown, capacity_of("24GB")).fits is None
    assert fit_of(unknown, capacity_of("12GB")).fits is False


def test_a_cache_that_does_not_grow_has_no_longest_context() -> None:
    state = Part(name="state", layers=1, elements=8, rule="8", grows=Grows.NOT)
    fit = fit_of(replace(WHOLE, cache=Cache(parts=(state,), longest=None)), capacity_of("24GB"))
    assert fit.longest_context is None

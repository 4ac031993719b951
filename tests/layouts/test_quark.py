import pytest
from hypothesis import given
from hypothesis import strategies as st

from packings import K_PROJ, Q_PROJ, count

QUARK = {
    "quant_method": "quark",
    "global_quant_config": {"weight": {"dtype": "uint4", "qscheme": "per_group"}},
}


@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_four_bits_by_group_are_transposed(out: int, parameters: int) -> None:
    tally, _ = count(
        {
            "a.weight": ("I32", [4096, out // 8]),
            "a.weight_scale": ("BF16", [32, out]),
            "a.weight_zero_point": ("I32", [32, out // 8]),
        },
        quantization=QUARK,
    )
    assert tally.total == parameters
    assert tally.auxiliary == 32 * out + 32 * out // 8


def test_two_bits_by_group() -> None:
    tensors = {"a.weight": ("U8", [4096, 256]), "a.weight_scale": ("BF16", [32, 1024])}
    assert count(tensors, quantization=QUARK).tally.total == K_PROJ


@pytest.mark.parametrize("scale", [[], [1024]])
def test_four_bits_by_row_are_known_up_to_a_word(scale: list[int]) -> None:
    tensors = {"a.weight": ("I32", [1024, 512]), "a.weight_scale": ("BF16", scale)}
    assert count(tensors, quantization=QUARK).span == (1024 * 4089, K_PROJ)
    config = {"hidden_size": 4096}
    assert count(tensors, quantization=QUARK, config=config).tally.total == K_PROJ


def test_words_with_other_scales_are_not_understood() -> None:
    tensors = {"a.weight": ("I32", [1024, 512]), "a.weight_scale": ("BF16", [7, 9])}
    tally, _ = count(tensors, quantization=QUARK)
    assert tally.total is None
    assert tally.total_range is None


@given(width=st.integers(1, 6), out=st.integers(1, 100), group=st.sampled_from([8, 32, 128]))
def test_any_shape_by_group_comes_back(width: int, out: int, group: int) -> None:
    tensors = {
        "a.weight": ("I32", [width * group, -(-out // 8)]),
        "a.weight_scale": ("F32", [width, out]),
    }
    low, high = count(tensors, quantization=QUARK).span
    assert low == high == width * group * out

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import K_PROJ, Q_PROJ, count, under


def marlin(out: int, inputs: int, group_size: int = 128, bits: int = 4) -> Tensors:
    return {
        "B": ("I32", [inputs // 16, out * bits // 2]),
        "s": ("F16", [max(1, inputs // group_size), out]),
    }


def sparse(out: int, inputs: int, group_size: int = 128, bits: int = 4) -> Tensors:
    return {
        "B_24": ("I32", [inputs // 32, out * bits // 2]),
        "B_meta": ("I16", [inputs // 32, 2 * out]),
        "s": ("F16", [max(1, inputs // group_size), out]),
    }


def qqq(out: int, inputs: int, group_size: int = 128, bits: int = 4) -> Tensors:  # noqa: ARG001 - always four
    return {
        "B": ("I32", [inputs // 16, 2 * out]),
        "s_channel": ("F32", [1, out]),
        "s_group": ("F16", [inputs // group_size, out]),
    }


@pytest.mark.parametrize(("out", "total"), [(4096, Q_PROJ), (1024, K_PROJ)])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(
    ("shape", "layout"), [(marlin, "Marlin"), (sparse, "Marlin 2:4"), (qqq, "QQQ")]
)
def test_every_kind_gives_the_layer(
    shape: object, layout: str, bits: int, out: int, total: int
) -> None:
    assert callable(shape)
    tally = count(under("q_proj", shape(out, 4096, bits=bits))).tally
    assert tally.total == total
    assert tally.layouts[0].name == layout
    assert tally.auxiliary == tally.stored.elements - shape_elements(shape(out, 4096, bits=bits))


def shape_elements(tensors: Tensors) -> int:
    _, (rows, columns) = next(iter(tensors.values()))
    return rows * columns


def test_the_bytes_of_a_square_layer() -> None:
    (layout,) = count(under("q_proj", marlin(4096, 4096))).tally.layouts
    assert layout.stored_bytes == 8_650_752  # 256 x 8,192 x 4 + 32 x 4,096 x 2


def test_qqq_with_one_group_stores_an_empty_tensor() -> None:
    stored = dict(qqq(1024, 4096)) | {"s_group": ("F16", [0])}
    assert count(under("k_proj", stored)).tally.total == K_PROJ


def test_the_zeros_of_two_in_four_are_weights_of_the_layer() -> None:
    # stored are 128 x 8,192 words of eight weights: half of the layer
    tally = count(under("q_proj", sparse(4096, 4096))).tally
    assert tally.total == 2 * 8 * 128 * 8192


@pytest.mark.parametrize("scales", [[32, 1000], [33, 4096], [4096]])
def test_scales_that_do_not_fit_leave_the_count_unknown(scales: list[int]) -> None:
    stored: Tensors = {"q.B": ("I32", [256, 8192]), "q.s": ("F16", scales)}
    assert count(stored).tally.total is None


@given(
    shape=st.sampled_from([marlin, sparse, qqq]),
    out=st.integers(1, 40),
    groups=st.integers(1, 20),
    bits=st.sampled_from([4, 8]),
)
def test_any_shape_that_the_packers_take_is_recovered(
    shape: object, out: int, groups: int, bits: int
) -> None:
    assert callable(shape)
    stored = under("m", shape(64 * out, 128 * groups, bits=bits))
    assert count(stored).tally.total == 64 * out * 128 * groups


# -- BitBLAS


def bitblas(out: int, inputs: int, group_size: int = 128, bits: int = 4) -> Tensors:
    groups = 1 if group_size == -1 else inputs // group_size
    return {
        "qweight": ("I8", [out, inputs * bits // 8]),
        "scales": ("F16", [out, groups]),
        "qzeros": ("I8", [groups, out * bits // 8]),
    }


@pytest.mark.parametrize(("out", "total"), [(4096, Q_PROJ), (1024, K_PROJ)])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("group_size", [-1, 128])
def test_bitblas_is_exact_where_config_and_scales_agree(
    bits: int, group_size: int, out: int, total: int
) -> None:
    stored = under("q_proj", bitblas(out, 4096, group_size, bits))
    said = {"bits": bits, "group_size": group_size, "checkpoint_format": "bitblas"}
    assert count(stored, quantization=said).tally.total == total
    low, high = count(stored).span
    assert low <= total <= high
    assert count(stored, quantization=said | {"group_size": 96}).tally.total is None


def test_tiled_bitblas_has_the_same_elements() -> None:
    stored = dict(bitblas(1024, 4096)) | {"qweight": ("I8", [64, 256, 16, 8])}
    said = {"bits": 4, "group_size": 128}
    assert count(under("k_proj", stored), quantization=said).tally.total == K_PROJ

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import K_PROJ, Q_PROJ, count, under


def zeros_width(inputs: int, group_size: int) -> int:
    """AutoAWQ's calculate_zeros_width, with its own roundings."""
    multiple = {64: 2, 32: 4}.get(group_size, 1)
    width = -(-(inputs // group_size) // 8)
    return -(-width // multiple) * multiple


def gemm(out: int, inputs: int, group_size: int = 128, bits: int = 4) -> Tensors:
    groups = inputs // group_size
    return {
        "qweight": ("I32", [inputs, out * bits // 32]),
        "qzeros": ("I32", [groups, out * bits // 32]),
        "scales": ("F16", [groups, out]),
    }


def gemv(out: int, inputs: int, group_size: int = 128) -> Tensors:
    width = zeros_width(inputs, group_size)
    return {
        "qweight": ("I32", [out, inputs // 8]),
        "qzeros": ("I32", [out, width]),
        "scales": ("F16", [out, 8 * width]),
    }


def gemv_fast(out: int, inputs: int, group_size: int = 128, zeros: str = "qzeros") -> Tensors:
    width = zeros_width(inputs, group_size)
    return {
        "qweight": ("I16", [out // 4, inputs]),
        "scales": ("F16", [8 * width, out]),
        zeros: ("F16", [8 * width, out]),
    }


def marlin(out: int, inputs: int, group_size: int = 128) -> Tensors:
    return {
        "qweight": ("I32", [inputs // 16, out * 2]),
        "scales": ("F16", [inputs // group_size, out]),
    }


def llm_awq(out: int, inputs: int, group_size: int = 128) -> Tensors:
    return gemv_fast(out, inputs, group_size, "scaled_zeros")


SHAPES = [gemm, gemv, gemv_fast, llm_awq, marlin]


def test_the_stored_shapes_of_a_square_layer() -> None:
    assert gemm(4096, 4096) == {
        "qweight": ("I32", [4096, 512]),
        "qzeros": ("I32", [32, 512]),
        "scales": ("F16", [32, 4096]),
    }
    assert gemv(4096, 4096) == {
        "qweight": ("I32", [4096, 512]),
        "qzeros": ("I32", [4096, 4]),
        "scales": ("F16", [4096, 32]),
    }
    assert gemv_fast(4096, 4096) == {
        "qweight": ("I16", [1024, 4096]),
        "scales": ("F16", [32, 4096]),
        "qzeros": ("F16", [32, 4096]),
    }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("out", "total"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_every_shape_gives_the_layer_without_a_config(shape: object, out: int, total: int) -> None:
    assert callable(shape)
    tally = count(under("q_proj", shape(out, 4096))).tally
    assert tally.total == total
    (layout,) = tally.layouts
    assert layout.name == "AWQ"
    assert tally.stored.elements == tally.auxiliary + layout_elements(shape(out, 4096))


def layout_elements(tensors: Tensors) -> int:
    rows, columns = tensors["qweight"][1]
    return rows * columns


@given(
    shape=st.sampled_from(SHAPES),
    out_blocks=st.integers(1, 60),
    groups=st.integers(1, 40),
    group_size=st.sampled_from([32, 64, 128]),
)
def test_any_shape_that_the_packers_take_is_recovered(
    shape: object, out_blocks: int, groups: int, group_size: int
) -> None:
    assert callable(shape)
    out, inputs = 8 * out_blocks, group_size * groups  # what the packers insist on
    low, high = count(under("m", shape(out, inputs, group_size))).span
    assert low == high == out * inputs


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_gemm_tells_its_bits_by_its_shapes(bits: int) -> None:
    stored = under("q_proj", gemm(4096, 4096, bits=bits))
    assert count(stored, quantization={"bits": 3}).tally.total == Q_PROJ


def test_paroquant_is_awq_with_a_rotation_that_holds_no_weights() -> None:
    stored = dict(gemm(1024, 4096)) | {
        "theta": ("F16", [8, 2048]),
        "pairs": ("I16", [8, 4096]),
        "channel_scales": ("F16", [1, 4096]),
    }
    tally = count(under("k_proj", stored)).tally
    assert tally.total == K_PROJ
    assert tally.layouts[0].name == "ParoQuant"


def test_a_scaled_activation_is_bookkeeping_of_a_quantised_model_only() -> None:
    stored = dict(under("h.0.mlp.fc_in", gemm(256, 64, 32))) | {
        "h.0.mlp.act.scales": ("F16", [256])
    }
    assert count(stored, quantization={"quant_method": "awq"}).tally.total == 256 * 64
    plain: Tensors = {"h.0.mlp.act.scales": ("F16", [256]), "position_ids": ("I64", [1, 9])}
    assert count(plain).tally.total == 256


def test_zeros_that_do_not_fit_leave_the_count_unknown() -> None:
    stored = dict(gemm(4096, 4096)) | {"qzeros": ("I32", [31, 512])}
    assert count(under("q_proj", stored)).tally.total is None

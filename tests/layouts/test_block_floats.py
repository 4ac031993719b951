import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import K_PROJ, Q_PROJ, count, under

# Stored for q_proj [4096, 4096] and k_proj [1024, 4096]; `out` is put in for the first dimension.
ROWS: dict[str, dict[str, tuple[str, list[object]]]] = {
    "compressed-tensors nvfp4": {
        "weight_packed": ("U8", ["out", 2048]),
        "weight_scale": ("F8_E4M3", ["out", 256]),
        "weight_global_scale": ("F32", [1]),
        "input_global_scale": ("F32", [1]),
    },
    "compressed-tensors mxfp4": {
        "weight_packed": ("U8", ["out", 2048]),
        "weight_scale": ("U8", ["out", 128]),
    },
    "compressed-tensors mxfp6": {
        "weight_packed": ("U8", ["out", 3072]),
        "weight_scale": ("U8", ["out", 128]),
    },
    "modelopt nvfp4": {
        "weight": ("U8", ["out", 2048]),
        "weight_scale": ("F8_E4M3", ["out", 256]),
        "weight_scale_2": ("F32", []),
        "input_scale": ("F32", []),
    },
    "modelopt nvfp4 with 8-bit activations": {
        "weight": ("U8", ["out", 2048]),
        "weight_scale": ("F8_E4M3", ["out", 128]),
        "weight_scale_2": ("F32", []),
    },
    "modelopt svdquant": {
        "weight": ("U8", ["out", 2048]),
        "weight_scale": ("F8_E4M3", ["out", 256]),
        "weight_scale_2": ("F32", []),
        "pre_quant_scale": ("BF16", [4096]),
        "svdquant_lora_a": ("BF16", [32, 4096]),
        "svdquant_lora_b": ("BF16", ["out", 32]),
    },
    "modelopt and quark mxfp4": {
        "weight": ("U8", ["out", 2048]),
        "weight_scale": ("U8", ["out", 128]),
    },
    "quark mxfp6": {
        "weight": ("U8", ["out", 3072]),
        "weight_scale": ("U8", ["out", 128]),
    },
    "deepseek-v4 experts": {
        "weight": ("I8", ["out", 2048]),
        "scale": ("F8_E8M0", ["out", 128]),
    },
}


def _stored(row: str, out: int) -> Tensors:
    tensors = {
        suffix: (dtype, [out if size == "out" else size for size in shape])
        for suffix, (dtype, shape) in ROWS[row].items()
    }
    return under("model.layers.0.self_attn.q_proj", tensors)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_blocks_count_as_the_matrix_that_they_hold(row: str, out: int, parameters: int) -> None:
    tally = count(_stored(row, out)).tally
    assert tally.total == parameters
    packed = out * (3072 if row.endswith("mxfp6") else 2048)
    assert tally.auxiliary == tally.stored.elements - packed
    assert sum(layout.modules for layout in tally.layouts) == 1


def test_experts_in_one_tensor_are_packed_along_their_last_dimension() -> None:
    """As transformers saves DeepSeek-V4's: 8 experts of 2 x 768 x 4096."""
    tally, _ = count(
        {
            "mlp.experts.gate_up_proj": ("I8", [8, 1536, 2048]),
            "mlp.experts.gate_up_proj_scale_inv": ("F8_E8M0", [8, 1536, 128]),
        }
    )
    assert tally.total == 8 * 1536 * 4096
    assert tally.auxiliary == 8 * 1536 * 128


def test_model_optimizer_keeps_experts_of_llama_4_with_the_inputs_before_the_outputs() -> None:
    tally, _ = count(
        {
            "experts.down_proj": ("U8", [16, 4096, 5120]),
            "experts.down_proj_weight_scale": ("F8_E4M3", [16, 512, 5120]),
            "experts.down_proj_weight_scale_2": ("F32", []),
            "experts.down_proj_input_scale": ("F32", []),
        }
    )
    assert tally.total == 16 * 8192 * 5120
    assert tally.auxiliary == 16 * 512 * 5120 + 2


@pytest.mark.parametrize(
    ("packed", "scale"),
    [
        ([4096, 2048], [4096, 127]),  # no whole blocks
        ([4096, 2048], [1024, 256]),  # other rows
        ([4096, 2048], [4096]),
        ([0, 2048], [0, 128]),
        ([2048], [128]),
        ([4096, 2048], []),
    ],
)
def test_scales_that_do_not_fit_make_no_count(packed: list[int], scale: list[int]) -> None:
    tally, _ = count({"a.weight": ("U8", packed), "a.weight_scale": ("U8", scale)})
    assert not tally.layouts
    assert not tally.total  # unknown, or nothing at all where nothing is stored


def test_comfyui_pads_both_sides_and_the_count_is_a_range() -> None:
    found = count(
        {
            "a.weight": ("U8", [128, 64]),
            "a.weight_scale": ("F8_E4M3", [128, 8]),
            "a.weight_scale_2": ("F32", []),
            "a.comfy_quant": ("U8", [20]),
        }
    )
    assert found.span == (113 * 113, 128 * 128)  # up to 15 rows and columns are padding


def test_native_four_and_six_bit_floats_are_stored_by_their_logical_shape() -> None:
    tally, _ = count(
        {
            "a.weight": ("F4", [1024, 4096]),
            "a.weight_scale": ("F8_E8M0", [1024, 128]),
            "b.weight": ("F6_E2M3", [1024, 4096]),
            "b.scale": ("F8_E8M0", [1024, 128]),
        }
    )
    assert tally.total == 2 * K_PROJ


@given(
    lead=st.lists(st.integers(1, 5), min_size=1, max_size=2),
    blocks=st.integers(1, 9),
    form=st.sampled_from([("F8_E4M3", 16, 8), ("U8", 32, 16), ("F8_E8M0", 32, 16), ("U8", 32, 24)]),
    name=st.sampled_from(["weight", "weight_packed"]),
)
def test_any_shape_in_blocks_gives_its_count_back(
    lead: list[int], blocks: int, form: tuple[str, int, int], name: str
) -> None:
    scale_dtype, weights, bytes_ = form
    found, _ = count(
        {
            f"a.{name}": ("U8", [*lead, blocks * bytes_]),
            "a.weight_scale": (scale_dtype, [*lead, blocks]),
        }
    )
    truth = blocks * weights
    for size in lead:
        truth *= size
    assert found.total == truth

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import K_PROJ, Q_PROJ, count, under

ROWS: dict[str, dict[str, tuple[str, list[object]]]] = {
    "fine-grained": {
        "weight": ("F8_E4M3", ["out", 4096]),
        "weight_scale_inv": ("F32", ["blocks", 32]),
    },
    "fine-grained with exponents and static activations": {
        "weight": ("F8_E4M3", ["out", 4096]),
        "weight_scale_inv": ("F8_E8M0", ["blocks", 32]),
        "activation_scale": ("F32", []),
    },
    "deepseek-v4": {"weight": ("F8_E4M3", ["out", 4096]), "scale": ("F8_E8M0", ["blocks", 32])},
    "fbgemm": {
        "weight": ("F8_E4M3", ["out", 4096]),
        "weight_scale": ("F32", ["out", 1]),
        "input_scale_ub": ("F32", [1]),
    },
    "compressed-tensors by channel": {
        "weight": ("F8_E4M3", ["out", 4096]),
        "weight_scale": ("BF16", ["out", 1]),
    },
    "mxfp8": {"weight": ("F8_E4M3", ["out", 4096]), "weight_scale": ("U8", ["out", 128])},
    "modelopt": {
        "weight": ("F8_E4M3", ["out", 4096]),
        "weight_scale": ("F32", []),
        "input_scale": ("F32", []),
        "k_scale": ("F32", []),
    },
    "modelopt by channel": {
        "weight": ("F8_E4M3", ["out", 4096]),
        "weight_scale": ("F32", ["out"]),
    },
    "mistral": {
        "weight": ("F8_E4M3", ["out", 4096]),
        "qscale_weight": ("BF16", []),
        "qscale_act": ("BF16", []),
    },
    "comfyui": {
        "weight": ("F8_E5M2", ["out", 4096]),
        "scale_weight": ("F32", [1]),
        "scale_input": ("F32", []),
        "comfy_quant": ("U8", [26]),
    },
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_an_element_is_a_weight_and_its_scales_are_none(
    row: str, out: int, parameters: int
) -> None:
    sizes = {"out": out, "blocks": out // 128}
    tensors: Tensors = {
        suffix: (dtype, [sizes.get(size, size) for size in shape])  # type: ignore[call-overload]
        for suffix, (dtype, shape) in ROWS[row].items()
    }
    tally, _ = count(under("layers.0.self_attn.q_proj", tensors))
    assert tally.total == parameters
    assert tally.auxiliary == tally.stored.elements - parameters


def test_blocks_at_the_edge_are_not_full() -> None:
    """DeepSeek-V3's kv_a_proj: 576 is four blocks of 128 and a half."""
    tally, _ = count(
        {
            "kv_a_proj_with_mqa.weight": ("F8_E4M3", [576, 7168]),
            "kv_a_proj_with_mqa.weight_scale_inv": ("F32", [5, 56]),
        }
    )
    assert tally.total == 576 * 7168
    assert tally.auxiliary == 280


def test_experts_of_llama_4_in_one_tensor() -> None:
    tally, _ = count(
        {
            "experts.gate_up_proj": ("F8_E4M3", [16, 512, 1024]),
            "experts.gate_up_proj_scale": ("F32", [16, 1, 1024]),
            "experts.down_proj": ("F8_E4M3", [16, 512, 512]),
            "experts.down_proj_scale": ("F32", [16, 512, 1]),
        }
    )
    assert tally.total == 16 * (512 * 1024 + 512 * 512)
    assert tally.auxiliary == 16 * (1024 + 512)


def test_experts_in_one_tensor_with_scales_of_blocks_and_of_activations() -> None:
    tally, _ = count(
        {
            "experts.gate_up_proj": ("F8_E4M3", [4, 512, 256]),
            "experts.gate_up_proj_scale_inv": ("F32", [4, 4, 2]),
            "experts.gate_up_proj_activation_scale": ("F32", [4]),
        }
    )
    assert (tally.total, tally.auxiliary) == (4 * 512 * 256, 36)


def test_a_plain_cast_without_scales_is_a_plain_model() -> None:
    tally, recovery = count({"a.weight": ("F8_E4M3", [8, 16]), "norm.weight": ("BF16", [16])})
    assert tally.total == 144
    assert recovery.marks == {}


@pytest.mark.parametrize("size", [0, 2])
def test_comfyuis_mark_is_no_parameter(size: int) -> None:
    tally, _ = count(
        {
            "scaled_fp8": ("F8_E4M3", [size]),
            "a.weight": ("F8_E4M3", [8, 16]),
            "a.scale_weight": ("F32", []),
        }
    )
    assert (tally.total, tally.auxiliary) == (128, size + 1)


def test_scales_of_caches_stand_beside_plain_weights() -> None:
    tally, _ = count(
        {
            "self_attn.k_proj.weight": ("BF16", [8, 16]),
            "self_attn.k_proj.k_scale": ("F32", []),
            "self_attn.k_cache_scale": ("F32", []),
            "self_attn.qscale_act": ("F32", []),
        },
        quantization={"quant_method": "fp8"},
    )
    assert (tally.total, tally.auxiliary) == (128, 3)


def test_a_model_in_8_bits_keeps_the_scales_that_it_has_learnt() -> None:
    tally, _ = count(
        {
            "a.weight": ("F8_E4M3", [8, 16]),
            "a.weight_scale": ("F32", []),
            "norm.scale": ("F32", [16]),  # no weight beside it
            "logit_scale": ("F32", []),
            "layer.scales": ("F32", [4]),
            "layer.s": ("F32", [4]),
            "embeddings.position_ids": ("I64", [1, 16]),
        },
        quantization={"quant_method": "fp8"},
    )
    assert tally.total == 128 + 16 + 1 + 4 + 4
    assert tally.auxiliary == 1
    assert tally.buffers == 16


def test_look_alikes_of_a_plain_model_are_parameters() -> None:
    tally, recovery = count(
        {
            "a.weight": ("BF16", [8, 16]),
            "a.scale": ("BF16", [16]),
            "b.scales": ("BF16", [16]),
            "b.shape": ("F32", [2]),
            "c.meta": ("F32", [4]),
            "c.compressed": ("F32", [4, 4]),
            "q_scale": ("F32", []),
        }
    )
    assert tally.total == 128 + 16 + 16 + 2 + 4 + 16 + 1
    assert recovery.marks == {}


@given(
    out=st.integers(1, 300),
    width=st.integers(1, 300),
    dtype=st.sampled_from(["F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"]),
    scale=st.sampled_from(["weight_scale", "weight_scale_inv", "scale", "qscale_weight"]),
)
def test_any_shape_comes_back(out: int, width: int, dtype: str, scale: str) -> None:
    blocks = -(-out // 128), -(-width // 128)
    tally, _ = count({"a.weight": (dtype, [out, width]), f"a.{scale}": ("F32", blocks)})
    assert tally.total == out * width

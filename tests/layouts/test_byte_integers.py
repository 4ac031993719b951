from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packings import K_PROJ, Q_PROJ, count

COMPRESSED_TENSORS = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}},
}
GEMMA = {"quant_method": "gemma", "num_bits": 4}


@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
@pytest.mark.parametrize("scale", [[], [1], ["out"], ["out", 1], ["out", 32]])
def test_int8_of_compressed_tensors(out: int, parameters: int, scale: list[Any]) -> None:
    shape = [out if size == "out" else size for size in scale]
    tally, _ = count(
        {
            "a.weight": ("I8", [out, 4096]),
            "a.weight_scale": ("BF16", shape),
            "a.weight_zero_point": ("I8", shape),
            "a.input_scale": ("BF16", [1]),
        },
        quantization=COMPRESSED_TENSORS,
    )
    assert tally.total == parameters
    assert tally.auxiliary == tally.stored.elements - parameters


@pytest.mark.parametrize("algorithm", ["W8A8_SQ_PER_CHANNEL", "W8A16", "INT8"])
def test_int8_of_model_optimizer(algorithm: str) -> None:
    tensors = {"a.weight": ("I8", [1024, 4096]), "a.weight_scale": ("F32", [1024])}
    assert count(tensors, quantization={"quant_algo": algorithm}).tally.total == K_PROJ


def test_int8_of_quark_by_group_is_transposed() -> None:
    tensors = {"a.weight": ("I8", [4096, 1024]), "a.weight_scale": ("BF16", [32, 1024])}
    assert count(tensors, quantization={"quant_method": "quark"}).tally.total == K_PROJ


def test_nobody_says_that_an_i8_holds_one_weight() -> None:
    """Two in an I8, [out, in/2] with scales by group, look the same (W4A8 of DeepSeek-R1)."""
    tensors = {"a.weight": ("I8", [1024, 2048]), "a.weight_scale_inv": ("F32", [1024, 32])}
    for quantization in ({}, {"quant_method": "fp8", "dtype": "float8_e4m3fn"}):
        assert count(tensors, quantization=quantization).span == (1024 * 2048, K_PROJ)


@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_four_bits_of_gemma_settled_by_a_width_of_the_config(out: int, parameters: int) -> None:
    tally, _ = count(
        {
            "q_proj.weight": ("U8", [out, 2048]),
            "q_proj.weight_scale": ("F32", [out, 1]),
            "q_proj.input_activation_scale": ("F32", []),
            "q_proj.output_activation_scale": ("F32", []),
        },
        quantization=GEMMA,
        config={"model_type": "gemma4", "text_config": {"hidden_size": 4096}},
    )
    assert tally.total == parameters
    assert tally.auxiliary == out + 2


def test_an_odd_width_of_gemma_stays_open() -> None:
    tensors = {"a.weight": ("U8", [8, 10]), "a.weight_scale": ("F32", [8, 1])}
    assert count(tensors, quantization=GEMMA).span == (8 * 19, 8 * 20)


def test_layers_of_two_and_four_bits_leave_a_range() -> None:
    quantization = {**GEMMA, "module_quant_configs": {".*mlp.*": {"num_bits": 2}}}
    tensors = {"a.weight": ("U8", [8, 10]), "a.weight_scale": ("F32", [8, 1])}
    assert count(tensors, quantization=quantization).span == (8 * 19, 8 * 40)


def test_the_embedding_of_gemma() -> None:
    tally, _ = count(
        {
            "embed_tokens.embedding_quantized": ("I8", [1000, 64]),
            "embed_tokens.embedding_scale": ("F32", [1000, 1]),
        },
        quantization=GEMMA,
    )
    assert (tally.total, tally.auxiliary) == (64_000, 1000)
    assert tally.embedding == 64_000


@pytest.mark.parametrize(
    ("dtype", "width"), [("uint8", 4096), ("uint4", 2048), ("uint2", 1024), ("int3", 1536)]
)
def test_bytes_of_quark_by_channel(dtype: str, width: int) -> None:
    """uint4 is here for the arithmetic alone; Quark puts it in words."""
    quantization = {
        "quant_method": "quark",
        "global_quant_config": {"weight": {"dtype": dtype, "qscheme": "per_channel"}},
    }
    tensors = {"a.weight": ("U8", [1024, width]), "a.weight_scale": ("BF16", [1024])}
    assert count(tensors, quantization=quantization).tally.total == K_PROJ


@pytest.mark.parametrize("scale", [[1000], [1000, 1], [8, 0], [0], [1, 7], [9, 32]])
def test_scales_of_other_rows_make_no_count(scale: list[int]) -> None:
    tensors = {"a.weight": ("I8", [1024, 4096]), "a.weight_scale": ("F32", scale)}
    assert count(tensors, quantization=COMPRESSED_TENSORS).tally.total is None


@given(
    out=st.integers(1, 40),
    width=st.integers(1, 200),
    bits=st.sampled_from([2, 4, 8]),
    quantization=st.sampled_from(
        [{}, {"quant_method": "gemma"}, {"bits": "x"}, {"config_groups": [1]}, {"bits": 10**30}]
    ),
)
def test_any_shape_lies_in_the_range(
    out: int, width: int, bits: int, quantization: dict[str, Any]
) -> None:
    stored = -(-width * bits // 8)
    dtype = "I8" if bits == 8 else "U8"
    tensors = {"a.weight": (dtype, [out, stored]), "a.weight_scale": ("F32", [out, 1])}
    low, high = count(tensors, quantization=quantization).span
    assert low <= out * width <= high

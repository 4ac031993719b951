from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packed_layers import LLAMA_3_8B, Q_PROJ, ROWS, module, never_wrong, saved, seen


def affine(rows: list[int], words: int, groups: int, offsets: str = "biases") -> Tensors:
    return {
        "weight": ("U32", [*rows, words]),
        "scales": ("BF16", [*rows, groups]),
        offsets: ("BF16", [*rows, groups]),
    }


def said(group: int, bits: int, **paths: Any) -> dict[str, Any]:
    return {"group_size": group, "bits": bits, "mode": "affine", **paths}


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
def test_four_bits_in_groups_of_64(path: str, out: int, parameters: int) -> None:
    found = seen(module(path, affine([out], 512, 64)), quantization=said(64, 4))
    assert (found.total, found.auxiliary) == (parameters, 2 * out * 64)
    assert found.layouts == ("MLX",)


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
@pytest.mark.parametrize(("words", "groups"), [(512, 128), (512, 256), (1024, 128)])
def test_the_modes_of_small_floats_need_no_config(
    path: str, out: int, parameters: int, words: int, groups: int
) -> None:
    stored: Tensors = {"weight": ("U32", [out, words]), "scales": ("U8", [out, groups])}
    assert seen(module(path, stored)).total == parameters


def test_eight_words_to_a_scale_are_4_8_or_2_bits_until_the_config_says() -> None:
    stored = module("a", affine([8], 512, 64))
    assert seen(stored, quantization=said(64, 4)).total == 8 * 4096
    assert seen(stored, quantization=said(32, 8)).total == 8 * 2048
    assert seen(stored, quantization=said(128, 2)).total == 8 * 8192
    for nothing in ({}, said(64, 8), {"group_size": "64", "bits": True}, {"mode": 4}):
        found = seen(stored, quantization=nothing)
        assert (found.low, found.high) == (8 * 2048, 8 * 8192)


def test_the_models_own_sizes_are_a_witness_too() -> None:
    assert seen(module(Q_PROJ, affine([4096], 512, 64)), config=LLAMA_3_8B).total == 16_777_216
    assert seen(module(Q_PROJ, affine([8192], 512, 64)), config=LLAMA_3_8B).total is None


def test_a_path_has_settings_of_its_own() -> None:
    # Both have eight words to a scale; 8 bits in groups of 32 give half the columns.
    stored = {**module("m.a", affine([8], 512, 64)), **module("m.b", affine([8], 512, 64))}
    quantization = said(64, 4, **{"m.b": {"group_size": 32, "bits": 8}, "m.c": False})
    assert seen(stored, quantization=quantization).total == 8 * 4096 + 8 * 2048
    wrapped = {f"language_model.{name}": tensor for name, tensor in stored.items()}
    assert seen(wrapped, quantization=quantization).total == 8 * 4096 + 8 * 2048


def test_a_config_of_another_mode_or_of_no_packing_is_no_witness() -> None:
    stored = module("m.a", affine([8], 256, 64))  # 4 words to a scale: 4 bits in 32, 2 in 64
    for quantization in (
        {"group_size": 32, "bits": 4, "mode": "mxfp4"},
        said(32, 4, **{"m.a": False}),
        said(32, 4, **{"model.m.a": {"group_size": 128, "bits": 1}}),
    ):
        found = seen(stored, quantization=quantization)
        assert (found.low, found.high) == (8 * 2048, 8 * 4096)


def llama(layers: int, hidden: int, inner: int, keys: int, vocabulary: int) -> Tensors:
    """Shapes of a Llama of 4 bits in groups of 64, the embedding and the head too."""
    linear = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    stored: dict[str, tuple[str, Sequence[int]]] = {"model.norm.weight": ("BF16", [hidden])}
    for table in ("model.embed_tokens", "lm_head"):
        stored |= module(table, affine([vocabulary], hidden // 8, hidden // 64))
    for number in range(layers):
        layer = f"model.layers.{number}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            stored[f"{layer}.{norm}.weight"] = ("BF16", [hidden])
        for name, (rows, columns) in linear.items():
            stored |= module(f"{layer}.{name}", affine([rows], columns // 8, columns // 64))
    return stored


def test_a_whole_llama_3_8b() -> None:
    found = seen(llama(32, 4096, 14336, 1024, 128256), quantization=said(64, 4))
    assert found.total == 8_030_261_248
    assert found.layouts == ("MLX",)


def test_experts_and_a_bias_count_and_the_plural_does_not() -> None:
    stored = module("switch_mlp.up_proj", affine([16, 32], 16, 2))  # 128 columns
    stored = {**stored, "switch_mlp.up_proj.bias": ("BF16", [16, 32])}
    found = seen(stored, quantization=said(64, 4))
    assert found.total == 16 * 32 * 128 + 16 * 32
    assert found.auxiliary == 2 * 16 * 32 * 2


def test_transformers_metal() -> None:
    stored = module("a", affine([8], 512, 8, "qbiases"))  # groups of 512
    metal = {"quant_method": "metal", "bits": 4, "group_size": 512}
    found = seen(stored, quantization=metal)
    assert (found.total, found.layouts) == (8 * 4096, ("metal",))
    open_ = seen(stored)
    assert (open_.low, open_.high) == (8 * 2048, 8 * 8192)  # 8 or 2 bits


def test_scales_of_other_rows_are_no_mlx() -> None:
    stored = module("a", affine([8], 512, 64))
    assert seen({**stored, "a.scales": ("BF16", [7, 64])}, quantization=said(64, 4)).total is None


@given(
    st.sampled_from([2, 3, 4, 5, 6, 8]),
    st.sampled_from([32, 64, 128]),
    st.integers(1, 50),
    st.integers(1, 50),
    st.booleans(),
)
def test_any_bits_and_groups_are_exact_or_a_range_around_it(
    bits: int,
    group: int,
    rows: int,
    groups: int,
    told: bool,  # noqa: FBT001 - hypothesis gives it by its place
) -> None:
    stored = module("a", affine([rows], groups * group * bits // 32, groups))
    found = seen(stored, quantization=said(group, bits) if told else None)
    assert never_wrong(found, rows * groups * group)
    if told:
        assert found.total == rows * groups * group


@pytest.mark.packers
@pytest.mark.parametrize(
    ("mode", "group", "bits"),
    [("affine", g, b) for g in (32, 64, 128) for b in (2, 3, 4, 5, 6, 8)]
    + [("mxfp4", 32, 4), ("nvfp4", 16, 4), ("mxfp8", 32, 8)],
)
def test_what_mlx_saves(tmp_path: Path, mode: str, group: int, bits: int) -> None:
    mx = pytest.importorskip("mlx.core")
    nn = pytest.importorskip("mlx.nn")
    parts = {
        "proj": nn.Linear(512, 96).to_quantized(group_size=group, bits=bits, mode=mode),
        "embed": nn.Embedding(50, 256).to_quantized(group_size=group, bits=bits, mode=mode),
    }
    path = tmp_path / "model.safetensors"
    tensors = {f"{n}.{k}": v for n, part in parts.items() for k, v in part.parameters().items()}
    mx.save_safetensors(str(path), tensors, {"format": "mlx"})
    settings = {"group_size": group, "bits": bits, "mode": mode}
    assert seen(saved(path), quantization=settings).total == 96 * 512 + 96 + 50 * 256

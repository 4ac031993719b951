from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import K_PROJ, Q_PROJ, count, under

WORDS = {"I8": 8, "I16": 16, "I32": 32, "I64": 64}


def packed(
    out: int,
    inputs: int,
    bits: int = 4,
    group_size: int = 128,
    dtype: str = "I32",
    *,
    g_idx: bool = True,
) -> Tensors:
    """AutoGPTQ's shapes, rounded up."""
    word = WORDS[dtype]
    groups = 1 if group_size == -1 else -(-inputs // group_size)
    tensors: dict[str, tuple[str, list[int]]] = {
        "qweight": (dtype, [-(-inputs * bits // word), out]),
        "qzeros": (dtype, [groups, -(-out * bits // word)]),
        "scales": ("F16", [groups, out]),
    }
    return tensors | {"g_idx": ("I32", [inputs])} if g_idx else tensors


def test_four_bits_are_eight_weights_to_a_word() -> None:
    stored: Tensors = {
        "q_proj.qweight": ("I32", [512, 4096]),
        "q_proj.qzeros": ("I32", [32, 512]),
        "q_proj.scales": ("F16", [32, 4096]),
        "q_proj.g_idx": ("I32", [4096]),
    }
    tally = count(stored).tally
    assert tally.total == Q_PROJ
    assert tally.auxiliary == 32 * 512 + 32 * 4096 + 4096
    assert tally.stored.elements == 2_248_704
    (layout,) = tally.layouts
    assert (layout.name, layout.modules) == ("GPTQ", 1)
    assert layout.stored_bytes == 8_732_672  # 4.164 bits for each weight


def test_three_bits_are_packed_densely_32_weights_to_three_words() -> None:
    stored: Tensors = {
        "q_proj.qweight": ("I32", [384, 4096]),
        "q_proj.qzeros": ("I32", [32, 384]),
        "q_proj.scales": ("F16", [32, 4096]),
        "q_proj.g_idx": ("I32", [4096]),
    }
    assert count(stored).tally.total == Q_PROJ  # 384 x 32 / 3 = 4,096 inputs


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("dtype", list(WORDS))
@pytest.mark.parametrize("g_idx", [True, False])
@pytest.mark.parametrize(("out", "total"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_all_bits_and_words_give_the_layer_with_and_without_g_idx(
    bits: int, dtype: str, out: int, total: int, *, g_idx: bool
) -> None:
    stored = under("q_proj", packed(out, 4096, bits, dtype=dtype, g_idx=g_idx))
    assert count(stored).tally.total == total


def test_one_group_for_all_inputs_needs_the_config_where_there_is_no_g_idx() -> None:
    stored = under("q_proj", packed(4096, 4096, group_size=-1, g_idx=False))
    assert count(stored).span == (4065 * 4096, Q_PROJ)  # the last block of 32 may hold one input
    assert count(stored, quantization={"group_size": -1}).tally.total == Q_PROJ
    assert count(stored, config={"hidden_size": 4096}).tally.total == Q_PROJ


def test_a_width_of_the_config_settles_inputs_that_fill_no_whole_word() -> None:
    stored = under("m", packed(64, 127, group_size=32, g_idx=False))
    assert count(stored, config={"d_model": 127}).tally.total == 64 * 127
    assert count(stored, config={"d_model": 128}).tally.total == 64 * 128


def test_without_zero_points_the_config_must_know_bits_and_groups() -> None:
    stored: Tensors = {"q.qweight": ("I32", [512, 4096]), "q.scales": ("F16", [32, 4096])}
    said = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    assert count(stored, quantization=said).tally.total == Q_PROJ
    for others in ({"dynamic": {"q": {"bits": 8}}}, {"extra_config": {"q": {"bits": 8}}}):
        assert count(stored, quantization=said | others).tally.total is None
    low, high = count(stored).span
    assert (low, high) == (2017 * 4096, 8192 * 4096)  # eight bits to two


@pytest.mark.parametrize("said", [None, "4", True, 4.0, [4], {}, -4, 10**30])
def test_a_config_of_wrong_types_is_as_good_as_none(said: object) -> None:
    stored: Tensors = {"q.qweight": ("I32", [512, 4096]), "q.scales": ("F16", [32, 4096])}
    quantization = {"bits": said, "group_size": said, "quant_method": said}
    assert count(stored, quantization=quantization).tally.total is None


def test_bits_of_the_config_do_not_outweigh_those_of_the_shapes() -> None:
    stored = under("q_proj", packed(4096, 4096, 8))
    assert count(stored, quantization={"bits": 4, "group_size": 128}).tally.total == Q_PROJ


def test_a_g_idx_that_does_not_fit_gives_a_range() -> None:
    stored = dict(under("q", packed(64, 4096))) | {"q.g_idx": ("I32", [100])}
    low, high = count(stored).span
    assert low <= 100 * 64 < 4096 * 64 <= high


@given(
    out=st.integers(1, 300),
    inputs=st.integers(1, 600),
    bits=st.sampled_from([2, 3, 4, 8]),
    group_size=st.sampled_from([-1, 32, 64, 128]),
    dtype=st.sampled_from(list(WORDS)),
)
def test_any_shape_that_is_packed_with_g_idx_is_recovered(
    out: int, inputs: int, bits: int, group_size: int, dtype: str
) -> None:
    stored = under("m", packed(out, inputs, bits, group_size, dtype))
    assert count(stored).tally.total == out * inputs


@given(
    out=st.integers(1, 300),
    inputs=st.integers(1, 1200),
    bits=st.sampled_from([2, 3, 4, 8]),
    group_size=st.sampled_from([-1, 32, 64, 128]),
    dtype=st.sampled_from(list(WORDS)),
    said=st.booleans(),
)
def test_without_g_idx_any_shape_is_recovered_or_lies_in_the_range(
    out: int, inputs: int, bits: int, group_size: int, dtype: str, *, said: bool
) -> None:
    stored = under("m", packed(out, inputs, bits, group_size, dtype, g_idx=False))
    quantization = {"bits": bits, "group_size": group_size} if said else {}
    config = {"text_config": {"intermediate_size": inputs}} if said else {}
    low, high = count(stored, quantization=quantization, config=config).span
    assert low <= out * inputs <= high
    assert low == high or not said


# -- biases


def llama(model_type: str = "llama", **config: Any) -> tuple[Tensors, dict[str, Any]]:
    """A layer of AutoGPTQ 0.4 with a bias for each linear layer."""
    tensors: dict[str, Any] = {"model.norm.weight": ("F16", [64])}
    for module, out, inputs in (
        ("self_attn.q_proj", 64, 64),
        ("self_attn.o_proj", 64, 64),
        ("mlp.up_proj", 128, 64),
    ):
        tensors |= under(f"model.layers.0.{module}", packed(out, inputs, group_size=32))
        tensors[f"model.layers.0.{module}.bias"] = ("F16", [out])
    return tensors, {"model_type": model_type, **config}


WEIGHTS = 64 + 64 * 64 + 64 * 64 + 128 * 64


def test_biases_of_zeros_that_the_architecture_does_not_have_are_no_parameters() -> None:
    tensors, config = llama()
    tally = count(tensors, config=config).tally
    assert tally.total == WEIGHTS
    (phantoms,) = [group for group in tally.groups if group.name == "phantom biases"]
    assert phantoms.amount.elements == 64 + 64 + 128


@pytest.mark.parametrize(
    ("model_type", "flags", "biases"),
    [
        ("llama", {"attention_bias": True}, 64 + 64),
        ("llama", {"mlp_bias": True}, 128),
        ("llama", {"attention_bias": False, "mlp_bias": None}, 0),
        ("qwen2", {}, 64),  # q_proj has one, o_proj and up_proj have none
        ("mistral", {"attention_bias": True}, 0),  # its class knows no such flag
        ("opt", {}, 64 + 64 + 128),  # not in the table: a bias is a bias
    ],
)
def test_biases_of_the_architecture_are_parameters(
    model_type: str, flags: dict[str, object], biases: int
) -> None:
    tensors, config = llama(model_type, **flags)
    assert count(tensors, config=config).tally.total == WEIGHTS + biases


@pytest.mark.parametrize("model_type", [None, 7, ["llama"], {}])
def test_without_a_model_type_biases_are_parameters(model_type: object) -> None:
    tensors, _ = llama()
    assert count(tensors, config={"model_type": model_type}).tally.total == WEIGHTS + 256


def test_a_bias_beside_a_plain_weight_is_a_parameter_in_every_family() -> None:
    tensors, config = llama()
    tensors = dict(tensors) | {
        "model.layers.1.mlp.up_proj.weight": ("F16", [128, 64]),
        "model.layers.1.mlp.up_proj.bias": ("F16", [128]),
    }
    assert count(tensors, config=config).tally.total == WEIGHTS + 128 * 64 + 128


def test_a_whole_llama_2_7b_of_the_year_2023() -> None:
    tensors: dict[str, tuple[str, list[int]]] = {
        "model.embed_tokens.weight": ("F16", [32000, 4096]),
        "lm_head.weight": ("F16", [32000, 4096]),
        "model.norm.weight": ("F16", [4096]),
    }
    for number in range(32):
        layer = f"model.layers.{number}"
        tensors[f"{layer}.input_layernorm.weight"] = ("F16", [4096])
        tensors[f"{layer}.post_attention_layernorm.weight"] = ("F16", [4096])
        for module, out, inputs in (
            *((f"self_attn.{name}_proj", 4096, 4096) for name in "qkvo"),
            ("mlp.gate_proj", 11008, 4096),
            ("mlp.up_proj", 11008, 4096),
            ("mlp.down_proj", 4096, 11008),
        ):
            tensors |= {
                k: (d, list(s))
                for k, (d, s) in under(f"{layer}.{module}", packed(out, inputs)).items()
            }
            tensors[f"{layer}.{module}.bias"] = ("F16", [out])
    tally = count(tensors, config={"model_type": "llama"}).tally
    assert tally.total == 6_738_415_616
    (phantoms,) = [group for group in tally.groups if group.name == "phantom biases"]
    assert phantoms.amount.elements == 32 * (4 * 4096 + 2 * 11008 + 4096) == 1_359_872


# -- look-alikes


def test_learnt_scales_beside_integers_that_are_no_packing_stay_parameters() -> None:
    stored: Tensors = {
        "attn.scales": ("F32", [8, 8]),
        "attn.weight": ("F32", [8, 8]),
        "embeddings.position_ids": ("I64", [1, 512]),
        "mixer.B": ("F32", [4, 4]),
        "mixer.s": ("F32", [1, 4]),
        "gate.scale": ("F32", [8]),
    }
    counted = count(stored)
    assert counted.tally.total == 64 + 64 + 16 + 4 + 8
    assert not counted.recovery.marks


def test_words_whose_scales_fit_no_orientation_are_unknown_and_not_guessed() -> None:
    stored: Tensors = {"q.qweight": ("I32", [512, 4096]), "q.scales": ("F16", [7, 13])}
    tally = count(stored).tally
    assert tally.total is None
    assert tally.total_range is None

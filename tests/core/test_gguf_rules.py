"""The roles of tensors under llama.cpp's names, and one model under two kinds of names."""

from collections.abc import Mapping
from typing import Any

import pytest

from architectures import judged
from auditor.core.active import Active, active_of
from auditor.core.gguf_keys import config_of_gguf
from auditor.core.roles import Role, mtp_prefixes
from auditor.core.tally import Tally
from auditor.core.tensors import Header
from builders import read as read_safetensors
from builders import safetensors_file
from gguf_files import Gguf, Keys
from gguf_files import read as read_gguf

Shapes = Mapping[str, tuple[int, ...]]

# -- one model, in two formats

LAYERS = 2
LAYER_NAMES = (
    # torch, llama.cpp, shape: width 64, 4 heads, 2 of them for keys
    ("input_layernorm.weight", "attn_norm.weight", (64,)),
    ("self_attn.q_proj.weight", "attn_q.weight", (64, 64)),
    ("self_attn.k_proj.weight", "attn_k.weight", (32, 64)),
    ("self_attn.v_proj.weight", "attn_v.weight", (32, 64)),
    ("self_attn.o_proj.weight", "attn_output.weight", (64, 64)),
    ("post_attention_layernorm.weight", "ffn_norm.weight", (64,)),
)
MLP_NAMES = (
    ("mlp.gate_proj.weight", "ffn_gate.weight", (128, 64)),
    ("mlp.up_proj.weight", "ffn_up.weight", (128, 64)),
    ("mlp.down_proj.weight", "ffn_down.weight", (64, 128)),
)
EXPERT_NAMES = (
    ("w1.weight", "ffn_gate", (96, 64)),
    ("w3.weight", "ffn_up", (96, 64)),
    ("w2.weight", "ffn_down", (64, 96)),
)
EXPERTS = 4
OUTSIDE = (
    ("model.embed_tokens.weight", "token_embd.weight", (256, 64)),
    ("model.norm.weight", "output_norm.weight", (64,)),
)
HEAD = ("lm_head.weight", "output.weight", (256, 64))
KEYS: Keys = {
    "general.architecture": "llama",
    "llama.block_count": LAYERS,
    "tokenizer.ggml.tokens": [str(at) for at in range(256)],
}


def torch_names(rows: tuple[tuple[str, str, tuple[int, ...]], ...]) -> dict[str, tuple[int, ...]]:
    return {
        f"model.layers.{number}.{name}": shape
        for number in range(LAYERS)
        for name, _, shape in rows
    }


def gguf_names(rows: tuple[tuple[str, str, tuple[int, ...]], ...]) -> dict[str, tuple[int, ...]]:
    return {f"blk.{number}.{name}": shape for number in range(LAYERS) for _, name, shape in rows}


def torch_shapes(*, head: bool) -> dict[str, tuple[int, ...]]:
    rows = (*OUTSIDE, HEAD) if head else OUTSIDE
    return {name: shape for name, _, shape in rows} | torch_names(LAYER_NAMES)


def gguf_shapes(*, head: bool) -> dict[str, tuple[int, ...]]:
    rows = (*OUTSIDE, HEAD) if head else OUTSIDE
    return {name: shape for _, name, shape in rows} | gguf_names(LAYER_NAMES)


def of_torch(shapes: Shapes, config: Mapping[str, Any]) -> tuple[Tally, Active | None]:
    header = read_safetensors(safetensors_file({n: ("F16", s) for n, s in shapes.items()}))
    return _judged(header, config)


def of_gguf(shapes: Shapes, keys: Keys = KEYS) -> tuple[Tally, Active | None]:
    """As llama.cpp's converter writes it: vectors in F32, matrices in F16."""
    tensors = {n: ("F32" if len(s) < 2 else "F16", s) for n, s in shapes.items()}
    header = read_gguf(Gguf().file(tensors, keys))
    return _judged(header, config_of_gguf(header.metadata))


def _judged(header: Header, config: Mapping[str, Any]) -> tuple[Tally, Active | None]:
    assignment, tally = judged(header.tensors, config)
    return tally, active_of(header.tensors, assignment, tally, config)


# 2 x (64 x 64 x 2 + 32 x 64 x 2 + 2 x 64 + 3 x 128 x 64) + 64, and 256 x 64 for the table
TIED_LLAMA = 73_984 + 64 + 16_384


def test_a_llama_has_as_many_parameters_in_gguf_as_in_safetensors() -> None:
    torch, _ = of_torch(torch_shapes(head=True) | torch_names(MLP_NAMES), {"model_type": "llama"})
    gguf, _ = of_gguf(gguf_shapes(head=True) | gguf_names(MLP_NAMES) | {"rope_freqs.weight": (8,)})
    assert torch.total == gguf.total == TIED_LLAMA + 16_384
    assert torch.trainable == gguf.trainable == gguf.total
    assert torch.embedding == gguf.embedding == 2 * 16_384
    assert gguf.buffers == 8


def test_a_tied_llama_has_as_many_parameters_in_gguf_as_in_safetensors() -> None:
    config = {"model_type": "llama", "tie_word_embeddings": True}
    torch, _ = of_torch(torch_shapes(head=True) | torch_names(MLP_NAMES), config)
    gguf, _ = of_gguf(gguf_shapes(head=False) | gguf_names(MLP_NAMES))
    assert torch.total == gguf.total == TIED_LLAMA
    assert (torch.tied_copies, gguf.tied_copies) == (16_384, 0)


def test_roles_are_the_same_under_both_kinds_of_names() -> None:
    torch, _ = of_torch(torch_shapes(head=True) | torch_names(MLP_NAMES), {"model_type": "llama"})
    gguf, _ = of_gguf(gguf_shapes(head=True) | gguf_names(MLP_NAMES))
    assert {role: amount.elements for role, amount in torch.by_role.items()} == {
        role: amount.elements for role, amount in gguf.by_role.items()
    }


ROUTED = LAYERS * EXPERTS * 3 * 96 * 64  # 147,456
MIXTURE = ROUTED + 2 * 16_384 + 2 * (12_288 + 128 + EXPERTS * 64) + 64  # with a head
MIXTURE_KEYS: Keys = {**KEYS, "llama.expert_count": EXPERTS, "llama.expert_used_count": 2}


def fused_experts() -> dict[str, tuple[int, ...]]:
    return {
        f"blk.{number}.{name}_exps.weight": (EXPERTS, *shape)
        for number in range(LAYERS)
        for _, name, shape in EXPERT_NAMES
    }


def numbered_experts() -> dict[str, tuple[int, ...]]:
    """As in files from before April 2024, a tensor for each expert."""
    return {
        f"blk.{number}.{name}.{expert}.weight": shape
        for number in range(LAYERS)
        for expert in range(EXPERTS)
        for _, name, shape in EXPERT_NAMES
    }


ROUTERS = {f"blk.{number}.ffn_gate_inp.weight": (EXPERTS, 64) for number in range(LAYERS)}


@pytest.mark.parametrize("experts", [fused_experts(), numbered_experts()])
def test_a_mixture_has_as_many_parameters_and_active_ones_as_in_safetensors(
    experts: Shapes,
) -> None:
    shapes = torch_shapes(head=True)
    for number in range(LAYERS):
        place = f"model.layers.{number}.block_sparse_moe"
        shapes[f"{place}.gate.weight"] = (EXPERTS, 64)
        for expert in range(EXPERTS):
            shapes |= {f"{place}.experts.{expert}.{name}": s for name, _, s in EXPERT_NAMES}
    config = {"model_type": "mixtral", "num_local_experts": EXPERTS, "num_experts_per_tok": 2}
    torch, torch_active = of_torch(shapes, config)
    gguf, gguf_active = of_gguf({**gguf_shapes(head=True), **ROUTERS, **experts}, MIXTURE_KEYS)
    assert torch.total == gguf.total == MIXTURE == 205_632
    assert torch_active is not None
    assert gguf_active is not None
    assert torch_active.counts == gguf_active.counts
    assert gguf_active.high == MIXTURE - ROUTED // 2  # 2 of 4
    assert gguf_active.experts == (EXPERTS, EXPERTS)


def test_scales_and_norms_of_experts_are_no_experts() -> None:
    more = {
        "blk.0.ffn_gate_exps.scale": (EXPERTS,),
        "blk.0.ffn_gate_exps.input_scale": (EXPERTS,),
        "blk.0.attn_q.scale": (1,),
        "blk.0.ffn_norm_exps.weight": (64,),
    }
    shapes = {**gguf_shapes(head=True), **ROUTERS, **fused_experts(), **more}
    tally, active = of_gguf(shapes, MIXTURE_KEYS)
    assert tally.total == MIXTURE + 64
    assert tally.auxiliary == 2 * EXPERTS + 1
    assert active is not None
    assert active.routed == ROUTED


def test_the_biases_of_all_experts_are_experts() -> None:
    shapes = {**gguf_shapes(head=True), **ROUTERS, **fused_experts()}
    tally, active = of_gguf({**shapes, "blk.0.ffn_gate_exps.bias": (EXPERTS, 96)}, MIXTURE_KEYS)
    assert tally.total == MIXTURE + EXPERTS * 96
    assert active is not None
    assert active.routed == ROUTED + EXPERTS * 96


def test_a_layer_with_a_nextn_part_stands_beside_the_model_as_a_whole() -> None:
    beside = {
        "blk.2.attn_norm.weight": (64,),
        "blk.2.ffn_gate_exps.weight": (EXPERTS, 96, 64),
        "blk.2.ffn_gate_inp.weight": (EXPERTS, 64),
        "blk.2.nextn.eh_proj.weight": (64, 128),
        "blk.2.nextn.embed_tokens.weight": (256, 64),
        "blk.2.nextn.enorm.weight": (64,),
        "blk.2.nextn.shared_head_head.weight": (256, 64),
    }
    assert mtp_prefixes(tuple(beside)) == ("blk.2.",)
    shapes = {**gguf_shapes(head=True), **ROUTERS, **fused_experts()}
    tally, active = of_gguf({**shapes, **beside}, MIXTURE_KEYS)
    added = 64 + EXPERTS * 96 * 64 + EXPERTS * 64 + 64 * 128 + 64 + 2 * 256 * 64
    assert tally.total == MIXTURE + added
    assert sum(group.count for group in tally.groups if group.mtp) == added
    copies = {group.name: group.role for group in tally.groups if group.name.startswith("copy")}
    assert copies == {"copy of the embedding": Role.EMBEDDING, "copy of the head": Role.HEAD}
    assert active is not None
    assert active.high == MIXTURE - ROUTED // 2


def test_the_second_table_of_gpt2_is_a_copy() -> None:
    shapes = {
        "token_embd.weight": (256, 64),
        "output.weight": (256, 64),
        "blk.0.attn_norm.weight": (64,),
    }
    copied, _ = of_gguf(shapes, {"general.architecture": "gpt2"})
    assert (copied.total, copied.tied_copies) == (16_384 + 64, 16_384)
    own, _ = of_gguf(shapes, {"general.architecture": "t5"})
    assert (own.total, own.tied_copies) == (2 * 16_384 + 64, 0)


def test_the_halves_of_a_projection_that_is_there_as_well_are_copies() -> None:
    # DeepSeek-V2-Lite: 16 heads, 128 + 128 rows for each, of 512 numbers
    halves = {"blk.0.attn_k_b.weight": (16, 512, 128), "blk.0.attn_v_b.weight": (16, 128, 512)}
    whole = {"blk.0.attn_kv_b.weight": (4_096, 512)}
    for shapes in (halves, whole, {**halves, **whole}):
        tally, _ = of_gguf(shapes, {"general.architecture": "deepseek2"})
        assert tally.total == 4_096 * 512


# -- one name after the other


def role_of(
    name: str, shape: tuple[int, ...], architecture: str = "llama", dtype: str = "F32"
) -> tuple[Role, bool]:
    """Role and trainability of one tensor in a file of llama.cpp's names."""
    tensors = {"blk.0.attn_norm.weight": ("F32", (64,)), name: (dtype, shape)}
    header = read_gguf(Gguf().file(tensors, {"general.architecture": architecture}))
    assignment, _ = judged(header.tensors, config_of_gguf(header.metadata))
    rule = assignment.rule_of(header.tensors[-1])
    return rule.role, rule.trainable


@pytest.mark.parametrize(
    ("name", "shape", "role"),
    [
        ("token_embd.weight", (256, 64), Role.EMBEDDING),
        ("token_embd_norm.weight", (64,), Role.NORM),
        ("token_types.weight", (2, 64), Role.EMBEDDING),
        ("position_embd.weight", (512, 64), Role.EMBEDDING),
        ("per_layer_token_embd.weight", (256, 64), Role.EMBEDDING),
        ("output_norm.weight", (64,), Role.NORM),
        ("output.bias", (256,), Role.HEAD),
        ("cls.weight", (64, 64), Role.HEAD),
        ("cls.bias", (64,), Role.HEAD),
        ("cls.output.weight", (2, 64), Role.HEAD),
        ("cls.norm.weight", (64,), Role.HEAD),
        ("dense_2.weight", (64, 64), Role.WEIGHT),
        ("rope_freqs.weight", (32,), Role.BUFFER),
        ("rope_factors_long.weight", (48,), Role.BUFFER),
        ("rope_factors_short.weight", (48,), Role.BUFFER),
        ("blk.0.attn_rot_embd.weight", (32,), Role.BUFFER),
        ("blk.0.attn_qkv.weight", (192, 64), Role.WEIGHT),
        ("blk.0.attn_q.bias", (64,), Role.BIAS),
        ("blk.0.attn_q_norm.weight", (16,), Role.NORM),
        ("blk.0.attn_sinks.weight", (8,), Role.WEIGHT),
        ("blk.0.ffn_gate_inp.weight", (8, 64), Role.WEIGHT),
        ("blk.0.ffn_gate_inp_shexp.weight", (64,), Role.WEIGHT),
        ("blk.0.ffn_up_shexp.weight", (64, 64), Role.WEIGHT),
        ("blk.0.ffn_gate_up_exps.weight", (8, 64, 64), Role.EXPERT),
        ("blk.0.exp_probs_b.bias", (8,), Role.BUFFER),
        ("blk.0.layer_output_scale.weight", (1,), Role.BUFFER),
        ("blk.0.ssm_a", (1, 64), Role.WEIGHT),
        ("blk.0.ssm_d", (64,), Role.WEIGHT),
        ("blk.0.ssm_dt.bias", (64,), Role.BIAS),
        ("blk.0.ssm_conv1d.weight", (64, 4), Role.WEIGHT),
        ("blk.0.ssm_norm.weight", (64,), Role.NORM),
        ("dec.blk.0.cross_attn_norm.weight", (64,), Role.NORM),
        ("enc.blk.0.attn_rel_b.weight", (32, 8), Role.WEIGHT),
        ("v.blk.0.ln1.weight", (64,), Role.NORM),
        ("v.blk.0.attn_q.weight", (64, 64), Role.WEIGHT),
        ("v.class_embd", (64,), Role.EMBEDDING),
        ("v.position_embd.weight", (257, 64), Role.EMBEDDING),
        ("v.patch_embd.weight", (64, 3, 14, 14), Role.WEIGHT),
        ("v.post_ln.weight", (64,), Role.NORM),
        ("mm.0.weight", (64, 64), Role.WEIGHT),
        ("mm.2.bias", (64,), Role.BIAS),
        ("resampler.pos_embd_k", (64, 64), Role.BUFFER),
        ("blk.0.attn_q.weight.lora_a", (8, 64), Role.ADAPTER),
        ("token_embd.weight.lora_b", (256, 8), Role.ADAPTER),
        ("blk.0.attn_q.weight.in_sum2", (1, 64), Role.AUXILIARY),
        ("blk.0.attn_q.weight.counts", (1, 1), Role.AUXILIARY),
    ],
)
def test_a_name_of_llama_cpp_has_its_role(name: str, shape: tuple[int, ...], role: Role) -> None:
    assert role_of(name, shape)[0] is role


@pytest.mark.parametrize("architecture", ["ernie4_5-moe", "afmoe", "laguna"])
def test_router_corrections_that_are_parameters_elsewhere_are_frozen_ones(
    architecture: str,
) -> None:
    assert role_of("blk.0.exp_probs_b.bias", (8,), architecture) == (Role.BIAS, False)


def test_the_positions_of_an_audio_encoder_are_frozen() -> None:
    assert role_of("a.position_embd.weight", (1_500, 64)) == (Role.EMBEDDING, False)


def test_packed_types_are_weights_as_plain_ones_are() -> None:
    for dtype in ("Q4_K", "IQ2_XXS", "MXFP4", "BF16"):
        assert role_of("blk.0.ffn_up.weight", (4, 256), dtype=dtype) == (Role.WEIGHT, True)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("encoder.layer.scale", Role.WEIGHT),
        ("output.bias", Role.BIAS),
        ("model.ffn_gate.3.weight", Role.WEIGHT),
        ("attn_k_b.weight", Role.WEIGHT),
        ("v.class.weight", Role.WEIGHT),
    ],
)
def test_names_of_others_are_left_alone(name: str, role: Role) -> None:
    header = read_safetensors(
        safetensors_file({name: ("F32", (8,)), "attn_kv_b.weight": ("F32", (8,))})
    )
    assignment, _ = judged(header.tensors)
    tensor = next(tensor for tensor in header.tensors if tensor.name == name)
    assert assignment.rule_of(tensor).role is role


# -- all names of the library

NO_PARAMETERS = {
    "rope_freqs",
    "rope_factors_long",
    "rope_factors_short",
    "blk.0.attn_rot_embd",
    "blk.0.exp_probs_b",
    "resampler.pos_embd_k",
    "v.std_bias",
    "v.std_scale",
}


@pytest.mark.packers
def test_of_all_names_of_the_library_no_other_is_taken_for_no_parameter() -> None:
    constants = pytest.importorskip("gguf").constants
    names = {name.format(bid=0) for name in constants.TENSOR_NAMES.values()}
    assert names > NO_PARAMETERS
    for rank in (1, 2, 3):
        for ending in (".weight", ".bias", ""):
            found = {
                name
                for name in names
                if role_of(name + ending, (8,) * rank)[0]
                in {Role.BUFFER, Role.AUXILIARY, Role.PACKED, Role.TIED_COPY}
            }
            assert found <= NO_PARAMETERS, (rank, ending)
            assert ending != ".weight" or found >= NO_PARAMETERS - {
                "blk.0.exp_probs_b",
                "v.std_bias",
                "v.std_scale",
            }

"""Active parameters of published mixtures, worked out from their hyperparameters."""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import pytest

from auditor.core.active import Active, active_of
from auditor.core.config import read_config
from auditor.core.dtypes import DTYPES
from auditor.core.role_rules import RULES
from auditor.core.roles import assign
from auditor.core.tally import tally
from auditor.core.tensors import Tensor

Shapes = Mapping[str, tuple[int, ...]]


def active(shapes: Shapes, config: Mapping[str, Any]) -> Active | None:
    tensors = [
        Tensor(name, DTYPES["BF16"], shape, prod(shape), 0, 2 * prod(shape))
        for name, shape in shapes.items()
    ]
    assignment = assign(tensors, read_config(config), {}, RULES)
    return active_of(tensors, assignment, tally(assignment), config)


def attention(layer: str, width: int, keys: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{layer}.self_attn.q_proj.weight", (width, width)
    yield f"{layer}.self_attn.k_proj.weight", (keys, width)
    yield f"{layer}.self_attn.v_proj.weight", (keys, width)
    yield f"{layer}.self_attn.o_proj.weight", (width, width)
    yield f"{layer}.input_layernorm.weight", (width,)
    yield f"{layer}.post_attention_layernorm.weight", (width,)


def mixtral(layers: int = 32, experts: int = 8) -> Shapes:
    """mistralai/Mixtral-8x7B-v0.1: width 4,096, inner 14,336, vocabulary 32,000, 8 experts."""
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (32_000, 4_096),
        "model.norm.weight": (4_096,),
        "lm_head.weight": (32_000, 4_096),
    }
    for number in range(layers):
        layer = f"model.layers.{number}"
        shapes.update(attention(layer, 4_096, 1_024))
        shapes[f"{layer}.block_sparse_moe.gate.weight"] = (experts, 4_096)
        for expert in range(experts):
            place = f"{layer}.block_sparse_moe.experts.{expert}"
            shapes[f"{place}.w1.weight"] = (14_336, 4_096)
            shapes[f"{place}.w2.weight"] = (4_096, 14_336)
            shapes[f"{place}.w3.weight"] = (14_336, 4_096)
    return shapes


MIXTRAL = {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}


def test_mixtral_passes_a_token_through_two_of_eight_experts() -> None:
    found = active(mixtral(), MIXTRAL)
    assert found is not None
    # 46,702,792,704 in all (Mistral AI: "46.7B total"), 32 x 8 x 3 x 4,096 x 14,336 of it routed.
    routed = 32 * 8 * 3 * 4_096 * 14_336
    assert found.routed == routed == 45_097_156_608
    everything = 46_702_792_704 - routed + routed // 4
    assert everything == 12_879_925_248  # "12.9B parameters per token"
    embedding = 32_000 * 4_096
    assert [count.value for count in found.counts] == [
        everything,
        everything - embedding,
        everything - 2 * embedding,
    ]


def test_experts_in_one_tensor_count_by_its_first_dimension() -> None:
    shapes: Shapes = {
        "model.layers.0.mlp.experts.gate_up_proj": (16, 64, 32),
        "model.layers.0.mlp.experts.down_proj": (16, 32, 32),
        "model.layers.0.mlp.experts.gate_up_proj_bias": (16, 64),
        "model.layers.0.mlp.router.weight": (16, 64),
    }
    found = active(shapes, {"num_experts_per_tok": 4})
    assert found is not None
    experts = 16 * (64 * 32 + 32 * 32 + 64)
    assert found.experts == (16, 16)
    assert found.routed == experts
    assert found.high == 16 * 64 + experts * 4 // 16


def test_a_shared_expert_is_always_active() -> None:
    shapes: Shapes = {
        "model.layers.1.mlp.shared_experts.up_proj.weight": (8, 8),
        **{f"model.layers.1.mlp.experts.{n}.up_proj.weight": (8, 8) for n in range(4)},
        "model.layers.0.mlp.up_proj.weight": (8, 8),
    }
    found = active(shapes, {"n_routed_experts": 4, "num_experts_per_tok": 1})
    assert found is not None
    assert found.high == 64 + 64 + 64  # the dense layer, the shared expert, one of four


def test_layers_with_fewer_experts_than_the_config_says_count_by_their_own() -> None:
    shapes = {
        **{f"model.layers.0.mlp.experts.{n}.up_proj.weight": (10, 10) for n in range(4)},
        **{f"model.layers.1.mlp.experts.{n}.up_proj.weight": (10, 10) for n in range(2)},
    }
    found = active(shapes, {"num_experts": 8, "num_experts_per_tok": 2})
    assert found is not None
    assert found.experts == (2, 4)
    assert found.high == 400 * 2 // 4 + 200 * 2 // 2


def test_a_module_that_predicts_further_tokens_is_left_out() -> None:
    main = {f"model.layers.0.mlp.experts.{n}.up_proj.weight": (10, 10) for n in range(4)}
    beside = {f"model.layers.1.mlp.experts.{n}.up_proj.weight": (10, 10) for n in range(4)}
    shapes: Shapes = {**main, **beside, "model.layers.1.eh_proj.weight": (10, 20)}
    found = active(shapes, {"num_experts": 4, "num_experts_per_tok": 1})
    assert found is not None
    assert found.high == 100


def test_experts_without_parameters_make_it_a_range() -> None:
    shapes = {f"model.layers.0.mlp.experts.{n}.up_proj.weight": (10, 10) for n in range(4)}
    config = {"n_routed_experts": 4, "moe_topk": 2, "zero_expert_num": 1}
    found = active(shapes, config)
    assert found is not None
    assert (found.low, found.high) == (100, 200)
    assert found.counts == ()


@pytest.mark.parametrize(
    "config",
    [{}, {"num_experts_per_tok": 0}, {"num_experts_per_tok": "2"}, {"num_experts_per_tok": 99}],
)
def test_nothing_is_said_where_nobody_says_how_many_are_picked(config: Mapping[str, Any]) -> None:
    shapes = {f"model.layers.0.mlp.experts.{n}.up_proj.weight": (10, 10) for n in range(4)}
    assert active(shapes, config) is None


def test_a_dense_model_has_no_active_share() -> None:
    assert active({"model.layers.0.mlp.up_proj.weight": (8, 8)}, {"num_experts_per_tok": 2}) is None


def test_granites_experts_in_one_tensor_are_found_by_their_own_names() -> None:
    shapes: Shapes = {
        "model.layers.0.block_sparse_moe.input_linear.weight": (40, 1_024, 1_536),
        "model.layers.0.block_sparse_moe.output_linear.weight": (40, 1_536, 512),
        "model.layers.0.block_sparse_moe.router.layer.weight": (40, 1_536),
    }
    found = active(shapes, {"num_local_experts": 40, "num_experts_per_tok": 8})
    assert found is not None
    experts = 40 * (1_024 * 1_536 + 1_536 * 512)
    assert found.routed == experts
    assert found.high == experts * 8 // 40 + 40 * 1_536


def test_qwen3_30b_a3b_has_30_532_122_624_parameters_of_which_3_3_billion_are_active() -> None:
    # Its config: 48 layers of 2,048, 32 heads and 4 key heads of 128, 128 experts of 768 of which
    # 8 are picked, 151,936 words in two matrices. The card says 30.5B and 3.3B.
    width, heads, keys, words = 2_048, 32 * 128, 4 * 128, 151_936
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (words, width),
        "lm_head.weight": (words, width),
        "model.norm.weight": (width,),
    }
    for layer in (f"model.layers.{number}" for number in range(48)):
        shapes[f"{layer}.self_attn.q_proj.weight"] = (heads, width)
        shapes[f"{layer}.self_attn.k_proj.weight"] = (keys, width)
        shapes[f"{layer}.self_attn.v_proj.weight"] = (keys, width)
        shapes[f"{layer}.self_attn.o_proj.weight"] = (width, heads)
        shapes[f"{layer}.mlp.gate.weight"] = (128, width)
        for norm, size in (("q_norm", 128), ("k_norm", 128)):
            shapes[f"{layer}.self_attn.{norm}.weight"] = (size,)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{layer}.{norm}.weight"] = (width,)
        for expert in range(128):
            for name, shape in (
                ("gate", (768, width)),
                ("up", (768, width)),
                ("down", (width, 768)),
            ):
                shapes[f"{layer}.mlp.experts.{expert}.{name}_proj.weight"] = shape
    assert sum(map(prod, shapes.values())) == 30_532_122_624
    found = active(shapes, {"num_experts": 128, "num_experts_per_tok": 8})
    assert found is not None
    assert [count.value for count in found.counts] == [3_353_032_704, 3_041_867_776, 2_730_702_848]

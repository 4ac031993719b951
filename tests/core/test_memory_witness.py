"""Caches read from the stored tensors, worked out from their shapes."""

from collections.abc import Mapping, Sequence
from math import prod

from auditor.core.dtypes import DTYPES
from auditor.core.memory_cache import Ask, Cache
from auditor.core.memory_witness import cache_of_tensors
from auditor.core.tensors import Tensor

Shapes = Mapping[str, Sequence[int]]


def tensors(shapes: Shapes) -> list[Tensor]:
    return [Tensor(n, DTYPES["F16"], tuple(s), prod(s), 0, 2 * prod(s)) for n, s in shapes.items()]


def layers(number: int, each: Shapes, prefix: str = "model.layers") -> Shapes:
    return {f"{prefix}.{i}.{name}": shape for i in range(number) for name, shape in each.items()}


GROUPED: Shapes = {
    "self_attn.q_proj.weight": [64, 64],
    "self_attn.k_proj.weight": [16, 64],
    "self_attn.v_proj.weight": [16, 64],
}


def cache(shapes: Shapes, config: Mapping[str, object], **metadata: str) -> Cache | None:
    return cache_of_tensors(config, tensors(shapes), metadata)


def size(found: Cache | None, context: int) -> int:
    assert found is not None
    return found.size_bytes(Ask(context=context))


def test_the_rows_of_keys_and_values_are_what_is_kept() -> None:
    assert size(cache(layers(3, GROUPED), {"model_type": "novel"}), 10) == 10 * 3 * 32 * 2


def test_layers_without_attention_keep_nothing() -> None:
    shapes = {**layers(3, GROUPED), "model.layers.3.mlp.up_proj.weight": [64, 64]}
    assert size(cache(shapes, {"model_type": "novel"}), 10) == 10 * 3 * 32 * 2


def test_a_window_of_layers_that_are_not_known_makes_it_an_upper_bound() -> None:
    found = cache(layers(2, GROUPED), {"model_type": "novel", "sliding_window": 4})
    assert size(found, 10) == 10 * 2 * 32 * 2
    assert found is not None
    assert any("window of 4 tokens" in note for note in found.notes)


def test_two_stacks_that_attend_say_nothing() -> None:
    shapes = {**layers(2, GROUPED), **layers(2, GROUPED, "vision.layers")}
    assert cache(shapes, {"model_type": "novel"}) is None


def test_a_layer_that_keeps_something_else_says_nothing() -> None:
    shapes = {**layers(2, GROUPED), "model.layers.0.linear_attn.A_log": [4]}
    assert cache(shapes, {"model_type": "novel"}) is None
    alone = {**layers(2, GROUPED), "model.layers.2.mamba.A_log": [4]}
    assert cache(alone, {"model_type": "novel"}) is None


def test_packed_projections_say_nothing() -> None:
    shapes = layers(2, {"self_attn.k_proj.qweight": [8, 16], "self_attn.v_proj.qweight": [8, 16]})
    assert cache(shapes, {"model_type": "novel"}) is None


def test_gguf_layers_with_a_window_are_known_by_their_type() -> None:
    shapes = layers(2, {"attn_k.weight": [16, 64], "attn_v.weight": [16, 64]}, "blk")
    config = {"model_type": "gpt_oss", "num_hidden_layers": 2, "sliding_window": 4}
    assert size(cache(shapes, config), 10) == (4 + 10) * 32 * 2


def test_gguf_projections_in_one_leave_the_queries_out() -> None:
    # 4 heads of 16: 64 rows of queries, and 2 x 64 of keys and values
    shapes = layers(2, {"attn_qkv.weight": [192, 64]}, "blk")
    config = {"model_type": "gpt2", "num_attention_heads": 4, "hidden_size": 64}
    assert size(cache(shapes, config), 10) == 10 * 2 * 128 * 2


def test_gguf_latent_vectors() -> None:
    shapes = layers(2, {"attn_kv_a_mqa.weight": [576, 64], "attn_k_b.weight": [4, 8, 8]}, "blk")
    assert size(cache(shapes, {"model_type": "deepseek_v3"}), 10) == 10 * 2 * 576 * 2


def test_gguf_recurrent_layers_beside_attention() -> None:
    # llama.cpp keeps kernel - 1 columns and inner x state numbers, all in F32
    shapes = {
        "blk.0.ssm_conv1d.weight": [48, 4],
        "blk.0.ssm_a": [4, 1],
        "blk.1.attn_k.weight": [16, 64],
        "blk.1.attn_v.weight": [16, 64],
    }
    metadata = {
        "general.architecture": "granitehybrid",
        "granitehybrid.ssm.inner_size": "32",
        "granitehybrid.ssm.state_size": "8",
    }
    found = cache(shapes, {"model_type": "granitemoehybrid"}, **metadata)
    assert size(found, 10) == 4 * (48 * 3 + 32 * 8) + 10 * 32 * 2


def test_a_state_whose_size_is_not_said_says_nothing() -> None:
    shapes = {"blk.0.ssm_conv1d.weight": [48, 4], "blk.1.attn_k.weight": [16, 64]}
    assert cache(shapes, {"model_type": "granitemoehybrid"}) is None

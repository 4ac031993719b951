"""Bytes of loaded weights, worked out by hand."""

from collections.abc import Mapping
from typing import Any

from auditor.core.memory_loading import AS_STORED, Largest, Weights, weights_of
from auditor.core.tensors import join
from builders import Tensors, weight_file
from counting import assigned

SMALL: Tensors = {
    "model.embed_tokens.weight": ("BF16", [100, 8]),
    "model.layers.0.self_attn.q_proj.weight": ("BF16", [8, 8]),
    "model.layers.0.input_layernorm.weight": ("BF16", [8]),
    "model.layers.1.self_attn.q_proj.weight": ("BF16", [8, 8]),
    "model.layers.1.self_attn.k_proj.weight": ("BF16", [4, 8]),
    "lm_head.weight": ("BF16", [100, 8]),
}
UNTIED = {"model_type": "llama", "tie_word_embeddings": False}
GPTQ = {
    "model_type": "llama",
    "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 64},
}


def weights(
    tensors: Tensors, loaded_as: str, config: Mapping[str, Any] = UNTIED, *, castable: bool = True
) -> Weights:
    file = weight_file("model.safetensors", tensors)
    assignment, _ = assigned(file.header, config)
    checkpoint, _ = join([file])
    return weights_of(checkpoint.tensors, assignment, loaded_as=loaded_as, castable=castable)


def test_as_stored_nothing_changes() -> None:
    found = weights(SMALL, AS_STORED)
    assert found.stored_bytes == found.loaded_bytes == 2 * (800 + 64 + 8 + 64 + 32 + 800)


def test_a_wider_dtype_takes_as_many_bytes_more() -> None:
    assert weights(SMALL, "F32").loaded_bytes == 4 * (800 + 64 + 8 + 64 + 32 + 800)


def test_int8_and_int4_leave_embeddings_heads_and_norms_in_16_bits() -> None:
    others = 2 * (800 + 800 + 8)
    assert weights(SMALL, "INT8").loaded_bytes == others + 160
    assert weights(SMALL, "INT4").loaded_bytes == others + 80


def test_a_tied_copy_is_loaded_once() -> None:
    found = weights(SMALL, AS_STORED, {"model_type": "llama", "tie_word_embeddings": True})
    assert found.stored_bytes - found.loaded_bytes == 1_600


def test_what_is_quantised_stays_packed_and_the_rest_is_cast() -> None:
    packed: Tensors = {
        "model.embed_tokens.weight": ("F16", [100, 128]),
        "model.layers.0.self_attn.q_proj.qweight": ("I32", [16, 128]),
        "model.layers.0.self_attn.q_proj.qzeros": ("I32", [2, 16]),
        "model.layers.0.self_attn.q_proj.scales": ("F16", [2, 128]),
        "model.layers.0.self_attn.q_proj.g_idx": ("I32", [128]),
    }
    own = 4 * 16 * 128 + 4 * 2 * 16 + 2 * 2 * 128 + 4 * 128
    found = weights(packed, "F32", GPTQ)
    assert found.packed_bytes == own
    assert found.loaded_bytes == own + 4 * 100 * 128


def test_a_gguf_file_stays_what_it_is() -> None:
    found = weights(SMALL, "F32", castable=False)
    assert found.loaded_bytes == found.packed_bytes == found.stored_bytes


def test_the_largest_layer_goes_by_its_number_and_by_what_is_loaded() -> None:
    layers = {name: what for name, what in SMALL.items() if "layers" in name}
    assert weights(layers, "F32").largest == Largest(
        name="model.layers.1", stored_bytes=192, loaded_bytes=384
    )


def test_outside_of_layers_the_largest_is_a_module() -> None:
    largest = weights({"model.embed_tokens.weight": ("BF16", [10, 8])}, AS_STORED).largest
    assert largest is not None
    assert (largest.name, largest.loaded_bytes) == ("model.embed_tokens", 160)

"""Bytes of training by the rules of the papers and of the libraries, worked out by hand."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.core.memory_training import (
    NotTrainable,
    Recipe,
    Training,
    full_training,
    lora_training,
)
from auditor.core.roles import Assignment
from builders import Tensors, weight_file
from counting import assigned

Config = Mapping[str, Any]

# 12,288 parameters: one matrix of 64 x 128, one of 32 x 128
TWO: Tensors = {
    "model.layers.0.self_attn.q_proj.weight": ("BF16", [64, 128]),
    "model.layers.0.self_attn.k_proj.weight": ("BF16", [32, 128]),
}
CONFIG: Config = {
    "model_type": "llama",
    "hidden_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 256,
    "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 64},
}
PACKED: Tensors = {
    "model.layers.0.mlp.up_proj.qweight": ("I32", [16, 256]),
    "model.layers.0.mlp.up_proj.qzeros": ("I32", [2, 32]),
    "model.layers.0.mlp.up_proj.scales": ("F16", [2, 256]),
}


def assignment(tensors: Tensors = TWO, config: Config | None = None) -> Assignment:
    return assigned(weight_file("model.safetensors", tensors).header, config or {})[0]


def full(precision: str, optimizer: str, tensors: Tensors = TWO) -> Training:
    found = full_training(assignment(tensors), Recipe(precision=precision, optimizer=optimizer))
    assert isinstance(found, Training), found
    return found


def lora(tensors: Tensors = TWO, config: Config = CONFIG, **recipe: Any) -> Training:
    found = lora_training(assignment(tensors, config), config, Recipe(**recipe), base_bytes=1_000)
    assert isinstance(found, Training), found
    return found


@pytest.mark.parametrize(
    ("precision", "optimizer", "bytes_each"),
    [
        ("mixed", "adamw", 18),  # 6 + 4 + 8: transformers docs, model_memory_anatomy
        ("fp32", "adamw", 16),  # 4 + 4 + 8
        ("bf16", "adamw", 8),  # 2 + 2 + 2 x 2
        ("fp32", "sgd", 8),  # 4 + 4
        ("fp32", "sgd-momentum", 12),  # 4 + 4 + 4
        ("mixed", "lion", 14),  # 6 + 4 + 4
    ],
)
def test_bytes_a_parameter(precision: str, optimizer: str, bytes_each: int) -> None:
    found = full(precision, optimizer)
    assert found.trained == 12_288
    assert found.total_bytes == bytes_each * 12_288


def test_adam_of_8_bits_keeps_a_scale_for_256_numbers() -> None:
    # two states: 8,192 + 32 x 4 and 4,096 + 16 x 4 bytes
    assert full("mixed", "adamw-8bit").state_bytes == 2 * (8_192 + 128 + 4_096 + 64)


def test_adam_of_8_bits_leaves_small_tensors_in_32() -> None:
    assert full("mixed", "adamw-8bit", {"norm.weight": ("F32", [100])}).state_bytes == 800


def test_adafactor_keeps_rows_and_columns() -> None:
    assert full("fp32", "adafactor").state_bytes == 4 * (64 + 128 + 32 + 128)
    assert full("fp32", "adafactor", {"norm.weight": ("F32", [100])}).state_bytes == 400


def test_frozen_parameters_and_buffers_have_no_gradient() -> None:
    whisper: Tensors = {
        "model.encoder.embed_positions.weight": ("F32", [1500, 8]),
        "model.encoder.layers.0.fc1.weight": ("F32", [32, 8]),
    }
    file = weight_file("model.safetensors", whisper)
    found = full_training(assigned(file.header, {"model_type": "whisper"})[0], Recipe())
    assert isinstance(found, Training)
    assert found.trained == 256
    assert found.weight_bytes == 6 * (12_000 + 256)
    assert found.gradient_bytes == 4 * 256


def test_quantised_weights_take_no_gradient() -> None:
    found = full_training(assignment(PACKED, CONFIG), Recipe())
    assert isinstance(found, NotTrainable)
    assert "quantised" in found.reason


def test_an_adapter_has_rank_times_rows_and_columns() -> None:
    found = lora(rank=8, targets=("q_proj",))
    assert found.trained == 8 * (64 + 128)
    # F32 for weight, gradient and two states; the base as it is
    assert found.total_bytes == 1_000 + 16 * found.trained


def test_all_linear_layers_but_output_and_router() -> None:
    more: Tensors = {
        **TWO,
        "lm_head.weight": ("BF16", [100, 128]),
        "model.layers.0.mlp.router.weight": ("BF16", [4, 128]),
    }
    assert lora(more, rank=8).trained == 8 * (64 + 128 + 32 + 128)


def test_an_adapter_on_a_quantised_base_has_the_shape_of_the_config() -> None:
    # 16 x 256 x 8 weights = 128 x 256
    assert lora(PACKED, rank=4, targets=("up_proj",)).trained == 4 * (128 + 256)


def test_an_adapter_whose_shape_is_not_known_is_not_made_up() -> None:
    config = {**CONFIG, "intermediate_size": 255}
    found = lora_training(assignment(PACKED, config), config, Recipe(), base_bytes=0)
    assert isinstance(found, NotTrainable)
    assert "up_proj" in found.reason


def test_a_target_that_the_model_does_not_have_is_said() -> None:
    found = lora_training(assignment(), CONFIG, Recipe(targets=("novel",)), base_bytes=0)
    assert isinstance(found, NotTrainable)

"""CLIP ViT-L/14, from which Stable Diffusion v1 has its text encoder and its safety checker.

Both hold their positions as numbers, as transformers saved them before 4.31.
"""

from typing import Final

from reconstructed.model import Part, Row
from reconstructed.pieces import linear, norm


def transformer(name: str) -> tuple[Row, ...]:
    """The layers of either tower of CLIP under `name`."""
    layer = f"{name}.encoder.layers.{{layer}}"
    return (
        *linear(f"{layer}.self_attn.k_proj", "hidden", "hidden"),
        *linear(f"{layer}.self_attn.v_proj", "hidden", "hidden"),
        *linear(f"{layer}.self_attn.q_proj", "hidden", "hidden"),
        *linear(f"{layer}.self_attn.out_proj", "hidden", "hidden"),
        *norm(f"{layer}.layer_norm1", "hidden"),
        *linear(f"{layer}.mlp.fc1", "inner", "hidden"),
        *linear(f"{layer}.mlp.fc2", "hidden", "inner"),
        *norm(f"{layer}.layer_norm2", "hidden"),
    )


TEXT_ENCODER: Final = Part(
    folder="text_encoder/",
    table=(  # CLIPTextModel
        ("text_model.embeddings.position_ids", "1 positions"),
        ("text_model.embeddings.token_embedding.weight", "vocab hidden"),
        ("text_model.embeddings.position_embedding.weight", "positions hidden"),
        *transformer("text_model"),
        *norm("text_model.final_layer_norm", "hidden"),
    ),
    dimensions={"vocab": 49_408, "positions": 77, "hidden": 768, "inner": 3_072},
    layers=12,
    dtypes={"text_model.embeddings.position_ids": "I64"},
    config={
        "_name_or_path": "openai/clip-vit-large-patch14",
        "architectures": ["CLIPTextModel"],
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "dropout": 0.0,
        "eos_token_id": 2,
        "hidden_act": "quick_gelu",
        "hidden_size": 768,
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "intermediate_size": 3_072,
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": 77,
        "model_type": "clip_text_model",
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
        "pad_token_id": 1,
        "torch_dtype": "float32",
        "vocab_size": 49_408,
    },
)

# The class of the tower that wraps another of the same name; `pre_layrnorm` is spelled so.
_VISION: Final = "vision_model.vision_model"

SAFETY_CHECKER: Final = Part(
    folder="safety_checker/",
    table=(  # StableDiffusionSafetyChecker: 17 concepts and 3 of special care, with thresholds
        ("concept_embeds", "17 projected"),
        ("special_care_embeds", "3 projected"),
        ("concept_embeds_weights", "17"),
        ("special_care_embeds_weights", "3"),
        (f"{_VISION}.embeddings.position_ids", "1 positions"),
        (f"{_VISION}.embeddings.class_embedding", "hidden"),
        (f"{_VISION}.embeddings.patch_embedding.weight", "hidden 3 14 14"),
        (f"{_VISION}.embeddings.position_embedding.weight", "positions hidden"),
        *norm(f"{_VISION}.pre_layrnorm", "hidden"),
        *transformer(_VISION),
        *norm(f"{_VISION}.post_layernorm", "hidden"),
        ("visual_projection.weight", "projected hidden"),
    ),
    dimensions={
        "positions": 1 + (224 // 14) ** 2,  # the class and every patch
        "hidden": 1_024,
        "inner": 4_096,
        "projected": 768,
    },
    layers=24,
    dtypes={f"{_VISION}.embeddings.position_ids": "I64"},
    config={
        "architectures": ["StableDiffusionSafetyChecker"],
        "initializer_factor": 1.0,
        "logit_scale_init_value": 2.6592,
        "model_type": "clip",
        "projection_dim": 768,
        "text_config": {
            "hidden_size": 768,
            "intermediate_size": 3_072,
            "model_type": "clip_text_model",
            "num_attention_heads": 12,
            "num_hidden_layers": 12,
            "vocab_size": 49_408,
        },
        "torch_dtype": "float32",
        "vision_config": {
            "hidden_size": 1_024,
            "image_size": 224,
            "intermediate_size": 4_096,
            "model_type": "clip_vision_model",
            "num_attention_heads": 16,
            "num_channels": 3,
            "num_hidden_layers": 24,
            "patch_size": 14,
        },
    },
)

"""Mistral 7B, sharded."""

from typing import Final

from reconstructed.model import Model, Part, Published, Row

_GIGABYTE: Final = 1_000_000_000

# MistralForCausalLM, in the order in which its modules are made: shards are filled in that order.
MISTRAL_FOR_CAUSAL_LM: Final[tuple[Row, ...]] = (
    ("model.embed_tokens.weight", "vocab hidden"),
    ("model.layers.{layer}.self_attn.q_proj.weight", "heads_x_width hidden"),
    ("model.layers.{layer}.self_attn.k_proj.weight", "kv_heads_x_width hidden"),
    ("model.layers.{layer}.self_attn.v_proj.weight", "kv_heads_x_width hidden"),
    ("model.layers.{layer}.self_attn.o_proj.weight", "hidden heads_x_width"),
    ("model.layers.{layer}.mlp.gate_proj.weight", "inner hidden"),
    ("model.layers.{layer}.mlp.up_proj.weight", "inner hidden"),
    ("model.layers.{layer}.mlp.down_proj.weight", "hidden inner"),
    ("model.layers.{layer}.input_layernorm.weight", "hidden"),
    ("model.layers.{layer}.post_attention_layernorm.weight", "hidden"),
    ("model.norm.weight", "hidden"),
    ("lm_head.weight", "vocab hidden"),
)

MISTRAL: Final = Model(
    repo_id="mistralai/Mistral-7B-v0.3",
    architecture="MistralForCausalLM",
    parts=(
        Part(
            table=MISTRAL_FOR_CAUSAL_LM,
            dimensions={
                "vocab": 32_768,
                "hidden": 4_096,
                "inner": 14_336,
                "heads_x_width": 32 * 128,
                "kv_heads_x_width": 8 * 128,
            },
            layers=32,
            config={
                "architectures": ["MistralForCausalLM"],
                "attention_dropout": 0.0,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "hidden_act": "silu",
                "hidden_size": 4_096,
                "initializer_range": 0.02,
                "intermediate_size": 14_336,
                "max_position_embeddings": 32_768,
                "model_type": "mistral",
                "num_attention_heads": 32,
                "num_hidden_layers": 32,
                "num_key_value_heads": 8,
                "rms_norm_eps": 1e-05,
                "rope_theta": 1_000_000.0,
                "sliding_window": None,
                "tie_word_embeddings": False,
                "torch_dtype": "bfloat16",
                "vocab_size": 32_768,
            },
            dtype="BF16",
            max_shard_bytes=5 * _GIGABYTE,
        ),
    ),
    published=(
        Published(
            elements=7_248_023_552,
            what="parameters",
            source="keras-hub preset mistral_0.3_7b_en",
        ),
    ),
    # git-lfs pointers in github.com/rhlsinghal1ss/Mistral-7B, a mirror
    file_sizes={
        "model-00001-of-00003.safetensors": 4_949_453_792,
        "model-00002-of-00003.safetensors": 4_999_819_336,
        "model-00003-of-00003.safetensors": 4_546_807_800,
    },
    also_listed={"consolidated.safetensors": 14_496_078_512},
    remark="consolidated.safetensors, the same weights in Mistral's own names, is only listed",
)

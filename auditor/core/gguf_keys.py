"""The key-values of a GGUF file in the words of config.json.

    general.architecture      llama
    llama.block_count         32
    llama.expert_count        8
    length(tokenizer.ggml.tokens)   32000     kept in place of the array itself

Keys: gguf 0.19.0, gguf/constants.py, class Keys. A key is text of whoever wrote the file: what is
no number is taken as absent.
"""

from collections.abc import Mapping
from typing import Any, Final

_KEYS: Final = (
    # here, after the architecture's name; there
    ("block_count", "num_hidden_layers"),
    ("embedding_length", "hidden_size"),
    ("feed_forward_length", "intermediate_size"),
    ("expert_feed_forward_length", "moe_intermediate_size"),
    ("context_length", "max_position_embeddings"),
    ("attention.head_count", "num_attention_heads"),
    ("attention.head_count_kv", "num_key_value_heads"),
    ("attention.key_length", "head_dim"),
    ("attention.sliding_window", "sliding_window"),
    ("expert_count", "num_experts"),
    ("expert_used_count", "num_experts_per_tok"),
    ("expert_shared_count", "n_shared_experts"),
    ("leading_dense_block_count", "first_k_dense_replace"),
    ("nextn_predict_layers", "num_nextn_predict_layers"),
    ("vocab_size", "vocab_size"),
)
_ARCHITECTURE: Final = "general.architecture"
_TOKENS: Final = "tokenizer.ggml.tokens"
_MAX_DIGITS: Final = 20  # of a number of 64 bits

# transformers' name of the model type where llama.cpp has another. Its `llama` is any of llama,
# mistral and mixtral, its `deepseek2` any of the second and third DeepSeek.
_MODEL_TYPES: Final = {
    "command-r": "cohere",
    "deepseek2": "deepseek_v3",
    "ernie4_5-moe": "ernie4_5_moe",
    "falcon-h1": "falcon_h1",
    "gemma-embedding": "gemma3_text",
    "gemma3": "gemma3_text",
    "gemma3n": "gemma3n_text",
    "gemma4": "gemma4_text",
    "glm4moe": "glm4_moe",
    "gpt-oss": "gpt_oss",
    "gptneox": "gpt_neox",
    "granitehybrid": "granitemoehybrid",
    "hunyuan-dense": "hunyuan_v1_dense",
    "hunyuan-moe": "hunyuan_v1_moe",
    "lfm2moe": "lfm2_moe",
    "llama4": "llama4_text",
    "minimax-m2": "minimax_m2",
    "modern-bert": "modernbert",
    "nemotron_h_moe": "nemotron_h",
    "nomic-bert": "nomic_bert",
    "phi2": "phi",
    "qwen2moe": "qwen2_moe",
    "qwen2vl": "qwen2_vl_text",
    "qwen3moe": "qwen3_moe",
    "qwen3next": "qwen3_next",
    "qwen3vl": "qwen3_vl_text",
    "qwen3vlmoe": "qwen3_vl_moe_text",
    "starcoder": "gpt_bigcode",
    "t5encoder": "t5",
}
# Where llama.cpp's converter wrote the token table a second time, as `output.weight`, or took the
# copy over that the checkpoints have: GPT-2 and MPT "for easier implementation", BLOOM, StarCoder.
# Their classes tie, and the config is silent.
_COPIED: Final = frozenset({"bloom", "gpt2", "mpt", "starcoder"})


def length_key(key: str) -> str:
    """The metadata key under which the length of the array at `key` is kept."""
    return f"length({key})"


def config_of_gguf(metadata: Mapping[str, str]) -> Mapping[str, Any]:
    """The config that a GGUF file's `metadata` stand for; empty where they name no architecture.

    A GGUF file has a matrix that is shared once, so that an `output.weight` beside the table is
    another one; but for a few architectures, where the class decides.
    """
    architecture = metadata.get(_ARCHITECTURE)
    if not architecture:
        return {}
    config: dict[str, Any] = {"model_type": _MODEL_TYPES.get(architecture, architecture)}
    for here, there in _KEYS:
        if (number := _number(metadata, f"{architecture}.{here}")) is not None:
            config[there] = number
    if "vocab_size" not in config and (tokens := _number(metadata, length_key(_TOKENS))):
        config["vocab_size"] = tokens
    _without_mtp(config)
    if architecture not in _COPIED:
        config["tie_word_embeddings"] = False
    return config


def _number(metadata: Mapping[str, str], key: str) -> int | None:
    text = metadata.get(key, "")
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS else None


def _without_mtp(config: dict[str, Any]) -> None:
    """config.json counts the layers without those for further tokens, GGUF with them."""
    layers, beside = config.get("num_hidden_layers", 0), config.get("num_nextn_predict_layers", 0)
    if 0 < beside < layers:
        config["num_hidden_layers"] = layers - beside

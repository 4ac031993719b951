"""The key-values of a GGUF file as a config."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.config import read_config
from auditor.core.gguf_keys import config_of_gguf, length_key


def test_a_mixture_is_described_in_the_words_of_config_json() -> None:
    # Qwen3-30B-A3B-Q4_K_M.gguf of its publisher
    metadata = {
        "general.architecture": "qwen3moe",
        "general.name": "Qwen3 30B A3B",
        "qwen3moe.block_count": "48",
        "qwen3moe.context_length": "40960",
        "qwen3moe.embedding_length": "2048",
        "qwen3moe.feed_forward_length": "6144",
        "qwen3moe.attention.head_count": "32",
        "qwen3moe.attention.head_count_kv": "4",
        "qwen3moe.attention.key_length": "128",
        "qwen3moe.attention.layer_norm_rms_epsilon": "1e-06",
        "qwen3moe.expert_count": "128",
        "qwen3moe.expert_used_count": "8",
        "qwen3moe.expert_feed_forward_length": "768",
        length_key("tokenizer.ggml.tokens"): "151936",
    }
    assert config_of_gguf(metadata) == {
        "model_type": "qwen3_moe",
        "num_hidden_layers": 48,
        "max_position_embeddings": 40_960,
        "hidden_size": 2_048,
        "intermediate_size": 6_144,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "head_dim": 128,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": 768,
        "vocab_size": 151_936,
        "tie_word_embeddings": False,
    }


def test_the_vocabulary_is_the_models_own_number_before_the_tokenizers() -> None:
    metadata = {
        "general.architecture": "llama",
        "llama.vocab_size": "32064",
        length_key("tokenizer.ggml.tokens"): "32000",
    }
    assert config_of_gguf(metadata)["vocab_size"] == 32_064


def test_layers_for_further_tokens_are_no_layers_of_the_model() -> None:
    # GLM-4.5: 46 layers in config.json, 47 blocks in GGUF
    metadata = {
        "general.architecture": "glm4moe",
        "glm4moe.block_count": "47",
        "glm4moe.nextn_predict_layers": "1",
    }
    config = config_of_gguf(metadata)
    assert (config["num_hidden_layers"], config["num_nextn_predict_layers"]) == (46, 1)


@pytest.mark.parametrize(
    ("architecture", "model_type", "tied"),
    [
        ("llama", "llama", False),
        ("gemma2", "gemma2", False),  # its table is stored once: what else is stored is another
        ("t5", "t5", False),
        ("gpt2", "gpt2", True),
        ("bloom", "bloom", True),
        ("mpt", "mpt", True),
        ("starcoder", "gpt_bigcode", True),
        ("somebodys-own", "somebodys-own", False),
    ],
)
def test_a_stored_head_is_a_copy_where_the_converter_copied(
    architecture: str, model_type: str, *, tied: bool
) -> None:
    config = read_config(config_of_gguf({"general.architecture": architecture}))
    assert (config.model_type, config.tie.tied, config.tie.settled) == (model_type, tied, True)


@pytest.mark.parametrize("metadata", [{}, {"general.architecture": ""}, {"llama.block_count": "2"}])
def test_a_file_that_names_no_architecture_has_no_config(metadata: dict[str, str]) -> None:
    assert config_of_gguf(metadata) == {}


@pytest.mark.parametrize("text", ["", "-1", "1.5", "true", "two", "٣", "9" * 5_000, " 2"])
def test_what_is_no_number_is_taken_as_absent(text: str) -> None:
    config = config_of_gguf({"general.architecture": "llama", "llama.block_count": text})
    assert "num_hidden_layers" not in config


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30)), st.text(max_size=10))
def test_any_metadata_give_a_config_that_can_be_read(
    metadata: dict[str, str], architecture: str
) -> None:
    read_config(config_of_gguf({**metadata, "general.architecture": architecture}))

"""Caches of published models, worked out by hand from their configs."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.dtypes import DTYPES
from auditor.core.memory_cache import Ask, Cache, CacheUnknown, NoCache
from auditor.core.memory_kv_cache import cache_of

Config = Mapping[str, Any]

LLAMA_8B: Config = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
}
DEEPSEEK_V3: Config = {
    "model_type": "deepseek_v3",
    "hidden_size": 7168,
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
}
GPT_OSS_120B: Config = {
    "model_type": "gpt_oss",
    "hidden_size": 2880,
    "num_hidden_layers": 36,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 18,
}


def known(config: Config) -> Cache:
    found = cache_of(config)
    assert isinstance(found, Cache), found
    return found


def token_bytes(config: Config) -> int:
    return known(config).token_bytes(Ask(context=1))


def size(config: Config, context: int, **ask: Any) -> int:
    return known(config).size_bytes(Ask(context=context, **ask))


def why_unknown(config: Config) -> str:
    found = cache_of(config)
    assert isinstance(found, CacheUnknown), found
    return found.reason


# -- attention


def test_llama_3_1_8b_takes_17_18_gb_for_131072_tokens_in_bf16() -> None:
    # 2 x 32 layers x 8 heads x 128 x 2 bytes = 131,072 a token; x 131,072 tokens
    assert size(LLAMA_8B, 131_072) == 17_179_869_184


def test_a_batch_takes_as_many_caches() -> None:
    assert size(LLAMA_8B, 1_000, batch=8) == 8 * 1_000 * 131_072


def test_a_cache_of_eight_bits_takes_half() -> None:
    assert size(LLAMA_8B, 131_072, cache_dtype=DTYPES["F8_E4M3"]) == 17_179_869_184 // 2


def test_llama_cpp_s_q8_0_takes_34_bytes_for_32_numbers() -> None:
    # 65,536 numbers a token / 32 x 34
    assert size(LLAMA_8B, 1, cache_dtype=DTYPES["Q8_0"]) == 69_632


def test_without_key_value_heads_every_head_has_its_own() -> None:
    llama_2_7b = {k: v for k, v in LLAMA_8B.items() if k != "num_key_value_heads"}
    assert token_bytes(llama_2_7b) == 524_288  # 2 x 32 x 32 x 128 x 2
    assert token_bytes({**LLAMA_8B, "num_key_value_heads": None}) == 524_288


def test_heads_may_be_wider_than_the_model_divided_by_them() -> None:
    qwen3_30b = {
        "model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48, "head_dim": 128,
        "num_attention_heads": 32, "num_key_value_heads": 4, "use_sliding_window": False,
        "sliding_window": 4096, "max_window_layers": 48,
    }  # fmt: skip
    assert token_bytes(qwen3_30b) == 98_304  # 2 x 48 x 4 x 128 x 2


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        # GPT-2 XL: 2 x 48 x 25 heads x 64 x 2
        ({"model_type": "gpt2", "n_embd": 1600, "n_head": 25, "n_layer": 48}, 307_200),
        # BLOOM: 2 x 70 x 112 x 128 x 2
        ({"model_type": "bloom", "n_embed": 14336, "num_attention_heads": 112, "n_layer": 70},
         4_014_080),
        # Falcon 7B, multi-query: 2 x 32 x 1 x 64 x 2
        ({"model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71,
          "num_hidden_layers": 32, "multi_query": True, "new_decoder_architecture": False}, 8_192),
        # Falcon 40B: 2 x 60 x 8 x 64 x 2
        ({"model_type": "RefinedWeb", "hidden_size": 8192, "n_head": 128, "n_layer": 60,
          "n_head_kv": 8, "new_decoder_architecture": True}, 122_880),
        # StarCoder: 2 x 40 x 1 x 128 x 2
        ({"model_type": "gpt_bigcode", "n_embd": 6144, "n_head": 48, "n_layer": 40,
          "multi_query": True}, 20_480),
        # ChatGLM3: 2 x 28 x 2 groups x 128 x 2
        ({"model_type": "chatglm", "hidden_size": 4096, "num_layers": 28, "kv_channels": 128,
          "num_attention_heads": 32, "multi_query_attention": True, "multi_query_group_num": 2},
         28_672),
        # DBRX: 2 x 40 x 8 x 128 x 2
        ({"model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40,
          "attn_config": {"kv_n_heads": 8}}, 163_840),
        # OpenELM lists them: 2 x (1 + 2 + 4) x 64 x 2
        ({"model_type": "openelm", "num_hidden_layers": 3, "num_kv_heads": [1, 2, 4],
          "head_dim": 64, "num_attention_heads": 16, "model_dim": 1280}, 1_792),
    ],
)  # fmt: skip
def test_every_dialect_of_a_config_is_read(config: Config, expected: int) -> None:
    assert token_bytes(config) == expected


def test_a_composite_model_s_cache_is_its_language_model_s() -> None:
    config = {"model_type": "some_vl", "vision_config": {"hidden_size": 9}, "text_config": LLAMA_8B}
    assert token_bytes(config) == 131_072
    assert known(config).longest == 131_072


def test_numbers_that_a_config_inside_another_leaves_out_are_its_class_s_own() -> None:
    # llava-hf/llava-1.5-7b-hf names the type alone: 32 layers, 32 heads, 4,096 wide
    config = {"model_type": "llava", "text_config": {"model_type": "llama"}}
    assert token_bytes(config) == 524_288


def test_numbers_that_are_left_out_elsewhere_are_not_made_up() -> None:
    assert why_unknown({"model_type": "llama"}) == "the config does not say num_hidden_layers"


# -- latent attention


def test_deepseek_v3_keeps_70272_bytes_a_token() -> None:
    assert token_bytes(DEEPSEEK_V3) == 70_272  # 61 x (512 + 64) x 2


def test_what_a_runtime_takes_that_expands_the_latent_vector_is_told() -> None:
    (note,) = known(DEEPSEEK_V3).notes
    assert "40,960 numbers" in note  # 128 heads x (128 + 64 + 128)


def test_deepseek_v2_lite_and_kimi_k2() -> None:
    lite = {**DEEPSEEK_V3, "model_type": "deepseek_v2", "num_hidden_layers": 27}
    assert token_bytes(lite) == 31_104  # 27 x 576 x 2
    assert token_bytes({**DEEPSEEK_V3, "model_type": "kimi_k2"}) == 70_272


def test_an_indexer_keeps_a_key_beside_the_latent_vector() -> None:
    v32 = {**DEEPSEEK_V3, "model_type": "deepseek_v32", "index_head_dim": 128}
    assert token_bytes(v32) == 61 * (512 + 64 + 128) * 2


def test_longcat_attends_twice_in_a_layer() -> None:
    config = {
        "model_type": "longcat_flash", "num_layers": 28, "hidden_size": 6144,
        "num_attention_heads": 64, "kv_lora_rank": 512, "qk_rope_head_dim": 64,
    }  # fmt: skip
    assert token_bytes(config) == 2 * 28 * 576 * 2


def test_deepseek_v4_keeps_a_window_and_one_entry_for_several_tokens() -> None:
    config = {
        "model_type": "deepseek_v4", "num_hidden_layers": 4, "head_dim": 512, "index_head_dim": 128,
        "sliding_window": 128, "compress_ratios": [0, 4, 128, 4, 0],
    }  # fmt: skip
    # of 1,280 tokens: 4 layers x 128 x 512, 2 x 320 x (512 + 128), 1 x 10 x 512; two bytes each
    assert size(config, 1_280) == 2 * (4 * 128 * 512 + 2 * 320 * 640 + 10 * 512)


# -- windows


def test_gpt_oss_120b_keeps_128_tokens_in_every_other_layer() -> None:
    # a token: 18 layers x 2 x 8 x 64 x 2 bytes = 36,864; windows: 18 x 128 x 2 x 8 x 64 x 2
    assert token_bytes(GPT_OSS_120B) == 36_864
    assert size(GPT_OSS_120B, 131_072) == 131_072 * 36_864 + 4_718_592


def test_a_context_shorter_than_the_window_takes_no_more_than_it_has() -> None:
    assert size(GPT_OSS_120B, 100) == 100 * 36 * 2 * 8 * 64 * 2


def test_gpt_oss_without_a_list_has_its_class_s_pattern() -> None:
    config = {k: v for k, v in GPT_OSS_120B.items() if k != "layer_types"}
    assert size(config, 131_072) == size(GPT_OSS_120B, 131_072)


def test_gemma_3_4b_of_a_config_that_names_its_depth_and_width_alone() -> None:
    # google/gemma-3-4b-it: 34 layers, every sixth (5) with all tokens, 4 heads of 256 by default
    config = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "text_config": {
            "model_type": "gemma3_text", "hidden_size": 2560, "num_hidden_layers": 34,
            "sliding_window": 1024,
        },
    }  # fmt: skip
    each = 2 * 4 * 256 * 2
    assert token_bytes(config) == 5 * each
    assert size(config, 131_072) == (5 * 131_072 + 29 * 1_024) * each
    assert size(config, 131_072) == 2_805_989_376


def test_gemma_2_has_a_window_in_every_other_layer() -> None:
    gemma_2_9b = {
        "model_type": "gemma2", "hidden_size": 3584, "num_hidden_layers": 42, "head_dim": 256,
        "num_attention_heads": 16, "num_key_value_heads": 8, "sliding_window": 4096,
    }  # fmt: skip
    assert size(gemma_2_9b, 8_192) == (21 * 8_192 + 21 * 4_096) * 2 * 8 * 256 * 2


def test_the_last_layers_of_gemma_3n_share_the_keys_of_earlier_ones() -> None:
    # google/gemma-3n-E4B: 35 layers, the last 15 keep nothing; of 20 every fifth has all tokens
    config = {
        "model_type": "gemma3n",
        "text_config": {"model_type": "gemma3n_text", "num_hidden_layers": 35},
    }
    each = 2 * 2 * 256 * 2
    assert size(config, 32_768) == (4 * 32_768 + 16 * 512) * each


def test_gemma_4_has_fewer_and_wider_heads_where_it_keeps_all_tokens() -> None:
    config = {
        "model_type": "gemma4_text", "num_hidden_layers": 30, "hidden_size": 2816, "head_dim": 256,
        "num_attention_heads": 16, "num_key_value_heads": 8, "sliding_window": 1024,
        "global_head_dim": 512, "num_global_key_value_heads": 2, "attention_k_eq_v": True,
        "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 5,
    }  # fmt: skip
    assert token_bytes(config) == 5 * 2 * 2 * 512 * 2
    assert size(config, 8_192) == 2 * (5 * 8_192 * 2 * 2 * 512 + 25 * 1_024 * 2 * 8 * 256)


def test_heads_of_single_layers_are_read_from_per_layer_config() -> None:
    config = {
        **LLAMA_8B, "model_type": "gemma4_text", "num_hidden_layers": 2, "head_dim": 256,
        "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"],
        "per_layer_config": {"01": {"head_dim": 512, "num_key_value_heads": 1}},
    }  # fmt: skip
    assert token_bytes(config) == 2 * 1 * 512 * 2


def test_mistral_7b_keeps_4096_tokens_in_every_layer() -> None:
    mistral = {**LLAMA_8B, "model_type": "mistral", "sliding_window": 4096}
    assert size(mistral, 32_768) == 4_096 * 131_072  # 536,870,912
    assert size(mistral, 1_000) == 1_000 * 131_072
    assert token_bytes(mistral) == 0


def test_mistral_s_later_releases_say_that_there_is_no_window() -> None:
    assert size({**LLAMA_8B, "model_type": "mistral", "sliding_window": None}, 8_192) == 1 << 30


def test_a_params_json_without_a_window_has_none() -> None:
    # no `architectures`: not written by transformers, so its classes' defaults do not hold
    values = {k: v for k, v in LLAMA_8B.items() if k != "architectures"}
    assert size({**values, "model_type": "mistral"}, 8_192) == 1 << 30
    assert size({**LLAMA_8B, "model_type": "mistral"}, 8_192) == 1 << 29


def test_qwen_2_has_a_window_only_where_it_is_switched_on() -> None:
    qwen = {**LLAMA_8B, "model_type": "qwen2", "sliding_window": 4096, "max_window_layers": 24}
    assert size(qwen, 8_192) == 1 << 30
    switched = {**qwen, "use_sliding_window": True}
    assert size(switched, 8_192) == 4_096 * (24 * 8_192 + 8 * 4_096)


def test_llama_4_attends_within_chunks_where_positions_turn() -> None:
    scout = {
        **LLAMA_8B, "model_type": "llama4_text", "hidden_size": 5120, "num_hidden_layers": 48,
        "num_attention_heads": 40, "head_dim": 128, "attention_chunk_size": 8192,
        "no_rope_layers": [1, 1, 1, 0] * 12,
    }  # fmt: skip
    assert size(scout, 131_072) == 2 * 8 * 128 * 2 * (12 * 131_072 + 36 * 8_192)


def test_exaone_spells_its_pattern_in_letters() -> None:
    exaone = {
        **LLAMA_8B, "model_type": "exaone4", "num_hidden_layers": 8, "sliding_window": 4096,
        "sliding_window_pattern": "LLLG",
    }  # fmt: skip
    assert token_bytes(exaone) == 2 * 2 * 8 * 128 * 2


# -- recurrent layers


def test_mamba_keeps_the_same_for_any_number_of_tokens() -> None:
    # state-spaces/mamba-2.8b: 64 layers, inner 5,120, kernel 4 (two bytes), state 16 (four bytes)
    mamba = {
        "model_type": "mamba", "num_hidden_layers": 64, "hidden_size": 2560, "expand": 2,
        "intermediate_size": 5120, "conv_kernel": 4, "state_size": 16,
    }  # fmt: skip
    expected = 64 * (5_120 * 4 * 2 + 5_120 * 16 * 4)  # 23,592,960
    assert size(mamba, 1) == size(mamba, 1_000_000) == expected == 23_592_960


def test_mamba_2_convolves_keys_and_queries_as_well() -> None:
    # mistralai/Mamba-Codestral-7B: 128 heads x 64 = 8,192 inner, 8 groups, state 128
    codestral = {
        "model_type": "mamba2", "num_hidden_layers": 64, "hidden_size": 4096, "expand": 2,
        "num_heads": 128, "head_dim": 64, "n_groups": 8, "state_size": 128, "conv_kernel": 4,
    }  # fmt: skip
    layer = (8_192 + 2 * 8 * 128) * 4 * 2 + 128 * 64 * 128 * 4
    assert size(codestral, 5) == 64 * layer


def test_qwen3_next_has_a_delta_net_in_three_layers_of_four() -> None:
    config = {
        "model_type": "qwen3_next", "hidden_size": 2048, "num_hidden_layers": 48,
        "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256,
        "linear_num_key_heads": 16, "linear_key_head_dim": 128, "linear_num_value_heads": 32,
        "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4, "full_attention_interval": 4,
    }  # fmt: skip
    # 36 layers: (2 x 2,048 + 4,096) x 4 x 2 = 65,536 and 32 x 128 x 128 x 4 = 2,097,152 bytes
    assert token_bytes(config) == 24_576  # 12 x 2 x 2 x 256 x 2
    assert size(config, 1_000) == 36 * (65_536 + 2_097_152) + 1_000 * 24_576


def test_jamba_attends_in_one_layer_of_eight() -> None:
    # ai21labs/Jamba-v0.1: 32 layers, attention in 4, 12, 20, 28; inner 8,192, state 16, kernel 4
    jamba = {
        **LLAMA_8B, "model_type": "jamba", "attn_layer_period": 8, "attn_layer_offset": 4,
        "mamba_expand": 2, "mamba_d_state": 16, "mamba_d_conv": 4,
    }  # fmt: skip
    state = 28 * (8_192 * 4 * 2 + 8_192 * 16 * 4)
    assert size(jamba, 1_000) == state + 1_000 * 4 * 2 * 8 * 128 * 2


def test_falcon_h1_keeps_both_in_every_layer() -> None:
    config = {
        "model_type": "falcon_h1", "num_hidden_layers": 36, "hidden_size": 2048, "head_dim": 64,
        "num_attention_heads": 8, "num_key_value_heads": 2, "mamba_d_ssm": 3072,
        "mamba_n_heads": 48, "mamba_d_head": 64, "mamba_n_groups": 1, "mamba_d_state": 256,
        "mamba_d_conv": 4,
    }  # fmt: skip
    state = (3_072 + 2 * 256) * 4 * 2 + 3_072 * 256 * 4
    assert size(config, 10) == 36 * (state + 10 * 2 * 2 * 64 * 2)


def test_nemotron_h_spells_its_layers_in_letters() -> None:
    config = {
        "model_type": "nemotron_h", "hybrid_override_pattern": "M-M*-", "hidden_size": 4096,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        "mamba_num_heads": 128, "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128,
        "conv_kernel": 4, "expand": 2,
    }  # fmt: skip
    state = (8_192 + 2 * 8 * 128) * 4 * 2 + 128 * 64 * 128 * 4
    assert size(config, 10) == 2 * state + 10 * 2 * 8 * 128 * 2


def test_granite_s_hybrid_lists_its_layers() -> None:
    config = {
        "model_type": "granitemoehybrid", "num_hidden_layers": 4, "hidden_size": 1536,
        "layer_types": ["mamba", "mamba", "attention", "mamba"], "num_attention_heads": 12,
        "num_key_value_heads": 4, "mamba_n_heads": 48, "mamba_d_head": 64, "mamba_n_groups": 1,
        "mamba_d_state": 128, "mamba_d_conv": 4, "mamba_expand": 2,
    }  # fmt: skip
    state = (3_072 + 2 * 128) * 4 * 2 + 3_072 * 128 * 4
    assert size(config, 10) == 3 * state + 10 * 2 * 4 * 128 * 2


def test_recurrent_gemma_attends_within_2048_tokens_in_every_third_layer() -> None:
    config = {
        "model_type": "recurrent_gemma", "num_hidden_layers": 26, "hidden_size": 2560,
        "num_attention_heads": 10, "num_key_value_heads": 1, "head_dim": 256, "lru_width": 2560,
        "conv1d_width": 4, "attention_window_size": 2048,
        "block_types": ["recurrent", "recurrent", "attention"],
    }  # fmt: skip
    state = 18 * (2_560 * 3 * 2 + 2_560 * 4)
    assert size(config, 100_000) == state + 8 * 2_048 * 2 * 1 * 256 * 2


def test_lfm2_keeps_the_last_inputs_of_its_convolutions() -> None:
    config = {
        "model_type": "lfm2", "num_hidden_layers": 16, "hidden_size": 2048, "conv_L_cache": 3,
        "num_attention_heads": 32, "num_key_value_heads": 8,
        "full_attn_idxs": [2, 5, 8, 10, 12, 14],
    }  # fmt: skip
    assert size(config, 100) == 10 * 2_048 * 3 * 2 + 100 * 6 * 2 * 8 * 64 * 2


def test_kimi_linear_counts_its_layers_from_one_and_keeps_latent_vectors() -> None:
    config = {
        "model_type": "kimi_linear", "num_hidden_layers": 4, "num_attention_heads": 32,
        "kv_lora_rank": 512, "qk_rope_head_dim": 64, "hidden_size": 2304,
        "linear_attn_config": {
            "full_attn_layers": [4], "kda_layers": [1, 2, 3], "head_dim": 128, "num_heads": 32,
            "short_conv_kernel_size": 4,
        },
    }  # fmt: skip
    state = 3 * 4_096 * 4 * 2 + 32 * 128 * 128 * 4
    assert size(config, 10) == 3 * state + 10 * 576 * 2


def test_a_cache_of_eight_bits_leaves_the_states_as_they_are() -> None:
    lfm2 = {
        "model_type": "lfm2", "num_hidden_layers": 1, "hidden_size": 64, "conv_L_cache": 3,
        "num_attention_heads": 2, "full_attn_idxs": [9],
    }  # fmt: skip
    assert size(lfm2, 5, cache_dtype=DTYPES["F8_E4M3"]) == 64 * 3 * 2


# -- encoders


def test_t5_keeps_the_source_beside_its_own_tokens() -> None:
    # google/flan-t5-large: 24 decoder layers, 16 heads of 64; the same for each token of both
    t5 = {"model_type": "t5", "d_model": 1024, "d_kv": 64, "num_heads": 16, "num_layers": 24}
    each = 24 * 2 * 16 * 64 * 2
    assert size(t5, 100) == 200 * each
    assert size(t5, 100, source=512) == 612 * each
    assert token_bytes(t5) == each == 98_304


def test_whisper_s_source_is_always_30_seconds() -> None:
    whisper = {
        "model_type": "whisper", "d_model": 1280, "decoder_layers": 32, "encoder_layers": 32,
        "decoder_attention_heads": 20, "max_source_positions": 1500, "max_target_positions": 448,
    }  # fmt: skip
    assert size(whisper, 448) == 32 * 2 * 20 * 64 * 2 * (448 + 1_500)


def test_bart_counts_the_layers_of_its_decoder() -> None:
    bart = {
        "model_type": "bart", "d_model": 1024, "decoder_layers": 6, "encoder_layers": 12,
        "decoder_attention_heads": 16, "num_hidden_layers": 12,
    }  # fmt: skip
    assert token_bytes(bart) == 6 * 2 * 1_024 * 2


def test_llama_3_2_vision_keeps_an_image_in_the_layers_that_look_at_it() -> None:
    config = {
        "model_type": "mllama",
        "text_config": {
            "model_type": "mllama_text_model", "num_hidden_layers": 40, "hidden_size": 4096,
            "num_attention_heads": 32, "num_key_value_heads": 8,
            "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38],
        },
        "vision_config": {"image_size": 560, "patch_size": 14, "max_num_tiles": 4},
    }  # fmt: skip
    image = 8 * 4 * (40 * 40 + 1) * 2 * 8 * 128 * 2
    assert size(config, 10) == image + 10 * 32 * 2 * 8 * 128 * 2


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "bert", "num_hidden_layers": 12},
        {"model_type": "clip", "text_config": {"model_type": "clip_text_model"}},
        {"model_type": "vit"},
        {"_class_name": "UNet2DConditionModel"},
        {"model_type": "t5", "architectures": ["T5EncoderModel"]},
        {"model_type": "new_encoder", "architectures": ["NewForMaskedLM"]},
    ],
)
def test_what_reads_all_at_once_keeps_nothing(config: Config) -> None:
    assert isinstance(cache_of(config), NoCache)


def test_bert_as_a_decoder_keeps_what_a_decoder_keeps() -> None:
    bert = {
        "model_type": "bert", "is_decoder": True, "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12,
    }  # fmt: skip
    assert token_bytes(bert) == 12 * 2 * 768 * 2


# -- what is not known


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        ({}, "no config"),
        ({"hidden_size": 5}, "model_type"),
        ({**LLAMA_8B, "model_type": "novel"}, "'novel'"),
        ({**LLAMA_8B, "num_hidden_layers": "many"}, "num_hidden_layers"),
        ({**LLAMA_8B, "num_hidden_layers": 10**9}, "1,000,000,000 layers"),
        ({**LLAMA_8B, "num_key_value_heads": "8"}, "num_key_value_heads"),
        ({**LLAMA_8B, "num_attention_heads": 33}, "33 heads"),
        ({**LLAMA_8B, "layer_types": ["novel_attention"] * 32}, "'novel_attention'"),
        ({**LLAMA_8B, "layer_types": ["full_attention"] * 3}, "lists 3"),
        ({**LLAMA_8B, "layer_types": ["sliding_attention"] * 32}, "sliding_window"),
        ({**LLAMA_8B, "add_cross_attention": True}, "source"),
        ({**LLAMA_8B, "model_type": "zamba2"}, "layer_types"),
        ({"model_type": "deepseek_v3", "num_hidden_layers": 2}, "kv_lora_rank"),
        ({"model_type": "mamba", "num_hidden_layers": 2, "hidden_size": 8}, "expand"),
        ({**LLAMA_8B, "model_type": "nemotron_h", "hybrid_override_pattern": "MX"}, "hybrid"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_guessed(config: Config, missing: str) -> None:
    assert missing in why_unknown(config)


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats()
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars)
TYPES = ["llama", "gemma3_text", "gemma4", "falcon", "mamba2", "qwen3_next", "t5", "mllama",
         "deepseek_v3", "deepseek_v4", "nemotron_h", "kimi_linear", "jamba", "mimo_v2_flash",
         "llama4", "exaone4", "zamba2", "longcat_flash", "recurrent_gemma", "whisper"]  # fmt: skip
KEYS = [*LLAMA_8B, *DEEPSEEK_V3, *GPT_OSS_120B, "text_config", "vision_config", "state_size",
        "per_layer_config", "compress_ratios", "hybrid_override_pattern", "no_rope_layers",
        "linear_attn_config", "num_kv_shared_layers", "attn_layer_period"]  # fmt: skip


@given(
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(KEYS), values),
    st.booleans(),
)
def test_no_config_can_break_it(kind: str, config: dict[str, Any], nested: bool) -> None:  # noqa: FBT001
    config["model_type"] = kind
    found = cache_of({"text_config": config} if nested else {**LLAMA_8B, **config})
    if isinstance(found, Cache):
        assert found.size_bytes(Ask(context=7)) >= 0


@given(st.sampled_from([LLAMA_8B, DEEPSEEK_V3, GPT_OSS_120B]), st.integers(1, 10**6))
def test_a_longer_context_never_takes_less(config: Config, context: int) -> None:
    assert size(config, context) <= size(config, context + 1)

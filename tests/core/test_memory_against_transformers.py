"""The caches that transformers really fills, in small models of each architecture, to the byte."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from auditor.core.memory_cache import Ask, Cache, Part
from auditor.core.memory_kv_cache import cache_of

# What the libraries warn of is theirs.
pytestmark = [pytest.mark.packers, pytest.mark.filterwarnings("ignore")]

TOKENS, BATCH = 40, 2

_BASE: Mapping[str, Any] = {
    "hidden_size": 64, "num_hidden_layers": 8, "num_attention_heads": 4, "intermediate_size": 128,
    "vocab_size": 99, "max_position_embeddings": 256, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
_GROUPED = {**_BASE, "num_key_value_heads": 2}
_WINDOW = {**_GROUPED, "head_dim": 16, "sliding_window": 16}
_LATENT = {
    **_BASE, "num_key_value_heads": 4, "kv_lora_rank": 32, "q_lora_rank": 16, "v_head_dim": 16,
    "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "n_routed_experts": 8, "n_group": 2,
    "topk_group": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
}  # fmt: skip
_DELTA = {
    **_GROUPED, "head_dim": 16, "linear_num_value_heads": 4, "linear_num_key_heads": 2,
    "linear_key_head_dim": 8, "linear_value_head_dim": 16,
}  # fmt: skip
_MAMBA_2 = {**_GROUPED, "mamba_n_heads": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_GEMMA = {"vocab_size_per_layer_input": 99, "hidden_size_per_layer_input": 8}

MODELS: Mapping[str, Mapping[str, Any]] = {
    "llama": _GROUPED,
    "gpt2": {"n_embd": 64, "n_layer": 3, "n_head": 4, "vocab_size": 99},
    "gpt_neox": _BASE,
    "gpt_bigcode": {"n_embd": 64, "n_layer": 3, "n_head": 4, "vocab_size": 99},
    "falcon": {**_BASE, "multi_query": True, "new_decoder_architecture": False, "bias": False},
    "bloom": {"hidden_size": 64, "n_layer": 3, "n_head": 4, "vocab_size": 99},
    "mpt": {"d_model": 64, "n_layers": 3, "n_heads": 4, "vocab_size": 99},
    "opt": {**_BASE, "ffn_dim": 128, "word_embed_proj_dim": 64},
    "qwen3": {**_GROUPED, "head_dim": 32},
    "qwen2": {**_GROUPED, "use_sliding_window": True, "sliding_window": 16, "max_window_layers": 3},
    "mistral": _WINDOW,
    "phi3": {**_GROUPED, "sliding_window": 16},
    "starcoder2": {**_GROUPED, "sliding_window": 16},
    "gemma2": _WINDOW,
    "gemma3_text": _WINDOW,
    "gemma3n_text": {
        **_WINDOW, **_GEMMA, "num_kv_shared_layers": 2, "num_hidden_layers": 10,
        "altup_num_inputs": 2, "laurel_rank": 8,
    },
    "gemma4_text": {
        **_WINDOW, **_GEMMA, "num_hidden_layers": 12, "global_head_dim": 32,
        "attention_k_eq_v": True, "num_global_key_value_heads": 1,
    },
    "gpt_oss": {**_WINDOW, "num_local_experts": 4, "num_experts_per_tok": 2},
    "cohere2": _WINDOW,
    "olmo3": _WINDOW,
    "exaone4": _WINDOW,
    "mimo_v2_flash": {
        **_WINDOW, "head_dim": 24, "v_head_dim": 16, "n_routed_experts": 4,
        "num_experts_per_tok": 2, "moe_intermediate_size": 16,
    },
    "llama4_text": {
        **_GROUPED, "head_dim": 16, "attention_chunk_size": 16, "num_local_experts": 2,
        "intermediate_size_mlp": 64,
    },
    "deepseek_v2": {**_LATENT, "topk_method": "greedy"},
    "deepseek_v3": _LATENT,
    "deepseek_v32": {**_LATENT, "index_head_dim": 16, "index_n_heads": 2, "index_topk": 8},
    "minicpm3": _LATENT,
    "longcat_flash": {
        **{k: v for k, v in _LATENT.items() if k != "num_hidden_layers"}, "num_layers": 2,
        "zero_expert_num": 2, "moe_topk": 2, "ffn_hidden_size": 64, "expert_ffn_hidden_size": 32,
        "head_dim": 8,
    },
    "mamba": {**_BASE, "state_size": 8},
    "falcon_mamba": {**_BASE, "state_size": 8},
    "mamba2": {
        **_BASE, "state_size": 8, "num_heads": 8, "head_dim": 16, "n_groups": 2, "chunk_size": 8,
    },
    "jamba": {
        **_GROUPED, "attn_layer_period": 4, "attn_layer_offset": 2, "mamba_d_state": 8,
        "num_experts": 2,
    },
    "bamba": {**_MAMBA_2, "attn_layer_indices": [2, 5]},
    "granitemoehybrid": {
        **_MAMBA_2, "layer_types": ["mamba", "mamba", "attention", "mamba"] * 2,
        "num_local_experts": 2, "shared_intermediate_size": 32,
    },
    "falcon_h1": {**_MAMBA_2, "mamba_d_ssm": 64},
    "nemotron_h": {
        **_GROUPED, "hybrid_override_pattern": "M-M*-M-*", "head_dim": 16, "ssm_state_size": 8,
        "mamba_num_heads": 8, "mamba_head_dim": 16, "n_groups": 2,
    },
    "zamba": {**_BASE, "num_key_value_heads": 4, "mamba_d_state": 8, "n_mamba_heads": 2},
    "zamba2": {
        **_BASE, "layers_block_type": ["mamba", "mamba", "hybrid", "mamba"] * 2,
        "num_key_value_heads": 4, "mamba_d_state": 8, "n_mamba_heads": 8, "mamba_ngroups": 1,
    },
    "lfm2": {**_GROUPED, "full_attn_idxs": [2, 5], "conv_L_cache": 3},
    "qwen3_next": {**_DELTA, **_EXPERTS, "shared_expert_intermediate_size": 16},
    "qwen3_5_text": _DELTA,
    "olmo_hybrid": {
        **_DELTA, "layer_types": [*["linear_attention"] * 3, "full_attention"] * 2,
        "linear_num_key_heads": 4,
    },
    "kimi_linear": {
        **_LATENT, "num_local_experts": 4,
        "linear_attn_config": {
            "full_attn_layers": [4, 8], "kda_layers": [1, 2, 3, 5, 6, 7], "head_dim": 16,
            "num_heads": 4, "short_conv_kernel_size": 4,
        },
    },
    "rwkv": {"hidden_size": 64, "num_hidden_layers": 3, "vocab_size": 99, "context_length": 256},
}  # fmt: skip


def _held(thing: object, seen: set[int]) -> Iterator[Any]:
    """All tensors within a cache."""
    torch = pytest.importorskip("torch")
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if torch.is_tensor(thing):
        yield thing
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from _held(value, seen)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from _held(value, seen)
    elif "cache" in type(thing).__module__:
        yield from _held(vars(thing), seen)


def _really(config: Any) -> int:
    """Bytes that the cache of a model of this config holds; one storage counts once."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_config(config).to(torch.bfloat16).eval()
    with torch.no_grad():
        out = model(torch.randint(3, 90, (BATCH, TOKENS)), use_cache=True)
    names = ("past_key_values", "cache_params", "state")
    cache = next(found for name in names if (found := getattr(out, name, None)) is not None)
    storages = {
        tensor.data_ptr(): tensor.numel() * tensor.element_size()
        for tensor in _held(cache, set())
        if tensor.numel() > 1  # a counter of tokens is no cache
    }
    return sum(storages.values())


def _one_token_less(part: Part, ask: Ask) -> int:
    """transformers keeps one token less of a window: the newest comes with the next step."""
    less = 0 if part.most is None or part.places(ask) < part.most else 1
    return BATCH * part.layers * part.elements * less * part.dtype(ask).block_bytes


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_the_rule_gives_what_transformers_keeps(kind: str) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.CONFIG_MAPPING[kind](**MODELS[kind])
    written = json.loads(config.to_json_string()) | {"architectures": ["Any"]}
    rule, ask = cache_of(written), Ask(context=TOKENS, batch=BATCH)
    assert isinstance(rule, Cache), rule
    less = sum(_one_token_less(part, ask) for part in rule.parts)
    assert rule.size_bytes(ask) - less == _really(config)

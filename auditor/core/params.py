"""params.json, the config of Mistral's and of Meta's own layouts, in the words of config.json.

    {"dim": 4096, "n_layers": 32, "head_dim": 128, "hidden_dim": 14336, "n_heads": 32,
     "n_kv_heads": 8, "norm_eps": 1e-05, "vocab_size": 32768,
     "moe": {"num_experts": 8, "num_experts_per_tok": 2}}

Keys: mistral_inference/args.py (TransformerArgs, MoeArgs) and llama/model.py (ModelArgs).
"""

from collections.abc import Mapping
from typing import Any, Final

_KEYS: Final = (
    # here, there
    ("dim", "hidden_size"),
    ("n_layers", "num_hidden_layers"),
    ("n_heads", "num_attention_heads"),
    ("n_kv_heads", "num_key_value_heads"),
    ("head_dim", "head_dim"),
    ("hidden_dim", "intermediate_size"),
    ("vocab_size", "vocab_size"),
    ("sliding_window", "sliding_window"),
    ("tied_embeddings", "tie_word_embeddings"),
)
_EXPERT_KEYS: Final = (
    ("num_experts", "num_local_experts"),
    ("num_experts_per_tok", "num_experts_per_tok"),
)
_MISTRALS: Final = "hidden_dim"  # Meta's files give a multiple and a factor instead
# Llama 3.2's two small models have the width of 2,048 and 3,072 and share the embedding with the
# head; no key says so. All wider ones, and all before, have a head of their own.
_META_TIES_UP_TO: Final = 3_072
_META_SINCE_3_1: Final = "use_scaled_rope"


def config_of_params(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config that `params` stands for; a key that is absent there is absent here."""
    config = {there: params[here] for here, there in _KEYS if here in params}
    experts = params.get("moe")
    if isinstance(experts, Mapping):
        config |= {there: experts[here] for here, there in _EXPERT_KEYS if here in experts}
    if _MISTRALS in params:
        config.setdefault("tie_word_embeddings", False)
        config["model_type"] = "mixtral" if isinstance(experts, Mapping) else "mistral"
    elif not _may_be_tied(params):
        config["model_type"] = "llama"
    return config


def _may_be_tied(params: Mapping[str, Any]) -> bool:
    width = params.get("dim")
    narrow = isinstance(width, int) and width <= _META_TIES_UP_TO
    return narrow and bool(params.get(_META_SINCE_3_1))

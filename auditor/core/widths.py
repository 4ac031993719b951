"""The widths that a model's layers have, as its config gives them.

A witness for the shape of a packed matrix, where padding leaves a few widths open: of the numbers
that would fit, the one that the config names.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

_WIDTHS: Final = frozenset(
    """hidden_size intermediate_size d_model d_ff dim hidden_dim ffn_dim n_embd n_inner
    ffn_hidden_size encoder_ffn_dim decoder_ffn_dim moe_intermediate_size expert_ffn_hidden_size
    shared_expert_intermediate_size embedding_size hidden_size_per_layer_input q_lora_rank
    kv_lora_rank o_lora_rank""".split()
)
_HEADS: Final = ("num_attention_heads", "n_head", "num_heads", "num_key_value_heads")
_HEAD_WIDTHS: Final = ("head_dim", "v_head_dim", "global_head_dim")
_MAX_DEPTH: Final = 3  # an omni model: thinker_config, text_config
_MAX_SECTIONS: Final = 32
_MAX_WIDTH: Final = 1 << 24


def widths_of(config: Mapping[str, Any]) -> frozenset[int]:
    """Widths of the model and of the models inside it; empty where the config names none."""
    found: set[int] = set()
    for number, section in enumerate(_sections(config, _MAX_DEPTH)):
        if number == _MAX_SECTIONS:
            break
        found |= {value for key in _WIDTHS if (value := _number(section, key))}
        found |= {
            heads * width
            for heads_key, width_key in product(_HEADS, _HEAD_WIDTHS)
            if (heads := _number(section, heads_key)) and (width := _number(section, width_key))
        }
    return frozenset(found)


def _sections(config: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    yield config
    if depth > 1:
        for value in config.values():
            if isinstance(value, Mapping):
                yield from _sections(value, depth - 1)


def _number(section: Mapping[str, Any], key: str) -> int:
    value = section.get(key)
    return value if type(value) is int and 0 < value <= _MAX_WIDTH else 0

"""What each layer of a decoder keeps: all that it has read, a window, a state, or nothing.

Configs say it in a list (`layer_types`), as a period (`sliding_window_pattern`), as a text
(`hybrid_override_pattern`), or not at all where their class knows. Rules: the configuration classes
of transformers 5.23.0.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final

from auditor.core.memory_sections import MAX_LAYERS, WINDOW, NotSaidError, Section, at


class Keeps(StrEnum):
    """What a layer keeps of the tokens before."""

    ALL = "all"
    WINDOW = "window"
    STATE = "state"
    ALL_AND_STATE = "all and state"
    INDEXED = "indexed"  # all, and a key for each token by which the attended ones are found
    NOTHING = "nothing"


_WORDS: Final = {
    # as configs have it
    "full_attention": Keeps.ALL,
    "attention": Keeps.ALL,
    "global_attention": Keeps.ALL,
    "sliding_attention": Keeps.WINDOW,
    "chunked_attention": Keeps.WINDOW,
    "linear_attention": Keeps.STATE,
    "mamba": Keeps.STATE,
    "mamba2": Keeps.STATE,
    "recurrent": Keeps.STATE,
    "conv": Keeps.STATE,
    "hybrid": Keeps.ALL_AND_STATE,
    "indexed_attention": Keeps.INDEXED,
    "deepseek_sparse_attention": Keeps.INDEXED,
    "moe": Keeps.NOTHING,
    "mlp": Keeps.NOTHING,
}
_LISTS: Final = ("layer_types", "layers_block_type")
_NEMOTRON: Final = {
    "M": Keeps.STATE,
    "*": Keeps.ALL,
    "-": Keeps.NOTHING,
    "E": Keeps.NOTHING,
}

Layers = tuple[Keeps, ...]


def layers_of(section: Section) -> Layers:
    """What each layer keeps. Raises NotSaidError where neither the config nor its class says it."""
    words = section.words(*_LISTS)
    if words is not None:
        layers = _cut(_named(words), section.number("num_hidden_layers"))
    else:
        rule = _BY_TYPE.get(section.model_type, _by_window)
        layers = tuple(rule(section))
    return _without_shared(layers, section)


def _cut(layers: Layers, number: int | None) -> Layers:
    if number is not None and number > len(layers):
        raise NotSaidError(f"the config says {number:,} layers and lists {len(layers):,}")
    return layers if number is None else layers[:number]


def _named(words: Iterable[str]) -> Layers:
    layers = []
    for word in words:
        if word not in _WORDS:
            raise NotSaidError(f"what a layer of the type {word[:40]!r} keeps is not known")
        layers.append(_WORDS[word])
    return tuple(layers)


def _without_shared(layers: Layers, section: Section) -> Layers:
    """The last layers of Gemma 3n and 4 read the keys and values of earlier ones."""
    if not section.model_type.startswith(("gemma3n", "gemma4")):
        return layers
    default = 15 if section.model_type == "gemma3n" and section.default else 0
    said = section.number("num_kv_shared_layers")
    own = max(0, len(layers) - (default if said is None else said))
    return (*layers[:own], *[Keeps.NOTHING] * (len(layers) - own))


# -- where no list is given


def _by_window(section: Section) -> Layers:
    """A window, where there is one, is every layer's."""
    kept = Keeps.WINDOW if window_of(section) else Keeps.ALL
    return (kept,) * section.layers


def _all(section: Section) -> Layers:
    return (Keeps.ALL,) * section.layers


def _states(section: Section) -> Layers:
    return (Keeps.STATE,) * section.layers


def _both(section: Section) -> Layers:
    return (Keeps.ALL_AND_STATE,) * section.layers


def _indexed(section: Section) -> Layers:
    return (Keeps.INDEXED,) * section.layers


def _every(period: int, *keys: str, other: Keeps = Keeps.WINDOW) -> Callable[[Section], Layers]:
    """Every so many layers one keeps all; the number stands under `keys`, else it is `period`."""

    def rule(section: Section) -> Layers:
        each = section.number(*keys) if keys else None
        each = period if each is None else each
        if not each or (other is Keeps.WINDOW and not window_of(section)):
            return _all(section)
        return tuple(Keeps.ALL if i % each == 0 else other for i in range(1, section.layers + 1))

    return rule


def _exaone(section: Section) -> Layers:
    """A number, or letters: `LLLG` is three layers with a window and one with all."""
    pattern = section.values.get("sliding_window_pattern")
    if not isinstance(pattern, str) or not pattern:
        return _every(4, "sliding_window_pattern")(section)
    return tuple(
        Keeps.ALL if pattern[i % len(pattern)] == "G" or i == section.layers - 1 else Keeps.WINDOW
        for i in range(section.layers)
    )


def _qwen(section: Section) -> Layers:
    """A window only where `use_sliding_window` says so, from layer `max_window_layers` on."""
    if not window_of(section):
        return _all(section)
    first = section.number("max_window_layers")
    first = 28 if first is None else first  # the classes' own number
    return tuple(Keeps.WINDOW if i >= first else Keeps.ALL for i in range(section.layers))


def _llama4(section: Section) -> Layers:
    """Layers with rotary positions attend within a chunk, the others everywhere."""
    listed = section.numbers("no_rope_layers")
    if listed is None:
        return _every(4, "no_rope_layer_interval")(section)
    return tuple(Keeps.WINDOW if at(listed, i) else Keeps.ALL for i in range(section.layers))


def _jamba(section: Section) -> Layers:
    period = section.need("attn_layer_period")
    offset = section.number("attn_layer_offset") or 0
    return tuple(Keeps.ALL if i % period == offset else Keeps.STATE for i in range(section.layers))


def _at_indices(key: str) -> Callable[[Section], Layers]:
    def rule(section: Section) -> Layers:
        indices = section.numbers(key)
        if indices is None:
            raise NotSaidError(f"the config does not say {key}: which layers attend is not known")
        return tuple(Keeps.ALL if i in indices else Keeps.STATE for i in range(section.layers))

    return rule


def _nemotron_h(section: Section) -> Layers:
    pattern = section.values.get("hybrid_override_pattern")
    if not isinstance(pattern, str) or not pattern or set(pattern) - set(_NEMOTRON):
        raise NotSaidError("the config does not say hybrid_override_pattern")
    return tuple(_NEMOTRON[letter] for letter in pattern)


def _recurrent_gemma(section: Section) -> Layers:
    """The block types are repeated over the layers; attention is always within the window."""
    blocks = section.words("block_types", "_block_types") or ("recurrent", "recurrent", "attention")
    kept = tuple(Keeps.STATE if each == "recurrent" else Keeps.WINDOW for each in blocks)
    return tuple(kept[i % len(kept)] for i in range(section.layers))


def _minimax(section: Section) -> Layers:
    kinds = section.numbers("attn_type_list")  # 1 is attention, 0 lightning attention
    if kinds is None:
        raise NotSaidError("the config does not say attn_type_list")
    return tuple(Keeps.ALL if at(kinds, i) else Keeps.STATE for i in range(section.layers))


def _kimi_linear(section: Section) -> Layers:
    """The layers are counted from 1."""
    attending = section.within("linear_attn_config").numbers("full_attn_layers")
    if attending is None:
        raise NotSaidError("the config does not say linear_attn_config.full_attn_layers")
    return tuple(Keeps.ALL if i in attending else Keeps.STATE for i in range(1, section.layers + 1))


def _longcat(section: Section) -> Layers:
    """Two attention blocks in each layer (LongCat-Flash technical report, section 2.2)."""
    blocks = section.number("num_layers")
    return (Keeps.ALL,) * (2 * min(blocks, MAX_LAYERS) if blocks else section.layers)


def _listed_only(section: Section) -> Layers:
    raise NotSaidError(f"the config of this {section.model_type} has no {_LISTS[0]}")


_MIMO: Final = "hybrid_layer_pattern"  # 1 is a window


def _mimo(section: Section) -> Layers:
    windows = section.numbers(_MIMO)
    if windows is None:
        return _listed_only(section)
    return tuple(Keeps.WINDOW if at(windows, i) else Keeps.ALL for i in range(section.layers))


_WITH_SWITCH: Final = (
    "qwen2 qwen2_moe qwen2_vl qwen2_5_vl qwen2_5_omni qwen3 qwen3_moe qwen3_omni_moe dots1 smollm3"
).split()
_BY_TYPE: Final[dict[str, Callable[[Section], Sequence[Keeps]]]] = {
    **dict.fromkeys(_WITH_SWITCH, _qwen),
    **dict.fromkeys(("mamba", "mamba2", "falcon_mamba", "rwkv"), _states),
    **dict.fromkeys(("gemma2", "gpt_oss", "vaultgemma"), _every(2)),
    **dict.fromkeys(("gemma3", "gemma4", "gemma4_unified"), _every(6, "sliding_window_pattern")),
    **dict.fromkeys(("exaone4", "exaone_moe"), _exaone),
    **dict.fromkeys(("lfm2", "lfm2_moe"), _at_indices("full_attn_idxs")),
    **dict.fromkeys(("minimax", "minimax_text_01"), _minimax),
    **dict.fromkeys(
        ("qwen3_next", "qwen3_5", "qwen3_5_moe"),
        _every(4, "full_attention_interval", other=Keeps.STATE),
    ),
    **dict.fromkeys(("zamba", "zamba2", "granitemoehybrid", "olmo_hybrid"), _listed_only),
    **dict.fromkeys(("deepseek_v32", "glm_moe_dsa"), _indexed),
    "afmoe": _every(4, "global_attn_every_n_layers"),
    "bamba": _at_indices("attn_layer_indices"),
    "cohere2": _every(4, "sliding_window_pattern"),
    "falcon_h1": _both,
    "gemma3n": _every(5),
    "jamba": _jamba,
    "kimi_linear": _kimi_linear,
    "llama4": _llama4,
    "longcat_flash": _longcat,
    "mimo_v2_flash": _mimo,
    "nemotron_h": _nemotron_h,
    "olmo3": _every(4),
    "recurrent_gemma": _recurrent_gemma,
    **dict.fromkeys(
        ("beam", "cohere2_moe", "cwm", "granite_swa", "granitemoe_swa", "kolibri1", "laguna",
         "mellum", "modernbert-decoder"),
        _listed_only,
    ),
}  # fmt: skip


# -- the window


def window_of(section: Section) -> int | None:
    """Tokens that a layer with a window keeps; None where the model has no window."""
    if section.model_type == "llama4":
        chunk = section.number("attention_chunk_size")
        return 8_192 if chunk is None and section.default else chunk or None
    if section.model_type in _WITH_SWITCH and not section.flag("use_sliding_window"):
        return None
    if section.model_type == "recurrent_gemma":
        return section.number("attention_window_size", "sliding_window") or 2_048
    return section.number(*WINDOW) or None

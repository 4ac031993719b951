"""Numbers that attention keeps for a token: of every kind of layer.

    attention            2 x key-value heads x head width
    latent attention     kv_lora_rank + qk_rope_head_dim        one vector and one key for all heads
    indexed attention    and index_head_dim, by which the tokens to attend to are found

Head width is `head_dim`, else the model's width over its heads; key-value heads are the heads where
the config names none (Shazeer 2019; Ainslie et al. 2023; DeepSeek-V2, section 2.1).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from auditor.core.memory_cache import Grows, Part
from auditor.core.memory_layers import Keeps, window_of
from auditor.core.memory_sections import (
    HEAD_WIDTH,
    HEADS,
    KV_HEADS,
    WIDTH,
    NotSaidError,
    Section,
    at,
)

_ALL_TOKENS: Final = frozenset({Keeps.ALL, Keeps.ALL_AND_STATE, Keeps.INDEXED})


def attention_parts(section: Section, layers: Sequence[Keeps]) -> Iterable[Part]:
    """A part for each kind of attention layer, and for each number of key-value heads in it."""
    crossing = _crossing(section)
    kinds = Counter(
        (kept is Keeps.WINDOW, _heads(section, index, windowed=kept is Keeps.WINDOW))
        for index, kept in enumerate(layers)
        if (kept in _ALL_TOKENS or kept is Keeps.WINDOW) and index not in crossing
    )
    for (windowed, (heads, key, value)), number in kinds.items():
        elements = heads * (key + value)
        rule = (
            f"2 x {heads} heads x {key}" if key == value else f"{heads} heads x ({key} + {value})"
        )
        yield _part(section, number, elements, rule, windowed=windowed)
    if Keeps.INDEXED in layers:
        yield _indexer(section, layers)


def _part(section: Section, layers: int, elements: int, rule: str, *, windowed: bool) -> Part:
    most = window_of(section) if windowed else None
    if windowed and most is None:
        raise NotSaidError("the config does not say sliding_window")
    name = "attention" if most is None else f"window of {most:,}"
    return Part(name=name, layers=layers, elements=elements, rule=rule, most=most)


_Heads = tuple[int, int, int]  # how many, width of a key, width of a value


def _heads(section: Section, index: int, *, windowed: bool) -> _Heads:
    """The key-value heads of one layer. Raises NotSaidError."""
    own = section.of_layer(index)
    if section.model_type == "mimo_v2_flash":
        return _mimo(own, windowed=windowed)
    if own is section and section.model_type.startswith("gemma4") and not windowed:
        return _gemma4_full(section)
    width = _head_width(own)
    return (_kv_heads(own, index), width, width)


def _mimo(section: Section, *, windowed: bool) -> _Heads:
    """Layers with a window have twice the key-value heads, and values are narrower than keys."""
    prefix = "swa_" if windowed else ""
    heads = section.need(KV_HEADS[0])
    return (
        section.number(f"{prefix}{KV_HEADS[0]}") or 2 * heads if windowed else heads,
        section.need(f"{prefix}head_dim", "head_dim"),
        section.need(f"{prefix}v_head_dim", "v_head_dim"),
    )


def _head_width(section: Section) -> int:
    said = section.number(*HEAD_WIDTH)
    if said:
        return said
    width, heads = section.need(*WIDTH), section.need(*HEADS)
    if section.model_type in {"zamba", "zamba2"}:
        width *= 2  # attention sees the layer's input beside the model's first
    if width % heads:
        raise NotSaidError(f"{heads:,} heads do not share a width of {width:,} evenly")
    return width // heads


def _gemma4_full(section: Section) -> _Heads:
    """Layers with all tokens have heads of their own: other in number and in width."""
    width = section.number("global_head_dim") or (512 if section.default else _head_width(section))
    own = section.number("num_global_key_value_heads") if section.flag("attention_k_eq_v") else None
    return (own or _kv_heads(section, 0), width, width)


def _kv_heads(section: Section, index: int) -> int:
    """Key-value heads of one layer: a number for all, or a list."""
    listed = section.numbers(*KV_HEADS)
    if listed is not None:
        return at(listed, index)
    one = _multi_query(section)
    if one is not None:
        return one
    for key in KV_HEADS:
        if section.values.get(key) is not None and section.number(key) is None:
            raise NotSaidError(f"{key} in the config is no number")
    return section.number(*KV_HEADS) or section.need(*HEADS)


def _multi_query(section: Section) -> int | None:
    """What a few configs say with other words; None for all others."""
    match section.model_type:
        case "falcon" if not section.flag("new_decoder_architecture"):
            return section.need(*HEADS) if section.flag("multi_query") is False else 1
        case "gpt_bigcode":
            return section.need(*HEADS) if section.flag("multi_query") is False else 1
        case "chatglm" if not section.flag("multi_query_attention"):
            return section.need(*HEADS)
        case "dbrx" | "mpt":
            return section.within("attn_config").number("kv_n_heads") or section.need(*HEADS)
        case _:
            return None


def _indexer(section: Section, layers: Sequence[Keeps]) -> Part:
    width = section.need("index_head_dim")
    return Part(
        name="index keys",
        layers=sum(kept is Keeps.INDEXED for kept in layers),
        elements=width,
        rule=f"{width} of the indexer",
    )


# -- latent attention


def latent_parts(section: Section, layers: Sequence[Keeps]) -> Iterable[Part]:
    """One latent vector and one rotary key for all heads."""
    rank, rope = section.need("kv_lora_rank"), section.number("qk_rope_head_dim")
    if rope is None:
        raise NotSaidError("the config does not say qk_rope_head_dim")
    windowed = sum(kept is Keeps.WINDOW for kept in layers)
    whole = sum(kept in _ALL_TOKENS for kept in layers)
    rule = f"{rank} latent + {rope} rotary"
    for number, is_window in ((whole, False), (windowed, True)):
        if number:
            yield _part(section, number, rank + rope, rule, windowed=is_window)
    if Keeps.INDEXED in layers:
        yield _indexer(section, layers)


def expanded_elements(section: Section) -> int | None:
    """Numbers a token and layer where keys and values are kept as every head sees them."""
    heads, rope = section.number(*HEADS), section.number("qk_rope_head_dim")
    key, value = section.number("qk_nope_head_dim"), section.number("v_head_dim")
    if not heads or rope is None or key is None or value is None:
        return None
    return heads * (key + rope + value)


# -- images that a text attends to


def _crossing(section: Section) -> frozenset[int]:
    """Layers of Llama 3.2 Vision that attend to an image instead of to the text."""
    if section.model_type != "mllama":
        return frozenset()
    listed = section.numbers("cross_attention_layers")
    if listed is None:
        raise NotSaidError("the config does not say cross_attention_layers")
    return frozenset(listed)


def image_parts(section: Section, layers: Sequence[Keeps]) -> Iterable[Part]:
    crossing = [index for index in _crossing(section) if index < len(layers)]
    if not crossing:
        return
    vision = section.outer.get("vision_config")
    sight = Section(
        model_type="",
        values=vision if isinstance(vision, Mapping) else {},
        outer=section.outer,
        default=None,
    )
    side = sight.need("image_size") // (sight.number("patch_size") or 14)
    tokens = (side * side + 1) * (sight.number("max_num_tiles") or 4)
    heads, key, value = _heads(section, 0, windowed=False)
    yield Part(
        name="one image",
        layers=len(crossing),
        elements=tokens * heads * (key + value),
        rule=f"{tokens:,} places x 2 x {heads} heads x {key}",
        grows=Grows.NOT,
    )

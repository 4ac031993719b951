"""What a model keeps for each token that it has read, by its config.

attention            in full, or of the last W tokens    memory_attention
recurrent layers     a state, once for each sequence     memory_states
encoder-decoder      the decoder's own, and that of the source
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from auditor.core.memory_attention import (
    attention_parts,
    expanded_elements,
    image_parts,
    latent_parts,
)
from auditor.core.memory_cache import Cache, CacheRule, CacheUnknown, Grows, In, NoCache, Part
from auditor.core.memory_compressed import compressed_parts
from auditor.core.memory_layers import Keeps, layers_of
from auditor.core.memory_sections import WIDTH, NotSaidError, Section, section_of
from auditor.core.memory_states import state_of
from auditor.core.memory_types import (
    ATTENTION,
    COMPRESSED,
    ENCODER_DECODER,
    ENCODERS,
    LATENT,
    RECURRENT,
)


def cache_of(config: Mapping[str, Any]) -> CacheRule:
    """The cache of the model that a config.json describes."""
    if not config:
        return CacheUnknown(reason="there is no config that says what the layers are")
    if "_class_name" in config and "model_type" not in config:
        return NoCache(reason="a part of a diffusion pipeline generates no tokens")
    section = section_of(config)
    try:
        return _cache(section)
    except NotSaidError as missing:
        return CacheUnknown(reason=str(missing))


def _cache(section: Section) -> CacheRule:
    kind = section.model_type
    if kind in ENCODER_DECODER:
        return _encoder_decoder(section)
    if _only_encodes(section):
        return NoCache(reason="an encoder reads all at once and keeps nothing for a next token")
    if section.flag("add_cross_attention"):
        raise NotSaidError("how long the source is that its decoder attends to is not known")
    if kind in COMPRESSED:
        return Cache(parts=compressed_parts(section), longest=section.longest_context)
    if kind in _DECODERS or kind in ENCODERS:  # of the latter those that are decoders
        return _decoder(section, latent=_is_latent(section))
    if not kind:
        raise NotSaidError("the config does not say model_type")
    raise NotSaidError(f"what a model of the type {kind[:40]!r} keeps is not known")


_DECODERS: Final = ATTENTION | LATENT | RECURRENT


_ENCODES: Final = (
    "MaskedLM",
    "SequenceClassification",
    "TokenClassification",
    "QuestionAnswering",
    "ImageClassification",
    "Embedding",
)


def _only_encodes(section: Section) -> bool:
    """Whether it is an encoder: by its type, unless the config makes a decoder of it."""
    if section.model_type in ENCODERS:
        return not section.flag("is_decoder")
    classes = section.outer.get("architectures")
    names = [each for each in classes if isinstance(each, str)] if isinstance(classes, list) else []
    known = section.model_type in _DECODERS
    return bool(names) and not known and all(name.endswith(_ENCODES) for name in names)


def _is_latent(section: Section) -> bool:
    """Multi-head latent attention: by the ranks in the config."""
    has_rank = bool(section.number("kv_lora_rank"))
    if section.model_type in LATENT and not has_rank and section.model_type != "deepseek_v2":
        raise NotSaidError("the config does not say kv_lora_rank")
    return has_rank and section.flag("use_mla") is not False


def _decoder(section: Section, *, latent: bool) -> Cache:
    layers = layers_of(section)
    attending = latent_parts if latent else attention_parts
    parts = [
        *attending(section, layers),
        *_state_parts(section, layers),
        *image_parts(section, layers),
    ]
    return Cache(
        parts=tuple(parts),
        longest=section.longest_context,
        notes=tuple(_notes(section, parts, latent=latent)),
    )


# -- recurrent layers


def _state_parts(section: Section, layers: Sequence[Keeps]) -> Iterable[Part]:
    number = sum(kept in {Keeps.STATE, Keeps.ALL_AND_STATE} for kept in layers)
    if not number:
        return
    state = state_of(section)
    rows = (("convolution", state.convolution, In.COMPUTE), ("state", state.state, In.F32))
    for name, elements, kept_in in rows:
        if elements:
            yield Part(
                name=f"{name} of recurrent layers",
                layers=number,
                elements=elements,
                rule=state.rule,
                grows=Grows.NOT,
                kept_in=kept_in,
            )


# -- encoder and decoder


def _encoder_decoder(section: Section) -> CacheRule:
    """The decoder's own keys and values, and those of the source, in every layer."""
    classes = section.outer.get("architectures")
    if isinstance(classes, list) and classes and "EncoderModel" in str(classes[0])[:80]:
        return NoCache(reason="the encoder alone keeps nothing for a next token")
    layers = section.need(
        "decoder_layers", "num_decoder_layers", "decoder_num_hidden_layers", *_STACK
    )
    heads = section.need("decoder_attention_heads", *_STACK_HEADS)
    kv_heads = section.number("decoder_num_key_value_heads", "num_key_value_heads") or heads
    width = section.number("d_kv", "head_dim") or section.need(*WIDTH) // heads
    elements, rule = 2 * kv_heads * width, f"2 x {kv_heads} heads x {width}"
    source = section.number("max_source_positions") if section.model_type == "whisper" else None
    cross = Part(
        name="the source",
        layers=layers,
        elements=elements * (source or 1),
        rule=f"{source:,} places x {rule}" if source else rule,
        grows=Grows.NOT if source else Grows.SOURCE,
    )
    own = Part(name="attention", layers=layers, elements=elements, rule=rule)
    return Cache(parts=(own, cross), longest=section.longest_context)


_STACK: Final = ("num_layers", "num_hidden_layers", "n_layers")
_STACK_HEADS: Final = ("num_heads", "num_attention_heads", "decoder_num_attention_heads")


# -- what is to be said


def _notes(section: Section, parts: Sequence[Part], *, latent: bool) -> Iterable[str]:
    expanded = expanded_elements(section) if latent else None
    if expanded:
        yield (
            "kept as one latent vector (vLLM, SGLang, transformers 5.23); where keys and values are"
            f" kept for every head, {expanded:,} numbers a token and layer"
        )
    windowed = [part for part in parts if part.most is not None]
    if windowed and len([part for part in parts if part.grows is Grows.CONTEXT]) > 1:
        yield "a runtime that gives every layer as many places takes more for the windows"

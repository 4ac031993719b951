"""The few fields of config.json that matter to a count, read through every dialect, checked once.

A config is hostile text: wrong types are taken as absent, never trusted and never a crash.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.core.quantization import quantization_of

# Sub-configs that hold the language model of a composite one, by the key that transformers'
# classes use (PretrainedConfig.get_text_config and the omni, LLaVA and InternVL dialects).
_TEXT_KEYS: Final = ("text_config", "llm_config", "language_config", "thinker_config")

# Configuration classes of transformers 5.23.0 whose default is `tie_word_embeddings=True`. A saved
# config leaves a default out, so silence means the class's default. All others do not tie.
TIED_BY_DEFAULT: Final = frozenset(
    """
    albert aya_vision bart bert bert-generation big_bird bigbird_pegasus biogpt blenderbot
    blenderbot-small blip blip_text_model bloom camembert canary cohere cohere2 cohere2_moe
    cohere2_vision cohere_compass_text convbert cpmant csm ctrl d_fine dab-detr data2vec-text
    deberta deberta-v2 deepseek_vl deepseek_vl_hybrid deformable_detr deimv2 diffusion_gemma
    diffusion_gemma_text distilbert electra ernie ernie4_5 ernie4_5_moe ernie4_5_vl_moe
    ernie4_5_vl_moe_text esm falcon falcon_mamba flaubert flava florence2 fnet fun_asr_nano funnel
    gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text gemma4 gemma4_text gemma4_unified
    gemma4_unified_assistant gemma4_unified_text glmasr got_ocr2 gpt-sw3 gpt2 gpt_bigcode gpt_neo
    gpt_neox_japanese granite_docling granite_docling_text granite_speech granite_speech5_ctc
    granite_speech_plus granite_swa grounding-dino gte hunyuan_vl hunyuan_vl_text
    hyperclovax_vision_v2 ibert internvl janus jetmoe jina_embeddings_v3 kimi_k25 kosmos-2
    kosmos-2.5 kosmos_2_5_text_model kosmos_2_text_model layoutlm led lfm2 lfm2_moe lfm2_vl lfm3
    lfm3_vl lighton_ocr longformer longt5 luke lxmert m2m_100 mamba marian mbart megatron-bert mimi
    mimi_decoder mimi_encoder minicpm3 minicpm_ocr mistral3 mm-grounding-dino mobilebert modernbert
    modernbert-decoder moonshine moss_transcribe_diarize mpnet mpt mra mt5 mvp neomme nllb-moe
    nomic_bert nystromformer openai-gpt opt ovis2 paddleocr_vl paddleocr_vl_text paligemma
    pe_audio_video pegasus pegasus_x plbart pop2piano pp_chart2table pp_doclayout_v3
    pp_doclayout_v4 prophetnet qwen2_5_omni_text qwen3_asr qwen3_vl_moe_text recurrent_gemma
    roberta roberta-prelayernorm roc_bert roformer rt_detr_v2 sam sam_hq seamless_m4t
    seamless_m4t_v2 shieldgemma2 smollm3 speech_to_text speecht5 squeezebert starcoder2
    switch_transformers t5 t5_gemma_module t5gemma t5gemma2 t5gemma2_decoder t5gemma2_encoder
    t5gemma2_text tapas trocr udop umt5 vaultgemma vilt visual_bert voxtral_realtime whisper xglm
    xlm xlm-roberta xlm-roberta-xl xlnet xmod yoso youtu zamba zamba2 zaya
    """.split()
)

# Composite classes of 5.23.0 that hold the head themselves and do not tie it by default, though
# the language model inside would.
_UNTIED_OUTSIDE: Final = frozenset(
    "cohere_compass modernvbert qwen2_5_omni qwen2_5_omni_thinker qwen3_vl_moe".split()
)

# Composite classes that take `true` over from their text_config, where older writers put it.
_TIED_INSIDE: Final = frozenset(
    """
    fast_vlm glm4v glm4v_moe glm_ocr hunyuan_vl llava llava_next llava_next_video llava_onevision
    minimax_m3_vl paddleocr_vl perception_lm qwen2_5_vl qwen2_vl shieldgemma2 video_llama_3
    """.split()
)

# Two whole models side by side: the decoder has a head and a config of its own.
_OF_TWO_MODELS: Final = frozenset(
    {"encoder-decoder", "speech-encoder-decoder", "vision-encoder-decoder"}
)

# Retired names of remote-code classes that became a transformers class.
_RENAMED_TYPES: Final = {"RefinedWeb": "falcon", "RefinedWebModel": "falcon"}

_MAX_CLASS_NAME: Final = 80  # twice the longest of transformers
# `RobertaForMaskedLM`, `GPT2LMHeadModel`: what configs of 2019 have in place of a model type.
_CLASS_NAME: Final = re.compile(r"(?P<kind>\w+?)(?:For[A-Z]|LMHead|With[A-Z]|Model)\w*")

_Configs = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Whether the head shares the embedding's matrix, and who says so."""

    tied: bool
    reason: str
    explicit: bool  # said by the config itself, not by a class's default
    settled: bool = True  # whether there was anything to judge by


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """What config.json says, as far as counting needs it. Empty where there is no config."""

    model_type: str | None = None
    text_model_type: str | None = None  # of the language model inside a composite one
    architectures: tuple[str, ...] = ()
    dtype: str | None = None
    tie: Tie = field(
        default_factory=lambda: Tie(tied=False, reason="no config says so", explicit=False)
    )
    layers: int | None = None
    vocab_size: int | None = None
    quantization: Mapping[str, Any] | None = None
    remote_code: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)  # as it stands, unchecked

    @property
    def model_types(self) -> frozenset[str]:
        return frozenset(kind for kind in (self.model_type, self.text_model_type) if kind)


def read_config(value: Mapping[str, Any]) -> ModelConfig:
    """The model that a parsed config.json describes."""
    architectures = _texts(value.get("architectures"))
    model_type = _text(value.get("model_type")) or _type_of(architectures)
    model_type = _RENAMED_TYPES.get(model_type or "", model_type)
    nested = _inner_configs(value, model_type)
    inner = nested[-1] if nested else {}
    text_model_type = _text(inner.get("model_type"))
    return ModelConfig(
        model_type=model_type,
        text_model_type=text_model_type,
        architectures=architectures,
        dtype=_dtype(value) or _dtype(inner),
        tie=_tie(value, nested, (model_type, text_model_type)),
        layers=_first_count(inner, value, keys=("num_hidden_layers", "n_layer", "num_layers")),
        vocab_size=_first_count(inner, value, keys=("vocab_size",)),
        quantization=quantization_of(value, {}) or None,
        remote_code="auto_map" in value,
        values=value,
    )


def _type_of(architectures: tuple[str, ...]) -> str | None:
    """The model type that a class's name begins with: `roberta` of `RobertaForMaskedLM`."""
    found = _CLASS_NAME.fullmatch(architectures[0][:_MAX_CLASS_NAME]) if architectures else None
    return found["kind"].lower() if found else None


def _inner_configs(value: Mapping[str, Any], model_type: str | None) -> _Configs:
    """The configs inside a composite one down to its language model's, the outer first."""
    for key in ("decoder",) if model_type in _OF_TWO_MODELS else _TEXT_KEYS:
        if isinstance(inner := value.get(key), Mapping):
            nested = inner.get("text_config")
            return (inner, nested) if isinstance(nested, Mapping) else (inner,)
    return ()


def _tie(value: Mapping[str, Any], inner: _Configs, kinds: tuple[str | None, str | None]) -> Tie:
    """Explicit words first, the outer config's before the inner's; then the class's default.

    Of a composite model that is silent in both, the language model's own class decides: its large
    checkpoints store two different matrices although the outer class's default is to tie
    (internvl, mistral3, janus). A few outer classes hold the head and do not tie it; they decide.
    """
    model_type, text_model_type = kinds
    for where, tied in _said(value, inner, model_type):
        reason = f"{where} says tie_word_embeddings: {str(tied).lower()}"
        return Tie(tied=tied, reason=reason, explicit=True)
    decisive = model_type if model_type in _UNTIED_OUTSIDE else text_model_type or model_type
    if decisive is None:
        reason = "the config names no model type"
        return Tie(tied=False, reason=reason, explicit=False, settled=False)
    tied = decisive in TIED_BY_DEFAULT
    word = "ties" if tied else "does not tie"
    return Tie(tied=tied, reason=f"the {decisive} class {word} by default", explicit=False)


def _said(
    value: Mapping[str, Any], inner: _Configs, model_type: str | None
) -> Iterator[tuple[str, bool]]:
    """What the configs themselves say of the tie, the word that holds first."""
    two_models = model_type in _OF_TWO_MODELS
    places = [("config.json", value)]
    places += [("its decoder" if two_models else "its text_config", config) for config in inner]
    words = [(where, said) for where, config in places if (said := _tie_word(config)) is not None]
    if two_models or (model_type in _TIED_INSIDE and words and words[-1][1]):
        words.reverse()
    yield from words


def _tie_word(config: Mapping[str, Any]) -> bool | None:
    said = config.get("tie_word_embeddings", config.get("tie_embedding"))
    return said if isinstance(said, bool) else None


def _dtype(value: Mapping[str, Any]) -> str | None:
    return _text(value.get("dtype")) or _text(value.get("torch_dtype"))


def _first_count(*configs: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    for config in configs:
        for key in keys:
            found = config.get(key)
            if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
                return found
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))

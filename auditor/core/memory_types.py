"""Model types by the cache that they keep, and the numbers that their classes give by default.

Types are transformers 5.23.0's, without `_text`; those of models whose code lies on the Hub stand
below with the repository where that code can be read.
"""

from typing import Final, NamedTuple

# Types whose configs are those of another. A checkpoint's own code, or an older name.
RENAMED: Final = {
    "kimi_k2": "deepseek_v3",
    "kimi_k25": "deepseek_v3",
    "RefinedWeb": "falcon",
    "RefinedWebModel": "falcon",
    "openai_gpt": "openai-gpt",
    "speech_to": "speech_to_text",
    "mllama_text_model": "mllama",
}

# Decoders with keys and values in every layer, in full or in a sliding window, as the config says.
ATTENTION: Final = frozenset(
    """
    apertus arcee aria bert-generation biogpt bitnet bloom codegen cohere cohere_compass cpmant
    ctrl dbrx diffllama doge dots1 emu3 ernie4_5 ernie4_5_moe ernie4_5_vl_moe falcon flex_olmo fuyu
    gemma git glm glm4 glm46v glm4_moe glm4v glm4v_moe glm_ocr got_ocr2 gpt-sw3 gpt2 gpt_bigcode
    gpt_neo gpt_neox gpt_neox_japanese gptj granite granitemoe granitemoeshared helium
    hunyuan_v1_dense hunyuan_v1_moe hunyuan_vl hy_v3 hyperclovax idefics internlm3 iquestcoder
    jais2 jetmoe kosmos_2 laguna llama mellum minimax_m2 ministral3 mixtral mllama molmo2 mpt
    musicgen_decoder nanochat nemotron olmo olmo2 olmoe openai-gpt opt paddleocr_vl persimmon phi
    phi3 phi4_multimodal phimoe qwen2 qwen2_5_omni qwen2_5_vl qwen2_moe qwen2_vl qwen3 qwen3_moe
    qwen3_omni_moe qwen3_vl qwen3_vl_moe seed_oss smollm3 solar_open stablelm starcoder2 xglm
    afmoe beam cohere2 cohere2_moe cwm exaone4 exaone_moe gemma2 gemma3 gemma3n gemma4
    gemma4_unified gpt_oss granite_swa granitemoe_swa kolibri1 llama4 mimo_v2_flash ministral
    mistral modernbert-decoder olmo3 vaultgemma
    """.split()
) | frozenset(
    # baichuan-inc/Baichuan2-7B-Base, zai-org/chatglm3-6b, internlm/internlm2-7b, Qwen/Qwen-7B,
    # openbmb/MiniCPM-2B-sft-bf16, deepseek-ai/deepseek-moe-16b-base, LGAI-EXAONE/EXAONE-3.5,
    # BAAI/Aquila-7B, OrionStarAI/Orion-14B-Base, xverse/XVERSE-7B, apple/OpenELM-1_1B,
    # inclusionAI/Ling-lite, hpcai-tech/grok-1, allenai/OLMo-7B, stabilityai/stablelm-3b-4e1t
    """
    baichuan chatglm internlm internlm2 qwen minicpm deepseek exaone aquila orion xverse openelm
    bailing_moe grok-1 hf_olmo stablelm_epoch
    """.split()
)

# Decoders whose keys and values are kept as one latent vector: multi-head latent attention.
LATENT: Final = frozenset(
    """
    axk1 deepseek_v2 deepseek_v3 deepseek_v32 glm4_moe_lite glm_moe_dsa longcat_flash minicpm3
    mistral4 youtu deepseek_vl_v2
    """.split()
)

# Decoders that keep a window, and beside it one entry for several tokens.
COMPRESSED: Final = frozenset({"deepseek_v4"})

# Decoders with a state of constant size in some or all layers.
RECURRENT: Final = frozenset(
    """
    bamba falcon_h1 falcon_mamba granitemoehybrid jamba kimi_linear lfm2 lfm2_moe mamba mamba2
    minimax minimax_text_01 nemotron_h olmo_hybrid qwen3_5 qwen3_5_moe qwen3_next recurrent_gemma
    rwkv zamba zamba2
    """.split()
)

# Two stacks: the decoder keeps its own keys and values and those of what was encoded.
ENCODER_DECODER: Final = frozenset(
    """
    bart bigbird_pegasus blenderbot blenderbot-small led longt5 m2m_100 marian mbart moonshine mt5
    mvp nllb-moe pegasus pegasus_x plbart pop2piano speech_to_text switch_transformers t5 udop umt5
    whisper
    """.split()
)

# All that they read is read at once; nothing is kept for a next token.
ENCODERS: Final = frozenset(
    """
    albert align altclip audio-spectrogram-transformer beit bert big_bird bros
    camembert canine chinese_clip clap clip clip_vision_model clipseg convbert
    convnext convnextv2 data2vec-audio data2vec-text data2vec-vision deberta deberta-v2 deit
    depth_anything detr dinov2 dinov2_with_registers dinov3_vit distilbert dpr dpt efficientnet
    electra ernie esm eurobert fnet funnel groupvit grounding-dino gte hubert ibert ijepa layoutlm
    layoutlmv2 layoutlmv3 layoutxlm levit lilt longformer luke markuplm mask2former megatron-bert
    metaclip_2 mobilebert mobilenet_v1 mobilenet_v2 mobilevit mobilevitv2 modernbert mpnet mra
    nomic_bert nystromformer owlv2 owlvit patchtsmixer patchtst perceiver pixtral poolformer
    regnet rembert resnet roberta roberta-prelayernorm roc_bert roformer rt_detr rt_detr_v2 sam
    sam2 segformer sew sew-d siglip siglip2 siglip_vision_model splinter
    squeezebert superpoint swin swin2sr swinv2 table-transformer tapas timesformer
    unispeech unispeech-sat upernet videomae vilt vit vit_mae vit_msn vitdet vivit wav2vec2
    wav2vec2-bert wav2vec2-conformer wavlm xclip xlm-roberta xlm-roberta-xl xmod yolos yoso
    """.split()
)


class Default(NamedTuple):
    """A class's own numbers; None where it has none and another key decides."""

    layers: int
    heads: int
    kv_heads: int | None
    head_width: int | None
    width: int
    window: int | None
    context: int


# A composite model's config leaves out what its language model's class says by default:
# google/gemma-3-4b-it has no num_attention_heads, llava-hf/llava-1.5-7b-hf no num_hidden_layers.
DEFAULTS: Final = {
    # model type: layers, heads, kv heads, head width, width, window, context
    "aria": Default(32, 32, None, None, 4_096, None, 2_048),
    "cohere": Default(40, 64, None, None, 8_192, None, 8_192),
    "cohere2": Default(40, 64, None, None, 8_192, 4_096, 8_192),
    "emu3": Default(32, 32, 8, None, 4_096, None, 9_216),
    "ernie4_5_vl_moe": Default(28, 20, 4, None, 2_560, None, 131_072),
    "exaone4": Default(32, 32, 32, None, 4_096, 4_096, 2_048),
    "gemma": Default(28, 16, 16, 256, 3_072, None, 8_192),
    "gemma2": Default(26, 8, 4, 256, 2_304, 4_096, 8_192),
    "gemma3": Default(26, 8, 4, 256, 2_304, 4_096, 131_072),
    "gemma3n": Default(35, 8, 2, 256, 2_048, 512, 32_768),
    "gemma4": Default(30, 8, 4, 256, 2_304, 512, 131_072),
    "gemma4_unified": Default(30, 8, 4, 256, 2_304, 1_024, 262_144),
    "glm4v": Default(40, 32, 2, None, 4_096, None, 32_768),
    "glm4v_moe": Default(46, 96, 8, None, 4_096, None, 65_536),
    "gpt_oss": Default(36, 64, 8, 64, 2_880, 128, 131_072),
    "granite": Default(32, 32, None, None, 4_096, None, 2_048),
    "lfm2": Default(32, 32, 8, None, 2_560, None, 128_000),
    "lfm2_moe": Default(32, 32, 8, None, 2_048, None, 128_000),
    "llama": Default(32, 32, None, None, 4_096, None, 2_048),
    "llama4": Default(48, 40, 8, 128, 5_120, None, 131_072),
    "ministral": Default(32, 32, 8, None, 4_096, 4_096, 131_072),
    "mistral": Default(32, 32, 8, None, 4_096, 4_096, 131_072),
    "mixtral": Default(32, 32, 8, None, 4_096, None, 131_072),
    "mllama": Default(40, 32, 8, None, 4_096, None, 131_072),
    "olmo3": Default(32, 32, None, None, 4_096, 4_096, 2_048),
    "opt": Default(12, 12, None, None, 768, None, 2_048),
    "persimmon": Default(36, 64, None, None, 4_096, None, 16_384),
    "phi": Default(24, 32, None, None, 2_048, None, 2_048),
    "phi3": Default(32, 32, None, None, 3_072, None, 4_096),
    "qwen2": Default(32, 32, 32, None, 4_096, 4_096, 32_768),
    "qwen2_5_omni": Default(28, 28, 4, None, 3_584, 32_768, 32_768),
    "qwen2_5_vl": Default(80, 64, 8, None, 8_192, 4_096, 32_768),
    "qwen2_moe": Default(24, 16, 16, None, 2_048, 4_096, 32_768),
    "qwen2_vl": Default(80, 64, 8, None, 8_192, 4_096, 32_768),
    "qwen3": Default(32, 32, 32, 128, 4_096, 4_096, 32_768),
    "qwen3_5": Default(32, 16, 4, 256, 4_096, None, 32_768),
    "qwen3_5_moe": Default(40, 16, 2, 256, 2_048, None, 32_768),
    "qwen3_moe": Default(24, 32, 4, None, 2_048, 4_096, 32_768),
    "qwen3_next": Default(48, 16, 2, 256, 2_048, None, 32_768),
    "qwen3_vl": Default(32, 32, 32, 128, 4_096, None, 128_000),
    "qwen3_vl_moe": Default(24, 16, 16, None, 2_048, None, 128_000),
    "vaultgemma": Default(26, 8, 4, 256, 2_304, 4_096, 8_192),
}

"""Whole published models as their packed checkpoints store them: names, dtypes and shapes.

Architectures from the published configs; packings by the shape rules of the libraries that write
them, worked out here and not taken from the package under test:

    GPTQ            GPTQModel nn_modules/qlinear, `_register_gptq_buffers`
    AWQ             AutoAWQ awq/modules/linear/gemm.py
    bitsandbytes    bitsandbytes/functional.py, QuantState.as_dict(packed=True)
    MLX             mlx python/mlx/nn/layers/quantized.py
    MXFP4           openai/gpt-oss gpt_oss/torch/weights.py
    FP8             deepseek-ai/DeepSeek-V3 inference/fp8_cast_bf16.py and README_WEIGHTS.md
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Stored = dict[str, tuple[str, tuple[int, ...]]]  # name -> dtype, shape
Rows = Iterator[tuple[str, tuple[str, tuple[int, ...]]]]
Packer = Callable[[str, int, int], Stored]

BITS = 4
GROUP = 128


def gptq(module: str, rows: int, columns: int) -> Stored:
    """4 bits, groups of 128, act-order: eight weights to an int32 along the inputs."""
    return {
        f"{module}.qweight": ("I32", (columns * BITS // 32, rows)),
        f"{module}.qzeros": ("I32", (columns // GROUP, rows * BITS // 32)),
        f"{module}.scales": ("F16", (columns // GROUP, rows)),
        f"{module}.g_idx": ("I32", (columns,)),
    }


def awq(module: str, rows: int, columns: int) -> Stored:
    """GEMM, 4 bits, groups of 128: eight weights to an int32 along the outputs."""
    return {
        f"{module}.qweight": ("I32", (columns, rows * BITS // 32)),
        f"{module}.qzeros": ("I32", (columns // GROUP, rows * BITS // 32)),
        f"{module}.scales": ("F16", (columns // GROUP, rows)),
    }


def nf4(module: str, rows: int, columns: int) -> Stored:
    """Blocks of 64, double quantisation: two weights to a byte in one long column."""
    weights = rows * columns
    blocks = -(-weights // 64)
    return {
        f"{module}.weight": ("U8", (weights // 2, 1)),
        f"{module}.weight.absmax": ("U8", (blocks,)),
        f"{module}.weight.quant_map": ("F32", (16,)),
        f"{module}.weight.nested_absmax": ("F32", (-(-blocks // 256),)),
        f"{module}.weight.nested_quant_map": ("F32", (256,)),
        f"{module}.weight.quant_state.bitsandbytes__nf4": ("U8", (107,)),
    }


def mlx(module: str, rows: int, columns: int) -> Stored:
    """Affine, 4 bits, groups of 64: eight weights to a uint32 along the inputs."""
    return {
        f"{module}.weight": ("U32", (rows, columns * BITS // 32)),
        f"{module}.scales": ("BF16", (rows, columns // 64)),
        f"{module}.biases": ("BF16", (rows, columns // 64)),
    }


def fp8(module: str, rows: int, columns: int) -> Stored:
    """Blocks of 128 x 128 that share a scale; the last ones may be cut."""
    return {
        f"{module}.weight": ("F8_E4M3", (rows, columns)),
        f"{module}.weight_scale_inv": ("F32", (-(-rows // 128), -(-columns // 128))),
    }


def plain(module: str, rows: int, columns: int) -> Stored:
    return {f"{module}.weight": ("BF16", (rows, columns))}


def llama_3_1_8b(pack: Packer, *, embeddings: Packer = plain) -> Stored:
    """meta-llama/Llama-3.1-8B: 32 layers of 4,096, inner 14,336, 8 key heads of 128, 128,256 words.

    8,030,261,248 parameters (Hub, and the model card of its 4-bit copies).
    """
    width, inner, keys, words = 4_096, 14_336, 1_024, 128_256
    stored = dict(embeddings("model.embed_tokens", words, width))
    for layer in range(32):
        at = f"model.layers.{layer}"
        for name, rows, columns in (
            ("self_attn.q_proj", width, width),
            ("self_attn.k_proj", keys, width),
            ("self_attn.v_proj", keys, width),
            ("self_attn.o_proj", width, width),
            ("mlp.gate_proj", inner, width),
            ("mlp.up_proj", inner, width),
            ("mlp.down_proj", width, inner),
        ):
            stored |= pack(f"{at}.{name}", rows, columns)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            stored[f"{at}.{norm}.weight"] = ("BF16", (width,))
    stored["model.norm.weight"] = ("BF16", (width,))
    return stored | embeddings("lm_head", words, width)


def gpt_oss_20b() -> Stored:
    """openai/gpt-oss-20b: 24 layers of 2,880, 32 experts, 64 heads of 64 with 8 key heads.

    20,914,757,184 parameters (its paper: 20.9B).
    """
    width, heads, keys, experts, words = 2_880, 64 * 64, 8 * 64, 32, 201_088
    stored: dict[str, tuple[str, tuple[int, ...]]] = {
        "model.embed_tokens.weight": ("BF16", (words, width)),
        "model.norm.weight": ("BF16", (width,)),
        "lm_head.weight": ("BF16", (words, width)),
    }
    for layer in range(24):
        at = f"model.layers.{layer}"
        for name, rows, columns in (
            ("q_proj", heads, width),
            ("k_proj", keys, width),
            ("v_proj", keys, width),
            ("o_proj", width, heads),
        ):
            stored[f"{at}.self_attn.{name}.weight"] = ("BF16", (rows, columns))
            stored[f"{at}.self_attn.{name}.bias"] = ("BF16", (rows,))
        stored[f"{at}.self_attn.sinks"] = ("BF16", (64,))
        stored[f"{at}.input_layernorm.weight"] = ("BF16", (width,))
        stored[f"{at}.post_attention_layernorm.weight"] = ("BF16", (width,))
        stored[f"{at}.mlp.router.weight"] = ("BF16", (experts, width))
        stored[f"{at}.mlp.router.bias"] = ("BF16", (experts,))
        for name, rows in (("gate_up_proj", 2 * width), ("down_proj", width)):
            part = f"{at}.mlp.experts.{name}"
            stored[f"{part}_blocks"] = ("U8", (experts, rows, width // 32, 16))
            stored[f"{part}_scales"] = ("U8", (experts, rows, width // 32))
            stored[f"{part}_bias"] = ("BF16", (experts, rows))
    return stored


GPT_OSS_CONFIG: Mapping[str, Any] = {
    "model_type": "gpt_oss",
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "mxfp4"},
}


def deepseek_v3() -> Stored:
    """deepseek-ai/DeepSeek-V3: 61 layers of 7,168, 256 experts of 2,048, and the module after them.

    The Hub shows BF16 3,918,786,560, F8_E4M3 680,571,043,840 and F32 41,555,600.
    """
    width, words = 7_168, 129_280
    stored: dict[str, tuple[str, tuple[int, ...]]] = {
        "model.embed_tokens.weight": ("BF16", (words, width)),
        "model.norm.weight": ("BF16", (width,)),
        "lm_head.weight": ("BF16", (words, width)),
    }
    for layer in range(62):
        stored.update(_deepseek_layer(f"model.layers.{layer}", dense=layer < 3))
    beside = "model.layers.61"
    stored[f"{beside}.eh_proj.weight"] = ("BF16", (width, 2 * width))
    for norm in ("enorm", "hnorm", "shared_head.norm"):
        stored[f"{beside}.{norm}.weight"] = ("BF16", (width,))
    stored[f"{beside}.embed_tokens.weight"] = ("BF16", (words, width))
    stored[f"{beside}.shared_head.head.weight"] = ("BF16", (words, width))
    return stored


def _deepseek_layer(at: str, *, dense: bool) -> Rows:
    width, heads = 7_168, 128
    for name, rows, columns in (
        ("q_a_proj", 1_536, width),
        ("q_b_proj", heads * 192, 1_536),
        ("kv_a_proj_with_mqa", 576, width),
        ("kv_b_proj", heads * 256, 512),
        ("o_proj", width, heads * 128),
    ):
        yield from fp8(f"{at}.self_attn.{name}", rows, columns).items()
    yield f"{at}.self_attn.q_a_layernorm.weight", ("BF16", (1_536,))
    yield f"{at}.self_attn.kv_a_layernorm.weight", ("BF16", (512,))
    yield f"{at}.input_layernorm.weight", ("BF16", (width,))
    yield f"{at}.post_attention_layernorm.weight", ("BF16", (width,))
    if dense:
        yield from _deepseek_mlp(f"{at}.mlp", 18_432)
        return
    yield f"{at}.mlp.gate.weight", ("BF16", (256, width))
    yield f"{at}.mlp.gate.e_score_correction_bias", ("F32", (256,))
    yield from _deepseek_mlp(f"{at}.mlp.shared_experts", 2_048)
    for expert in range(256):
        yield from _deepseek_mlp(f"{at}.mlp.experts.{expert}", 2_048)


def _deepseek_mlp(at: str, inner: int) -> Rows:
    for name, rows, columns in (
        ("gate_proj", inner, 7_168),
        ("up_proj", inner, 7_168),
        ("down_proj", 7_168, inner),
    ):
        yield from fp8(f"{at}.{name}", rows, columns).items()


DEEPSEEK_CONFIG: Mapping[str, Any] = {
    "model_type": "deepseek_v3",
    "num_hidden_layers": 61,
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}

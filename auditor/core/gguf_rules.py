"""Roles of tensors under the names that llama.cpp gives them.

Names: gguf 0.19.0, gguf/constants.py, TENSOR_NAMES, each with `.weight` or `.bias` behind it. Most
need no row of their own: `attn_norm` is a norm, `ffn_down_exps` are routed experts, and what no
rule knows is a weight, as everywhere. The rows here hold for these names alone.
"""

from typing import Final

from auditor.core import conditions
from auditor.core.roles import Bucket, Context, Role, Rule

_LAYERS: Final = (".blk.*.", ".enc.blk.*.", ".dec.blk.*.", ".v.blk.*.", ".a.blk.*.")

# Where the numbers of experts stand in files from before April 2024 (`blk.0.ffn_gate.3.weight`);
# since then all experts of a layer are one tensor.
NUMBERED_EXPERTS: Final = (".ffn_gate.", ".ffn_up.", ".ffn_down.")


def _is_ggufs(_: Bucket, context: Context) -> bool:
    """Whether the names beside it are llama.cpp's, for names that others might use."""
    return any(f".{pattern}".startswith(_LAYERS) for pattern in context.patterns)


def _repeats_kv_b(bucket: Bucket, context: Context) -> bool:
    ending = bucket.pattern.rpartition("attn_")[2]
    return context.has_sibling(bucket.pattern, ending, "kv_b.weight")


GGUF: Final = (
    Rule(
        name="scales of quantised weights",
        role=Role.AUXILIARY,
        ends=(".scale", ".input_scale"),
        test=lambda bucket, context: (
            conditions.is_vector(bucket, context) and _is_ggufs(bucket, context)
        ),
        reason="a factor for a whole matrix or for each expert, beside NVFP4 and BitNet weights",
    ),
    Rule(
        name="importance matrix",
        role=Role.AUXILIARY,
        ends=(".weight.in_sum2", ".weight.counts"),
        reason="sums over activations, by which llama.cpp quantises",
    ),
    Rule(
        name="split copies of the key-value projection",
        role=Role.TIED_COPY,
        trainable=False,
        begins=_LAYERS,
        ends=(".attn_k_b.weight", ".attn_v_b.weight"),
        test=_repeats_kv_b,
        reason="ik_llama.cpp's converter stores the halves of attn_kv_b beside it",
    ),
    Rule(
        name="rotary frequencies",
        role=Role.BUFFER,
        begins=(".rope_factors_long.", ".rope_factors_short.", ".rope_freqs."),
        reason="computed from the config's factors",
    ),
    Rule(
        name="rotary frequencies",
        role=Role.BUFFER,
        begins=_LAYERS,
        contains=(".attn_rot_embd", ".rope_freqs.", ".rope_factors_long.", ".rope_factors_short."),
        reason="computed from the config; the same for each layer",
    ),
    Rule(
        name="frozen router corrections",
        role=Role.BIAS,
        trainable=False,
        ends=(".exp_probs_b", ".exp_probs_b.bias"),
        types=conditions.FROZEN_CORRECTIONS | {"afmoe"},
        reason="here a parameter with requires_grad=False, elsewhere a buffer",
    ),
    Rule(
        name="layer scalars",
        role=Role.BUFFER,
        begins=_LAYERS,
        ends=(".layer_output_scale.weight",),
        test=conditions.is_scalar,
        reason="Gemma 4 keeps a constant for each layer",
    ),
    Rule(
        name="sinusoidal positions",
        role=Role.BUFFER,
        begins=(".resampler.pos_embd_k", ".resampler.pos_embed_k"),
        reason="MiniCPM-V's sine table, written by its converter",
    ),
    Rule(
        name="frozen positions",
        role=Role.EMBEDDING,
        trainable=False,
        begins=(".a.position_embd.",),
        reason="an audio encoder of Whisper's kind: its positions are sines",
    ),
    Rule(
        name="copy of the head",
        role=Role.HEAD,
        head=True,
        output=True,
        begins=_LAYERS,
        ends=(".nextn.shared_head_head.weight",),
        reason="DeepSeek-V3's and GLM-4.5's module for further tokens stores the head once more",
    ),
    Rule(
        name="bias",
        role=Role.HEAD,
        head=True,
        begins=(".output.bias",),
        test=_is_ggufs,
        reason="one number for each entry of the vocabulary",
    ),
    Rule(
        name="task head",
        role=Role.HEAD,
        head=True,
        begins=(".cls.weight", ".cls.bias", ".cls.output.", ".cls.norm."),
        test=_is_ggufs,
        reason="a classifier or ranker on top of an encoder",
    ),
    Rule(
        name="norms",
        role=Role.NORM,
        begins=_LAYERS,
        contains=(".ffn_norm_exps.",),
        reason="Arctic's norm before its experts, no expert itself",
    ),
    Rule(
        name="routed experts",
        role=Role.EXPERT,
        begins=_LAYERS,
        contains=tuple(f"{place}*." for place in NUMBERED_EXPERTS),
        reason="weights of which a router picks a few for each token",
    ),
    Rule(
        name="adapter weights",
        role=Role.ADAPTER,
        ends=(".weight.lora_a", ".weight.lora_b"),
        reason="llama.cpp's names for the two matrices of a LoRA",
    ),
    Rule(
        name="per-layer token embeddings",
        role=Role.EMBEDDING,
        begins=(".per_layer_token_embd.",),
        reason="Gemma 3n and 4 look a vector up for each layer: kept out of fast memory",
    ),
    Rule(
        name="class and mask tokens",
        role=Role.EMBEDDING,
        begins=(".v.class_embd",),
        reason="learnt vectors that stand for a token",
    ),
)

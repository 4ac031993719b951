"""Whole models as lists of tensors, built by formula from their published hyperparameters.

Each returns what its checkpoint on the Hub stores, names and dtypes included, in no file's order.
"""

from collections.abc import Iterator, Mapping
from math import prod

from auditor.core.config import read_config
from auditor.core.dtypes import DTYPES
from auditor.core.packing import Hints
from auditor.core.role_rules import RULES
from auditor.core.roles import Assignment, assign
from auditor.core.tally import Tally, tally
from auditor.core.tensors import Tensor
from auditor.core.ties import tied_copies
from auditor.layouts.recovery import recover

Shape = tuple[int, ...]
Named = Iterator[tuple[str, Shape]]
Stored = Mapping[str, tuple[str, Shape]]  # name -> dtype, shape


def tensors_of(stored: Stored) -> tuple[Tensor, ...]:
    """Tensors of these dtypes and shapes, their data end to end."""
    tensors = []
    begin = 0
    for name, (dtype, shape) in stored.items():
        elements = prod(shape)
        end = begin + DTYPES[dtype].bytes_for(elements)
        tensors.append(Tensor(name, DTYPES[dtype], shape, elements, begin, end))
        begin = end
    return tuple(tensors)


def _all(dtype: str, *parts: Named) -> dict[str, tuple[str, Shape]]:
    return {name: (dtype, shape) for part in parts for name, shape in part}


def _linear(name: str, out: int, inward: int, *, bias: bool = True) -> Named:
    yield f"{name}.weight", (out, inward)
    if bias:
        yield f"{name}.bias", (out,)


def _conv1d(name: str, inward: int, out: int) -> Named:
    """GPT-2's linear layer, stored transposed."""
    yield f"{name}.weight", (inward, out)
    yield f"{name}.bias", (out,)


def _norm(name: str, width: int, *, names: tuple[str, str] = ("weight", "bias")) -> Named:
    for each in names:
        yield f"{name}.{each}", (width,)


# -- encoders


def _bert_layers(
    prefix: str, layers: int, width: int, inner: int, norm: tuple[str, str] = ("weight", "bias")
) -> Named:
    for number in range(layers):
        layer = f"{prefix}encoder.layer.{number}"
        for part in ("query", "key", "value"):
            yield from _linear(f"{layer}.attention.self.{part}", width, width)
        yield from _linear(f"{layer}.attention.output.dense", width, width)
        yield from _norm(f"{layer}.attention.output.LayerNorm", width, names=norm)
        yield from _linear(f"{layer}.intermediate.dense", inner, width)
        yield from _linear(f"{layer}.output.dense", width, inner)
        yield from _norm(f"{layer}.output.LayerNorm", width, names=norm)


def bert(
    *,
    layers: int = 12,
    width: int = 768,
    vocab: int = 30_522,
    heads: bool = True,
    old_norms: bool = True,
) -> tuple[Tensor, ...]:
    """google-bert/bert-base-uncased, or bert-large-uncased with 24 layers of 1,024.

    The Hub's file was converted from TensorFlow: norms are `gamma` and `beta`, and the decoder's
    matrix is stored once, as the token table.
    """
    norm = ("gamma", "beta") if old_norms else ("weight", "bias")
    prefix = "bert." if heads else ""

    def model() -> Named:
        yield f"{prefix}embeddings.word_embeddings.weight", (vocab, width)
        yield f"{prefix}embeddings.position_embeddings.weight", (512, width)
        yield f"{prefix}embeddings.token_type_embeddings.weight", (2, width)
        yield from _norm(f"{prefix}embeddings.LayerNorm", width, names=norm)
        yield from _bert_layers(prefix, layers, width, 4 * width, norm)
        yield from _linear(f"{prefix}pooler.dense", width, width)

    def pretraining() -> Named:
        yield "cls.predictions.bias", (vocab,)
        yield from _linear("cls.predictions.transform.dense", width, width)
        yield from _norm("cls.predictions.transform.LayerNorm", width, names=norm)
        yield from _linear("cls.seq_relationship", 2, width)

    return tensors_of(_all("F32", model(), pretraining() if heads else iter(())))


def roberta_base() -> tuple[Tensor, ...]:
    """FacebookAI/roberta-base: RobertaForMaskedLM and an arange of 514."""

    def model() -> Named:
        yield "roberta.embeddings.word_embeddings.weight", (50_265, 768)
        yield "roberta.embeddings.position_embeddings.weight", (514, 768)
        yield "roberta.embeddings.token_type_embeddings.weight", (1, 768)
        yield from _norm("roberta.embeddings.LayerNorm", 768)
        yield from _bert_layers("roberta.", 12, 768, 3_072)
        yield "lm_head.bias", (50_265,)
        yield from _linear("lm_head.dense", 768, 768)
        yield from _norm("lm_head.layer_norm", 768)

    return tensors_of(_all("F32", model()) | {"roberta.embeddings.position_ids": ("I64", (1, 514))})


# -- decoders


def gpt2(*, masks: bool = True) -> tuple[Tensor, ...]:
    """openai-community/gpt2, saved from its base class, with each layer's causal mask as F32."""

    def model() -> Named:
        yield "wte.weight", (50_257, 768)
        yield "wpe.weight", (1_024, 768)
        for number in range(12):
            layer = f"h.{number}"
            yield from _norm(f"{layer}.ln_1", 768)
            if masks:
                yield f"{layer}.attn.bias", (1, 1, 1_024, 1_024)
            yield from _conv1d(f"{layer}.attn.c_attn", 768, 3 * 768)
            yield from _conv1d(f"{layer}.attn.c_proj", 768, 768)
            yield from _norm(f"{layer}.ln_2", 768)
            yield from _conv1d(f"{layer}.mlp.c_fc", 768, 3_072)
            yield from _conv1d(f"{layer}.mlp.c_proj", 3_072, 768)
        yield from _norm("ln_f", 768)

    return tensors_of(_all("F32", model()))


def gpt_neox(
    *, layers: int, width: int, vocab: int, rotary: int, context: int = 2_048, masks: str | None
) -> tuple[Tensor, ...]:
    """EleutherAI/gpt-neox-20b and Pythia: masks of dtype `masks` and `rotary` frequencies."""

    def model() -> Named:
        yield "gpt_neox.embed_in.weight", (vocab, width)
        for number in range(layers):
            layer = f"gpt_neox.layers.{number}"
            yield from _norm(f"{layer}.input_layernorm", width)
            yield from _norm(f"{layer}.post_attention_layernorm", width)
            yield from _linear(f"{layer}.attention.query_key_value", 3 * width, width)
            yield from _linear(f"{layer}.attention.dense", width, width)
            yield from _linear(f"{layer}.mlp.dense_h_to_4h", 4 * width, width)
            yield from _linear(f"{layer}.mlp.dense_4h_to_h", width, 4 * width)
        yield from _norm("gpt_neox.final_layer_norm", width)
        yield "embed_out.weight", (vocab, width)

    stored = _all("F16", model())
    for number in range(layers if masks else 0):
        attention = f"gpt_neox.layers.{number}.attention"
        stored[f"{attention}.bias"] = (masks or "", (1, 1, context, context))
        stored[f"{attention}.masked_bias"] = ("F16", ())
        stored[f"{attention}.rotary_emb.inv_freq"] = ("F16", (rotary,))
    return tensors_of(stored)


def llama(
    *,
    layers: int,
    width: int,
    inner: int,
    vocab: int,
    keys: int,
    queries: int | None = None,
    head_norms: int = 0,
    head: bool = True,
    inv_freq: int = 0,
) -> tuple[Tensor, ...]:
    """Llama and its kin. `keys` are the rows of k_proj; `queries` those of q_proj, if not `width`.

    `head_norms` are Qwen3's norms of one head; `inv_freq` frequencies in every layer, as files of
    2023 have them; `head` whether `lm_head.weight` is stored.
    """
    rows = queries or width

    def model() -> Named:
        yield "model.embed_tokens.weight", (vocab, width)
        for number in range(layers):
            layer = f"model.layers.{number}"
            yield f"{layer}.self_attn.q_proj.weight", (rows, width)
            yield f"{layer}.self_attn.k_proj.weight", (keys, width)
            yield f"{layer}.self_attn.v_proj.weight", (keys, width)
            yield f"{layer}.self_attn.o_proj.weight", (width, rows)
            if head_norms:
                yield f"{layer}.self_attn.q_norm.weight", (head_norms,)
                yield f"{layer}.self_attn.k_norm.weight", (head_norms,)
            for part in ("gate_proj", "up_proj"):
                yield f"{layer}.mlp.{part}.weight", (inner, width)
            yield f"{layer}.mlp.down_proj.weight", (width, inner)
            yield f"{layer}.input_layernorm.weight", (width,)
            yield f"{layer}.post_attention_layernorm.weight", (width,)
            if inv_freq:
                yield f"{layer}.self_attn.rotary_emb.inv_freq", (inv_freq,)
        yield "model.norm.weight", (width,)
        if head:
            yield "lm_head.weight", (vocab, width)

    return tensors_of(_all("BF16", model()))


def llama3_8b() -> tuple[Tensor, ...]:
    """meta-llama/Meta-Llama-3-8B."""
    return llama(layers=32, width=4_096, inner=14_336, vocab=128_256, keys=1_024)


def llama2_13b() -> tuple[Tensor, ...]:
    """meta-llama/Llama-2-13b-hf, with 64 frequencies in each of its 40 layers."""
    return llama(layers=40, width=5_120, inner=13_824, vocab=32_000, keys=5_120, inv_freq=64)


def qwen3_600m() -> tuple[Tensor, ...]:
    """Qwen/Qwen3-0.6B: tied by its config, and stored twice all the same."""
    return llama(
        layers=28,
        width=1_024,
        inner=3_072,
        vocab=151_936,
        keys=1_024,
        queries=2_048,
        head_norms=128,
    )


def falcon_180b() -> tuple[Tensor, ...]:
    """tiiuae/falcon-180B: silent on the tie, which its class makes, with the head in the file."""
    width, layers = 14_848, 80
    rows = (232 + 2 * 8) * 64  # query heads, and 8 each of keys and values, of 64

    def model() -> Named:
        yield "transformer.word_embeddings.weight", (65_024, width)
        for number in range(layers):
            layer = f"transformer.h.{number}"
            yield from _norm(f"{layer}.ln_attn", width)
            yield from _norm(f"{layer}.ln_mlp", width)
            yield f"{layer}.self_attention.query_key_value.weight", (rows, width)
            yield f"{layer}.self_attention.dense.weight", (width, width)
            yield f"{layer}.mlp.dense_h_to_4h.weight", (4 * width, width)
            yield f"{layer}.mlp.dense_4h_to_h.weight", (width, 4 * width)
        yield from _norm("transformer.ln_f", width)
        yield "lm_head.weight", (65_024, width)

    return tensors_of(_all("BF16", model()))


# -- encoders with decoders


def _t5_block(stack: str, number: int, width: int, inner: int, inward: tuple[str, ...]) -> Named:
    place = f"{stack}.block.{number}.layer"
    attentions = ("SelfAttention", "EncDecAttention")[: 1 if stack == "encoder" else 2]
    for at, attention in enumerate(attentions):
        for part in "qkvo":
            yield f"{place}.{at}.{attention}.{part}.weight", (width, width)
        yield f"{place}.{at}.layer_norm.weight", (width,)
    last = f"{place}.{len(attentions)}"
    for part in inward:
        yield f"{last}.DenseReluDense.{part}.weight", (inner, width)
    yield f"{last}.DenseReluDense.wo.weight", (width, inner)
    yield f"{last}.layer_norm.weight", (width,)


def t5(
    *, layers: int, width: int, inner: int, heads: int, gated: bool, copies: tuple[str, ...]
) -> tuple[Tensor, ...]:
    """T5 and flan-t5. `copies` are the further token tables that the file stores."""
    inward = ("wi_0", "wi_1") if gated else ("wi",)

    def model() -> Named:
        yield "shared.weight", (32_128, width)
        for stack in ("encoder", "decoder"):
            for number in range(layers):
                yield from _t5_block(stack, number, width, inner, inward)
            bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
            yield bias, (32, heads)
            yield f"{stack}.final_layer_norm.weight", (width,)
        for copy in copies:
            yield copy, (32_128, width)

    return tensors_of(_all("F32", model()))


def flan_t5_large() -> tuple[Tensor, ...]:
    """google/flan-t5-large: its head is a matrix of its own."""
    return t5(layers=24, width=1_024, inner=2_816, heads=16, gated=True, copies=("lm_head.weight",))


def t5_small() -> tuple[Tensor, ...]:
    """google-t5/t5-small with every tied copy in the file."""
    copies = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
    return t5(layers=6, width=512, inner=2_048, heads=8, gated=False, copies=copies)


def bart_large() -> tuple[Tensor, ...]:
    """facebook/bart-large: the token table three times, and no head."""
    width = 1_024

    def layer(place: str, *, cross: bool) -> Named:
        for attention in ("self_attn", "encoder_attn") if cross else ("self_attn",):
            for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
                yield from _linear(f"{place}.{attention}.{part}", width, width)
            yield from _norm(f"{place}.{attention}_layer_norm", width)
        yield from _linear(f"{place}.fc1", 4 * width, width)
        yield from _linear(f"{place}.fc2", width, 4 * width)
        yield from _norm(f"{place}.final_layer_norm", width)

    def model() -> Named:
        yield "shared.weight", (50_265, width)
        for stack in ("encoder", "decoder"):
            yield f"{stack}.embed_tokens.weight", (50_265, width)
            yield f"{stack}.embed_positions.weight", (1_026, width)
            yield from _norm(f"{stack}.layernorm_embedding", width)
            for number in range(12):
                yield from layer(f"{stack}.layers.{number}", cross=stack == "decoder")

    return tensors_of(_all("F16", model()))


def whisper_tiny() -> tuple[Tensor, ...]:
    """openai/whisper-tiny: 80 mel channels, width 384, 4 layers on each side."""
    width = 384

    def attention(place: str) -> Named:
        yield f"{place}.k_proj.weight", (width, width)
        for part in ("v_proj", "q_proj", "out_proj"):
            yield from _linear(f"{place}.{part}", width, width)

    def layers(stack: str) -> Named:
        for number in range(4):
            layer = f"model.{stack}.layers.{number}"
            for part in ("self_attn", "encoder_attn") if stack == "decoder" else ("self_attn",):
                yield from attention(f"{layer}.{part}")
                yield from _norm(f"{layer}.{part}_layer_norm", width)
            yield from _linear(f"{layer}.fc1", 4 * width, width)
            yield from _linear(f"{layer}.fc2", width, 4 * width)
            yield from _norm(f"{layer}.final_layer_norm", width)
        yield from _norm(f"model.{stack}.layer_norm", width)

    def model() -> Named:
        yield "model.encoder.conv1.weight", (width, 80, 3)
        yield "model.encoder.conv1.bias", (width,)
        yield "model.encoder.conv2.weight", (width, width, 3)
        yield "model.encoder.conv2.bias", (width,)
        yield "model.encoder.embed_positions.weight", (1_500, width)
        yield from layers("encoder")
        yield "model.decoder.embed_tokens.weight", (51_865, width)
        yield "model.decoder.embed_positions.weight", (448, width)
        yield from layers("decoder")

    return tensors_of(_all("F32", model()))


# -- images


def resnet50() -> tuple[Tensor, ...]:
    """timm/resnet50.a1_in1k: 53 batch norms, each with two statistics and a counter."""
    stored: dict[str, tuple[str, Shape]] = {}

    def conv(name: str, norm: str, out: int, inward: int, side: int) -> None:
        stored[f"{name}.weight"] = ("F32", (out, inward, side, side))
        for part in ("weight", "bias", "running_mean", "running_var"):
            stored[f"{norm}.{part}"] = ("F32", (out,))
        stored[f"{norm}.num_batches_tracked"] = ("I64", ())

    conv("conv1", "bn1", 64, 3, 7)
    inward = 64
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
        for block in range(blocks):
            place = f"layer{stage}.{block}"
            conv(f"{place}.conv1", f"{place}.bn1", width, inward, 1)
            conv(f"{place}.conv2", f"{place}.bn2", width, width, 3)
            conv(f"{place}.conv3", f"{place}.bn3", 4 * width, width, 1)
            if block == 0:
                conv(f"{place}.downsample.0", f"{place}.downsample.1", 4 * width, inward, 1)
            inward = 4 * width
    stored |= _all("F32", _linear("fc", 1_000, inward))
    return tensors_of(stored)


def clip_vit_b_32() -> tuple[Tensor, ...]:
    """openai/clip-vit-base-patch32, with the position ids of older files."""

    def tower(place: str, width: int) -> Named:
        for number in range(12):
            layer = f"{place}.encoder.layers.{number}"
            for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
                yield from _linear(f"{layer}.self_attn.{part}", width, width)
            yield from _norm(f"{layer}.layer_norm1", width)
            yield from _linear(f"{layer}.mlp.fc1", 4 * width, width)
            yield from _linear(f"{layer}.mlp.fc2", width, 4 * width)
            yield from _norm(f"{layer}.layer_norm2", width)

    def model() -> Named:
        yield "logit_scale", ()
        yield "text_model.embeddings.token_embedding.weight", (49_408, 512)
        yield "text_model.embeddings.position_embedding.weight", (77, 512)
        yield from tower("text_model", 512)
        yield from _norm("text_model.final_layer_norm", 512)
        yield "vision_model.embeddings.class_embedding", (768,)
        yield "vision_model.embeddings.patch_embedding.weight", (768, 3, 32, 32)
        yield "vision_model.embeddings.position_embedding.weight", (50, 768)
        yield from _norm("vision_model.pre_layrnorm", 768)
        yield from tower("vision_model", 768)
        yield from _norm("vision_model.post_layernorm", 768)
        yield "visual_projection.weight", (512, 768)
        yield "text_projection.weight", (512, 512)

    ids = {
        "text_model.embeddings.position_ids": ("I64", (1, 77)),
        "vision_model.embeddings.position_ids": ("I64", (1, 50)),
    }
    return tensors_of(_all("F32", model()) | ids)


# -- mixtures of experts


def deepseek_v3(*, layers: int = 61, dense: int = 3, experts: int = 256) -> tuple[Tensor, ...]:
    """deepseek-ai/DeepSeek-V3: FP8 with a scale for 128 x 128, and a layer past the last.

    That layer, for multi-token prediction, has copies of the token table and of the head.
    """
    width = 7_168
    stored: dict[str, tuple[str, Shape]] = {}

    def quantised(name: str, out: int, inward: int) -> None:
        stored[f"{name}.weight"] = ("F8_E4M3", (out, inward))
        stored[f"{name}.weight_scale_inv"] = ("F32", (-(-out // 128), -(-inward // 128)))

    def mlp(place: str, inner: int) -> None:
        quantised(f"{place}.gate_proj", inner, width)
        quantised(f"{place}.up_proj", inner, width)
        quantised(f"{place}.down_proj", width, inner)

    def plain(name: str, *shape: int, dtype: str = "BF16") -> None:
        stored[name] = (dtype, shape)

    def layer(number: int) -> None:
        place = f"model.layers.{number}"
        attention = f"{place}.self_attn"
        quantised(f"{attention}.q_a_proj", 1_536, width)
        plain(f"{attention}.q_a_layernorm.weight", 1_536)
        quantised(f"{attention}.q_b_proj", 128 * 192, 1_536)
        quantised(f"{attention}.kv_a_proj_with_mqa", 576, width)
        plain(f"{attention}.kv_a_layernorm.weight", 512)
        quantised(f"{attention}.kv_b_proj", 128 * 256, 512)
        quantised(f"{attention}.o_proj", width, 128 * 128)
        plain(f"{place}.input_layernorm.weight", width)
        plain(f"{place}.post_attention_layernorm.weight", width)
        if number < dense:
            mlp(f"{place}.mlp", 18_432)
            return
        plain(f"{place}.mlp.gate.weight", experts, width)
        plain(f"{place}.mlp.gate.e_score_correction_bias", experts, dtype="F32")
        for expert in range(experts):
            mlp(f"{place}.mlp.experts.{expert}", 2_048)
        mlp(f"{place}.mlp.shared_experts", 2_048)

    plain("model.embed_tokens.weight", 129_280, width)
    for number in range(layers):
        layer(number)
    plain("model.norm.weight", width)
    plain("lm_head.weight", 129_280, width)
    beside = f"model.layers.{layers}"
    plain(f"{beside}.embed_tokens.weight", 129_280, width)
    plain(f"{beside}.enorm.weight", width)
    plain(f"{beside}.hnorm.weight", width)
    plain(f"{beside}.eh_proj.weight", width, 2 * width)
    layer(layers)
    plain(f"{beside}.shared_head.norm.weight", width)
    plain(f"{beside}.shared_head.head.weight", 129_280, width)
    return tensors_of(stored)


# -- what an audit makes of them


def judged(
    tensors: tuple[Tensor, ...], config: Mapping[str, object] | None = None
) -> tuple[Assignment, Tally]:
    """The roles and the tally of a checkpoint: packings first, then ties, then the rules."""
    read = read_config(config or {})
    copies, _ = tied_copies(tensors, read, has_config=config is not None)
    packed = recover(tensors, Hints(quantization=read.quantization or {}, config=config or {}))
    assignment = assign(tensors, read, {**packed.marks, **copies}, RULES)
    return assignment, tally(assignment)

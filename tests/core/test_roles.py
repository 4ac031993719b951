"""The role of every tensor: whole published models to the last element, then family by family."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from architectures import (
    Stored,
    bert,
    clip_vit_b_32,
    deepseek_v3,
    flan_t5_large,
    gpt2,
    gpt_neox,
    judged,
    llama2_13b,
    llama3_8b,
    resnet50,
    roberta_base,
    tensors_of,
    whisper_tiny,
)
from auditor.core.config import ModelConfig
from auditor.core.dtypes import Kind
from auditor.core.role_rules import RULES
from auditor.core.roles import (
    PARAMETER_ROLES,
    Context,
    Role,
    Rule,
    assign,
    mtp_prefixes,
    pattern_of,
)
from auditor.core.tensors import Tensor
from strategies import tensors


class Published(NamedTuple):
    """A model whose numbers are published: elements, and what they are."""

    build: Callable[[], tuple[Tensor, ...]]
    model_type: str
    parameters: int
    trainable: int
    buffers: int


PUBLISHED = {
    # 109,482,240 of BertModel (keras-hub, transformers) and two heads: the Hub says 110,106,428
    "bert-base": Published(bert, "bert", 110_106_428, 110_106_428, 0),
    "bert-base without heads": Published(
        lambda: bert(heads=False, old_norms=False), "bert", 109_482_240, 109_482_240, 0
    ),
    # 335,141,888 + 1,084,220; the Hub says 336.2M
    "bert-large": Published(
        lambda: bert(layers=24, width=1_024), "bert", 336_226_108, 336_226_108, 0
    ),
    # huggingface.js, parse-safetensors-metadata.spec.ts: F32 124,697,433, I64 514
    "roberta-base": Published(roberta_base, "roberta", 124_697_433, 124_697_433, 514),
    # safetensors docs/metadata_parsing: 137,022,720 stored; transformers#14960: 124,439,808
    "gpt2": Published(gpt2, "gpt2", 124_439_808, 124_439_808, 12 * 1_024 * 1_024),
    # EleutherAI's card: 20,554,567,680; safetensors docs: F16 20,554,568,208, U8 184,549,376,
    # of which F16 has 44 x 12 frequencies more. The last 44 are the masks' constants.
    "gpt-neox-20b": Published(
        lambda: gpt_neox(layers=44, width=6_144, vocab=50_432, rotary=12, masks="U8"),
        "gpt_neox",
        20_554_567_680,
        20_554_567_680,
        184_549_376 + 44 * 12 + 44,
    ),
    # the model page of Meta-Llama-3-8B: 8.03B; huggingface.js: 8,030,261,248
    "llama-3-8b": Published(llama3_8b, "llama", 8_030_261_248, 8_030_261_248, 0),
    # 13,015,866,880 stored, 40 x 64 of it frequencies
    "llama-2-13b": Published(llama2_13b, "llama", 13_015_864_320, 13_015_864_320, 2_560),
    # keras-hub and transformers: 37,760,640, of which 1,500 x 384 positions are frozen
    "whisper-tiny": Published(whisper_tiny, "whisper", 37_760_640, 37_184_640, 0),
    # torchvision's docs: 25,557,032; accelerate's tests: 102,441,032 bytes with the buffers
    "resnet-50": Published(resnet50, "resnet", 25_557_032, 25_557_032, 53_120 + 53),
    # transformers: 151,277,313, the last of them the scalar logit_scale
    "clip-vit-b-32": Published(clip_vit_b_32, "clip", 151_277_313, 151_277_313, 77 + 50),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_is_counted_to_the_last_element(name: str) -> None:
    known = PUBLISHED[name]
    tensors_ = known.build()
    _, tally = judged(tensors_, {"model_type": known.model_type})
    assert (tally.total, tally.trainable, tally.buffers) == known[2:]
    assert tally.stored.elements == known.parameters + known.buffers


def test_roberta_is_counted_alike_without_any_config() -> None:
    _, tally = judged(roberta_base())
    assert (tally.total, tally.buffers) == (124_697_433, 514)


def test_flan_t5_holds_a_head_of_its_own() -> None:
    # google/flan-t5-large on the Hub: 783,150,080
    _, tally = judged(flan_t5_large(), {"model_type": "t5", "tie_word_embeddings": False})
    assert tally.total == 783_150_080


def test_deepseek_v3_is_told_apart_from_its_scales_and_its_extra_layer() -> None:
    # The Hub: BF16 3,918,786,560, F8_E4M3 680,571,043,840, F32 41,555,600. Of the F32 numbers
    # (58 + 1) x 256 are corrections of the routers, the rest scales.
    tensors_ = deepseek_v3()
    config = {"model_type": "deepseek_v3", "quantization_config": {"quant_method": "fp8"}}
    _, tally = judged(tensors_, config)
    assert tally.stored.elements == 684_531_386_000
    assert tally.total == 3_918_786_560 + 680_571_043_840 == 684_489_830_400
    assert tally.buffers == 59 * 256
    assert tally.auxiliary == 41_555_600 - 59 * 256
    # Past the last layer: 11,610,067,968 of its own, and copies of token table and head of
    # 129,280 x 7,168 each. Without it there are the 671B of the paper.
    beside = sum(group.count for group in tally.groups if group.mtp and group.amount.high)
    assert beside == 11_610_067_968 + 2 * 129_280 * 7_168
    assert tally.total - beside == 671_026_404_352


# -- one family after the other


def role_of(
    stored: Stored, name: str, config: Mapping[str, Any] | None = None
) -> tuple[Role, str, bool]:
    """Role, name of the rule and trainability of one tensor among others."""
    tensors_ = tensors_of(stored)
    assignment, _ = judged(tensors_, config)
    rule = assignment.rule_of(next(tensor for tensor in tensors_ if tensor.name == name))
    return rule.role, rule.name, rule.trainable


def alone(
    name: str,
    shape: tuple[int, ...],
    *,
    dtype: str = "F32",
    config: Mapping[str, Any] | None = None,
) -> Role:
    return role_of({name: (dtype, shape)}, name, config)[0]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("h.0.attn.c_attn.bias", (2_304,)),
        ("h.0.attn.bias", (768,)),
        ("h.0.attn.bias", (1, 1, 16, 8)),
        ("block.gamma", (768,)),
        ("block.gamma", (768, 768)),
        ("layers.0.shift", (768,)),
        ("layers.0.scale", (1,)),
        ("layers.0.scale", (768, 768)),
        ("layers.0.mlp.scale", ()),
        ("decoder.mask_token", (1, 1, 1_024)),
        ("tower.mask_embed", (1, 256)),
        ("swin.relative_position_bias_table", (169, 4)),
        ("logit_scale", ()),
        ("logit_bias", (1,)),
        ("mixer.A_log", (32,)),
        ("mixer.D", (32,)),
        ("mixer.dt_bias", (32,)),
        ("mlp.act_fn.alpha_p", (1,)),
        ("snake.alpha", (1, 64, 1)),
        ("flow.alpha", ()),
        ("vit.pos_embed", (1, 197, 768)),
        ("transformer.pos_embed.pos_embed.weight", (77, 768)),
        ("rope.freqs", (2, 12, 12, 32)),
        ("dense.kernel", (64, 64)),
        ("quantizer.layers.0.codebook.weight", (1_024, 8)),
        ("quantizer.layers.0.codebook.embed", (1_024, 128)),
        ("conv.weight_v", (32, 16, 7)),
        ("conv.weight_g", (32, 1, 1)),
        ("conv.parametrizations.weight.original1", (32, 16, 7)),
        ("mlp.router.bias", (32,)),
        ("mlp.gate.bias", (256,)),
        ("head.scale_factor", (4,)),
        ("time_embed.freqs_embed.weight", (64, 64)),
        ("backbone.bn1.weight", (64,)),
        ("sigmas_proj.weight", (64, 64)),
        ("norm_means.weight", (64,)),
    ],
)
def test_a_parameter_under_a_name_like_a_buffers_is_a_parameter(
    name: str, shape: tuple[int, ...]
) -> None:
    assert alone(name, shape) in PARAMETER_ROLES


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("h.0.attn.bias", (1, 1, 1_024, 1_024)),
        ("transformer.h.0.attn.attention.bias", (1, 1, 2_048, 2_048)),
        ("h.0.attn.masked_bias", ()),
        ("h.0.attn.causal_mask", (1, 1, 2_048, 2_048)),
        ("trf_blocks.0.att.mask", (256, 256)),
        ("visual.attn_mask", (77, 77)),
        ("text_model.embeddings.position_ids", (1, 77)),  # cast to F32 with all the rest
        ("model.layers.0.self_attn.rotary_emb.inv_freq", (64,)),
        ("rope.freqs", (64,)),
        ("visual.rope.freqs_cos", (576, 64)),
        ("transformer.rotary_pos_emb.inv_freq", (32,)),
        ("bn.running_var", (64,)),
        ("model.decoder.embed_positions.weights", (1_026, 1_024)),
        ("pos_embed.pos_embed", (1, 36_864, 2_432)),
        ("down_blocks.0.motion_modules.0.transformer_blocks.0.pos_embed.pe", (1, 32, 320)),
        ("final_logits_bias", (1, 50_265)),
        ("model.layers.3.mlp.gate.e_score_correction_bias", (256,)),
        ("model.layers.3.mlp.gate.expert_bias", (256,)),
        ("model.layers.0.layer_scalar", (1,)),
        ("shared_image_embedding.positional_embedding", (2, 128)),
        ("criterion.empty_weight", (134,)),
        ("feature_extractor.mel_spec.spectrogram.window", (1_024,)),
        ("preprocessor.featurizer.fb", (1, 80, 257)),
        ("vae.latents_mean", (128,)),
        ("down_blocks.0.down.kernel", (8,)),
        ("resblocks.0.activations.0.upsample.filter", (1, 1, 12)),
        ("betas", (1_000,)),
        ("denoiser.sigmas", (1_000,)),
        ("model_ema.decay", ()),
        ("model_ema.diffusion_modelinput_blocks00weight", (320, 4, 3, 3)),
        ("alibi", (1, 16, 1, 2_048)),
        ("layers.0.attn.relative_coords_table", (1, 15, 15, 2)),
        ("encoder.version", (1,)),
    ],
)
def test_what_is_computed_or_kept_by_averages_is_no_parameter(
    name: str, shape: tuple[int, ...]
) -> None:
    assert alone(name, shape) is Role.BUFFER


@pytest.mark.parametrize("dtype", ["I64", "I32", "U8", "BOOL"])
def test_whole_numbers_that_no_packing_claims_are_buffers(dtype: str) -> None:
    assert alone("mlp.gate.tid2eid", (129_280,), dtype=dtype) is Role.BUFFER
    assert alone("anything", (7,), dtype=dtype) is Role.BUFFER


def test_an_exponent_alone_is_a_scale_of_something() -> None:
    assert alone("experts.strange", (64,), dtype="F8_E8M0") is Role.AUXILIARY


def test_a_convolution_beside_its_norm_in_a_sequence_is_no_norm() -> None:
    stored: Stored = {
        "layer1.0.downsample.0.weight": ("F32", (256, 64, 1, 1)),
        "layer1.0.downsample.1.weight": ("F32", (256,)),
        "layer1.0.downsample.1.bias": ("F32", (256,)),
        "layer1.0.downsample.1.running_mean": ("F32", (256,)),
    }
    assert role_of(stored, "layer1.0.downsample.0.weight")[0] is Role.WEIGHT
    assert role_of(stored, "layer1.0.downsample.1.weight")[0] is Role.NORM
    assert role_of(stored, "layer1.0.downsample.1.bias")[0] is Role.NORM


def test_detr_keeps_the_norms_of_its_backbone_and_trains_those_of_its_encoder() -> None:
    # transformers 5.23.0: RTDetrFrozenBatchNorm2d in the backbone, nn.BatchNorm2d in the encoder
    backbone = "model.backbone.model.stem.normalization"
    encoder = "model.encoder.fpn_blocks.0.conv1.norm"
    projection = "model.decoder_input_proj.0.0.weight"
    stored: dict[str, tuple[str, tuple[int, ...]]] = {
        f"{place}.{part}": ("F32", (64,))
        for place in (backbone, encoder)
        for part in ("weight", "bias", "running_mean", "running_var")
    }
    stored[projection] = ("F32", (256, 256, 1, 1))
    stored["model.decoder_input_proj.0.1.running_mean"] = ("F32", (256,))
    config = {"model_type": "rt_detr"}
    assert role_of(stored, f"{backbone}.weight", config)[0] is Role.BUFFER
    assert role_of(stored, f"{encoder}.weight", config)[0] is Role.NORM
    assert role_of(stored, projection, config)[0] is Role.WEIGHT
    # Without the config nothing tells it from a batch norm that is trained.
    assert role_of(stored, f"{backbone}.weight")[0] is Role.NORM


def test_codebooks_moved_by_averages_are_buffers_and_trained_ones_are_not() -> None:
    averaged: Stored = {
        "quantizer.layers.0.codebook.embed": ("F32", (1_024, 128)),
        "quantizer.layers.0.codebook.embed_avg": ("F32", (1_024, 128)),
        "quantizer.layers.0.codebook.cluster_size": ("F32", (1_024,)),
    }
    assert all(role_of(averaged, name)[0] is Role.BUFFER for name in averaged)


def test_vectors_of_a_spectral_norm_are_buffers_and_a_weight_norms_are_not() -> None:
    spectral: Stored = {
        "conv.weight_orig": ("F32", (64, 32, 3, 3)),
        "conv.weight_u": ("F32", (64,)),
        "conv.weight_v": ("F32", (288,)),
    }
    assert role_of(spectral, "conv.weight_u")[0] is Role.BUFFER
    assert role_of(spectral, "conv.weight_v")[0] is Role.BUFFER
    assert role_of(spectral, "conv.weight_orig")[0] is Role.WEIGHT
    weight: Stored = {
        "conv.weight_v": ("F32", (64, 32, 3)),
        "conv.weight_g": ("F32", (64, 1, 1)),
    }
    assert role_of(weight, "conv.weight_v")[0] is Role.WEIGHT


def test_auraflow_learns_the_positions_that_sd3_computes() -> None:
    # diffusers: AuraFlowPatchEmbed has an nn.Parameter, PatchEmbed a persistent buffer
    table: Stored = {"pos_embed.pos_embed": ("F32", (1, 1_024, 3_072))}
    assert role_of(table, "pos_embed.pos_embed")[0] is Role.BUFFER
    aura = {**table, "register_tokens": ("F32", (1, 8, 3_072))}
    assert role_of(aura, "pos_embed.pos_embed")[0] is Role.EMBEDDING


def test_the_first_sam_trains_the_directions_that_the_second_keeps() -> None:
    # transformers 5.23.0: SamPositionalEmbedding nn.Parameter, Sam2PositionalEmbedding a buffer
    name = "shared_image_embedding.positional_embedding"
    assert alone(name, (2, 128), config={"model_type": "sam"}) is Role.EMBEDDING
    assert alone(name, (2, 128), config={"model_type": "sam2"}) is Role.BUFFER


def test_corrections_of_routers_are_buffers_but_where_they_are_frozen_parameters() -> None:
    name = "model.layers.3.mlp.gate.e_score_correction_bias"
    assert alone(name, (160,), config={"model_type": "glm4_moe"}) is Role.BUFFER
    frozen = role_of({name: ("F32", (160,))}, name, {"model_type": "laguna"})
    assert frozen == (Role.BIAS, "frozen router corrections", False)
    name = "model.layers.3.mlp.expert_bias"
    assert alone(name, (160,), config={"model_type": "lfm2_moe"}) is Role.BUFFER
    assert role_of({name: ("F32", (160,))}, name, {"model_type": "afmoe"})[2] is False


def test_ibert_alone_has_a_shift_that_is_a_buffer() -> None:
    name = "ibert.embeddings.LayerNorm.shift"
    assert alone(name, (1,), config={"model_type": "ibert"}) is Role.BUFFER
    assert alone(name, (1,), config={"model_type": "bert"}) in PARAMETER_ROLES


def test_positions_of_whispers_encoder_are_frozen_and_those_of_its_decoder_are_not() -> None:
    tensors_ = whisper_tiny()
    assignment, _ = judged(tensors_, {"model_type": "whisper"})
    frozen = {tensor.name for tensor in tensors_ if not assignment.rule_of(tensor).trainable}
    assert frozen == {"model.encoder.embed_positions.weight"}
    # A fine-tuned copy whose config is lost is known by its convolutions.
    assert judged(tensors_)[1].frozen == 576_000


def test_sine_positions_are_frozen_where_the_class_has_them_so() -> None:
    name = "model.encoder.embed_positions.weight"
    assert role_of({name: ("F32", (512, 512))}, name, {"model_type": "marian"})[2] is False
    assert role_of({name: ("F32", (1_026, 1_024))}, name, {"model_type": "bart"})[2] is True


def test_lerobots_statistics_are_frozen_parameters() -> None:
    # lerobot, policies/normalize.py: nn.Parameter(..., requires_grad=False) in a ParameterDict
    name = "normalize_inputs.buffer_observation_state.mean"
    role, _, trainable = role_of({name: ("F32", (14,))}, name)
    assert role in PARAMETER_ROLES
    assert not trainable


# -- heads, experts, adapters, embeddings


@pytest.mark.parametrize(
    ("beside", "name"),
    [
        ("model.embed_tokens.weight", "lm_head.weight"),
        ("tok_embeddings.weight", "output.weight"),  # Meta, Mistral
        ("model.tok_embeddings.weight", "output.weight"),  # InternLM2
        ("transformer.embedding.word_embeddings.weight", "transformer.output_layer.weight"),
        ("rwkv.embeddings.weight", "head.weight"),
        ("embed.weight", "head.weight"),  # DeepSeek's own names
        ("transformer.embd.wte.weight", "lm_head.linear.weight"),
        ("gpt_neox.embed_in.weight", "embed_out.weight"),
        ("model.embeddings.tok_embeddings.weight", "decoder.weight"),  # ModernBERT
        ("distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight"),
    ],
)
def test_the_output_matrix_is_known_under_its_names(beside: str, name: str) -> None:
    stored: Stored = {beside: ("BF16", (1_000, 64)), name: ("BF16", (1_000, 64))}
    tensors_ = tensors_of(stored)
    assignment, tally = judged(tensors_, {"model_type": "llama"})
    assert assignment.rule_of(tensors_[0]).role is Role.EMBEDDING
    head = assignment.rule_of(tensors_[1])
    assert (head.role, head.head, head.output) == (Role.HEAD, True, True)
    assert tally.embedding == 2 * 64_000
    assert tally.non_embedding == 0


@pytest.mark.parametrize(
    "name",
    [
        "encoder.layer.0.attention.output.weight",
        "layers.0.head.weight",
        "backbone.fc.weight",
        "decoder.layers.0.decoder.weight",
        "mask_head.output.weight",
        "blocks.0.ff_out.weight",
    ],
)
def test_an_inner_layer_with_a_heads_name_is_no_head(name: str) -> None:
    assert alone(name, (64, 64)) is Role.WEIGHT


@pytest.mark.parametrize(
    "name",
    [
        "backbone.embeddings.weight",  # Mamba
        "embeddings",  # Model2Vec
        "embedding.weight",  # sentence-transformers' static embeddings
        "emb.weight",  # RWKV's own names
        "transformer.w.weight",  # CTRL
        "transformer.token_embeddings.weight",  # OpenELM
        "model.transformer.wte.embedding",  # Molmo
        "bert.embeddings.word_embeddings.weight",
        "roberta.embeddings.position_embeddings.weight",
        "embeddings.token_type_embeddings.weight",
        "vit.embeddings.cls_token",
    ],
)
def test_tables_of_tokens_and_positions_are_embeddings(name: str) -> None:
    shape = (1, 1, 64) if name.endswith("token") else (1_000, 64)
    assert alone(name, shape) is Role.EMBEDDING


def test_positions_are_told_from_tokens_without_a_prefix() -> None:
    name = "embeddings.position_embeddings.weight"
    assert role_of({name: ("F32", (512, 768))}, name)[1] == "position embeddings"


def test_what_pools_siglips_patches_is_no_head() -> None:
    stored: Stored = {
        "head.probe": ("F32", (1, 1, 768)),
        "head.mlp.fc1.weight": ("F32", (3_072, 768)),
    }
    assert role_of(stored, "head.mlp.fc1.weight")[:2] == (Role.WEIGHT, "pooling")
    assert alone("head.fc.weight", (1_000, 768)) is Role.HEAD


def test_only_what_a_router_picks_is_an_expert() -> None:
    layer = "model.layers.0"
    assert alone(f"{layer}.mlp.experts.7.up_proj.weight", (64, 64)) is Role.EXPERT
    assert alone(f"{layer}.mlp.experts.gate_up_proj", (8, 64, 64)) is Role.EXPERT
    granite = f"{layer}.block_sparse_moe.input_linear.weight"
    assert alone(granite, (8, 64, 64)) is Role.EXPERT
    assert alone(f"{layer}.mlp.shared_experts.up_proj.weight", (64, 64)) is Role.WEIGHT
    assert alone(f"{layer}.shared_mlp.input_linear.weight", (64, 64)) is Role.WEIGHT
    assert alone(f"{layer}.mlp.gate.weight", (8, 64)) is Role.WEIGHT


def test_an_adapters_matrices_are_parameters_and_its_constants_are_not() -> None:
    query = "base_model.model.model.layers.0.self_attn.q_proj"
    assert alone(f"{query}.lora_A.weight", (8, 64)) is Role.ADAPTER
    assert alone("base_model.vera_A", (256, 4_096)) is Role.BUFFER
    kohya: Stored = {
        "lora_unet_mid.lora_down.weight": ("F16", (4, 320)),
        "lora_unet_mid.lora_up.weight": ("F16", (320, 4)),
        "lora_unet_mid.alpha": ("F16", ()),
    }
    assert role_of(kohya, "lora_unet_mid.lora_up.weight")[0] is Role.ADAPTER
    assert role_of(kohya, "lora_unet_mid.alpha")[0] is Role.BUFFER


def test_sams_prompt_encoder_is_no_adapter() -> None:
    name = "prompt_encoder.mask_embed.conv1.weight"
    assert alone(name, (4, 1, 2, 2), config={"model_type": "sam"}) is Role.WEIGHT


def test_tensorflows_gamma_and_beta_are_norms() -> None:
    assert alone("bert.embeddings.LayerNorm.gamma", (768,)) is Role.NORM
    assert alone("convnext.stages.0.beta", (96,)) is Role.NORM


# -- modules beside the model


def test_modules_that_predict_further_tokens_are_known_by_their_projection_or_name() -> None:
    names = (
        "model.layers.61.eh_proj.weight",
        "model.layers.61.embed_tokens.weight",
        "mtp.fc.weight",
        "model.layers.6.mlp.up_proj.weight",
    )
    assert mtp_prefixes(names) == ("model.layers.61.", "mtp.")
    assert mtp_prefixes(names[3:]) == ()


# -- patterns and laws


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("h.0.attn.bias", "h.*.attn.bias"),
        ("h.10.attn.bias", "h.*.attn.bias"),
        ("0.1.2.weight", "*.*.*.weight"),
        ("layer4.2.conv1.weight", "layer4.*.conv1.weight"),
        ("x.12", "x.12"),  # a number at the end is a name
        ("a..1..b", "a..*..b"),
        ("", ""),
        ("line\nbreak.3.x", "line break.*.x"),
        ("\u0661.x", "\u0661.x"),  # a digit elsewhere, but of no layer
    ],
)
def test_a_layers_number_is_a_star(name: str, pattern: str) -> None:
    assert pattern_of(name) == pattern


def test_every_rule_says_why() -> None:
    assert all(rule.reason and rule.name for rule in RULES)


def test_a_buffer_is_never_trained_and_a_rule_that_asks_nothing_stands_last() -> None:
    def asks(rule: Rule) -> bool:
        return bool(rule.ends or rule.begins or rule.contains or rule.types or rule.test)

    assert [asks(rule) for rule in RULES].index(False) == len(RULES) - 1
    assert RULES[-1].role is Role.WEIGHT


Stored_ = dict[str, tuple[str, tuple[int, ...]]]


@settings(max_examples=50)
@given(tensors())
def test_every_tensor_has_a_role_whatever_its_name(stored: Stored_) -> None:
    tensors_ = tensors_of(stored)
    assignment = assign(tensors_, ModelConfig(), {}, RULES)
    assert sum(assignment.counts.values()) == len(tensors_)
    for tensor in tensors_:
        rule = assignment.rule_of(tensor)
        if tensor.dtype.kind in {Kind.INTEGER, Kind.BOOL, Kind.SCALE}:
            assert rule.role not in PARAMETER_ROLES


WORDS = st.sampled_from(
    sorted(
        {word for rule in RULES for end in (*rule.ends, "") for word in (end, f"x{end}", end[1:])}
    )
)


@given(st.lists(WORDS, min_size=1, max_size=3), st.sampled_from([(), (4,), (4, 4), (1, 1, 4, 4)]))
def test_the_first_rule_that_holds_settles_a_role(parts: list[str], shape: tuple[int, ...]) -> None:
    tensors_ = tensors_of({"".join(parts): ("F32", shape)})
    assignment = assign(tensors_, ModelConfig(), {}, RULES)
    (bucket,) = assignment.counts
    context = Context(config=ModelConfig(), patterns=frozenset({bucket.pattern}))
    first = next(rule for rule in RULES if rule.matches(bucket, context))
    assert assignment.rules[bucket] is first


@settings(max_examples=50)
@given(tensors(), st.randoms())
def test_the_order_of_tensors_changes_no_role(stored: Stored_, random: Any) -> None:
    tensors_ = list(tensors_of(stored))
    before = assign(tensors_, ModelConfig(), {}, RULES)
    random.shuffle(tensors_)
    after = assign(tensors_, ModelConfig(), {}, RULES)
    assert before.counts == after.counts
    assert before.rules == after.rules


def test_idefics_freezes_its_two_models_unless_its_config_says_otherwise() -> None:
    def is_trained(name: str, **config: object) -> bool:
        return role_of({name: ("F32", (8, 8))}, name, {"model_type": "idefics", **config})[2]

    text, vision = "model.layers.0.mlp.up_proj.weight", "model.vision_model.post_layernorm.weight"
    assert not is_trained(text)
    assert is_trained(text, freeze_text_layers=False)
    assert is_trained(text, freeze_text_module_exceptions=["Linear"])
    assert not is_trained(vision, freeze_text_layers=False)
    assert is_trained(vision, freeze_vision_layers=False)
    assert is_trained("model.gated_cross_attn_layers.0.cross_attn.q_proj.weight")
    assert is_trained("model.embed_tokens.additional_embedding.weight")

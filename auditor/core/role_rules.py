"""The table of roles: the most particular first, a reason on every row.

Reasons that name a class were read in transformers 5.23.0 unless they say otherwise: a buffer there
is registered with `register_buffer` or `nn.Buffer`, a frozen parameter has `requires_grad=False`.
"""

from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.roles import Bucket, Context, Role, Rule

_MASK_RANK: Final = 4


def _is_square_mask(bucket: Bucket, _: Context) -> bool:
    """[1, 1, n, n]: one mask over all positions, for every head and every sequence."""
    shape = bucket.shape
    return len(shape) == _MASK_RANK and shape[:2] == (1, 1) and shape[2] == shape[3] > 1


def _is_scalar(bucket: Bucket, _: Context) -> bool:
    return bucket.shape in {(), (1,)}


def _is_integer(bucket: Bucket, _: Context) -> bool:
    return bucket.dtype.kind in {Kind.INTEGER, Kind.BOOL}


def _is_scale(bucket: Bucket, _: Context) -> bool:
    return bucket.dtype.kind is Kind.SCALE


def _is_vector(bucket: Bucket, _: Context) -> bool:
    return len(bucket.shape) <= 1


def _is_matrix(bucket: Bucket, _: Context) -> bool:
    return len(bucket.shape) > 1


def _has_running_mean(bucket: Bucket, context: Context) -> bool:
    ending = bucket.pattern.rpartition(".")[2]
    return context.has_sibling(bucket.pattern, ending, "running_mean")


def _is_codebook_state(bucket: Bucket, context: Context) -> bool:
    """A codebook kept by a moving average stores the size of its clusters beside it."""
    module = bucket.pattern.rpartition(".")[0]
    return any(
        f"{module}.{sibling}" in context.patterns
        for sibling in ("cluster_size", "cluster_usage", "embed_avg", "embed_sum")
    )


def _is_gelu_of_whisper(_: Bucket, context: Context) -> bool:
    """Whisper's audio encoder begins with two convolutions; BART's and its kin's do not."""
    return any(
        pattern in context.patterns
        for pattern in ("model.encoder.conv1.weight", "encoder.conv1.weight")
    )


_FROZEN_BATCH_NORM: Final = frozenset(
    """conditional_detr d_fine deformable_detr deimv2 detr pp_doclayout_v3 pp_doclayout_v4 rt_detr
    rt_detr_v2 table-transformer dab-detr""".split()
)
_WHISPER_ENCODERS: Final = frozenset(
    """audioflamingo3 audioflamingo3_encoder moss_transcribe_diarize moss_transcribe_diarize_audio
    musicflamingo qwen2_audio qwen2_audio_encoder voxtral voxtral_encoder""".split()
)

BUFFERS: Final = (
    Rule(
        name="causal masks",
        role=Role.BUFFER,
        ends=(".attn.bias", ".attention.bias"),
        test=_is_square_mask,
        reason="GPT-2, GPT-J, GPT-Neo and GPT-NeoX saved the attention's mask with the weights",
    ),
    Rule(
        name="causal masks",
        role=Role.BUFFER,
        ends=(".bias", "mask"),
        test=_is_square_mask,
        reason="a [1, 1, n, n] tensor is a mask over positions; no bias has that shape",
    ),
    Rule(
        name="mask constants",
        role=Role.BUFFER,
        ends=(".masked_bias",),
        test=_is_scalar,
        reason="the number that GPT-2-like attention writes over masked scores",
    ),
    Rule(
        name="position ids",
        role=Role.BUFFER,
        ends=(".position_ids",),
        test=_is_integer,
        reason="an arange; BERT-like models saved it before transformers 4.31",
    ),
    Rule(
        name="token type ids",
        role=Role.BUFFER,
        ends=(".token_type_ids",),
        test=_is_integer,
        reason="zeros that BERT-like embeddings fall back to",
    ),
    Rule(
        name="rotary frequencies",
        role=Role.BUFFER,
        ends=(
            ".inv_freq",
            ".original_inv_freq",
            ".cos_cached",
            ".sin_cached",
            ".freqs_cis",
            ".rope.freqs",
            ".rotary_emb.freqs",
            ".rotary_emb.alpha",
            ".rope_freqs.weight",
        ),
        reason="computed from the config; older checkpoints saved them",
    ),
    Rule(
        name="batch-norm statistics",
        role=Role.BUFFER,
        ends=(".running_mean", ".running_var", ".num_batches_tracked"),
        reason="running state of the data, never trained",
    ),
    Rule(
        name="frozen batch norm",
        role=Role.BUFFER,
        ends=(".weight", ".bias"),
        types=_FROZEN_BATCH_NORM,
        test=_has_running_mean,
        reason="DETR-like backbones keep batch norm as constants: weight and bias are buffers",
    ),
    Rule(
        name="relative position tables",
        role=Role.BUFFER,
        ends=(".relative_position_index", ".relative_coords_table"),
        reason="Swin-like models index their bias table with it; computed from the window",
    ),
    Rule(
        name="attention masks",
        role=Role.BUFFER,
        ends=(".attn_mask", ".causal_mask", ".attention_mask", ".tril", ".triu"),
        reason="a mask is computed from the window or the length",
    ),
    Rule(
        name="expert load corrections",
        role=Role.BUFFER,
        ends=(".e_score_correction_bias", ".exp_probs_b", ".exp_probs_b.bias"),
        types=frozenset(),
        test=lambda _, context: context.config.model_types.isdisjoint(
            {"ernie4_5_moe", "ernie4_5_vl_moe", "laguna"}
        ),
        reason="DeepSeek-V3-like routers move it by the load of the experts, not by gradients",
    ),
    Rule(
        name="expert load corrections",
        role=Role.BUFFER,
        ends=(".expert_bias",),
        types=frozenset({"lfm2_moe"}),
        reason="as e_score_correction_bias, under LFM2's name",
    ),
    Rule(
        name="router state",
        role=Role.BUFFER,
        ends=(".balancing_biases", ".tid2eid", ".expert_load", ".tokens_per_expert"),
        reason="routing tables and load counters",
    ),
    Rule(
        name="decay tables",
        role=Role.BUFFER,
        ends=(".slope_rate", ".query_decay", ".key_decay", ".diagonal_decay"),
        reason="lightning attention of MiniMax computes them from the head's number",
    ),
    Rule(
        name="layer scalars",
        role=Role.BUFFER,
        ends=(".layer_scalar",),
        test=_is_scalar,
        reason="Gemma 4 keeps a constant for each layer",
    ),
    Rule(
        name="sinusoidal positions",
        role=Role.BUFFER,
        ends=(
            ".embed_positions.weights",
            ".sinusoid_table",
            ".sinusoidal_embedding",
            ".sinusoidal_positional_embedding",
            ".pos_emb.sinusoid",
        ),
        reason="sines and cosines of the position; saved by M2M100, XGLM and Speech2Text",
    ),
    Rule(
        name="sinusoidal positions",
        role=Role.BUFFER,
        ends=(".pos_embed.pos_embed",),
        reason="diffusers' PatchEmbed registers its sine table as a persistent buffer",
    ),
    Rule(
        name="final logits bias",
        role=Role.BUFFER,
        ends=(".final_logits_bias",),
        reason="BART-like models register it as a buffer of zeros",
    ),
    Rule(
        name="codebook statistics",
        role=Role.BUFFER,
        ends=(
            ".embed_avg",
            ".embed_sum",
            ".cluster_size",
            ".cluster_usage",
            ".inited",
            ".codebook.initialized",
        ),
        reason="residual vector quantisers learn by moving averages",
    ),
    Rule(
        name="codebooks",
        role=Role.BUFFER,
        ends=(".codebook.embed",),
        test=_is_codebook_state,
        reason="EnCodec-like codebooks are moved by averages, not by gradients",
    ),
    Rule(
        name="quantisation ranges",
        role=Role.BUFFER,
        types=frozenset({"ibert"}),
        ends=(
            "_scaling_factor",
            ".weight_integer",
            ".bias_integer",
            ".x_min",
            ".x_max",
            ".shift",
        ),
        reason="I-BERT's integer arithmetic keeps its ranges",
    ),
    Rule(
        name="activation ranges",
        role=Role.BUFFER,
        ends=(".input_min", ".input_max", ".output_min", ".output_max"),
        test=_is_scalar,
        reason="Gemma 4's audio tower clips to stored ranges",
    ),
    Rule(
        name="input statistics",
        role=Role.BUFFER,
        ends=(
            ".norm_mean",
            ".norm_std",
            ".summary_idxs",
            ".global_mean",
            ".global_invstd",
            ".vision_tower.std_bias",
            ".vision_tower.std_scale",
        ),
        reason="means and deviations of the data (RADIO, Phi-4 multimodal, Gemma 4)",
    ),
    Rule(
        name="expert load corrections",
        role=Role.BUFFER,
        ends=(".ffn.gate.bias",),
        types=frozenset({"deepseek_v4"}),
        reason="as e_score_correction_bias, under the name in DeepSeek-V4's files",
    ),
    Rule(
        name="input statistics",
        role=Role.BUFFER,
        ends=(".vocoder.mean", ".vocoder.scale"),
        reason="HiFi-GAN normalises spectrograms with the data's statistics",
    ),
    Rule(
        name="activation constants",
        role=Role.BUFFER,
        types=frozenset({"apertus"}),
        ends=(".act_fn.beta", ".act_fn.eps"),
        reason="Apertus registers them as buffers; alpha_p and alpha_n are trained",
    ),
    Rule(
        name="random positions",
        role=Role.BUFFER,
        ends=(
            ".shared_embedding.positional_embedding",
            ".shared_image_embedding.positional_embedding",
            ".pe_layer.positional_encoding_gaussian_matrix",
        ),
        reason="SAM projects coordinates on fixed random directions",
    ),
    Rule(
        name="position tables",
        role=Role.BUFFER,
        ends=(".pos_idx_to_embed",),
        reason="Florence-2 computes its temporal positions",
    ),
    Rule(
        name="attention slopes",
        role=Role.BUFFER,
        ends=(".alibi", ".alibi_slopes"),
        reason="ALiBi's slopes follow from the number of heads",
    ),
    Rule(
        name="noise schedule",
        role=Role.BUFFER,
        ends=(
            ".betas",
            ".alphas_cumprod",
            ".alphas_cumprod_prev",
            ".sqrt_alphas_cumprod",
            ".sqrt_one_minus_alphas_cumprod",
            ".log_one_minus_alphas_cumprod",
            ".sqrt_recip_alphas_cumprod",
            ".sqrt_recipm1_alphas_cumprod",
            ".posterior_variance",
            ".posterior_log_variance_clipped",
            ".posterior_mean_coef1",
            ".posterior_mean_coef2",
        ),
        reason="a diffusion schedule is computed from two numbers",
    ),
    Rule(
        name="averaged copies",
        role=Role.BUFFER,
        begins=(".model_ema.",),
        reason="latent-diffusion checkpoints store a moving average of the weights beside them",
    ),
    Rule(
        name="format markers",
        role=Role.BUFFER,
        ends=(".scaled_fp8", ".version", "._extra_state"),
        test=lambda bucket, _: bucket.shape in {(), (0,), (1,), (2,)},
        reason="a few bytes that tell loaders how the file was made",
    ),
    Rule(
        name="integer buffers",
        role=Role.BUFFER,
        test=_is_integer,
        reason="no gradient can be taken of integers, and no packing of weights was recognised",
    ),
    Rule(
        name="stray scales",
        role=Role.AUXILIARY,
        test=_is_scale,
        reason="an F8_E8M0 number is an exponent: only ever the scale of other numbers",
    ),
)

FROZEN: Final = (
    Rule(
        name="frozen positions",
        role=Role.EMBEDDING,
        trainable=False,
        ends=(".encoder.embed_positions.weight",),
        types=frozenset({"whisper"}),
        reason="Whisper's encoder positions are sines with requires_grad=False",
    ),
    Rule(
        name="frozen positions",
        role=Role.EMBEDDING,
        trainable=False,
        ends=(".encoder.embed_positions.weight",),
        test=_is_gelu_of_whisper,
        reason="an audio encoder of Whisper's kind: its positions have requires_grad=False",
    ),
    Rule(
        name="frozen positions",
        role=Role.EMBEDDING,
        trainable=False,
        ends=(".embed_positions.weight",),
        types=_WHISPER_ENCODERS,
        contains=(".audio_tower.", ".encoder.", ".embed_positions."),
        reason="its audio tower is Whisper's encoder: the positions have requires_grad=False",
    ),
    Rule(
        name="frozen positions",
        role=Role.EMBEDDING,
        trainable=False,
        ends=(".embed_positions.weight",),
        types=frozenset({"marian", "pegasus", "roformer"}),
        reason="sinusoidal positions with requires_grad=False",
    ),
    Rule(
        name="frozen positions",
        role=Role.EMBEDDING,
        trainable=False,
        ends=(".position_embeddings", ".decoder_pos_embed"),
        types=frozenset({"vit_mae"}),
        reason="ViT-MAE's sine positions have requires_grad=False",
    ),
    Rule(
        name="frozen positions",
        role=Role.EMBEDDING,
        trainable=False,
        ends=(".position_enc",),
        types=frozenset({"patchtst"}),
        reason="PatchTST's positions have requires_grad=False by default",
    ),
    Rule(
        name="frozen router corrections",
        role=Role.BIAS,
        trainable=False,
        ends=(".e_score_correction_bias",),
        types=frozenset({"ernie4_5_moe", "ernie4_5_vl_moe", "laguna"}),
        reason="here a parameter with requires_grad=False, elsewhere a buffer",
    ),
    Rule(
        name="frozen router corrections",
        role=Role.BIAS,
        trainable=False,
        ends=(".expert_bias",),
        types=frozenset({"afmoe"}),
        reason="a parameter with requires_grad=False",
    ),
    Rule(
        name="frozen image codebook",
        role=Role.WEIGHT,
        trainable=False,
        begins=(".image_codebook.",),
        types=frozenset({"flava"}),
        reason="FLAVA's image codebook is frozen when it is built",
    ),
    Rule(
        name="frozen patcher",
        role=Role.WEIGHT,
        trainable=False,
        contains=(".patcher.",),
        types=frozenset({"blt"}),
        reason="BLT's entropy patcher is frozen",
    ),
    Rule(
        name="frozen box scales",
        role=Role.WEIGHT,
        trainable=False,
        ends=(".decoder.reg_scale", ".decoder.up"),
        types=frozenset({"d_fine", "deimv2"}),
        reason="D-FINE's regression scale has requires_grad=False",
    ),
    Rule(
        name="frozen initial state",
        role=Role.WEIGHT,
        trainable=False,
        ends=(".z_L_init", ".z_H_init"),
        types=frozenset({"hrm_text"}),
        reason="HRM's initial states have requires_grad=False",
    ),
)

HEADS: Final = (
    Rule(
        name="masked-language head's decoder",
        role=Role.HEAD,
        head=True,
        output=True,
        ends=(
            ".cls.predictions.decoder.weight",
            ".lm_head.decoder.weight",
            ".predictions.decoder.weight",
            ".vocab_projector.weight",
            ".generator_lm_head.weight",
            ".pred_layer.proj.weight",
            ".lm_loss.weight",
        ),
        reason="hidden states to vocabulary logits, with a matrix of its own",
    ),
    Rule(
        name="transform",
        role=Role.HEAD,
        head=True,
        contains=(
            ".cls.predictions.transform.dense.",
            ".lm_head.dense.",
            ".predictions.dense.",
            ".vocab_transform.",
            ".generator_predictions.dense.",
        ),
        reason="the dense layer of a masked-language head",
    ),
    Rule(
        name="norm",
        role=Role.HEAD,
        head=True,
        contains=(
            ".cls.predictions.transform.LayerNorm.",
            ".lm_head.layer_norm.",
            ".predictions.LayerNorm.",
            ".vocab_layer_norm.",
            ".generator_predictions.LayerNorm.",
        ),
        reason="the layer norm of a masked-language head",
    ),
    Rule(
        name="bias",
        role=Role.HEAD,
        head=True,
        ends=(
            ".cls.predictions.bias",
            ".cls.predictions.decoder.bias",
            ".lm_head.bias",
            ".lm_head.decoder.bias",
            ".predictions.bias",
            ".predictions.decoder.bias",
            ".vocab_projector.bias",
            ".generator_lm_head.bias",
            ".pred_layer.proj.bias",
            ".lm_loss.bias",
        ),
        reason="one number for each entry of the vocabulary",
    ),
    Rule(
        name="next sentence",
        role=Role.HEAD,
        head=True,
        contains=(".cls.seq_relationship.", ".sop_classifier."),
        reason="BERT's second pre-training task",
    ),
    Rule(
        name="head",
        role=Role.HEAD,
        head=True,
        begins=(
            ".cls.",
            ".discriminator_predictions.",
            ".generator_predictions.",
            ".predictions.",
            ".entity_predictions.",
        ),
        reason="a pre-training head on top of the encoder",
    ),
    Rule(
        name="language-model head",
        role=Role.HEAD,
        head=True,
        output=True,
        ends=(
            ".lm_head.weight",
            ".embed_out.weight",
            ".lm_head.out_proj.weight",
            ".output_projection.weight",
            ".codec_head.weight",
        ),
        reason="hidden states to vocabulary logits, with a matrix of its own",
    ),
    Rule(
        name="language-model head",
        role=Role.HEAD,
        head=True,
        output=True,
        ends=(".output.weight",),
        test=lambda _, context: (
            "tok_embeddings.weight" in context.patterns or "token_embd.weight" in context.patterns
        ),
        reason="the output matrix under Meta's and Mistral's own names",
    ),
    Rule(
        name="language-model head",
        role=Role.HEAD,
        head=True,
        output=True,
        ends=(".proj_out.weight",),
        types=frozenset({"whisper"}),
        reason="hidden states to vocabulary logits",
    ),
    Rule(
        name="language-model head",
        role=Role.HEAD,
        head=True,
        contains=(".lm_head.",),
        reason="part of a language-model head",
    ),
    Rule(
        name="classification head",
        role=Role.HEAD,
        head=True,
        begins=(
            ".classifier.",
            ".score.",
            ".qa_outputs.",
            ".pre_classifier.",
            ".classification_head.",
            ".summary.",
            ".sequence_summary.",
            ".logits_proj.",
            ".qa_classifier.",
            ".head.",
            ".heads.",
            ".fc.",
            ".class_labels_classifier.",
            ".bbox_predictor.",
            ".cls_classifier.",
            ".distillation_classifier.",
            ".regression_head.",
            ".value_head.",
            ".v_head.",
            ".reward_head.",
            ".span_classifier.",
            ".answer_head.",
            ".obj_predictor.",
        ),
        reason="a task's head on top of the backbone",
    ),
)

EXPERTS: Final = (
    Rule(
        name="routed experts",
        role=Role.EXPERT,
        contains=(".experts.", ".switch_mlp.", "_exps."),
        reason="weights of which a router picks a few for each token",
    ),
)

ADAPTERS: Final = (
    Rule(
        name="adapter weights",
        role=Role.ADAPTER,
        contains=(
            ".lora_A.",
            ".lora_B.",
            ".lora_embedding_A",
            ".lora_embedding_B",
            ".lora_magnitude_vector",
            ".lora_down.",
            ".lora_up.",
            ".ia3_l",
            ".hada_",
            ".lokr_",
            ".oft_r",
            ".boft_",
            ".vera_lambda_",
            ".prompt_embeddings",
            ".prompt_encoder.",
        ),
        reason="PEFT's names for what an adapter trains beside the base model",
    ),
)

EMBEDDINGS: Final = (
    Rule(
        name="token embeddings",
        role=Role.EMBEDDING,
        ends=(
            ".word_embeddings.weight",
            ".embed_tokens.weight",
            ".wte.weight",
            ".shared.weight",
            ".tok_embeddings.weight",
            ".embed_in.weight",
            ".word_embedding.weight",
            ".token_embedding.weight",
            ".tokens_embed.weight",
            ".token_embd.weight",
            ".transformer.embeddings.weight",
            ".entity_embeddings.weight",
            ".embed_audio_tokens.weight",
            ".embedding.word_embeddings.weight",
            ".rwkv.embeddings.weight",
        ),
        reason="a table with a row for each token",
    ),
    Rule(
        name="position embeddings",
        role=Role.EMBEDDING,
        ends=(
            ".position_embeddings.weight",
            ".position_embedding.weight",
            ".wpe.weight",
            ".embed_positions.weight",
            ".positions_embed.weight",
            ".position_embeddings",
            ".position_embedding",
            ".pos_embed",
            ".pos_embedding",
            ".positional_embedding",
            ".position_embd.weight",
            ".absolute_pos_embed",
            ".pos_emb.weight",
            ".x_position_embeddings.weight",
            ".y_position_embeddings.weight",
            ".h_position_embeddings.weight",
            ".w_position_embeddings.weight",
        ),
        reason="a table with a row for each position",
    ),
    Rule(
        name="type embeddings",
        role=Role.EMBEDDING,
        ends=(".token_type_embeddings.weight", ".token_types.weight", ".lang_embeddings.weight"),
        reason="a table with a row for each segment type or language",
    ),
    Rule(
        name="class and mask tokens",
        role=Role.EMBEDDING,
        ends=(
            ".cls_token",
            ".mask_token",
            ".dist_token",
            ".distillation_token",
            ".class_embedding",
            ".register_tokens",
            ".reg_token",
        ),
        reason="learnt vectors that stand for a token",
    ),
)

ORDINARY: Final = (
    Rule(
        name="norms",
        role=Role.NORM,
        test=_is_vector,
        contains=(
            "norm",
            "Norm",
            ".ln_",
            ".ln.",
            ".ln1.",
            ".ln2.",
            ".bn.",
            ".bn1.",
            ".bn2.",
            ".bn3.",
            ".batch_norm",
            "_ln.",
        ),
        reason="the scale or shift of a normalisation",
    ),
    Rule(
        name="norms",
        role=Role.NORM,
        test=_has_running_mean,
        ends=(".weight", ".bias"),
        reason="a batch norm: it keeps running statistics beside it",
    ),
    Rule(
        name="norms",
        role=Role.NORM,
        ends=(".gamma", ".beta"),
        test=_is_vector,
        reason="TensorFlow's names for the scale and shift of a normalisation",
    ),
    Rule(
        name="biases",
        role=Role.BIAS,
        ends=(".bias", "_bias", ".b", ".in_proj_bias"),
        test=_is_vector,
        reason="a number added to each output",
    ),
    Rule(
        name="biases",
        role=Role.BIAS,
        ends=(".bias", "_bias"),
        contains=(".experts.",),
        reason="the biases of all experts of a layer",
    ),
    Rule(
        name="weights",
        role=Role.WEIGHT,
        reason="no rule knows it as anything else: a weight that is trained",
    ),
)

RULES: Final = (
    *BUFFERS,
    *FROZEN,
    *ADAPTERS,
    *HEADS,
    *EXPERTS,
    *EMBEDDINGS,
    *ORDINARY,
)

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


def _is_square(bucket: Bucket, _: Context) -> bool:
    return len(bucket.shape) > 1 and bucket.shape[-1] == bucket.shape[-2] > 1


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


def _is_bare_table(bucket: Bucket, _: Context) -> bool:
    return bucket.pattern in _BARE_TABLES and len(bucket.shape) == 2  # noqa: PLR2004 - a table


def _has_running_mean(bucket: Bucket, context: Context) -> bool:
    """Whether running statistics stand beside it; a batch norm's own numbers are vectors.

    NOTE: in a Sequential a convolution (`0.weight`) and its norm (`1.weight`) share a pattern.
    """
    ending = bucket.pattern.rpartition(".")[2]
    return len(bucket.shape) == 1 and context.has_sibling(bucket.pattern, ending, "running_mean")


def _is_codebook_state(bucket: Bucket, context: Context) -> bool:
    """A codebook kept by a moving average stores the size of its clusters beside it."""
    module = bucket.pattern.rpartition(".")[0]
    return any(
        f"{module}.{sibling}" in context.patterns
        for sibling in ("cluster_size", "cluster_usage", "embed_avg", "embed_sum")
    )


def _is_of_kohya(bucket: Bucket, context: Context) -> bool:
    """One number beside the two matrices of a LoRA."""
    module = bucket.pattern.rpartition(".")[0]
    return _is_scalar(bucket, context) and f"{module}.lora_down.weight" in context.patterns


def _has_spectral_norm(bucket: Bucket, context: Context) -> bool:
    """A vector beside the weight it was taken from; weight norm's `weight_v` is no vector."""
    ending = bucket.pattern.rpartition(".")[2]
    return len(bucket.shape) == 1 and context.has_sibling(bucket.pattern, ending, "weight_orig")


def _has_whisper_stem(_: Bucket, context: Context) -> bool:
    """Whisper's audio encoder begins with two convolutions; BART's and its kin's do not."""
    return any(
        pattern in context.patterns
        for pattern in ("model.encoder.conv1.weight", "encoder.conv1.weight")
    )


def _folds_proteins(_: Bucket, context: Context) -> bool:
    return "EsmForProteinFolding" in context.config.architectures


def _is_learnt_pooling(_: Bucket, context: Context) -> bool:
    return not context.patterns.isdisjoint(
        {"head.probe", "head.cls_token", "head.pooling_attention_query"}
    )


def _is_patch_grid(_: Bucket, context: Context) -> bool:
    """AuraFlow, alone with register tokens, learns the table that others compute."""
    return "register_tokens" not in context.patterns


def _has_table_of_tokens(_: Bucket, context: Context) -> bool:
    return any(
        pattern.endswith(("tok_embeddings.weight", "token_embd.weight"))
        for pattern in context.patterns
    )


def _has_bare_table(_: Bucket, context: Context) -> bool:
    return not context.patterns.isdisjoint(
        {"embed.weight", "emb.weight", "rwkv.embeddings.weight", "word_embeddings.weight"}
    )


# Whole names of token tables: DeepSeek, RWKV, sentence-transformers, Model2Vec, CTRL.
_BARE_TABLES: Final = frozenset(
    """embed.weight emb.weight embedding.weight embeddings w.weight transformer.w.weight""".split()
)
_FROZEN_BATCH_NORM: Final = frozenset(
    """conditional_detr d_fine dab-detr deformable_detr deimv2 detr grounding-dino mm-grounding-dino
    pp_doclayout_v2 pp_doclayout_v3 pp_doclayout_v4 rt_detr rt_detr_v2 table-transformer""".split()
)
_FROZEN_CORRECTIONS: Final = frozenset({"ernie4_5_moe", "ernie4_5_vl_moe", "laguna"})
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
            ".rotary_emb.freqs",
            ".rotary_emb.alpha",
            ".lerope.alpha",
            ".rope_freqs.weight",
            ".freqs_cos",
            ".freqs_sin",
            ".cos_sin_cache",
            ".rope_embed.periods",
            ".inv_timescales",
        ),
        reason="computed from the config; older checkpoints saved them",
    ),
    Rule(
        name="frequencies",
        role=Role.BUFFER,
        ends=(".freqs",),
        test=_is_vector,
        reason="the steps of a sine table; tables that are learnt (EVA's mixed rope) have axes",
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
        contains=(".backbone.", ".conv_encoder.model."),
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
        name="attention masks",
        role=Role.BUFFER,
        ends=(".mask",),
        test=_is_square,
        reason="a square over positions, under the name that teaching code gives it",
    ),
    Rule(
        name="mask constants",
        role=Role.BUFFER,
        ends=(".attn_mask_probs",),
        test=_is_vector,
        reason="EoMT anneals its masks by a schedule",
    ),
    Rule(
        name="expert load corrections",
        role=Role.BUFFER,
        ends=(".e_score_correction_bias", ".exp_probs_b", ".exp_probs_b.bias"),
        test=lambda _, context: context.config.model_types.isdisjoint(_FROZEN_CORRECTIONS),
        reason="DeepSeek-V3-like routers move it by the load of the experts, not by gradients",
    ),
    Rule(
        name="expert load corrections",
        role=Role.BUFFER,
        ends=(".expert_bias",),
        test=lambda _, context: "afmoe" not in context.config.model_types,
        reason="as e_score_correction_bias, in the files of LFM2, Ling and Hunyuan",
    ),
    Rule(
        name="expert load corrections",
        role=Role.BUFFER,
        ends=(".moe.router_bias", ".mlp.router_bias"),
        types=frozenset({"dots3_note", "step3p7"}),
        reason="as e_score_correction_bias, in the files of Step and dots",
    ),
    Rule(
        name="expert load corrections",
        role=Role.BUFFER,
        ends=(".mlp.gate.bias",),
        types=frozenset({"inkling2", "inkling2_text", "inkling_mm_model", "inkling_text"}),
        reason="as e_score_correction_bias, in the files of Inkling",
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
        test=_is_patch_grid,
        reason="diffusers' PatchEmbed registers its sine table as a persistent buffer",
    ),
    Rule(
        name="sinusoidal positions",
        role=Role.BUFFER,
        ends=(
            ".pos_embed.pe",
            ".pos_encoder.pe",
            ".pos_encoding.pe",
            ".position_encoding.pe",
            ".positional_encoding.pe",
        ),
        reason="PyTorch's own example of sine positions, as in AnimateDiff's motion modules",
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
            ".embedding_sum",
            ".inited",
            ".initted",
            ".codebook.initialized",
            "._codebook._initialized",
        ),
        reason="residual vector quantisers learn by moving averages",
    ),
    Rule(
        name="codebooks",
        role=Role.BUFFER,
        ends=(".codebook.embed", "._codebook.embed"),
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
            ".std_bias",
            ".std_scale",
            ".latent_mean",
            ".latent_std",
            ".latents_mean",
            ".latents_std",
            "._latents_mean",
            "._latents_std",
            ".data_mean",
            ".data_std",
            ".emb_mean",
            ".emb_std",
            ".pixel_mean",
            ".pixel_std",
            ".mel_stats",
            ".silence_latent",
        ),
        reason="means and deviations of the data (RADIO, Phi-4 multimodal, Gemma 4, LTX-Video)",
    ),
    Rule(
        name="input statistics",
        role=Role.BUFFER,
        begins=(".mean", ".scale"),
        types=frozenset({"fastspeech2_conformer_hifigan", "hifigan", "speecht5_hifigan"}),
        test=_is_vector,
        reason="HiFi-GAN normalises spectrograms with the data's statistics",
    ),
    Rule(
        name="spectrogram constants",
        role=Role.BUFFER,
        ends=(
            ".hann_window",
            ".mel_basis",
            ".forward_basis",
            ".inverse_basis",
            ".mel_scale.fb",
            ".featurizer.fb",
        ),
        reason="windows and filter banks of an audio front end (torchaudio, NeMo)",
    ),
    Rule(
        name="spectrogram constants",
        role=Role.BUFFER,
        ends=(".window",),
        test=_is_vector,
        reason="the window of a Fourier transform (torchaudio, NeMo, Vocos)",
    ),
    Rule(
        name="Fourier matrices",
        role=Role.BUFFER,
        ends=(".dft_mat_hidden", ".dft_mat_seq"),
        reason="FNet mixes by them; computed from the width and the length",
    ),
    Rule(
        name="resampling filters",
        role=Role.BUFFER,
        ends=(".resample_filter", ".lowpass.filter", ".upsample.filter", ".downsample.filter"),
        reason="fixed filters of BigVGAN's and StyleGAN's resampling",
    ),
    Rule(
        name="resampling filters",
        role=Role.BUFFER,
        ends=(".kernel",),
        test=_is_vector,
        reason="diffusers' 1-D blocks resample with a fixed kernel; a trained one is no vector",
    ),
    Rule(
        name="class weights of a loss",
        role=Role.BUFFER,
        ends=(".empty_weight",),
        reason="MaskFormer-like models keep their criterion's weights of classes",
    ),
    Rule(
        name="sampling constants",
        role=Role.BUFFER,
        ends=(".n_points_scale", ".num_points_scale"),
        reason="RT-DETR v2 and D-FINE scale their sampling points by the number of points",
    ),
    Rule(
        name="spectral-norm vectors",
        role=Role.BUFFER,
        ends=(".weight_u", ".weight_v"),
        test=_has_spectral_norm,
        reason="torch's spectral_norm keeps the first singular vectors beside `weight_orig`",
    ),
    Rule(
        name="spectral-norm vectors",
        role=Role.BUFFER,
        contains=(".parametrizations.",),
        ends=("._u", "._v"),
        test=_is_vector,
        reason="torch's spectral_norm keeps the first singular vectors",
    ),
    Rule(
        name="moving averages",
        role=Role.BUFFER,
        ends=(".w_avg", ".noise_const"),
        reason="StyleGAN keeps the mean of its latents and fixed noise",
    ),
    Rule(
        name="adapter constants",
        role=Role.BUFFER,
        ends=(".alpha",),
        test=_is_of_kohya,
        reason="a LoRA's scaling, a setting that kohya's scripts store as a tensor",
    ),
    Rule(
        name="frozen projections",
        role=Role.BUFFER,
        ends=(".vera_A", ".vera_B", ".randlora_A", ".randlora_B"),
        reason="random matrices that PEFT's VeRA and RandLora share between layers",
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
        test=lambda _, context: context.config.model_types.isdisjoint({"sam", "sam_hq"}),
        reason="SAM 2 projects coordinates on fixed random directions; the first SAM trains them",
    ),
    Rule(
        name="position tables",
        role=Role.BUFFER,
        ends=(".pos_idx_to_embed",),
        reason="Florence-2 computes its temporal positions",
    ),
    Rule(
        name="position tables",
        role=Role.BUFFER,
        ends=(".text_model.embeddings.position_embedding",),
        types=frozenset({"videoprism", "videoprism_text_model"}),
        reason="VideoPrism's text tower has sine positions",
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
            ".denoiser.sigmas",
            ".model_sampling.sigmas",
        ),
        reason="a diffusion schedule is computed from two numbers",
    ),
    Rule(
        name="noise schedule",
        role=Role.BUFFER,
        begins=(".logvar", ".scale_factor"),
        test=_is_vector,
        reason="latent-diffusion checkpoints store the loss's weights and the latents' scale",
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
        test=_has_whisper_stem,
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
        types=frozenset(
            "autoformer informer marian pegasus roformer time_series_transformer".split()
        ),
        reason="sinusoidal positions with requires_grad=False",
    ),
    Rule(
        name="frozen frequencies",
        role=Role.EMBEDDING,
        trainable=False,
        ends=(".time_proj.weight",),
        test=_is_vector,
        reason="diffusers' Gaussian Fourier projection has requires_grad=False",
    ),
    Rule(
        name="frozen input statistics",
        role=Role.WEIGHT,
        trainable=False,
        begins=(".normalize_inputs.", ".normalize_targets.", ".unnormalize_outputs."),
        contains=(".buffer_",),
        reason="LeRobot's policies keep the data's statistics with requires_grad=False",
    ),
    Rule(
        name="frozen protein language model",
        role=Role.WEIGHT,
        trainable=False,
        begins=(".esm.",),
        test=_folds_proteins,
        reason="ESMFold freezes the language model under its folding trunk",
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
        types=frozenset({"patchtsmixer", "patchtst"}),
        reason="PatchTST's and PatchTSMixer's positions have requires_grad=False by default",
    ),
    Rule(
        name="frozen router corrections",
        role=Role.BIAS,
        trainable=False,
        ends=(".e_score_correction_bias",),
        types=_FROZEN_CORRECTIONS,
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
            ".mlm_head.decoder.weight",
            ".mmm_text_head.decoder.weight",
        ),
        reason="hidden states to vocabulary logits, with a matrix of its own",
    ),
    Rule(
        name="masked-language head's decoder",
        role=Role.HEAD,
        head=True,
        output=True,
        begins=(".decoder.weight", ".head.decoder.weight"),
        test=_is_matrix,
        reason="ModernBERT's and UltraBERT's name for it",
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
        name="bias",
        role=Role.HEAD,
        head=True,
        begins=(".decoder.bias",),
        reason="one number for each entry of the vocabulary, under ModernBERT's name",
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
            ".lm_head.linear.weight",
            ".transformer.output_layer.weight",
            ".transformer.ff_out.weight",
            ".ctc_head.weight",
            ".unembed.weight",
        ),
        reason="hidden states to vocabulary logits, with a matrix of its own",
    ),
    Rule(
        name="language-model heads",
        role=Role.HEAD,
        head=True,
        output=True,
        contains=(".lm_heads.", ".codebooks_head."),
        reason="a head for each codebook (MusicGen, Bark, CSM)",
    ),
    Rule(
        name="language-model head",
        role=Role.HEAD,
        head=True,
        output=True,
        begins=(".output.weight", ".model.output.weight"),
        test=_has_table_of_tokens,
        reason="the output matrix under Meta's, Mistral's and InternLM's own names",
    ),
    Rule(
        name="language-model head",
        role=Role.HEAD,
        head=True,
        output=True,
        begins=(".head.weight",),
        test=_has_bare_table,
        reason="the output matrix under RWKV's and DeepSeek's own names",
    ),
    Rule(
        name="language-model head",
        role=Role.HEAD,
        head=True,
        output=True,
        begins=(".proj_out.weight", ".output.weight"),
        types=frozenset({"canary", "git", "moonshine", "whisper"}),
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
        name="pooling",
        role=Role.WEIGHT,
        begins=(".head.",),
        test=_is_learnt_pooling,
        reason="SigLIP's and AIMv2's `head` pools the patches: part of the encoder",
    ),
    Rule(
        name="task head",
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

# Where names of routed experts' weights go on after the layer.
EXPERT_PLACES: Final = (
    ".experts.",
    ".switch_mlp.",
    "_exps.",
    ".block_sparse_moe.input_linear.",
    ".block_sparse_moe.output_linear.",
)
EXPERTS: Final = (
    Rule(
        name="routed experts",
        role=Role.EXPERT,
        contains=EXPERT_PLACES,
        reason="weights of which a router picks a few for each token",
    ),
)

ADAPTERS: Final = (
    Rule(
        name="adapter weights",
        role=Role.ADAPTER,
        contains=(
            ".lora_A",
            ".lora_B",
            ".lora_E",
            ".lora_embedding_A",
            ".lora_embedding_B",
            ".lora_magnitude_vector",
            ".lora_down.",
            ".lora_up.",
            "lora.down.",
            "lora.up.",
            ".dora_scale",
            ".ia3_l",
            ".hada_",
            ".lokr_",
            ".oft_r",
            ".boft_",
            ".vera_lambda_",
            ".prompt_embeddings",
        ),
        reason="PEFT's and kohya's names for what an adapter trains beside the base model",
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
            ".embeddings.weight",
            ".entity_embeddings.weight",
            ".embed_audio_tokens.weight",
            ".token_embeddings.weight",
            ".generation_embeddings.weight",
            ".value_embeddings.weight",
            ".visual_embeddings_table.weight",
            ".wte.embedding",
            ".wte.new_embedding",
            ".decoder.embedding.weight",
            ".llm.embed.weight",
        ),
        reason="a table with a row for each token",
    ),
    Rule(
        name="token embeddings",
        role=Role.EMBEDDING,
        test=_is_bare_table,
        reason="a table with a row for each token, under a name that stands alone",
    ),
    Rule(
        name="per-layer token embeddings",
        role=Role.EMBEDDING,
        ends=(".embed_tokens_per_layer.weight",),
        reason="Gemma 3n and 4 look a vector up for each layer: kept out of fast memory",
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

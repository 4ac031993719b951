"""What a rule may ask of a bucket beside its name: its shape, its dtype, what stands beside it."""

from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.roles import Bucket, Context

# Whole names of token tables: DeepSeek, RWKV, sentence-transformers, Model2Vec, CTRL.
_BARE_TABLES: Final = frozenset(
    """embed.weight emb.weight embedding.weight embeddings w.weight transformer.w.weight""".split()
)
_MASK_RANK: Final = 4


def is_square_mask(bucket: Bucket, _: Context) -> bool:
    """[1, 1, n, n]: one mask over all positions, for every head and every sequence."""
    shape = bucket.shape
    return len(shape) == _MASK_RANK and shape[:2] == (1, 1) and shape[2] == shape[3] > 1


def is_square(bucket: Bucket, _: Context) -> bool:
    return len(bucket.shape) > 1 and bucket.shape[-1] == bucket.shape[-2] > 1


def is_scalar(bucket: Bucket, _: Context) -> bool:
    return bucket.shape in {(), (1,)}


def is_integer(bucket: Bucket, _: Context) -> bool:
    return bucket.dtype.kind in {Kind.INTEGER, Kind.BOOL}


def is_scale(bucket: Bucket, _: Context) -> bool:
    return bucket.dtype.kind is Kind.SCALE


def is_vector(bucket: Bucket, _: Context) -> bool:
    return len(bucket.shape) <= 1


def is_matrix(bucket: Bucket, _: Context) -> bool:
    return len(bucket.shape) > 1


def is_bare_table(bucket: Bucket, _: Context) -> bool:
    return bucket.pattern in _BARE_TABLES and len(bucket.shape) == 2  # noqa: PLR2004 - a table


def has_running_mean(bucket: Bucket, context: Context) -> bool:
    """Whether running statistics stand beside it; a batch norm's own numbers are vectors.

    NOTE: in a Sequential a convolution (`0.weight`) and its norm (`1.weight`) share a pattern.
    """
    ending = bucket.pattern.rpartition(".")[2]
    return len(bucket.shape) == 1 and context.has_sibling(bucket.pattern, ending, "running_mean")


def is_codebook_state(bucket: Bucket, context: Context) -> bool:
    """A codebook kept by a moving average stores the size of its clusters beside it."""
    module = bucket.pattern.rpartition(".")[0]
    return any(
        f"{module}.{sibling}" in context.patterns
        for sibling in ("cluster_size", "cluster_usage", "embed_avg", "embed_sum")
    )


def is_of_kohya(bucket: Bucket, context: Context) -> bool:
    """One number beside the two matrices of a LoRA."""
    module = bucket.pattern.rpartition(".")[0]
    return is_scalar(bucket, context) and f"{module}.lora_down.weight" in context.patterns


def has_spectral_norm(bucket: Bucket, context: Context) -> bool:
    """A vector beside the weight it was taken from; weight norm's `weight_v` is no vector."""
    ending = bucket.pattern.rpartition(".")[2]
    return len(bucket.shape) == 1 and context.has_sibling(bucket.pattern, ending, "weight_orig")


def has_whisper_stem(_: Bucket, context: Context) -> bool:
    """Whisper's audio encoder begins with two convolutions; BART's and its kin's do not."""
    return any(
        pattern in context.patterns
        for pattern in ("model.encoder.conv1.weight", "encoder.conv1.weight")
    )


def folds_proteins(_: Bucket, context: Context) -> bool:
    return "EsmForProteinFolding" in context.config.architectures


def freezes_text(_: Bucket, context: Context) -> bool:
    """Unless its config says otherwise: `freeze_text_layers`, on by default."""
    return _freezes(context, "text")


def freezes_vision(_: Bucket, context: Context) -> bool:
    """Unless its config says otherwise: `freeze_vision_layers`, on by default."""
    return _freezes(context, "vision")


def _freezes(context: Context, part: str) -> bool:
    """NOTE: some kinds of modules may be excepted; which, names do not tell, so nothing is said."""
    values = context.config.values
    excepted = values.get(f"freeze_{part}_module_exceptions")
    return values.get(f"freeze_{part}_layers", True) is True and not excepted


def is_learnt_pooling(_: Bucket, context: Context) -> bool:
    return not context.patterns.isdisjoint(
        {"head.probe", "head.cls_token", "head.pooling_attention_query"}
    )


def is_patch_grid(_: Bucket, context: Context) -> bool:
    """AuraFlow, alone with register tokens, learns the table that others compute."""
    return "register_tokens" not in context.patterns


def is_output_of_tokens(bucket: Bucket, context: Context) -> bool:
    """The output matrix of those who call the input table `tok_embeddings`.

    NOTE: the whole name comes first: all patterns are looked through for one tensor alone.
    """
    return bucket.pattern in {"output.weight", "model.output.weight"} and any(
        pattern.endswith(("tok_embeddings.weight", "token_embd.weight"))
        for pattern in context.patterns
    )


def has_bare_table(_: Bucket, context: Context) -> bool:
    return not context.patterns.isdisjoint({"embed.weight", "emb.weight", "rwkv.embeddings.weight"})


# Model types whose e_score_correction_bias is a frozen parameter and no buffer.
FROZEN_CORRECTIONS: Final = frozenset({"ernie4_5_moe", "ernie4_5_vl_moe", "laguna"})


def corrects_by_load(_: Bucket, context: Context) -> bool:
    """Whether the router's correction is a buffer that the experts' load moves."""
    return context.config.model_types.isdisjoint(FROZEN_CORRECTIONS)


def is_beside(bucket: Bucket, _: Context) -> bool:
    """Part of a module for multi-token prediction beside the model."""
    return bucket.mtp


def may_be_packed(bucket: Bucket, context: Context) -> bool:
    """A matrix of integers in a model whose config speaks of quantisation."""
    return (
        bucket.dtype.kind is Kind.INTEGER
        and len(bucket.shape) > 1
        and context.config.quantization is not None
    )

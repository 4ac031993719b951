"""Roles of tensors under Flax's, TensorFlow's and Keras's names, and of what ONNX exporters add.

Names with slashes have dots for them here, and no `:0`. Most need no row: transformers calls its
modules alike in every framework, `kernel` is a weight that no rule knows as anything else, `gamma`
and `beta` are norms. The rows are those whose last word differs, and what PyTorch has not.

flax: linen/normalization.py, linen/linear.py; keras 3.12: layers/normalization, random; torch 2.13:
onnx/utils.py; onnxruntime-genai: models/builder.py.
"""

import re
from math import prod
from typing import Final

from auditor.core import conditions
from auditor.core.roles import Bucket, Context, Role, Rule

# What exporters number because it has no name of its own.
_NUMBERED: Final = re.compile(
    r"onnx::\w+|val_\d+|const(?:ant)?_\w+|ortshared_\w+|(?:.*[._/])?Constant(?:_\d+)?(?:\..*)?"
    r"|.*_output_\d+"
)
_MEANS_OF_CHANNELS: Final = 4  # of an image: [1, 3, 1, 1]
_RANK_OF_CHANNELS: Final = 3


def _is_numbered(bucket: Bucket, _: Context) -> bool:
    return _NUMBERED.fullmatch(bucket.pattern) is not None


def _is_few_numbers(bucket: Bucket, context: Context) -> bool:
    """One number, or one for each channel of an image, under a name that an exporter gave."""
    elements, rank = prod(bucket.shape), len(bucket.shape)
    few = elements <= 1 or (elements <= _MEANS_OF_CHANNELS and rank >= _RANK_OF_CHANNELS)
    return few and _is_numbered(bucket, context)


def _is_numbered_mask(bucket: Bucket, context: Context) -> bool:
    return conditions.is_square_mask(bucket, context) and _is_numbered(bucket, context)


_STATE: Final = (
    Rule(
        name="batch-norm statistics",
        role=Role.BUFFER,
        begins=(".batch_stats.",),
        reason="Flax keeps running means and variances in a collection beside the parameters",
    ),
    Rule(
        name="batch-norm statistics",
        role=Role.BUFFER,
        ends=(".moving_mean", ".moving_variance"),
        reason="Keras's running mean and variance of the data, never trained",
    ),
    Rule(
        name="input statistics",
        role=Role.BUFFER,
        ends=(".normalization.mean", ".normalization.variance", ".normalization.count"),
        reason="Keras's Normalization layer adapts to the data and is never trained",
    ),
    Rule(
        name="random state",
        role=Role.BUFFER,
        ends=(".seed_generator_state",),
        reason="where a Keras layer's random numbers go on",
    ),
)

_ONNX: Final = (
    Rule(
        name="constants of the graph",
        role=Role.BUFFER,
        test=_is_few_numbers,
        reason="a number that an exporter to ONNX wrote down: a factor, an epsilon, a mask's value",
    ),
    Rule(
        name="rotary tables",
        role=Role.BUFFER,
        contains=(".rotary_emb.", ".rotary_embedding.", ".rope."),
        test=_is_numbered,
        reason="frequencies that an exporter to ONNX computed ahead from the config",
    ),
    Rule(
        name="rotary tables",
        role=Role.BUFFER,
        ends=(
            ".cos_cache",
            ".sin_cache",
            ".cos_cache_large",
            ".sin_cache_large",
            ".cos_cache_small",
            ".sin_cache_small",
        ),
        reason="onnxruntime-genai's cosines and sines of the positions, computed from the config",
    ),
    Rule(
        name="causal masks",
        role=Role.BUFFER,
        test=_is_numbered_mask,
        reason="a [1, 1, n, n] tensor is a mask over positions; no weight has that shape",
    ),
)

_FROZEN: Final = (
    Rule(
        name="frozen positions",
        role=Role.EMBEDDING,
        trainable=False,
        ends=(".encoder.embed_positions.embedding", ".encoder.embed_positions.embeddings"),
        types=frozenset({"whisper"}),
        reason="Whisper's encoder positions are sines through which no gradient goes",
    ),
)

_HEADS: Final = (
    Rule(
        name="masked-language head's decoder",
        role=Role.HEAD,
        head=True,
        output=True,
        ends=(
            ".predictions.decoder.kernel",
            ".lm_head.decoder.kernel",
            ".vocab_projector.kernel",
            ".generator_lm_head.kernel",
        ),
        reason="hidden states to vocabulary logits, with a matrix of its own",
    ),
    Rule(
        name="language-model head",
        role=Role.HEAD,
        head=True,
        output=True,
        ends=(".lm_head.kernel", ".embed_out.kernel", ".lm_head.MatMul.weight"),
        reason="hidden states to vocabulary logits, with a matrix of its own",
    ),
)

_TOKENS: Final = (
    "word_embeddings word_embedding embed_tokens wte shared embed_in token_embedding"
    " token_embedder tok_embeddings"
).split()
_POSITIONS: Final = ("position_embeddings position_embedding wpe embed_positions embed_pos").split()

_EMBEDDINGS: Final = (
    Rule(
        name="token embeddings",
        role=Role.EMBEDDING,
        ends=(
            *(f".{name}.{word}" for name in _TOKENS for word in ("embedding", "embeddings")),
            ".embedding.embeddings",
            ".embedder.input_embedding",
        ),
        test=conditions.is_matrix,
        reason="a table with a row for each token: Flax's `embedding`, Keras's `embeddings`",
    ),
    Rule(
        name="position embeddings",
        role=Role.EMBEDDING,
        ends=tuple(
            f".{name}.{word}" for name in _POSITIONS for word in ("embedding", "embeddings")
        ),
        test=conditions.is_matrix,
        reason="a table with a row for each position",
    ),
    Rule(
        name="type embeddings",
        role=Role.EMBEDDING,
        ends=(".token_type_embeddings.embedding", ".token_type_embeddings.embeddings"),
        test=conditions.is_matrix,
        reason="a table with a row for each segment type",
    ),
)

FRAMEWORKS: Final = (*_STATE, *_ONNX, *_FROZEN, *_HEADS, *_EMBEDDINGS)

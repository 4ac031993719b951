"""Matrices that are stored twice though the model holds them once.

A safetensors file cannot alias, so a tied matrix is either stored once (nothing to do here) or
twice. Stored twice, it is one parameter where the config or the class ties it.

Pairs were read from `_tied_weights_keys` of transformers 5.23.0; those that are tied whatever the
config says are module attributes that the class assigns from one another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.core.config import ModelConfig
from auditor.core.findings import Finding, Severity
from auditor.core.roles import Mark, Role, mtp_prefixes, names_of, patterns_of
from auditor.core.tensors import Tensor

_TOKEN_TABLES: Final = (
    ".embed_tokens.weight",
    ".wte.weight",
    ".word_embeddings.weight",
    ".shared.weight",
    ".tok_embeddings.weight",
    ".embed_in.weight",
    ".word_embedding.weight",
    ".token_embd.weight",
    ".tokens_embed.weight",
    ".embeddings.weight",
    ".transformer.w.weight",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`copy` holds the same numbers as one of `originals`; endings of dotted names."""

    copy: str
    originals: tuple[str, ...]
    always: bool  # tied by the class, whatever tie_word_embeddings says


MAX_PAIRINGS: Final = 10_000  # known models have under 100; each costs a look at two names
_COMPARED: Final = 512  # characters of two names that are held against each other

_SHARED: Final = (".shared.weight",)

PAIRS: Final = (
    Pair(copy=".encoder.embed_tokens.weight", originals=_SHARED, always=True),
    Pair(
        copy=".decoder.embed_tokens.weight",
        originals=(*_SHARED, ".encoder.text_model.embed_tokens.weight"),
        always=True,
    ),
    Pair(
        copy=".decoder.embed_tokens.eoi_embedding",
        originals=(".encoder.text_model.embed_tokens.eoi_embedding",),
        always=True,
    ),
    Pair(copy=".text_encoder.embed_tokens.weight", originals=_SHARED, always=True),
    Pair(copy=".text_decoder.embed_tokens.weight", originals=_SHARED, always=True),
    Pair(
        copy=".encoder.word_embeddings.weight",
        originals=(".prophetnet.word_embeddings.weight",),
        always=True,
    ),
    Pair(
        copy=".decoder.word_embeddings.weight",
        originals=(".prophetnet.word_embeddings.weight",),
        always=True,
    ),
    Pair(
        copy=".encoder.embed_patches.proj.weight",
        originals=(".patch_embed.proj.weight",),
        always=True,
    ),
    Pair(
        copy=".encoder.embed_patches.proj.bias", originals=(".patch_embed.proj.bias",), always=True
    ),
    Pair(
        copy=".prompt_encoder.shared_embedding.positional_embedding",
        originals=(".shared_image_embedding.positional_embedding",),
        always=True,
    ),
    Pair(
        copy=".backbone_model.embed_tokens.embed_audio_tokens.weight",
        originals=(".depth_decoder.model.embed_tokens.weight",),
        always=True,
    ),
    Pair(
        copy=".unembedding_projection.weight",
        originals=(".embed_tokens.embedding_projection.weight",),
        always=False,
    ),
    Pair(copy=".mim_head.bias", originals=(".mim_head.decoder.bias",), always=True),
    Pair(copy=".mlm_head.bias", originals=(".mlm_head.decoder.bias",), always=True),
    Pair(copy=".mmm_image_head.bias", originals=(".mmm_image_head.decoder.bias",), always=True),
    Pair(copy=".mmm_text_head.bias", originals=(".mmm_text_head.decoder.bias",), always=True),
    Pair(copy=".ctc_head.weight", originals=(".encoder.out.weight",), always=False),
    Pair(copy=".ctc_head.bias", originals=(".encoder.out.bias",), always=False),
    Pair(copy=".predictions.decoder.bias", originals=(".predictions.bias",), always=True),
    Pair(copy=".lm_head.decoder.bias", originals=(".lm_head.bias",), always=True),
    Pair(copy=".predictions.decoder.weight", originals=_TOKEN_TABLES, always=False),
    Pair(copy=".lm_head.decoder.weight", originals=_TOKEN_TABLES, always=False),
    Pair(copy=".vocab_projector.weight", originals=_TOKEN_TABLES, always=False),
    Pair(copy=".generator_lm_head.weight", originals=_TOKEN_TABLES, always=False),
    Pair(copy=".pred_layer.proj.weight", originals=_TOKEN_TABLES, always=False),
    Pair(copy=".lm_loss.weight", originals=_TOKEN_TABLES, always=False),
    Pair(copy=".output_projection.weight", originals=_TOKEN_TABLES, always=False),
    Pair(copy=".lm_head.out_proj.weight", originals=_TOKEN_TABLES, always=False),
    Pair(copy=".proj_out.weight", originals=(".decoder.embed_tokens.weight",), always=False),
    Pair(copy=".embed_out.weight", originals=(".embed_in.weight",), always=False),
    Pair(copy=".lm_head.weight", originals=_TOKEN_TABLES, always=False),
    Pair(
        copy=".entity_predictions.decoder.weight",
        originals=(".entity_embeddings.entity_embeddings.weight",),
        always=False,
    ),
    Pair(
        copy=".output.weight",
        originals=(
            ".tok_embeddings.weight",
            ".git.embeddings.word_embeddings.weight",
            ".token_embd.weight",
        ),
        always=False,
    ),
    Pair(copy=".head.weight", originals=(".rwkv.embeddings.weight",), always=False),
    # NOTE: short endings stand last: the first ending that fits decides.
    Pair(copy=".head.decoder.weight", originals=(".model.embed_tokens.weight",), always=False),
    Pair(copy=".decoder.weight", originals=(".embeddings.tok_embeddings.weight",), always=False),
)
_COPIES: Final = tuple(pair.copy for pair in PAIRS)
_ORIGINALS: Final = tuple({original for pair in PAIRS for original in pair.originals})
_ENDINGS: Final = (*_COPIES, *_ORIGINALS)


def tied_copies(
    tensors: Sequence[Tensor], config: ModelConfig, *, has_config: bool
) -> tuple[Mapping[str, Mark], tuple[Finding, ...]]:
    """Marks for the tensors that repeat another one, and what is to be said about them.

    Without a config (`has_config` false) nothing says whether a head is tied: it counts for nothing
    at the least and for itself at the most, so that the total is a range, and a finding says so.
    """
    names = names_of(tensors)
    patterns = patterns_of(names)
    near = {pattern for pattern in set(patterns) if f".{pattern}".endswith(_ENDINGS)}
    if not any(f".{pattern}".endswith(_COPIES) for pattern in near):
        return {}, ()
    beside = mtp_prefixes(names)
    named = {
        f".{tensor.name}": tensor
        for pattern, tensor in zip(patterns, tensors, strict=True)
        if pattern in near
        and tensor.dtype.trainable
        and not (beside and tensor.name.startswith(beside))
    }
    copies = [name for name in named if name.endswith(_COPIES)]
    originals = [name for name in named if name.endswith(_ORIGINALS)]
    if len(copies) * len(originals) > MAX_PAIRINGS:
        return {}, (_too_many(len(copies), len(originals)),)
    marks: dict[str, Mark] = {}
    findings: list[Finding] = []
    for name in copies:
        pair = next(pair for pair in PAIRS if name.endswith(pair.copy))
        original = _original_of(name, pair, originals, named)
        if original is None:
            continue
        if pair.always or config.tie.tied:
            reason = "the class shares it" if pair.always else config.tie.reason
            marks[name[1:]] = _mark(original[1:], reason)
            findings.append(_stored_twice(name[1:], original[1:], named[name], reason))
        elif not has_config or not config.tie.settled:
            marks[name[1:]] = _perhaps(original[1:], named[name])
            findings.append(_not_settled(name[1:], original[1:], named[name]))
    return marks, tuple(findings)


def _original_of(
    name: str, pair: Pair, originals: Sequence[str], named: Mapping[str, Tensor]
) -> str | None:
    """The tensor that `name` repeats: same shape, and the longest common beginning of names."""
    shape = named[name].shape
    fitting = [
        other
        for other in originals
        if other != name and other.endswith(pair.originals) and named[other].shape == shape
    ]
    return max(fitting, key=lambda other: _common_prefix(name, other), default=None)


def _common_prefix(left: str, right: str) -> int:
    same = 0
    for a, b in zip(left[:_COMPARED], right[:_COMPARED], strict=False):
        if a != b:
            break
        same += 1
    return same


def _mark(original: str, reason: str) -> Mark:
    return Mark(Role.TIED_COPY, f"a second copy of {original}", reason)


def _perhaps(original: str, tensor: Tensor) -> Mark:
    """Counts for nothing at the least, for itself at the most."""
    reason = "nothing says whether the two are one matrix"
    return Mark(None, f"perhaps a second copy of {original}", reason, high=tensor.elements)


def _too_many(copies: int, originals: int) -> Finding:
    return Finding(
        code="tie-not-settled",
        severity=Severity.WARNING,
        message=(
            f"{copies:,} matrices may repeat one of {originals:,}; no model has so many, and all"
            " are counted"
        ),
    )


def _stored_twice(name: str, original: str, tensor: Tensor, reason: str) -> Finding:
    return Finding(
        code="tied-copy-stored",
        severity=Severity.NOTICE,
        message=(
            f"{name} ({tensor.elements:,} elements) repeats {original} and is counted once:"
            f" {reason}"
        ),
    )


def _not_settled(name: str, original: str, tensor: Tensor) -> Finding:
    return Finding(
        code="tie-not-settled",
        severity=Severity.ERROR,
        message=(
            f"{name} has the shape of {original} ({tensor.elements:,} elements), and no readable"
            " config.json says whether they are one matrix, so the total is not known"
        ),
    )

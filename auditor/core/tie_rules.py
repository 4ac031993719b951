"""Which stored matrices repeat which: the table, by the endings of their names.

Pairs were read from `_tied_weights_keys` of transformers 5.23.0; those that are tied whatever the
config says are module attributes that the class assigns from one another.
"""

from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """Tensors under a module that the classes of some model types hold under another name too.

    `copy` is a regular expression of the whole name, `original` what it repeats, in the form of
    re.Match.expand. With a `flag`, only where the config does not say false to it.
    """

    types: frozenset[str]
    copy: str
    original: str
    flag: str = ""


TWINS: Final = (
    Twin(  # the heads of each layer, which the decoder uses to refine its boxes
        types=frozenset("d_fine deimv2 grounding-dino mm-grounding-dino rt_detr_v2".split()),
        copy=r"(bbox_embed|class_embed)\.([0-9]+)\.(.+)",
        original=r"model.decoder.\1.\2.\3",
    ),
    Twin(
        types=frozenset({"grounding-dino", "mm-grounding-dino"}),
        copy=r"model\.decoder\.(bbox_embed|class_embed)\.[1-9][0-9]*\.(.+)",
        original=r"model.decoder.\1.0.\2",
        flag="decoder_bbox_embed_share",
    ),
    Twin(
        types=frozenset({"pp_doclayout_v3"}),
        copy=r"(model\.)?decoder\.bbox_embed\.(.+)",
        original=r"\1enc_bbox_head.\2",
    ),
    Twin(
        types=frozenset({"pp_doclayout_v3"}),
        copy=r"(model\.)?decoder\.class_embed\.(.+)",
        original=r"\1enc_score_head.\2",
    ),
    Twin(
        types=frozenset({"prophetnet"}),
        copy=r"(?:encoder|decoder)\.word_embeddings\.weight",
        original="word_embeddings.weight",
    ),
    Twin(
        types=frozenset({"t5gemma2"}),
        copy=r"(model\.)?decoder\.embed_tokens\.(weight|eoi_embedding)",
        original=r"\1encoder.embed_tokens.\2",
    ),
)

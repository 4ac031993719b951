"""Matrices that are stored twice and held once."""

from collections.abc import Mapping
from typing import Any

import pytest

from architectures import (
    Stored,
    bart_large,
    falcon_180b,
    flan_t5_large,
    judged,
    llama3_8b,
    qwen3_600m,
    t5_small,
    tensors_of,
)
from auditor.core.config import read_config
from auditor.core.findings import Finding, Severity
from auditor.core.roles import Role
from auditor.core.tie_rules import PAIRS
from auditor.core.ties import tied_copies


def ties(
    stored: Stored, config: Mapping[str, Any] | None
) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """The copies with the names of their marks, and the findings."""
    marks, findings = tied_copies(
        tensors_of(stored), read_config(config or {}), has_config=config is not None
    )
    assert all(mark.role is Role.TIED_COPY for mark in marks.values())
    return {copy: mark.name for copy, mark in marks.items()}, findings


def table_and(copy: str, table: str = "model.embed_tokens.weight") -> Stored:
    return {table: ("BF16", (1_000, 64)), copy: ("BF16", (1_000, 64))}


# -- whole models


def test_qwen3_ties_a_head_that_its_file_stores_again() -> None:
    # The Hub says 751,632,384; Qwen's card 0.6B, of which 0.44B are no embedding
    _, tally = judged(qwen3_600m(), {"model_type": "qwen3", "tie_word_embeddings": True})
    assert tally.stored.elements == 751_632_384
    assert tally.tied_copies == 151_936 * 1_024 == 155_582_464
    assert tally.total == 751_632_384 - 155_582_464 == 596_049_920
    assert tally.non_embedding == 440_467_456


def test_llama_3_stores_two_matrices_that_are_two() -> None:
    _, tally = judged(llama3_8b(), {"model_type": "llama", "tie_word_embeddings": False})
    assert (tally.total, tally.tied_copies) == (8_030_261_248, 0)


def test_falcon_is_silent_and_tied_by_its_class() -> None:
    # total_size of the index: 359,045,130,240 bytes of BF16
    tensors = falcon_180b()
    _, tally = judged(tensors, {"model_type": "falcon"})
    assert tally.stored.stored_bytes == 359_045_130_240
    assert tally.total == 179_522_565_120 - 65_024 * 14_848 == 178_557_088_768


def test_t5_keeps_three_copies_of_one_table() -> None:
    # google-t5/t5-small: 60,506,624; "60 million" in Raffel et al. 2020
    _, tally = judged(t5_small(), {"model_type": "t5"})
    assert (tally.total, tally.tied_copies) == (60_506_624, 3 * 32_128 * 512)


def test_flan_t5_has_a_head_that_is_its_own() -> None:
    _, tally = judged(flan_t5_large(), {"model_type": "t5", "tie_word_embeddings": False})
    assert (tally.total, tally.tied_copies) == (783_150_080, 0)


def test_bart_stores_its_table_three_times() -> None:
    # facebook/bart-large: 1,018,525,342 bytes of F16 are 509,234,176 elements and a header
    _, tally = judged(bart_large(), {"model_type": "bart"})
    assert tally.stored.elements == 509_234_176
    assert tally.total == 509_234_176 - 2 * 50_265 * 1_024 == 406_291_456


# -- who says so


def test_the_configs_word_ties_and_unties() -> None:
    stored = table_and("lm_head.weight")
    copies, findings = ties(stored, {"model_type": "llama", "tie_word_embeddings": True})
    assert copies == {"lm_head.weight": "a second copy of model.embed_tokens.weight"}
    assert [(each.code, each.severity) for each in findings] == [
        ("tied-copy-stored", Severity.NOTICE)
    ]
    assert "64,000 elements" in findings[0].message
    assert "config.json says tie_word_embeddings: true" in findings[0].message
    assert ties(stored, {"model_type": "gpt2", "tie_word_embeddings": False}) == ({}, ())


def test_without_a_config_a_head_counts_for_nothing_or_for_itself() -> None:
    stored = tensors_of(table_and("lm_head.weight"))
    marks, findings = tied_copies(stored, read_config({}), has_config=False)
    assert [(each.code, each.severity) for each in findings] == [
        ("tie-not-settled", Severity.ERROR)
    ]
    mark = marks["lm_head.weight"]
    assert (mark.role, mark.low, mark.high) == (None, 0, 64_000)


def test_a_config_that_names_no_model_settles_no_tie_either() -> None:
    stored = tensors_of(table_and("lm_head.weight"))
    _, findings = tied_copies(stored, read_config({"vocab_size": 1_000}), has_config=True)
    assert [each.code for each in findings] == ["tie-not-settled"]


def test_what_the_class_shares_by_itself_needs_no_config() -> None:
    stored = table_and("encoder.embed_tokens.weight", "shared.weight")
    copies, findings = ties(stored, None)
    assert copies == {"encoder.embed_tokens.weight": "a second copy of shared.weight"}
    assert "the class shares it" in findings[0].message


# -- which tensors


@pytest.mark.parametrize(
    ("model_type", "table", "copy"),
    [
        ("bert", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
        ("roberta", "roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight"),
        ("albert", "albert.embeddings.word_embeddings.weight", "predictions.decoder.weight"),
        ("distilbert", "distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight"),
        ("electra", "electra.embeddings.word_embeddings.weight", "generator_lm_head.weight"),
        ("modernbert", "model.embeddings.tok_embeddings.weight", "decoder.weight"),
        ("gpt2", "transformer.wte.weight", "lm_head.weight"),
        ("gpt2", "wte.weight", "lm_head.weight"),
        ("openai-gpt", "transformer.tokens_embed.weight", "lm_head.weight"),
        ("ctrl", "transformer.w.weight", "lm_head.weight"),
        ("bloom", "transformer.word_embeddings.weight", "lm_head.weight"),
        ("opt", "model.decoder.embed_tokens.weight", "lm_head.weight"),
        ("gemma3", "language_model.model.embed_tokens.weight", "language_model.lm_head.weight"),
        ("whisper", "model.decoder.embed_tokens.weight", "proj_out.weight"),
        ("trocr", "model.decoder.embed_tokens.weight", "output_projection.weight"),
        ("xlnet", "transformer.word_embedding.weight", "lm_loss.weight"),
        ("xlm", "transformer.embeddings.weight", "pred_layer.proj.weight"),
        ("mamba", "backbone.embeddings.weight", "lm_head.weight"),
        ("gpt_neox_japanese", "gpt_neox_japanese.embed_in.weight", "embed_out.weight"),
        ("t5gemma", "model.decoder.embed_tokens.weight", "lm_head.out_proj.weight"),
        ("luke", "luke.entity_embeddings.entity_embeddings.weight", "entity_predictions.decoder"),
        ("seamless_m4t", "shared.weight", "text_decoder.embed_tokens.weight"),
        ("prophetnet", "prophetnet.word_embeddings.weight", "prophetnet.encoder.word_embeddings"),
        ("t5gemma2", "encoder.text_model.embed_tokens.weight", "decoder.embed_tokens.weight"),
        ("udop", "patch_embed.proj.weight", "encoder.embed_patches.proj.weight"),
    ],
)
def test_a_classs_tied_names_are_known(model_type: str, table: str, copy: str) -> None:
    # `_tied_weights_keys` of transformers 5.23.0
    copy = copy if copy.endswith("weight") else f"{copy}.weight"
    copies, _ = ties(table_and(copy, table), {"model_type": model_type})
    assert copies == {copy: f"a second copy of {table}"}


@pytest.mark.parametrize(
    ("original", "copy"),
    [
        ("cls.predictions.bias", "cls.predictions.decoder.bias"),
        ("lm_head.bias", "lm_head.decoder.bias"),
        ("mlm_head.decoder.bias", "mlm_head.bias"),
    ],
)
def test_a_heads_bias_under_two_names_is_one_whatever_the_config_says(
    original: str, copy: str
) -> None:
    stored: Stored = {original: ("F32", (30_522,)), copy: ("F32", (30_522,))}
    copies, _ = ties(stored, {"model_type": "bert", "tie_word_embeddings": False})
    assert copies == {copy: f"a second copy of {original}"}


def test_of_several_tables_the_one_of_the_same_shape_and_nearest_name_is_meant() -> None:
    stored: Stored = {
        "vision.embed_tokens.weight": ("F32", (1_000, 64)),
        "language_model.model.embed_tokens.weight": ("F32", (1_000, 64)),
        "language_model.model.wte.weight": ("F32", (1_000, 32)),
        "language_model.lm_head.weight": ("F32", (1_000, 64)),
    }
    copies, _ = ties(stored, {"tie_word_embeddings": True})
    assert copies == {
        "language_model.lm_head.weight": "a second copy of language_model.model.embed_tokens.weight"
    }


@pytest.mark.parametrize("shape", [(1_001, 64), (64, 1_000), (64_000,)])
def test_another_shape_is_no_copy(shape: tuple[int, ...]) -> None:
    stored: Stored = {
        "model.embed_tokens.weight": ("F32", (1_000, 64)),
        "lm_head.weight": ("F32", shape),
    }
    assert ties(stored, {"tie_word_embeddings": True}) == ({}, ())


def test_a_head_alone_is_no_copy() -> None:
    stored: Stored = {"lm_head.weight": ("F32", (1_000, 64))}
    assert ties(stored, {"tie_word_embeddings": True}) == ({}, ())


def test_packed_integers_are_left_to_the_packings() -> None:
    stored: Stored = {
        "model.embed_tokens.weight": ("U32", (1_000, 8)),
        "lm_head.weight": ("U32", (1_000, 8)),
    }
    assert ties(stored, {"tie_word_embeddings": True}) == ({}, ())


def test_the_tables_of_an_extra_layer_are_not_looked_at() -> None:
    # DeepSeek-V3 stores both again past its last layer: they are told as that layer's.
    stored: Stored = {
        "model.embed_tokens.weight": ("F32", (1_000, 64)),
        "model.layers.61.embed_tokens.weight": ("F32", (1_000, 64)),
        "model.layers.61.eh_proj.weight": ("F32", (64, 128)),
        "lm_head.weight": ("F32", (1_000, 64)),
    }
    copies, _ = ties(stored, {"tie_word_embeddings": True})
    assert copies == {"lm_head.weight": "a second copy of model.embed_tokens.weight"}


def test_names_made_to_be_compared_without_end_are_not() -> None:
    stored: Stored = {
        f"{'x' * 1_000}{number}.{end}": ("F32", (2, 2))
        for number in range(2_000)
        for end in ("embed_tokens.weight", "lm_head.weight")
    }
    copies, findings = ties(stored, {"tie_word_embeddings": True})
    assert copies == {}
    assert [each.message.partition(";")[0] for each in findings] == [
        "2,000 matrices may repeat one of 2,000"
    ]


@pytest.mark.parametrize(
    "name",
    ["model.layers.0.mlp.decoder.weight", "encoder.output.weight", "my_lm_head.weight"],
)
def test_a_name_that_ends_alike_is_no_copy_of_the_table(name: str) -> None:
    assert ties(table_and(name), {"tie_word_embeddings": True})[0] == {}


def test_each_ending_stands_before_those_that_it_ends_with() -> None:
    # The first ending that fits decides, so a longer one after a shorter would never be reached.
    for at, pair in enumerate(PAIRS):
        assert not any(pair.copy.endswith(earlier.copy) for earlier in PAIRS[:at])


def marked(names: tuple[str, ...], config: dict[str, object]) -> set[str]:
    stored = tensors_of(dict.fromkeys(names, ("F32", (4, 8))))
    return set(tied_copies(stored, read_config(config), has_config=True)[0])


def test_a_detectors_heads_are_also_stored_under_its_decoder() -> None:
    names = ("bbox_embed.1.layers.0.weight", "model.decoder.bbox_embed.1.layers.0.weight")
    assert marked(names, {"model_type": "d_fine"}) == {names[0]}
    assert marked(names, {"model_type": "detr"}) == set()
    assert marked(names[:1], {"model_type": "d_fine"}) == set()


def test_one_head_serves_all_layers_unless_the_config_says_otherwise() -> None:
    names = tuple(f"model.decoder.bbox_embed.{layer}.layers.0.weight" for layer in range(3))
    kind = {"model_type": "grounding-dino"}
    assert marked(names, {**kind}) == set(names[1:])
    assert marked(names, {**kind, "decoder_bbox_embed_share": False}) == set()

"""Names that mean the same tensor."""

import string

from hypothesis import given
from hypothesis import strategies as st

from auditor.core.name_matching import MAX_ROUNDS, Prefix, match_names


def anything_fits(_stored: str, _built: str) -> bool:
    return True


def matched(stored: list[str], built: list[str]) -> dict[str, str]:
    return dict(match_names(stored, built, anything_fits).built)


def layers(prefix: str, *parts: str, number: int = 3) -> list[str]:
    return [f"{prefix}layers.{at}.{part}" for at in range(number) for part in parts]


def test_what_is_spelled_alike_is_the_same() -> None:
    assert matched(["a.weight", "c.weight"], ["a.weight", "b.weight"]) == {"a.weight": "a.weight"}


def test_tensorflows_words_for_a_norm_are_weight_and_bias() -> None:
    stored = ["bert.LayerNorm.gamma", "bert.LayerNorm.beta"]
    built = ["bert.LayerNorm.weight", "bert.LayerNorm.bias"]
    assert matched(stored, built) == dict(zip(stored, built, strict=True))


def test_weight_norm_is_found_under_its_older_and_newer_names() -> None:
    old = ["conv.weight_g", "conv.weight_v"]
    new = ["conv.parametrizations.weight.original0", "conv.parametrizations.weight.original1"]
    assert matched(old, new) == dict(zip(old, new, strict=True))
    assert matched(new, old) == dict(zip(new, old, strict=True))


def test_a_backbones_names_get_the_prefix_of_the_class_with_a_head() -> None:
    stored = ["wte.weight", "ln_f.weight"]
    built = ["transformer.wte.weight", "transformer.ln_f.weight", "lm_head.weight"]
    result = match_names(stored, built, anything_fits)
    assert result.built == {
        "wte.weight": "transformer.wte.weight",
        "ln_f.weight": "transformer.ln_f.weight",
    }
    assert result.prefixes == (Prefix("", "transformer."),)
    assert result.translated("h.0.attn.bias") == "transformer.h.0.attn.bias"


def test_a_prefix_that_the_class_does_not_have_is_left_out() -> None:
    stored = layers("bert.encoder.", "query.weight", "key.weight")
    built = layers("encoder.", "query.weight", "key.weight")
    assert matched(stored, built) == dict(zip(stored, built, strict=True))


def test_two_towers_find_their_own_places() -> None:
    # LLaVA's files before and after transformers 4.52, with a part of the same name in both towers
    stored = [
        *layers("language_model.model.", "q_proj.weight"),
        *layers("vision_tower.vision_model.encoder.", "q_proj.weight"),
    ]
    built = [
        *layers("model.language_model.", "q_proj.weight"),
        *layers("model.vision_tower.vision_model.encoder.", "q_proj.weight"),
    ]
    assert matched(stored, built) == dict(zip(stored, built, strict=True))


def test_a_prefix_must_lead_to_a_tensor_that_fits() -> None:
    result = match_names(
        ["x.weight", "other.weight"], ["model.x.weight", "other.weight"], lambda *_: False
    )
    assert result.built == {"other.weight": "other.weight"}


def test_a_model_of_another_size_still_has_its_names_matched() -> None:
    stored, built = (
        layers("", "fc1.weight", "fc2.weight"),
        layers("model.", "fc1.weight", "fc2.weight"),
    )
    result = match_names(stored, built, lambda *_: False)
    assert result.built == dict(zip(stored, built, strict=True))


def test_a_layer_of_the_same_name_in_another_module_is_not_the_same() -> None:
    # BERT's pooler and its head's transform both have a `dense` of 768 by 768
    stored = ["bert.embed.weight", "bert.pooler.dense.weight", "bert.pooler.dense.bias"]
    built = [
        "bert.embed.weight",
        "cls.predictions.transform.dense.weight",
        "cls.predictions.transform.dense.bias",
    ]
    assert matched(stored, built) == {"bert.embed.weight": "bert.embed.weight"}


def test_eight_layers_under_quite_another_name_are_the_same() -> None:
    stored, built = layers("encoder.", "w", number=8), layers("decoder.stack.", "w", number=8)
    assert matched(stored, built) == dict(zip(stored, built, strict=True))


def test_each_name_of_the_class_is_given_once() -> None:
    result = matched(["norm.weight", "norm.gamma"], ["norm.weight"])
    assert result == {"norm.weight": "norm.weight"}


PARTS = st.sampled_from(["a", "b", "1", "20", ""])
NAMES = st.lists(PARTS, min_size=1, max_size=9).map(".".join)


@given(st.lists(NAMES, unique=True, max_size=30), st.lists(NAMES, unique=True, max_size=30))
def test_no_name_is_matched_twice_and_none_is_made_up(stored: list[str], built: list[str]) -> None:
    result = match_names(stored, built, anything_fits)
    assert set(result.built) <= set(stored)
    assert set(result.built.values()) <= set(built)
    assert len(set(result.built.values())) == len(result.built)
    assert len(result.prefixes) <= MAX_ROUNDS


@given(st.lists(st.text(string.ascii_letters + ".", max_size=40), unique=True))
def test_a_prefix_before_all_names_is_found(names: list[str]) -> None:
    built = [f"model.{name}" for name in names]
    overlap = set(names) & set(built)
    result = matched(names, built)
    assert overlap or result == dict(zip(names, built, strict=True))

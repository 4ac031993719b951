"""config.json read through its dialects; hostile ones are taken as silent."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.config import TIED_BY_DEFAULT, ModelConfig, Tie, read_config


def tie(**values: object) -> Tie:
    return read_config(values).tie


# -- ties: the config's own word


@pytest.mark.parametrize("said", [True, False])
def test_the_configs_own_word_on_the_tie_outranks_the_class(said: bool) -> None:  # noqa: FBT001
    for model_type in ("gpt2", "llama"):
        found = tie(model_type=model_type, tie_word_embeddings=said)
        assert (found.tied, found.explicit) == (said, True)
        assert found.reason == f"config.json says tie_word_embeddings: {str(said).lower()}"


def test_flan_t5_is_not_tied_since_its_config_says_so() -> None:
    # google/flan-t5-large: `"tie_word_embeddings": false`, and a `lm_head.weight` of its own
    assert not tie(model_type="t5", tie_word_embeddings=False).tied
    assert tie(model_type="t5").tied  # t5-small says nothing


def test_lfm2_says_it_under_another_name() -> None:
    assert not tie(model_type="lfm2", tie_embedding=False).tied


def test_the_word_of_a_text_config_holds_where_the_outer_one_is_silent() -> None:
    inner = {"model_type": "qwen3_vl_text", "tie_word_embeddings": True}
    found = tie(model_type="qwen3_vl", text_config=inner)
    assert found.tied
    assert found.reason == "its text_config says tie_word_embeddings: true"


def test_the_outer_word_holds_against_the_inner_one() -> None:
    inner = {"model_type": "llama", "tie_word_embeddings": True}
    assert not tie(model_type="mistral3", tie_word_embeddings=False, text_config=inner).tied


def test_llava_and_its_kin_take_a_true_over_from_the_text_config() -> None:
    # transformers 5.23.0, configuration_llava_onevision.py: "was saved in text config"
    inner = {"model_type": "qwen2", "tie_word_embeddings": True}
    for model_type in ("llava_onevision", "qwen2_5_vl", "glm4v"):
        assert tie(model_type=model_type, tie_word_embeddings=False, text_config=inner).tied
    outer_true = {"model_type": "qwen2", "tie_word_embeddings": False}
    assert tie(model_type="qwen2_5_vl", tie_word_embeddings=True, text_config=outer_true).tied


def test_a_thinkers_word_is_found_below_it() -> None:
    text = {"model_type": "qwen2_5_omni_text", "tie_word_embeddings": True}
    middle = {"model_type": "qwen2_5_omni_thinker", "text_config": text}
    assert tie(model_type="qwen2_5_omni", thinker_config=middle).tied
    silent = {"model_type": "qwen2_5_omni_thinker", "tie_word_embeddings": False}
    assert not tie(
        model_type="qwen2_5_omni",
        thinker_config={**silent, "text_config": {**text, "tie_word_embeddings": True}},
    ).tied


def test_the_decoder_of_two_models_speaks_for_itself() -> None:
    # microsoft/trocr-base-handwritten has `"tie_word_embeddings": false` for the pair of models
    decoder = {"model_type": "trocr", "tie_word_embeddings": True}
    found = tie(model_type="vision-encoder-decoder", tie_word_embeddings=False, decoder=decoder)
    assert found.tied
    assert found.reason == "its decoder says tie_word_embeddings: true"
    assert tie(model_type="encoder-decoder", decoder={"model_type": "bert"}).tied
    assert not tie(model_type="encoder-decoder", decoder={"model_type": "llama"}).tied


# -- ties: the class's default


@pytest.mark.parametrize("model_type", ["bert", "gpt2", "bloom", "falcon", "gemma2", "t5", "opt"])
def test_a_silent_config_is_tied_where_the_class_ties(model_type: str) -> None:
    found = tie(model_type=model_type)
    assert (found.tied, found.explicit, found.settled) == (True, False, True)
    assert found.reason == f"the {model_type} class ties by default"


@pytest.mark.parametrize("model_type", ["llama", "mistral", "qwen3", "gpt_neox", "gptj", "phi3"])
def test_a_silent_config_is_not_tied_where_the_class_does_not_tie(model_type: str) -> None:
    found = tie(model_type=model_type)
    assert (found.tied, found.explicit, found.settled) == (False, False, True)
    assert found.reason == f"the {model_type} class does not tie by default"


def test_falcon_ties_under_its_retired_name_too() -> None:
    # tiiuae/falcon-7b of 2023: `"model_type": "RefinedWebModel"`
    assert read_config({"model_type": "RefinedWebModel"}).model_type == "falcon"
    assert tie(model_type="RefinedWeb").tied


def test_of_a_silent_composite_the_language_model_decides() -> None:
    gemma = {"model_type": "gemma3_text"}
    assert tie(model_type="gemma3", text_config=gemma).tied
    # mistral3's own class ties, Mistral's does not: its checkpoints store both matrices
    assert "mistral3" in TIED_BY_DEFAULT
    assert not tie(model_type="mistral3", text_config={"model_type": "mistral"}).tied


def test_of_a_silent_composite_that_does_not_tie_the_outer_class_decides() -> None:
    # transformers 5.23.0: Qwen3VLMoeConfig False, Qwen3VLMoeTextConfig True
    text = {"model_type": "qwen3_vl_moe_text"}
    assert "qwen3_vl_moe_text" in TIED_BY_DEFAULT
    assert not tie(model_type="qwen3_vl_moe", text_config=text).tied


def test_a_composite_without_an_inner_type_is_judged_by_its_own() -> None:
    assert not tie(model_type="llava", text_config={"vocab_size": 32_000}).tied


@pytest.mark.parametrize(
    ("architecture", "model_type"),
    [
        ("RobertaForMaskedLM", "roberta"),
        ("BertForPreTraining", "bert"),
        ("GPT2LMHeadModel", "gpt2"),
        ("BertModel", "bert"),
        ("LlamaForCausalLM", "llama"),
    ],
)
def test_a_config_of_2019_without_a_type_is_read_by_its_class(
    architecture: str, model_type: str
) -> None:
    # roberta-base of 2019 has `"architectures": ["RobertaForMaskedLM"]` and no model_type
    assert read_config({"architectures": [architecture]}).model_type == model_type


def test_a_config_that_names_nothing_settles_nothing() -> None:
    silent: tuple[dict[str, Any], ...] = (
        {},
        {"architectures": []},
        {"architectures": ["strange thing"]},
    )
    for values in silent:
        found = read_config(values).tie
        assert (found.tied, found.explicit, found.settled) == (False, False, False)


# -- the other fields


def test_the_dtype_is_found_under_its_old_and_new_name_and_inside() -> None:
    assert read_config({"torch_dtype": "float16"}).dtype == "float16"
    assert read_config({"dtype": "bfloat16", "torch_dtype": "float16"}).dtype == "bfloat16"
    assert read_config({"text_config": {"dtype": "bfloat16"}}).dtype == "bfloat16"
    assert read_config({}).dtype is None


@pytest.mark.parametrize("key", ["num_hidden_layers", "n_layer", "num_layers"])
def test_layers_have_three_names(key: str) -> None:
    assert read_config({key: 12}).layers == 12


def test_sizes_of_a_composite_are_those_of_its_language_model() -> None:
    config = read_config(
        {
            "model_type": "llava",
            "vocab_size": 7,
            "text_config": {"vocab_size": 32_000, "num_hidden_layers": 32},
            "vision_config": {"num_hidden_layers": 24},
        }
    )
    assert (config.vocab_size, config.layers) == (32_000, 32)


@pytest.mark.parametrize("key", ["text_config", "llm_config", "language_config", "thinker_config"])
def test_the_language_model_is_found_under_each_of_its_names(key: str) -> None:
    config = read_config({"model_type": "x", key: {"model_type": "qwen2"}})
    assert config.text_model_type == "qwen2"
    assert config.model_types == {"x", "qwen2"}


def test_remote_code_is_noticed() -> None:
    assert read_config({"auto_map": {"AutoModel": "modeling.Model"}}).remote_code
    assert not read_config({"model_type": "llama"}).remote_code


# -- hostile configs


@pytest.mark.parametrize(
    "values",
    [
        {"model_type": ["llama"], "architectures": "LlamaForCausalLM", "vocab_size": "32000"},
        {"model_type": 7, "architectures": [1, None, {}], "num_hidden_layers": 3.5},
        {"model_type": "", "text_config": [], "vocab_size": True, "num_hidden_layers": -1},
        {"tie_word_embeddings": "yes", "text_config": {"tie_word_embeddings": 1}},
        {"torch_dtype": {"a": "b"}, "dtype": "", "quantization_config": "gptq"},
        {"text_config": {"text_config": 5}, "decoder": 5, "thinker_config": None},
    ],
)
def test_values_of_a_wrong_type_are_taken_as_absent(values: Mapping[str, Any]) -> None:
    config = read_config(values)
    assert config.model_type is None
    assert config.tie == ModelConfig().tie or not config.tie.tied
    assert (config.layers, config.vocab_size, config.dtype) == (None, None, None)


def test_a_class_name_as_long_as_a_file_is_read_in_no_time() -> None:
    assert read_config({"architectures": ["For" * 1_000_000 + "!"]}).model_type is not None


KEYS = st.sampled_from(
    [
        "model_type",
        "architectures",
        "tie_word_embeddings",
        "text_config",
        "thinker_config",
        "decoder",
        "quantization_config",
        "torch_dtype",
        "num_hidden_layers",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=50)
@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_any_object_is_a_config(values: dict[str, Any]) -> None:
    config = read_config(values)
    assert isinstance(config.tie.tied, bool)
    assert all(isinstance(kind, str) for kind in config.model_types)

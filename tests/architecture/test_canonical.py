"""What of a config changes the model that is built from it."""

import re

import pytest

from auditor.architecture.canonical import canonical, key_of

BERT = {"model_type": "bert", "hidden_size": 768, "architectures": ["BertForMaskedLM"]}
VERSIONS = {"transformers": "5.23.0"}


@pytest.mark.parametrize(
    "more",
    [
        {"_name_or_path": "/home/somebody/model"},
        {"transformers_version": "4.6.0"},
        {"torch_dtype": "float16"},
        {"dtype": "bfloat16"},
        {"quantization_config": {"quant_method": "gptq", "bits": 4}},
        {"auto_map": {"AutoModel": "modeling.Bert"}},
        {"attn_implementation": "kernels-community/flash-attn"},
        {"use_cache": False},
        {"task_specific_params": {"summarization": {"max_length": 142}}},
    ],
)
def test_fine_tunes_of_one_model_share_their_blueprint(more: dict[str, object]) -> None:
    assert key_of({**BERT, **more}, None, VERSIONS) == key_of(BERT, None, VERSIONS)
    assert canonical({**BERT, **more}) == BERT


@pytest.mark.parametrize(
    "more",
    [
        {"hidden_size": 1_024},
        {"architectures": ["BertModel"]},
        {"tie_word_embeddings": False},
        {"text_config": {"hidden_size": 768}},
    ],
)
def test_what_changes_the_model_changes_the_key(more: dict[str, object]) -> None:
    assert key_of({**BERT, **more}, None, VERSIONS) != key_of(BERT, None, VERSIONS)


def test_another_class_or_another_library_has_a_key_of_its_own() -> None:
    keys = {
        key_of(BERT, None, VERSIONS),
        key_of(BERT, "BertModel", VERSIONS),
        key_of(BERT, None, {"transformers": "5.24.0"}),
    }
    assert len(keys) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def test_configs_inside_a_config_are_cleaned_as_well() -> None:
    config = {"text_config": {"dtype": "bfloat16", "layers": [{"dtype": "x", "n": 1}]}}
    assert canonical(config) == {"text_config": {"layers": [{"n": 1}]}}


def test_of_labels_only_the_number_counts() -> None:
    dogs = {"id2label": {"0": "poodle", "1": "beagle", "2": "dachshund"}, "label2id": {}}
    cats = {"id2label": {"0": "a", "1": "b", "2": "c"}}
    assert canonical(dogs) == canonical(cats) == {"num_labels": 3}


def test_the_order_of_keys_is_no_difference() -> None:
    turned = dict(reversed(BERT.items()))
    assert key_of(turned, None, VERSIONS) == key_of(BERT, None, VERSIONS)

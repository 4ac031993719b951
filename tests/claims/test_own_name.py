import pytest

from auditor.claims.own_name import model_name


@pytest.mark.parametrize(
    ("repo_id", "text"),
    [
        ("google-bert/bert-base-uncased", "BERT-Base"),
        ("meta-llama/Llama-2-7b-hf", "Llama 2"),
        ("meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-7B"),
        ("openai-community/gpt2", "GPT-2"),
        ("facebook/convnext-base-224", "ConvNeXt-B"),
        ("openchat/openchat_3.5", "OpenChat-3.5-7B"),
        ("fal/AuraFlow", "AuraFlow v0.1"),
        ("croissantllm/CroissantLLMBase", "CroissantLLM"),
        ("nomic-ai/nomic-embed-text-v2-moe", "Nomic Embed v2"),
        ("pierreguillou/gpt2-small-portuguese", "GPorTuguese-2"),
        ("facebook/xlm-roberta-xxl", "xlmr.xxl"),
        ("microsoft/deberta-v3-base", "DeBERTaV3"),
        ("OpenGVLab/InternVL2_5-8B", "InternVL2.5-8B"),
    ],
)
def test_a_text_names_the_model_in_many_spellings(repo_id: str, text: str) -> None:
    assert model_name(repo_id).is_named_by(text)


@pytest.mark.parametrize(
    ("repo_id", "text"),
    [
        ("google-bert/bert-base-uncased", "BERT-Large"),
        ("meta-llama/Llama-2-7b-hf", "Llama-2-70B"),
        ("meta-llama/Meta-Llama-3.1-8B", "Llama 3"),
        ("openai-community/gpt2", "GPT-3"),
        ("facebook/convnext-base-224", "ConvNeXt-T"),
        ("minishlab/potion-base-8M", "potion-base-32M"),
        ("Ultralytics/YOLO11", "YOLO11m"),
        ("inclusionAI/Ling-lite", "Ling-Plus"),
        ("example/a", "7B"),
        ("example/model", "BERT"),
        ("example/model", ""),
    ],
)
def test_another_models_name_is_not_this_ones(repo_id: str, text: str) -> None:
    assert not model_name(repo_id).is_named_by(text)


def test_a_piece_of_the_name_is_closer_than_words_picked_out_of_it() -> None:
    name = model_name("zai-org/GLM-4.5-Air")
    assert name.closeness("GLM-4.5-Air") > name.closeness("GLM-4.5") > name.closeness("GLM-Air") > 0


def test_a_size_is_the_one_in_the_name_or_a_finer_way_to_write_it() -> None:
    name = model_name("meta-llama/Llama-2-7b-hf")
    assert name.is_size(6_740_000_000)
    assert not name.is_size(8_000_000_000)
    assert name.is_far_from(15_000_000_000)
    assert not name.is_far_from(13_000_000_000)
    assert not model_name("openai-community/gpt2").is_far_from(10**12)

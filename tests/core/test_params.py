"""params.json in the words of config.json."""

import pytest

from auditor.core.config import read_config
from auditor.core.params import config_of_params

# mistralai/Mixtral-8x7B-v0.1, consolidated: the keys of mistral_inference/args.py.
MIXTRAL = {
    "dim": 4096,
    "n_layers": 32,
    "head_dim": 128,
    "hidden_dim": 14336,
    "n_heads": 32,
    "n_kv_heads": 8,
    "norm_eps": 1e-05,
    "vocab_size": 32000,
    "moe": {"num_experts": 8, "num_experts_per_tok": 2},
}
# meta-llama/Llama-2-7b: the keys of llama/model.py.
LLAMA_2 = {"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32, "vocab_size": -1}
# meta-llama/Llama-3.2-1B, original/params.json.
LLAMA_3_2_1B = {"dim": 2048, "n_layers": 16, "use_scaled_rope": True, "vocab_size": 128256}


def test_a_mixture_of_experts_names_them_and_how_many_are_picked() -> None:
    config = config_of_params(MIXTRAL)
    assert config["num_local_experts"] == 8
    assert config["num_experts_per_tok"] == 2
    assert read_config(config).layers == 32


def test_mistral_has_a_head_of_its_own_unless_it_says_otherwise() -> None:
    tie = read_config(config_of_params(MIXTRAL)).tie
    assert (tie.tied, tie.settled) == (False, True)
    said = read_config(config_of_params(MIXTRAL | {"tied_embeddings": True})).tie
    assert said.tied


def test_llama_has_a_head_of_its_own() -> None:
    tie = read_config(config_of_params(LLAMA_2)).tie
    assert (tie.tied, tie.settled) == (False, True)


def test_of_llama_3_2_s_small_models_no_key_says_whether_the_head_is_tied() -> None:
    assert not read_config(config_of_params(LLAMA_3_2_1B)).tie.settled


@pytest.mark.parametrize("moe", [None, 8, [], "2"])
def test_experts_of_a_wrong_type_are_no_experts(moe: object) -> None:
    assert "num_local_experts" not in config_of_params(MIXTRAL | {"moe": moe})

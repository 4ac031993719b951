"""What a config may not ask for."""

import pytest

from auditor.architecture.limits import Limits, too_much

LIMITS = Limits()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers of 1,000,000,000; at most 1,000"),
        ({"hidden_size": 10**12}, "hidden_size of 1,000,000,000,000; at most 4,294,967,296"),
        ({"num_labels": 10**7}, "num_labels of 10,000,000; at most 1,000,000"),
        ({"text_config": {"num_experts": 10**6}}, "num_experts of 1,000,000; at most 100,000"),
        ({"depths": [2, 2, 10**5, 2]}, "depths of 100,000; at most 1,000"),
        ({"n_layer": 10**4_000}, "n_layer of over 10^30; at most 1,000"),
        ({"hidden_size": 10**12, "x" * 999: 1}, "hidden_size of 1,000,000,000,000"),
    ],
)
def test_a_hostile_number_is_named(config: dict[str, object], said: str) -> None:
    assert (too_much(config, LIMITS) or "").startswith(said)


@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 126, "hidden_size": 16_384, "vocab_size": 262_144},
        {"vocab_size_per_layer_input": 262_144, "rope_theta": 10**9, "max_length": 10**20},
        {"num_hidden_layers": "10000", "hidden_size": 1e30, "use_layer": True},
        {"layers": [None, {"a": []}], "model_max_length": 10**30},
    ],
)
def test_honest_configs_and_other_numbers_pass(config: dict[str, object]) -> None:
    assert too_much(config, LIMITS) is None


def test_limits_travel_as_json() -> None:
    assert Limits(**LIMITS.to_json()) == LIMITS

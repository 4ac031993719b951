"""adapter_config.json is read for what it says, whatever it is made of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.adapters import AdapterConfig, LocalBase, NoBase, base_of, read_adapter_config
from auditor.core.identity import HubRef

# What peft 0.21 writes, without the keys that say nothing here.
LORA: dict[str, Any] = {
    "base_model_name_or_path": "meta-llama/Llama-2-7b-hf",
    "bias": "none",
    "layer_replication": [[0, 16], [8, 24]],
    "lora_alpha": 16,
    "modules_to_save": ["lm_head"],
    "peft_type": "LORA",
    "r": 8,
    "rank_pattern": {"layers.0.self_attn.q_proj": 16},
    "revision": None,
    "target_modules": ["q_proj", "v_proj"],
    "task_type": "CAUSAL_LM",
    "trainable_token_indices": {"embed_tokens": [1, 2, 3]},
    "use_dora": True,
}


def test_what_a_config_says_is_read() -> None:
    assert read_adapter_config(LORA) == AdapterConfig(
        peft_type="LORA",
        task_type="CAUSAL_LM",
        base_model="meta-llama/Llama-2-7b-hf",
        rank=8,
        alpha=16,
        target_modules=("q_proj", "v_proj"),
        rank_pattern={"layers.0.self_attn.q_proj": 16},
        modules_to_save=("lm_head",),
        trained_tokens=3,
        use_dora=True,
        layer_replication=((0, 16), (8, 24)),
        values=LORA,
    )


def test_an_empty_config_says_nothing() -> None:
    assert read_adapter_config({}) == AdapterConfig()


@pytest.mark.parametrize("wrong", [None, 7, -1, 2.5, True, "text", [], [None, {}], {"a": []}])
@pytest.mark.parametrize("key", sorted(LORA))
def test_a_value_of_a_wrong_type_is_absent_and_no_crash(key: str, wrong: object) -> None:
    read = read_adapter_config({**LORA, key: wrong})
    base_of(read)
    assert isinstance(read.rank, int | None)
    assert all(isinstance(module, str) for module in (*read.target_modules, *read.copied_modules))
    assert all(isinstance(rank, int) for rank in read.rank_pattern.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(sorted(LORA)), JSON))
def test_any_json_is_read_or_passed_over(values: dict[str, Any]) -> None:
    base_of(read_adapter_config(values))


def test_target_modules_may_be_one_expression() -> None:
    read = read_adapter_config({"target_modules": r".*\.(q|v)_proj"})
    assert read.target_modules == (r".*\.(q|v)_proj",)


def test_the_head_of_a_task_is_copied_though_the_config_does_not_say_so() -> None:
    read = read_adapter_config({"task_type": "SEQ_CLS", "modules_to_save": None})
    assert read.copied_modules == ("classifier", "score")


def test_tokens_of_a_list_and_of_several_lists_are_counted() -> None:
    assert read_adapter_config({"trainable_token_indices": [5, 6]}).trained_tokens == 2
    both = {"trainable_token_indices": {"a": [1], "b": [2, 3]}}
    assert read_adapter_config(both).trained_tokens == 3


# -- the base model


def base(name: object, revision: object = None) -> HubRef | LocalBase | NoBase:
    return base_of(read_adapter_config({"base_model_name_or_path": name, "revision": revision}))


def test_an_id_is_a_repository_of_the_hub() -> None:
    ref = base("meta-llama/Llama-2-7b-hf")
    assert isinstance(ref, HubRef)
    assert (ref.repo_id, ref.revision) == ("meta-llama/Llama-2-7b-hf", "main")


def test_the_revision_beside_it_is_that_of_the_base() -> None:
    ref = base("org/name", "v1.0")
    assert isinstance(ref, HubRef)
    assert ref.revision == "v1.0"


@pytest.mark.parametrize(
    "path",
    ["/home/me/llama", "./llama", "../llama", "~/llama", "C:\\models\\llama", "models/meta/llama"],
)
def test_a_path_is_named_and_not_opened(path: str) -> None:
    assert base(path) == LocalBase(path=path)


@pytest.mark.parametrize(
    "name", [None, "", "  ", 7, "a b", "org/na--me", "https://example.com/org/name", "a\x00b"]
)
def test_what_can_be_no_id_is_no_base(name: object) -> None:
    found = base(name)
    assert isinstance(found, NoBase)
    assert found.reason.isprintable()


def test_a_revision_that_can_be_none_leaves_no_base() -> None:
    found = base("org/name", "../../etc")
    assert isinstance(found, NoBase)

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.quantization import bits_of, quantization_of
from auditor.core.widths import widths_of

SECTION = {"quant_method": "gptq", "bits": 4}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["quantization_config", "quantization", "text_config", "weights", "num_bits"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "config",
    [
        {"quantization_config": SECTION},
        {"compression_config": SECTION},
        {"quantization": SECTION},
        {"text_config": {"quantization_config": SECTION}},
        {"thinker_config": {"text_config": {"quantization_config": SECTION}}},
        {"thinker_config": {"quantization_config": SECTION}},
        {"llm_config": {"quantization_config": SECTION}},
        {"language_config": {"quantization_config": SECTION}},
        {"quantization_config": {}, "text_config": {"quantization_config": SECTION}},
        {"quantization_config": None, "quantization": SECTION},
        {"quantization_config": "4bit", "llm_config": {"compression_config": SECTION}},
    ],
)
def test_the_section_is_found_wherever_a_dialect_puts_it(config: dict[str, Any]) -> None:
    side_files = {"quant_config.json": {"w_bit": 8}}
    assert quantization_of(config, side_files) == SECTION


def test_the_outer_section_comes_before_that_of_the_language_model() -> None:
    config = {"quantization_config": SECTION, "text_config": {"quantization_config": {"bits": 8}}}
    assert quantization_of(config, {}) == SECTION


def test_side_files_are_asked_in_their_order_and_their_names_mean_a_method() -> None:
    side_files: dict[str, dict[str, Any]] = {
        "quanto_qmap.json": {"a.b": {"weights": "qint4"}},
        "quant_config.json": {"w_bit": 4, "q_group_size": 128},
        "quantize_config.json": {"bits": 3},
    }
    assert quantization_of({}, side_files) == {"quant_method": "gptq", "bits": 3}
    del side_files["quantize_config.json"]
    assert quantization_of({}, side_files)["quant_method"] == "awq"
    del side_files["quant_config.json"]
    assert quantization_of({}, side_files)["quant_method"] == "quanto"


def test_a_method_that_a_side_file_names_itself_stands() -> None:
    side_files = {"quantize_config.json": {"quant_method": "qqq", "bits": 4}}
    assert quantization_of({}, side_files)["quant_method"] == "qqq"


def test_model_optimizer_nests_its_section() -> None:
    side_files = {
        "hf_quant_config.json": {
            "producer": {"name": "modelopt", "version": "0.39"},
            "quantization": {"quant_algo": "NVFP4", "group_size": 16},
        }
    }
    assert quantization_of({"model_type": "llama"}, side_files) == {
        "quant_method": "modelopt",
        "producer": {"name": "modelopt", "version": "0.39"},
        "quant_algo": "NVFP4",
        "group_size": 16,
    }


def test_nothing_is_said_of_a_plain_model() -> None:
    assert quantization_of({"model_type": "llama"}, {"quantize_config.json": {}}) == {}


@given(config=JSON, side=JSON)
def test_hostile_sections_never_raise(config: Any, side: Any) -> None:
    values = config if isinstance(config, dict) else {"quantization_config": config}
    section = quantization_of(values, {"hf_quant_config.json": side})
    assert isinstance(section, dict)
    assert all(1 <= bits <= 8 for bits in bits_of(section))
    widths_of(values)


@pytest.mark.parametrize(
    ("section", "bits"),
    [
        ({"bits": 4}, {4}),
        ({"w_bit": 3}, {3}),
        ({"bits": 0}, set()),
        ({"bits": 16}, set()),
        ({"bits": True}, set()),
        ({"quant_algo": "W4A8_AWQ"}, {4}),
        ({"quant_algo": "W8A8_SQ_PER_CHANNEL"}, {8}),
        ({"quant_algo": "NVFP4_AWQ"}, {4}),
        ({"quant_algo": "FP8_PER_CHANNEL_PER_TOKEN"}, {8}),
        ({"quant_algo": "FP16"}, set()),
        ({"weights": "qint4"}, {4}),
        (
            {
                "config_groups": {
                    "a": {"weights": {"num_bits": 4}, "input_activations": {"num_bits": 8}},
                    "b": {"weights": {"num_bits": 8}},
                }
            },
            {4, 8},
        ),
        ({"num_bits": 4, "module_quant_configs": {".*mlp.*": {"num_bits": 2}}}, {2, 4}),
        ({"global_quant_config": {"weight": {"dtype": "fp6_e2m3"}}}, {6}),
        ({"quantized_layers": {"a": {"quant_algo": "NVFP4"}, "b": {"quant_algo": "FP8"}}}, {4, 8}),
    ],
)
def test_bits_as_each_library_says_them(section: dict[str, Any], bits: set[int]) -> None:
    assert bits_of(section) == bits


def test_what_is_said_of_floats_is_nothing_about_integers() -> None:
    assert bits_of({"quant_algo": "FP8"}, integers=True) == set()
    assert bits_of({"weights": {}, "num_bits": 8, "type": "float"}, integers=True) == set()
    assert bits_of({"quant_algo": "W8A8_SQ_PER_CHANNEL"}, integers=True) == {8}


def test_widths_are_those_of_the_model_and_of_the_models_inside_it() -> None:
    config = {
        "hidden_size": 64,
        "vocab_size": 1000,
        "text_config": {"intermediate_size": 128, "num_attention_heads": 8, "head_dim": 16},
        "vision_config": {"hidden_size": True, "intermediate_size": -3, "d_model": 10**12},
    }
    assert widths_of(config) == {64, 128}  # 8 heads of 16 are 128 too

"""Blueprints by the real libraries. Counts are those of published models."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from auditor.architecture.agreement import Row, agreement
from auditor.architecture.architect import Architect
from auditor.architecture.limits import Limits
from auditor.core.blueprint import Blueprint, Drawing, NoBlueprint, Refusal

pytestmark = pytest.mark.packers

Config = Mapping[str, Any]

BERT: Final = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
GPT2: Final = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
LLAMA: Final = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
LLAMA_1B: Final = {
    **LLAMA,
    "hidden_size": 2_048,
    "intermediate_size": 8_192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 128_256,
    "tie_word_embeddings": True,
}
LLAMA_8B: Final = {
    **LLAMA,
    "hidden_size": 4_096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128_256,
}
QWEN3_600M: Final = {
    "model_type": "qwen3",
    "architectures": ["Qwen3ForCausalLM"],
    "hidden_size": 1_024,
    "intermediate_size": 3_072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151_936,
    "tie_word_embeddings": True,
}
WHISPER_TINY: Final = {
    "model_type": "whisper",
    "architectures": ["WhisperForConditionalGeneration"],
    "d_model": 384,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "encoder_ffn_dim": 1_536,
    "decoder_ffn_dim": 1_536,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 6,
    "vocab_size": 51_865,
}
# transformers' defaults of this type are DeepSeek-V3's own figures
DEEPSEEK_V3: Final = {
    "model_type": "deepseek_v3",
    "architectures": ["DeepseekV3ForCausalLM"],
    "auto_map": {"AutoModelForCausalLM": "modeling_deepseek.DeepseekV3ForCausalLM"},
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}
# what an early config of opt-1.3b says in words of its day: the width is `d_model`
OPT_OF_ITS_DAY: Final = {
    "model_type": "opt",
    "architectures": ["OPTForCausalLM"],
    "d_model": 2_048,
    "word_embed_proj_dim": 2_048,
    "ffn_dim": 8_192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "vocab_size": 50_272,
}

BUILT: Final[Mapping[str, tuple[Config, str, int, int]]] = {
    # name: config, class, parameters, of them trained
    "gpt2": (GPT2, "GPT2LMHeadModel", 124_439_808, 124_439_808),
    "llama-3.2-1b": (LLAMA_1B, "LlamaForCausalLM", 1_235_814_400, 1_235_814_400),
    "llama-3-8b": (LLAMA_8B, "LlamaForCausalLM", 8_030_261_248, 8_030_261_248),
    "qwen3-0.6b": (QWEN3_600M, "Qwen3ForCausalLM", 596_049_920, 596_049_920),
    "whisper-tiny": (
        WHISPER_TINY,
        "WhisperForConditionalGeneration",
        37_760_640,
        37_184_640,  # without 1,500 frozen positions of 384
    ),
    "deepseek-v3": (DEEPSEEK_V3, "DeepseekV3ForCausalLM", 671_026_404_352, 671_026_404_352),
    "opt of its day": (OPT_OF_ITS_DAY, "OPTForCausalLM", 466_654_208, 466_654_208),
    "bert": (BERT, "BertForMaskedLM", 109_514_298, 109_514_298),
    "bert without a head": (
        {**BERT, "architectures": ["BertModel"]},
        "BertModel",
        109_482_240,
        109_482_240,
    ),
    "bert by TensorFlow": (
        {**BERT, "architectures": ["TFBertForMaskedLM"]},
        "BertForMaskedLM",
        109_514_298,
        109_514_298,
    ),
    "llama by its first name": (
        {**LLAMA_8B, "architectures": ["LLaMAForCausalLM"]},
        "LlamaForCausalLM",
        8_030_261_248,
        8_030_261_248,
    ),
    "bert, three classes": (
        {**BERT, "architectures": ["BertModel", "BertForMaskedLM", "NoSuchClass"]},
        "BertModel",
        109_482_240,
        109_482_240,
    ),
    "bert, no class": ({"model_type": "bert"}, "BertForPreTraining", 110_106_428, 110_106_428),
    "bert, no type": (
        {"architectures": ["BertForMaskedLM"]},
        "BertForMaskedLM",
        109_514_298,
        109_514_298,
    ),
    "bert with three labels": (
        {
            "model_type": "bert",
            "architectures": ["BertForSequenceClassification"],
            "id2label": {"0": "a", "1": "b", "2": "c"},
        },
        "BertForSequenceClassification",
        109_482_240 + 3 * 768 + 3,
        109_482_240 + 3 * 768 + 3,
    ),
    "bert with kernels from the Hub": (
        {**BERT, "attn_implementation": "kernels-community/flash-attn", "use_kernels": True},
        "BertForMaskedLM",
        109_514_298,
        109_514_298,
    ),
}

REFUSED: Final[Mapping[str, tuple[Config, Refusal, str]]] = {
    # name: config, refusal, words of its reason
    "layers": ({**LLAMA, "num_hidden_layers": 10**9}, Refusal.OVER_LIMIT, "1,000,000,000"),
    "width": ({**LLAMA, "hidden_size": 10**12}, Refusal.OVER_LIMIT, "1,000,000,000,000"),
    "elements": (
        {**LLAMA, "hidden_size": 2**31, "intermediate_size": 2**32},
        Refusal.REJECTED,
        "overflow",
    ),
    "experts one by one": (
        {
            "model_type": "nllb-moe",
            "architectures": ["NllbMoeForConditionalGeneration"],
            "num_experts": 100_000,
            "encoder_layers": 900,
            "encoder_sparse_step": 1,
        },
        Refusal.OVER_LIMIT,
        "more than 20,000 modules",
    ),
    "memory": ({**BERT, "num_labels": 900_000}, Refusal.OVER_LIMIT, "MiB of memory"),
    "text for a number": (
        {**LLAMA, "num_hidden_layers": "many"},
        Refusal.REJECTED,
        "num_hidden_layers",
    ),
    "class": ({**LLAMA, "architectures": ["NoSuchModel"]}, Refusal.UNKNOWN_CLASS, "NoSuchModel"),
    "no model": (
        {"architectures": ["BertTokenizer", "__builtins__", "os"]},
        Refusal.UNKNOWN_CLASS,
        "BertTokenizer is not in transformers",
    ),
    "type": ({"model_type": "no-such-type"}, Refusal.UNKNOWN_CLASS, "no-such-type"),
    "remote code": (
        {
            "model_type": "no-such-type",
            "architectures": ["NoSuchModel"],
            "auto_map": {"AutoModel": "evil.Model"},
        },
        Refusal.REMOTE_CODE,
        "remote code: class NoSuchModel is not in transformers",
    ),
    "nothing": ({}, Refusal.NO_CLASS, "neither"),
    "wrong types": (
        {"model_type": ["bert"], "architectures": {"a": 1}},
        Refusal.NO_CLASS,
        "neither",
    ),
    "a path for a class": (
        {"architectures": ["../../etc/passwd"]},
        Refusal.UNKNOWN_CLASS,
        "../../etc/passwd",
    ),
}
SMALL: Final = Limits(modules=20_000, memory_bytes=256 << 20)


def drawn(configs: Mapping[str, Config], limits: Limits, cache: Path | None) -> dict[str, Drawing]:
    async def draw() -> dict[str, Drawing]:
        async with Architect(cache, limits=limits) as architect:
            drawings = await asyncio.gather(*(architect.draw(each) for each in configs.values()))
            return dict(zip(configs, drawings, strict=True))

    return asyncio.run(draw())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("blueprints")


@pytest.fixture(scope="module")
def built(cache: Path) -> dict[str, Drawing]:
    """Every model above, by one child process."""
    for library in ("torch", "transformers", "accelerate"):
        pytest.importorskip(library)
    return drawn({name: config for name, (config, *_) in BUILT.items()}, Limits(), cache)


@pytest.fixture(scope="module")
def refused() -> dict[str, Drawing]:
    """Every config above that cannot be built, one after another."""
    for library in ("torch", "transformers", "accelerate"):
        pytest.importorskip(library)
    return drawn({name: config for name, (config, *_) in REFUSED.items()}, SMALL, None)


def blueprint(drawing: Drawing) -> Blueprint:
    assert isinstance(drawing, Blueprint), drawing
    return drawing


# -- what is built


@pytest.mark.parametrize("name", BUILT)
def test_the_class_has_its_published_count(built: dict[str, Drawing], name: str) -> None:
    _, class_name, parameters, trained = BUILT[name]
    made = blueprint(built[name])
    assert (made.class_name, made.total, made.trainable) == (class_name, parameters, trained)
    assert made.library.startswith("transformers ")


def test_a_tied_matrix_is_one_parameter_with_two_names(built: dict[str, Drawing]) -> None:
    made = blueprint(built["llama-3.2-1b"])
    assert made.ties == {"lm_head.weight": "model.embed_tokens.weight"}
    assert not blueprint(built["llama-3-8b"]).ties


def test_what_is_frozen_is_known_by_name(built: dict[str, Drawing]) -> None:
    made = blueprint(built["whisper-tiny"])
    frozen = [(name, shape) for name, shape, trainable in made.parameters if not trainable]
    assert frozen == [("model.encoder.embed_positions.weight", (1_500, 384))]


def test_experts_stand_one_by_one_as_on_the_hub(built: dict[str, Drawing]) -> None:
    made = blueprint(built["deepseek-v3"])
    shapes = {parameter.name: parameter.shape for parameter in made.parameters}
    assert shapes["model.layers.60.mlp.experts.255.down_proj.weight"] == (7_168, 2_048)
    experts = [name for name in shapes if ".experts." in name]
    assert len(experts) == 58 * 256 * 3
    assert [buffer.elements for buffer in made.buffers] == [256] * 58


def test_the_layer_beside_the_model_is_passed_over(built: dict[str, Drawing]) -> None:
    assert any("61" in pattern for pattern in blueprint(built["deepseek-v3"]).passed_over)


def test_it_is_said_how_a_class_was_chosen(built: dict[str, Drawing]) -> None:
    assert blueprint(built["bert"]).note == ""
    assert "names no class" in blueprint(built["bert, no class"]).note
    assert "3 classes" in blueprint(built["bert, three classes"]).note
    assert "called LlamaForCausalLM today" in blueprint(built["llama by its first name"]).note
    assert "own code was not run" in blueprint(built["deepseek-v3"]).note


def test_a_config_that_was_drawn_needs_no_process_again(
    built: dict[str, Drawing], cache: Path
) -> None:
    configs = {name: {**config, "dtype": "float16"} for name, (config, *_) in BUILT.items()}
    # with no time to start in, a child would be a refusal
    assert drawn(configs, Limits(start_seconds=0), cache) == built


# -- what is not


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_built_is_refused_with_the_reason(
    refused: dict[str, Drawing], name: str
) -> None:
    if name == "memory" and sys.platform != "linux":
        pytest.skip("only Linux limits the address space")
    _, refusal, words = REFUSED[name]
    drawing = refused[name]
    assert isinstance(drawing, NoBlueprint)
    assert (drawing.refusal, words in drawing.reason) == (refusal, True), drawing.reason


SLOW: Final = {"model_type": "swin", "architectures": ["SwinModel"], "depths": [1_000] * 900}


def test_a_config_that_takes_too_long_costs_its_seconds_and_not_the_next_one() -> None:
    pytest.importorskip("transformers")
    result = drawn({"slow": SLOW, "next": BERT}, Limits(wall_seconds=15), None)
    drawing = result["slow"]
    assert isinstance(drawing, NoBlueprint)
    assert drawing.reason == "more than 15 seconds to build it"
    assert blueprint(result["next"]).total == 109_514_298


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on computing")
def test_a_config_that_computes_too_long_ends_the_child_alone() -> None:
    pytest.importorskip("transformers")
    drawing = drawn({"slow": SLOW}, Limits(cpu_seconds=2, wall_seconds=600), None)["slow"]
    assert isinstance(drawing, NoBlueprint)
    assert drawing.reason == "more than 2 seconds of computing to build it"


# -- diffusers


def test_a_component_of_a_pipeline_is_built_by_diffusers() -> None:
    pytest.importorskip("diffusers")
    vae = {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": "0.2.2",
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "latent_channels": 4,
        "layers_per_block": 2,
        "sample_size": 512,
    }
    result = drawn({"vae": vae, "none": {"_class_name": "os"}}, Limits(), None)
    made = blueprint(result["vae"])
    assert made.total == 83_653_863  # Stable Diffusion 1.4's
    assert made.library.startswith("diffusers ")
    assert isinstance(result["none"], NoBlueprint)


# -- the table of rules, held against the classes


def test_the_rules_agree_with_classes_of_every_kind() -> None:
    pytest.importorskip("transformers")
    classes = [
        ("bert", "BertForPreTraining"),
        ("gpt2", "GPT2LMHeadModel"),
        ("whisper", "WhisperForConditionalGeneration"),
        ("t5", "T5ForConditionalGeneration"),
        ("resnet", "ResNetForImageClassification"),
        ("clip", "CLIPModel"),
        ("vit_mae", "ViTMAEForPreTraining"),
    ]

    async def rows(*, copies: bool) -> list[Row]:
        async with Architect() as architect:
            return [row async for row in agreement(architect, classes, copies=copies)]

    for copies in (False, True):
        found = asyncio.run(rows(copies=copies))
        assert [row.class_name for row in found] == [name for _, name in classes]
        assert [row.differing for row in found] == [()] * len(classes)
        assert all(row.agrees and row.by_rules == row.parameters for row in found)

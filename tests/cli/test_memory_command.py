"""`hfaudit memory` as a user runs it, against a small Hub."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from builders import Tensors, safetensors_file
from command import Ran, hfaudit
from hub import Hub, Repo, Settings

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 1000,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
MODEL: Tensors = {
    "model.embed_tokens.weight": ("BF16", [100, 64]),
    **{
        f"model.layers.{i}.self_attn.{name}_proj.weight": ("BF16", [rows, 64])
        for i in range(2)
        for name, rows in (("q", 64), ("k", 32), ("v", 32), ("o", 64))
    },
    "lm_head.weight": ("BF16", [100, 64]),
}
WEIGHTS = 2 * (100 * 64 + 2 * 192 * 64 + 100 * 64)  # 74,752 bytes
CACHE = 1_000 * 2 * 2 * 2 * 16 * 2  # 256,000 bytes of 1,000 tokens: 2 layers x 2 x 2 heads x 16


def as_bytes(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values).encode()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    weights = safetensors_file(MODEL)
    evil = {**CONFIG, "model_type": "\x1b[31mred", "architectures": ["\u202eX"]}
    tower = "vision_tower.blocks.0.attn.qkv.weight"
    repos = [
        Repo("org/llama", {"config.json": as_bytes(CONFIG), "model.safetensors": weights}),
        Repo("org/evil", {
            "config.json": as_bytes(evil),
            "model.safetensors": safetensors_file({tower + "\x1b[2J": ("F32", [4, 4])}),
        }),
        Repo("org/adapter", {
            "adapter_config.json": as_bytes({"peft_type": "LORA", "r": 2}),
            "adapter_model.safetensors": safetensors_file({
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": ("F32", [2, 8]),
                "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": ("F32", [8, 2]),
            }),
        }),
    ]  # fmt: skip
    with Hub(repos, Settings()) as server:
        yield server


@pytest.fixture
def memory(hub: Hub, tmp_path: Path) -> Any:
    def run(*args: str) -> Ran:
        return hfaudit("memory", "--endpoint", hub.endpoint, *args, home=tmp_path)

    return run


def plan(ran: Ran) -> dict[str, Any]:
    assert ran.code != 2, ran.err
    (model,) = json.loads(ran.out)["models"]
    found: dict[str, Any] = model
    return found


def test_weights_and_cache_are_counted_to_the_byte(memory: Any) -> None:
    found = plan(memory("org/llama", "-f", "json"))
    assert found["weights"]["stored"]["bytes"] == WEIGHTS
    assert found["cache"]["size"]["bytes"] == CACHE
    assert found["cache"]["dtype"] == "BF16"
    assert found["together"]["bytes"] == WEIGHTS + CACHE


def test_context_batch_and_dtype_are_asked_for(memory: Any) -> None:
    asked = ("--context", "10", "--batch", "3", "--kv-dtype", "fp8", "--dtype", "f32")
    found = plan(memory("org/llama", "-f", "json", *asked))
    assert found["cache"]["size"]["bytes"] == 3 * 10 * 2 * 2 * 2 * 16
    assert found["weights"]["loaded"]["bytes"] == 2 * WEIGHTS


def test_the_cache_is_in_the_dtype_that_the_model_is_loaded_in(memory: Any) -> None:
    found = plan(memory("org/llama", "-f", "json", "--dtype", "f32"))
    assert found["cache"]["size"]["bytes"] == 2 * CACHE


def test_what_fits_decides_the_exit_code(memory: Any) -> None:
    assert memory("org/llama", "--fits", "1GB").code == 0
    assert memory("org/llama", "--fits", "1GB", "--fits", "0.000GB").code == 2
    too_long = ("--context", "100000000")  # 25.6 GB
    assert memory("org/llama", "--fits", "1GB", *too_long).code == 1
    assert memory("org/evil", "--fits", "1GB").code == 3
    assert memory("org/absent", "--fits", "1GB").code == 3


def test_the_page_tells_rule_margin_and_what_is_not_in_it(memory: Any) -> None:
    out = memory("org/llama", "--fits", "h100x2").out
    for words in (
        "256 bytes a token more",
        "2 layers x 1,000 places x (2 x 2 heads x 16) in BF16",
        "h100x2 = 171 GB, 159 GiB: yes",
        "6 bytes a parameter as weight",
        "LoRA of rank 16 on all-linear",
        "activations",
    ):
        assert words in " ".join(out.split()), words


def test_a_page_fits_a_narrow_terminal_without_colour_or_unicode(hub: Hub, tmp_path: Path) -> None:
    asked = ("--endpoint", hub.endpoint, "org/llama", "--fits", "24GB")
    plain = {"COLUMNS": "60", "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    ran = hfaudit("memory", *asked, home=tmp_path, **plain)
    assert ran.code == 0, ran.err
    assert ran.out.isascii()
    assert max(map(len, ran.out.splitlines())) <= 60


def test_hostile_names_are_shown_as_text(memory: Any) -> None:
    ran = memory("org/evil")
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out
    assert "not known" in ran.out


def test_an_adapter_s_cache_is_its_base_s(memory: Any) -> None:
    found = plan(memory("org/adapter", "-f", "json"))
    assert found["weights"]["stored"]["bytes"] == 2 * 16 * 4
    assert "base model" in found["cache"]["reason"]


def test_a_plan_goes_to_a_file_in_the_form_of_its_ending(memory: Any, tmp_path: Path) -> None:
    assert memory("org/llama", "-o", "plan.json").code == 0
    assert json.loads((tmp_path / "plan.json").read_text())["models"][0]["model"] == "org/llama"


@pytest.mark.parametrize(
    "args", [("--fits", "h1000"), ("--dtype", "f12"), ("--context", "0"), ("-o", "plan.csv")]
)
def test_a_wrong_option_is_said(memory: Any, args: tuple[str, str]) -> None:
    ran = memory("org/llama", *args)
    assert ran.code == 2
    assert args[0].split("=")[0] in ran.err or args[1] in ran.err

"""A plan of one model from its config and its tensors."""

from collections.abc import Mapping
from typing import Any

from auditor.core.config import read_config
from auditor.core.gguf_keys import config_of_gguf
from auditor.core.memory_cache import CacheUnknown, NoCache
from auditor.core.memory_plan import Counted, Plan, Wish, plan_of
from auditor.core.tally import tally
from auditor.core.tensors import Header, WeightFile, join
from builders import Tensors, weight_file
from counting import assigned
from gguf_files import Gguf, Keys, Number, Zeros, read

Config = Mapping[str, Any]

LLAMA: Config = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 100,
}
TENSORS: Tensors = {
    "model.layers.0.self_attn.k_proj.weight": ("F16", [32, 64]),
    "model.layers.0.self_attn.v_proj.weight": ("F16", [32, 64]),
}


def counted(header: Header, config: Config, **more: Any) -> Counted:
    checkpoint, _ = join([WeightFile(path="file", oid=None, header=header)])
    assignment, _ = assigned(header, config)
    return Counted(
        name="",
        config=read_config(config),
        tensors=checkpoint.tensors,
        assignment=assignment,
        tally=tally(assignment),
        **more,
    )


def plan(config: Config, wish: Wish | None = None, **more: Any) -> Plan:
    part = counted(weight_file("model.safetensors", TENSORS).header, config, **more)
    return plan_of([part], wish or Wish(), generates=part)


def cache_dtype(config: Config, wish: Wish | None = None) -> str:
    ask = plan(config, wish).ask
    assert ask is not None
    return ask.cache_dtype.name


def test_the_cache_has_the_dtype_that_the_config_says() -> None:
    assert cache_dtype({**LLAMA, "torch_dtype": "bfloat16"}) == "BF16"
    assert cache_dtype({**LLAMA, "dtype": "torch.float32"}) == "F32"


def test_else_that_of_the_weights() -> None:
    assert cache_dtype(LLAMA) == "F16"


def test_else_that_in_which_they_are_loaded_and_first_what_is_asked_for() -> None:
    assert cache_dtype(LLAMA, Wish(loaded_as="F32")) == "F32"
    assert cache_dtype(LLAMA, Wish(loaded_as="INT4")) == "BF16"
    assert cache_dtype(LLAMA, Wish(loaded_as="F32", cache_dtype="FP8")) == "F8_E4M3"


def test_a_checkpoint_made_for_a_cache_of_eight_bits_has_one() -> None:
    scheme = {"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 8}}
    assert cache_dtype({**LLAMA, "quantization_config": scheme}) == "F8_E4M3"
    modelopt = {"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}
    assert cache_dtype({**LLAMA, "quantization_config": modelopt}) == "F8_E4M3"
    weights_alone = {"quant_method": "fp8", "kv_cache_scheme": None}
    assert cache_dtype({**LLAMA, "quantization_config": weights_alone}) == "F16"


def test_the_longest_context_of_the_config_is_taken() -> None:
    assert plan(LLAMA).cache_bytes == 100 * 64 * 2
    assert plan(LLAMA, Wish(context=10)).cache_bytes == 10 * 64 * 2


def test_without_any_context_the_cache_is_not_known() -> None:
    silent = {k: v for k, v in LLAMA.items() if k != "max_position_embeddings"}
    assert plan(silent).cache_bytes == 2_048 * 64 * 2  # LlamaConfig's own number
    found = plan({**silent, "model_type": "internlm2"})
    assert found.cache_bytes is None
    assert found.needed_bytes is None


def test_an_unknown_type_is_read_from_its_tensors() -> None:
    found = plan({**LLAMA, "model_type": "novel", "architectures": ["NovelForCausalLM"]})
    assert found.cache_bytes == 100 * 64 * 2


def test_an_unknown_type_that_generates_nothing_is_not() -> None:
    found = plan({**LLAMA, "model_type": "novel", "architectures": ["NovelModel"]})
    assert isinstance(found.cache, CacheUnknown)


def test_a_pipeline_keeps_nothing() -> None:
    part = counted(weight_file("model.safetensors", TENSORS).header, LLAMA)
    found = plan_of([part, part], Wish(), generates=None)
    assert isinstance(found.cache, NoCache)
    assert found.weights.stored_bytes == 2 * 2 * 2 * 32 * 64


def gguf(heads: Number | Zeros, rows: int = 32) -> Plan:
    keys: Keys = {
        "general.architecture": "llama",
        "llama.block_count": 1,
        "llama.context_length": 100,
        "llama.embedding_length": 64,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": heads,
    }
    shapes = {f"blk.0.attn_{name}.weight": ("Q8_0", [rows, 64]) for name in ("k", "v") if rows}
    header = read(*Gguf().head(shapes or {"token_embd.weight": ("Q8_0", [9, 64])}, keys))
    config = config_of_gguf(header.metadata)
    part = counted(header, config, is_gguf=True, metadata=header.metadata)
    return plan_of([part], Wish(loaded_as="BF16"), generates=part)


def test_a_gguf_file_is_read_from_its_tensors_and_stays_what_it_is() -> None:
    found = gguf(Number(4, 2))
    assert found.cache_bytes == 100 * 64 * 2
    assert found.cache_dtype_reason == "llama.cpp's default"
    assert found.weights.loaded_bytes == found.weights.stored_bytes == 2 * 32 * 64 * 34 // 32


def test_a_gguf_file_that_lists_its_heads_by_layer_is_not_taken_for_one_that_does_not() -> None:
    assert gguf(Zeros(4, 1)).cache_bytes == 100 * 64 * 2
    assert isinstance(gguf(Zeros(4, 1), rows=0).cache, CacheUnknown)

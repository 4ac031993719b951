"""Three models made of names, dtypes and shapes, as their configs say; no weights.

bert-large-like     1 file         398 tensors      336,226,108 elements
70B-like            30 shards      723 tensors   70,553,706,496
DeepSeek-V3-like    163 shards  91,991 tensors  684,531,386,000, FP8 with scales
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from builders import Tensors, virtual_header
from hub import Repo, Virtual
from hub.blobs import Content

INDEX: Final = "model.safetensors.index.json"
_BLOCK: Final = 128  # DeepSeek-V3's FP8 weights have one scale for 128 x 128 of them

Row = tuple[str, tuple[str, Sequence[int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model and the `elements` that its files hold, the Hub's number for the real one."""

    repo: Repo
    shards: int
    tensors: int
    elements: int

    @property
    def name(self) -> str:
        return self.repo.id


def bert_large() -> Model:
    return _model(
        "bench/bert-large-like",
        dict(bert(layers=24, hidden=1_024, inner=4_096)),
        shards=1,
        elements=336_226_108,  # safetensors issue 44
        config={
            "architectures": ["BertForPreTraining"],
            "model_type": "bert",
            "vocab_size": 30_522,
            "hidden_size": 1_024,
            "intermediate_size": 4_096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
        },
        card="This model has the following configuration: 24-layer, 336M parameters.",
    )


def llama_70b() -> Model:
    return _model(
        "bench/70B-like",
        dict(llama(layers=80, hidden=8_192, inner=28_672, kv=1_024, vocabulary=128_256)),
        shards=30,
        elements=70_553_706_496,
        config={
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": 128_256,
            "hidden_size": 8_192,
            "intermediate_size": 28_672,
            "num_hidden_layers": 80,
            "num_attention_heads": 64,
            "num_key_value_heads": 8,
            "tie_word_embeddings": False,
            "torch_dtype": "bfloat16",
        },
        card="A model with 70.6B parameters.",
    )


def deepseek_v3() -> Model:
    """With its multi-token-prediction layer, the 62nd, as it is published."""
    return _model(
        "bench/DeepSeek-V3-like",
        dict(_deepseek()),
        shards=163,
        elements=684_531_386_000,
        config={
            "architectures": ["DeepseekV3ForCausalLM"],
            "model_type": "deepseek_v3",
            "vocab_size": 129_280,
            "hidden_size": 7_168,
            "intermediate_size": 18_432,
            "moe_intermediate_size": 2_048,
            "num_hidden_layers": 61,
            "num_nextn_predict_layers": 1,
            "num_attention_heads": 128,
            "n_routed_experts": 256,
            "n_shared_experts": 1,
            "num_experts_per_tok": 8,
            "first_k_dense_replace": 3,
            "tie_word_embeddings": False,
            "torch_dtype": "bfloat16",
            "quantization_config": {
                "quant_method": "fp8",
                "fmt": "e4m3",
                "weight_block_size": [_BLOCK, _BLOCK],
            },
        },
        card="A mixture of experts with 671B total parameters, 37B activated for each token.",
    )


def fleet(models: int) -> list[Repo]:
    """Small single-file models, each with a config and a card, for runs that count losses."""
    return [
        _model(
            f"fleet/model-{number:03d}",
            dict(bert(layers=2 + number % 3, hidden=64 + 64 * (number % 4), inner=256)),
            shards=1,
            config={"architectures": ["BertForPreTraining"], "model_type": "bert"},
            card="A small BERT.",
        ).repo
        for number in range(models)
    ]


def _model(  # noqa: PLR0913 - what a model differs by
    name: str,
    tensors: Tensors,
    *,
    shards: int,
    elements: int = 0,
    config: Mapping[str, object],
    card: str,
) -> Model:
    files: dict[str, Content] = {
        "config.json": json.dumps(config, indent=2).encode(),
        "README.md": f"---\nlicense: mit\n---\n# {name}\n\n{card}\n".encode(),
        **(_one_file(tensors) if shards == 1 else _sharded(tensors, shards)),
    }
    return Model(repo=Repo(name, files), shards=shards, tensors=len(tensors), elements=elements)


def _one_file(tensors: Tensors) -> dict[str, Content]:
    return {"model.safetensors": Virtual(*virtual_header(tensors, metadata={"format": "pt"}))}


def _sharded(tensors: Tensors, shards: int) -> dict[str, Content]:
    """The tensors in order, about as many in each of `shards` files, and the index."""
    names = list(tensors)
    files: dict[str, Content] = {}
    weight_map: dict[str, str] = {}
    for number in range(shards):
        path = f"model-{number + 1:05d}-of-{shards:06d}.safetensors"
        held = names[len(names) * number // shards : len(names) * (number + 1) // shards]
        part = {name: tensors[name] for name in held}
        files[path] = Virtual(*virtual_header(part, metadata={"format": "pt"}))
        weight_map |= dict.fromkeys(held, path)
    index = {"metadata": {}, "weight_map": weight_map}
    return {**files, INDEX: json.dumps(index, indent=2).encode()}


def bert(*, layers: int, hidden: int, inner: int) -> Iterator[Row]:
    """BertForPreTraining."""

    def linear(name: str, out: int, into: int) -> Iterator[Row]:
        yield f"{name}.weight", ("F32", [out, into])
        yield f"{name}.bias", ("F32", [out])

    def norm(name: str) -> Iterator[Row]:
        yield f"{name}.gamma", ("F32", [hidden])
        yield f"{name}.beta", ("F32", [hidden])

    for what, rows in (("word", 30_522), ("position", 512), ("token_type", 2)):
        yield f"bert.embeddings.{what}_embeddings.weight", ("F32", [rows, hidden])
    yield from norm("bert.embeddings.LayerNorm")
    for layer in range(layers):
        at = f"bert.encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            yield from linear(f"{at}.attention.{part}", hidden, hidden)
        yield from norm(f"{at}.attention.output.LayerNorm")
        yield from linear(f"{at}.intermediate.dense", inner, hidden)
        yield from linear(f"{at}.output.dense", hidden, inner)
        yield from norm(f"{at}.output.LayerNorm")
    yield from linear("bert.pooler.dense", hidden, hidden)
    yield "cls.predictions.bias", ("F32", [30_522])
    yield from linear("cls.predictions.transform.dense", hidden, hidden)
    yield from norm("cls.predictions.transform.LayerNorm")
    yield from linear("cls.seq_relationship", 2, hidden)


def llama(*, layers: int, hidden: int, inner: int, kv: int, vocabulary: int) -> Iterator[Row]:
    yield "model.embed_tokens.weight", ("BF16", [vocabulary, hidden])
    for layer in range(layers):
        at = f"model.layers.{layer}"
        yield f"{at}.input_layernorm.weight", ("BF16", [hidden])
        for name, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            yield f"{at}.self_attn.{name}_proj.weight", ("BF16", [rows, hidden])
        yield f"{at}.post_attention_layernorm.weight", ("BF16", [hidden])
        for name in ("gate", "up"):
            yield f"{at}.mlp.{name}_proj.weight", ("BF16", [inner, hidden])
        yield f"{at}.mlp.down_proj.weight", ("BF16", [hidden, inner])
    yield "model.norm.weight", ("BF16", [hidden])
    yield "lm_head.weight", ("BF16", [vocabulary, hidden])


_HIDDEN: Final = 7_168
_DENSE_LAYERS: Final = 3
_LAYERS: Final = 62  # the last predicts a further token
_EXPERTS: Final = 256


def _deepseek() -> Iterator[Row]:
    """DeepseekV3ForCausalLM: 3 dense layers, 58 of experts, one of multi-token prediction."""
    yield "model.embed_tokens.weight", ("BF16", [129_280, _HIDDEN])
    for layer in range(_LAYERS):
        at = f"model.layers.{layer}"
        yield from _deepseek_attention(at)
        if layer < _DENSE_LAYERS:
            yield from _deepseek_mlp(f"{at}.mlp", 18_432)
            continue
        yield f"{at}.mlp.gate.weight", ("BF16", [_EXPERTS, _HIDDEN])
        yield f"{at}.mlp.gate.e_score_correction_bias", ("F32", [_EXPERTS])
        yield from _deepseek_mlp(f"{at}.mlp.shared_experts", 2_048)
        for expert in range(_EXPERTS):
            yield from _deepseek_mlp(f"{at}.mlp.experts.{expert}", 2_048)
    last = f"model.layers.{_LAYERS - 1}"
    yield f"{last}.embed_tokens.weight", ("BF16", [129_280, _HIDDEN])
    yield f"{last}.enorm.weight", ("BF16", [_HIDDEN])
    yield f"{last}.hnorm.weight", ("BF16", [_HIDDEN])
    yield f"{last}.eh_proj.weight", ("BF16", [_HIDDEN, 2 * _HIDDEN])
    yield f"{last}.shared_head.norm.weight", ("BF16", [_HIDDEN])
    yield f"{last}.shared_head.head.weight", ("BF16", [129_280, _HIDDEN])
    yield "model.norm.weight", ("BF16", [_HIDDEN])
    yield "lm_head.weight", ("BF16", [129_280, _HIDDEN])


def _deepseek_attention(at: str) -> Iterator[Row]:
    """Multi-head latent attention: 128 heads of 128 + 64, latents of 1,536 and 512."""
    yield f"{at}.input_layernorm.weight", ("BF16", [_HIDDEN])
    yield from _with_scales(f"{at}.self_attn.q_a_proj", 1_536, _HIDDEN)
    yield f"{at}.self_attn.q_a_layernorm.weight", ("BF16", [1_536])
    yield from _with_scales(f"{at}.self_attn.q_b_proj", 128 * (128 + 64), 1_536)
    yield from _with_scales(f"{at}.self_attn.kv_a_proj_with_mqa", 512 + 64, _HIDDEN)
    yield f"{at}.self_attn.kv_a_layernorm.weight", ("BF16", [512])
    yield from _with_scales(f"{at}.self_attn.kv_b_proj", 128 * (128 + 128), 512)
    yield from _with_scales(f"{at}.self_attn.o_proj", _HIDDEN, 128 * 128)
    yield f"{at}.post_attention_layernorm.weight", ("BF16", [_HIDDEN])


def _deepseek_mlp(at: str, inner: int) -> Iterator[Row]:
    yield from _with_scales(f"{at}.gate_proj", inner, _HIDDEN)
    yield from _with_scales(f"{at}.up_proj", inner, _HIDDEN)
    yield from _with_scales(f"{at}.down_proj", _HIDDEN, inner)


def _with_scales(name: str, out: int, into: int) -> Iterator[Row]:
    yield f"{name}.weight", ("F8_E4M3", [out, into])
    yield f"{name}.weight_scale_inv", ("F32", [ceil(out / _BLOCK), ceil(into / _BLOCK)])

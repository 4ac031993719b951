"""Repositories to try a client on by hand. Their weights are shapes and zeros."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from hub.access import Account
from hub.blobs import Content, Virtual
from hub.repos import Repo

Shapes: TypeAlias = Mapping[str, tuple[str, tuple[int, ...]]]  # name -> dtype, shape

TOKEN: Final = "hf_demo"
TOKENS: Final = {TOKEN: Account(name="demo-user", plan="pro", gated="all")}
_BYTES: Final = {"F32": 4, "I32": 4, "BF16": 2, "F16": 2}
_SHARDS: Final = 4

_LLAMA: Final = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 128_256,
    "hidden_size": 4_096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}
_GPTQ: Final = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False}
_BERT: Final = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "vocab_size": 30_522,
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}


def repositories() -> list[Repo]:
    """One of each kind that a client should cope with."""
    bert, llama = weights(_bert()), dict(_llama())
    return [
        Repo(
            "demo/bert-tiny",
            {**_texts(_BERT, "A BERT with 4.4M parameters."), "model.safetensors": bert},
            aliases=("bert-tiny", "demo/bert-mini"),
            pipeline_tag="fill-mask",
        ),
        Repo(
            "demo/llama-8b",
            {**_texts(_LLAMA, "A Llama with 8B parameters."), **_sharded(llama)},
            pipeline_tag="text-generation",
        ),
        Repo(
            "demo/llama-9b",
            {**_texts(_LLAMA, "A Llama with 9B parameters, or so it says."), **_sharded(llama)},
            pipeline_tag="text-generation",
        ),
        Repo(
            "demo/llama-8b-gptq",
            {
                **_texts({**_LLAMA, "quantization_config": _GPTQ}, "8B, quantised to 4 bits."),
                "model.safetensors": weights(dict(_packed(llama))),
            },
        ),
        Repo(
            "demo/llama-8b-gated",
            {**_texts(_LLAMA, "8B behind a gate."), **_sharded(llama)},
            gated="manual",
        ),
        Repo("demo/no-weights", _texts(_BERT, "4.4M parameters, to come.")),
    ]


def weights(shapes: Shapes) -> Virtual:
    """A safetensors file of these tensors."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in shapes.items():
        begin, end = end, end + math.prod(shape) * _BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return Virtual(len(text).to_bytes(8, "little") + text, 8 + len(text) + end)


def _texts(config: Mapping[str, object], card: str) -> dict[str, Content]:
    readme = f"---\nlicense: apache-2.0\n---\n# Demo\n\n{card}\n"
    return {"config.json": json.dumps(config, indent=2).encode(), "README.md": readme.encode()}


def _sharded(shapes: Shapes) -> dict[str, Content]:
    names = list(shapes)
    step = math.ceil(len(names) / _SHARDS)
    files: dict[str, Content] = {}
    weight_map: dict[str, str] = {}
    for number in range(_SHARDS):
        shard = f"model-{number + 1:05d}-of-{_SHARDS:05d}.safetensors"
        held = names[number * step : (number + 1) * step]
        files[shard] = weights({name: shapes[name] for name in held})
        weight_map |= dict.fromkeys(held, shard)
    size = sum(math.prod(shape) * _BYTES[dtype] for dtype, shape in shapes.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    files["model.safetensors.index.json"] = json.dumps(index, indent=2).encode()
    return files


def _llama() -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """The tensors of Llama 3 8B: 8,030,261,248 parameters."""
    hidden, inner, kv, vocabulary = 4_096, 14_336, 1_024, 128_256
    yield "model.embed_tokens.weight", ("BF16", (vocabulary, hidden))
    for layer in range(32):
        at = f"model.layers.{layer}"
        for name, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            yield f"{at}.self_attn.{name}_proj.weight", ("BF16", (rows, hidden))
        for name, shape in (
            ("gate", (inner, hidden)),
            ("up", (inner, hidden)),
            ("down", (hidden, inner)),
        ):
            yield f"{at}.mlp.{name}_proj.weight", ("BF16", shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{at}.{name}.weight", ("BF16", (hidden,))
    yield "model.norm.weight", ("BF16", (hidden,))
    yield "lm_head.weight", ("BF16", (vocabulary, hidden))


def _packed(shapes: Shapes) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """The same with its projections packed by GPTQ, eight weights to an int32."""
    for name, (dtype, shape) in shapes.items():
        if not name.endswith("_proj.weight"):
            yield name, (dtype, shape)
            continue
        rows, columns = shape
        at = name.removesuffix(".weight")
        yield f"{at}.qweight", ("I32", (columns // 8, rows))
        yield f"{at}.qzeros", ("I32", (columns // 128, rows // 8))
        yield f"{at}.scales", ("F16", (columns // 128, rows))
        yield f"{at}.g_idx", ("I32", (columns,))


def _bert() -> Shapes:
    """The tensors of a BERT of 2 layers and width 128: 4,385,920 parameters."""
    wide, inner = 128, 512
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (30_522, wide),
        "embeddings.position_embeddings.weight": (512, wide),
        "embeddings.token_type_embeddings.weight": (2, wide),
        "embeddings.LayerNorm.weight": (wide,),
        "embeddings.LayerNorm.bias": (wide,),
    }
    for layer in range(2):
        linear = {
            "attention.self.query": (wide, wide),
            "attention.self.key": (wide, wide),
            "attention.self.value": (wide, wide),
            "attention.output.dense": (wide, wide),
            "intermediate.dense": (inner, wide),
            "output.dense": (wide, inner),
        }
        for name, shape in linear.items():
            shapes[f"encoder.layer.{layer}.{name}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{name}.bias"] = shape[:1]
        for name in ("attention.output", "output"):
            shapes[f"encoder.layer.{layer}.{name}.LayerNorm.weight"] = (wide,)
            shapes[f"encoder.layer.{layer}.{name}.LayerNorm.bias"] = (wide,)
    shapes |= {"pooler.dense.weight": (wide, wide), "pooler.dense.bias": (wide,)}
    return {name: ("F32", shape) for name, shape in shapes.items()}

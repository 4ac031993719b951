"""The same small models, written by the libraries of all formats, audited over HTTP: one count."""

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

import written_files
from auditor.auditing import audit_model
from auditor.core.identity import HubRef
from auditor.core.record import AuditRecord, Outcome
from auditor.sources.hub import HubSource
from hub import Hub, Repo
from written_files import Arrays

# -- a BERT with its head for masked words: 2 layers, 16 wide, 32 inside, 40 words, 12 positions

POSITIONS = 12
WORDS = "bert.embeddings.word_embeddings.weight"
HEAD_BIAS = "cls.predictions.bias"
BERT_LAYER = {
    "attention.self.query": (16, 16),
    "attention.self.key": (16, 16),
    "attention.self.value": (16, 16),
    "attention.output.dense": (16, 16),
    "attention.output.LayerNorm": (16,),
    "intermediate.dense": (32, 16),
    "output.dense": (16, 32),
    "output.LayerNorm": (16,),
}
# Four square matrices, two of the feed-forward network, all with biases, two norms.
BERT_LAYER_PARAMETERS = 4 * (16 * 16 + 16) + (32 * 16 + 32) + (16 * 32 + 16) + 2 * (16 + 16)
BERT_PARAMETERS = (
    (40 + POSITIONS + 2) * 16  # words, positions, types
    + (16 + 16)  # their norm
    + 2 * BERT_LAYER_PARAMETERS
    + (16 * 16 + 16)  # the head's transform
    + (16 + 16)  # its norm
    + 40  # its bias; its matrix is the table of words
)

# -- a Llama: 2 layers, 32 wide, 64 inside, 4 heads of 8, 2 of them for keys and values, 48 words

LLAMA_LAYER = {
    "input_layernorm": (32,),
    "self_attn.q_proj": (32, 32),
    "self_attn.k_proj": (16, 32),
    "self_attn.v_proj": (16, 32),
    "self_attn.o_proj": (32, 32),
    "post_attention_layernorm": (32,),
    "mlp.gate_proj": (64, 32),
    "mlp.up_proj": (64, 32),
    "mlp.down_proj": (32, 64),
}
LLAMA_PARAMETERS = (
    48 * 32  # words; the head is the same matrix
    + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32 + 2 * 32)
    + 32  # last norm
)


def filled(shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """Numbers that differ from tensor to tensor: nothing may look like a copy."""
    random = np.random.default_rng(1)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def bert() -> Arrays:
    shapes: dict[str, tuple[int, ...]] = {}

    def module(name: str, shape: tuple[int, ...]) -> None:
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]

    for table, rows in (("word", 40), ("position", POSITIONS), ("token_type", 2)):
        shapes[f"bert.embeddings.{table}_embeddings.weight"] = rows, 16
    module("bert.embeddings.LayerNorm", (16,))
    for layer in range(2):
        for name, shape in BERT_LAYER.items():
            module(f"bert.encoder.layer.{layer}.{name}", shape)
    module("cls.predictions.transform.dense", (16, 16))
    module("cls.predictions.transform.LayerNorm", (16,))
    shapes[HEAD_BIAS] = (40,)
    # transformers before 4.31 saved the positions as numbers
    positions = np.arange(POSITIONS).reshape(1, POSITIONS)
    return {"bert.embeddings.position_ids": positions, **filled(shapes)}


def llama() -> Arrays:
    layers = {
        f"model.layers.{layer}.{name}.weight": shape
        for layer in range(2)
        for name, shape in LLAMA_LAYER.items()
    }
    ends = {"model.embed_tokens.weight": (48, 32), "model.norm.weight": (32,)}
    return filled({**ends, **layers})


@dataclass(frozen=True, kw_only=True)
class Model:
    """`ties` are names in a state dict that are another name's tensor."""

    arrays: Callable[[], Arrays]
    ties: Mapping[str, str]
    config: Mapping[str, object]


BERT = Model(
    arrays=bert,
    ties={"cls.predictions.decoder.weight": WORDS, "cls.predictions.decoder.bias": HEAD_BIAS},
    config={
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "vocab_size": 40,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
    },
)
LLAMA = Model(
    arrays=llama,
    ties={"lm_head.weight": "model.embed_tokens.weight"},
    config={
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 48,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
)


def floats(model: Model) -> Arrays:
    """Without the positions: the other frameworks never had them."""
    return {name: array for name, array in model.arrays().items() if array.dtype.kind == "f"}


def of_torch(model: Model, *, legacy: bool) -> dict[str, bytes]:
    stream = io.BytesIO()
    written_files.write_torch(model.arrays(), stream, tied=model.ties, legacy=legacy)
    return {"pytorch_model.bin": stream.getvalue()}


def of_onnx(model: Model, *, external: bool) -> dict[str, bytes]:
    return written_files.onnx_files(model.arrays(), head=(WORDS, HEAD_BIAS), external=external)


Write = Callable[[Model], dict[str, bytes]]
FORMATS: dict[str, tuple[str, Write]] = {
    # a format: the library that writes it, and how
    "safetensors": (
        "safetensors",
        lambda model: {"model.safetensors": written_files.safetensors_file(model.arrays())},
    ),
    "npz": ("numpy", lambda model: {"weights.npz": written_files.npz_file(model.arrays())}),
    "bin zip": ("torch", partial(of_torch, legacy=False)),
    "bin legacy": ("torch", partial(of_torch, legacy=True)),
    "onnx": ("onnx", partial(of_onnx, external=False)),
    "onnx with data beside": ("onnx", partial(of_onnx, external=True)),
    "h5": ("h5py", lambda model: {"tf_model.h5": written_files.h5_file(floats(model))}),
    "msgpack": (
        "flax.serialization",
        lambda model: {"flax_model.msgpack": written_files.msgpack_file(floats(model))},
    ),
    "gguf": (
        "gguf",
        lambda model: {"tiny.F16.gguf": written_files.gguf_file(model.arrays(), layers=2)},
    ),
}
HERE = {"safetensors", "npz"}  # written by what the default environment has
WITH_POSITIONS = {"safetensors", "npz", "bin zip", "bin legacy", "onnx", "onnx with data beside"}


def cases(*formats: str) -> list[Any]:
    return [
        pytest.param(each, marks=() if each in HERE else pytest.mark.packers) for each in formats
    ]


def audited(model: Model, form: str, *, config: bool) -> AuditRecord:
    library, write = FORMATS[form]
    pytest.importorskip(library)
    files = write(model)
    if config:
        files["config.json"] = json.dumps(model.config).encode()
    with Hub([Repo("lab/model", files)]) as hub:
        outcome = asyncio.run(over_http(hub.endpoint))
    assert isinstance(outcome, AuditRecord), outcome
    return outcome


async def over_http(endpoint: str) -> Outcome:
    source = HubSource(endpoint, token=False)
    try:
        return await audit_model(HubRef(repo_id="lab/model"), source)
    finally:
        await source.aclose()


@pytest.mark.parametrize("config", [True, False], ids=["config", "no config"])
@pytest.mark.parametrize("form", cases(*(form for form in FORMATS if form != "gguf")))
def test_a_bert_has_the_same_parameters_in_every_format(form: str, config: bool) -> None:  # noqa: FBT001 - a case
    tally = audited(BERT, form, config=config).tally
    assert tally.total == BERT_PARAMETERS
    assert tally.buffers == (POSITIONS if form in WITH_POSITIONS else 0)


@pytest.mark.parametrize("config", [True, False], ids=["config", "no config"])
@pytest.mark.parametrize("form", cases("safetensors", "bin zip", "bin legacy", "gguf"))
def test_a_llama_has_the_same_parameters_in_every_format(form: str, config: bool) -> None:  # noqa: FBT001 - a case
    record = audited(LLAMA, form, config=config)
    assert record.tally.total == LLAMA_PARAMETERS
    assert record.tally.buffers == 0

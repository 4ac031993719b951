"""Rebuilds the snapshots that are shipped in auditor/data.

    python scripts/build_snapshots.py            # writes auditor/data/reconstructed.snapshot.gz
    python scripts/build_snapshots.py --check    # only says whether it is what would be written

Each model is reconstructed from what is published of it: the names of its tensors by the tables
below (transformers' module tree, as checkpoints are saved from it), their shapes by the
hyperparameters of its config, its headers as the safetensors writer lays them out. No weights are
in it, no text of a card, no commit. Whatever total is published must come out to the last element,
or nothing is written.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Final

from auditor.core.dtypes import DTYPES
from auditor.core.repository import HubFacts, Origin, RepoFile, Repository
from auditor.sources.contents import ZeroTailed
from auditor.sources.recording import Provenance, Recording, Snapshot
from auditor.sources.snapshot_file import inflate, pack

TARGET: Final = Path(__file__).parents[1] / "auditor" / "data" / "reconstructed.snapshot.gz"
GIGABYTE: Final = 1_000_000_000

Row = tuple[str, str]  # a tensor's name and its shape in the words of the model's dimensions
Config = Mapping[str, object]

# What the tables below say. {layer} stands for every layer's number; rows with it that follow one
# another are one layer's.


def encoder(name: str, scale: str, shift: str) -> tuple[Row, ...]:
    """BERT's embeddings and layers under `name`; its norms hold a `scale` and a `shift`."""
    layer = f"{name}.encoder.layer.{{layer}}"
    return (
        (f"{name}.embeddings.word_embeddings.weight", "vocab hidden"),
        (f"{name}.embeddings.position_embeddings.weight", "positions hidden"),
        (f"{name}.embeddings.token_type_embeddings.weight", "types hidden"),
        (f"{name}.embeddings.LayerNorm.{scale}", "hidden"),
        (f"{name}.embeddings.LayerNorm.{shift}", "hidden"),
        (f"{layer}.attention.self.query.weight", "hidden hidden"),
        (f"{layer}.attention.self.query.bias", "hidden"),
        (f"{layer}.attention.self.key.weight", "hidden hidden"),
        (f"{layer}.attention.self.key.bias", "hidden"),
        (f"{layer}.attention.self.value.weight", "hidden hidden"),
        (f"{layer}.attention.self.value.bias", "hidden"),
        (f"{layer}.attention.output.dense.weight", "hidden hidden"),
        (f"{layer}.attention.output.dense.bias", "hidden"),
        (f"{layer}.attention.output.LayerNorm.{scale}", "hidden"),
        (f"{layer}.attention.output.LayerNorm.{shift}", "hidden"),
        (f"{layer}.intermediate.dense.weight", "inner hidden"),
        (f"{layer}.intermediate.dense.bias", "inner"),
        (f"{layer}.output.dense.weight", "hidden inner"),
        (f"{layer}.output.dense.bias", "hidden"),
        (f"{layer}.output.LayerNorm.{scale}", "hidden"),
        (f"{layer}.output.LayerNorm.{shift}", "hidden"),
    )


# BertForPreTraining. TensorFlow's names of the norms (gamma, beta) have stayed in Google's files;
# cls.predictions.decoder.weight is the word embedding and is not stored.
BERT_FOR_PRETRAINING: Final[tuple[Row, ...]] = (
    *encoder("bert", "gamma", "beta"),
    ("bert.pooler.dense.weight", "hidden hidden"),
    ("bert.pooler.dense.bias", "hidden"),
    ("cls.predictions.bias", "vocab"),
    ("cls.predictions.transform.dense.weight", "hidden hidden"),
    ("cls.predictions.transform.dense.bias", "hidden"),
    ("cls.predictions.transform.LayerNorm.gamma", "hidden"),
    ("cls.predictions.transform.LayerNorm.beta", "hidden"),
    ("cls.seq_relationship.weight", "2 hidden"),
    ("cls.seq_relationship.bias", "2"),
)

# RobertaForMaskedLM, which has no pooler; lm_head.decoder is the word embedding and is not stored.
ROBERTA_FOR_MASKED_LM: Final[tuple[Row, ...]] = (
    ("roberta.embeddings.position_ids", "1 positions"),
    *encoder("roberta", "weight", "bias"),
    ("lm_head.bias", "vocab"),
    ("lm_head.dense.weight", "hidden hidden"),
    ("lm_head.dense.bias", "hidden"),
    ("lm_head.layer_norm.weight", "hidden"),
    ("lm_head.layer_norm.bias", "hidden"),
)

# GPT2Model, saved without the prefix of GPT2LMHeadModel. Its linear layers are [in, out], and the
# causal mask of every layer is stored as numbers.
GPT2: Final[tuple[Row, ...]] = (
    ("wte.weight", "vocab hidden"),
    ("wpe.weight", "positions hidden"),
    ("h.{layer}.ln_1.weight", "hidden"),
    ("h.{layer}.ln_1.bias", "hidden"),
    ("h.{layer}.attn.bias", "1 1 positions positions"),
    ("h.{layer}.attn.c_attn.weight", "hidden qkv"),
    ("h.{layer}.attn.c_attn.bias", "qkv"),
    ("h.{layer}.attn.c_proj.weight", "hidden hidden"),
    ("h.{layer}.attn.c_proj.bias", "hidden"),
    ("h.{layer}.ln_2.weight", "hidden"),
    ("h.{layer}.ln_2.bias", "hidden"),
    ("h.{layer}.mlp.c_fc.weight", "hidden inner"),
    ("h.{layer}.mlp.c_fc.bias", "inner"),
    ("h.{layer}.mlp.c_proj.weight", "inner hidden"),
    ("h.{layer}.mlp.c_proj.bias", "hidden"),
    ("ln_f.weight", "hidden"),
    ("ln_f.bias", "hidden"),
)

# MistralForCausalLM, in the order in which its modules are made: shards are filled in that order.
MISTRAL_FOR_CAUSAL_LM: Final[tuple[Row, ...]] = (
    ("model.embed_tokens.weight", "vocab hidden"),
    ("model.layers.{layer}.self_attn.q_proj.weight", "heads_x_width hidden"),
    ("model.layers.{layer}.self_attn.k_proj.weight", "kv_heads_x_width hidden"),
    ("model.layers.{layer}.self_attn.v_proj.weight", "kv_heads_x_width hidden"),
    ("model.layers.{layer}.self_attn.o_proj.weight", "hidden heads_x_width"),
    ("model.layers.{layer}.mlp.gate_proj.weight", "inner hidden"),
    ("model.layers.{layer}.mlp.up_proj.weight", "inner hidden"),
    ("model.layers.{layer}.mlp.down_proj.weight", "hidden inner"),
    ("model.layers.{layer}.input_layernorm.weight", "hidden"),
    ("model.layers.{layer}.post_attention_layernorm.weight", "hidden"),
    ("model.norm.weight", "hidden"),
    ("lm_head.weight", "vocab hidden"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A tensor as it is stored; what it weighs follows."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def stored_bytes(self) -> int:
        return DTYPES[self.dtype].bytes_for(self.elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A figure that somebody published, of the tensors whose names begin with `prefixes`."""

    elements: int
    what: str
    source: str
    prefixes: tuple[str, ...] = ("",)
    without: str = "\0"  # part of a name that the figure leaves out


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model to reconstruct. `max_shard_bytes` of 0 is a single file.

    A header that is not `padded` is of a writer before safetensors 0.3.
    """

    repo_id: str
    aliases: tuple[str, ...]
    architecture: str
    table: tuple[Row, ...]
    dimensions: Mapping[str, int]
    layers: int
    config: Config
    published: tuple[Published, ...]
    dtype: str = "F32"
    dtypes: Mapping[str, str] = field(default_factory=dict)  # of tensors that have another
    max_shard_bytes: int = 0
    padded: bool = True
    file_sizes: Mapping[str, int] = field(default_factory=dict)  # published, in bytes
    also_listed: Mapping[str, int] = field(default_factory=dict)  # path and bytes; not held
    hub_says: bool = False  # the first published figure is the Hub's own
    remark: str = ""


def bert(*, hidden: int, layers: int, heads: int, inner: int) -> tuple[Mapping[str, int], Config]:
    """Dimensions and config of an uncased BERT."""
    dimensions = {"vocab": 30_522, "positions": 512, "types": 2, "hidden": hidden, "inner": inner}
    config = {
        "architectures": ["BertForMaskedLM"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": inner,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "model_type": "bert",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "vocab_size": 30_522,
    }
    return dimensions, config


_BASE: Final = bert(hidden=768, layers=12, heads=12, inner=3_072)
_LARGE: Final = bert(hidden=1_024, layers=24, heads=16, inner=4_096)

MODELS: Final = (
    Model(
        repo_id="google-bert/bert-base-uncased",
        aliases=("bert-base-uncased",),
        architecture="BertForPreTraining",
        table=BERT_FOR_PRETRAINING,
        dimensions=_BASE[0],
        layers=12,
        config=_BASE[1],
        published=(
            Published(
                elements=110_106_428,
                what="elements in its file",
                source="huggingface.js parse-safetensors-metadata.spec.ts",
            ),
            Published(
                elements=109_482_240,
                what="parameters of its encoder with pooler",
                source="keras-hub preset bert_base_en_uncased",
                prefixes=("bert.",),
            ),
        ),
        padded=False,
        file_sizes={"model.safetensors": 440_449_768},  # huggingface_hub issue 1531
        hub_says=True,
    ),
    Model(
        repo_id="google-bert/bert-large-uncased",
        aliases=("bert-large-uncased",),
        architecture="BertForPreTraining",
        table=BERT_FOR_PRETRAINING,
        dimensions=_LARGE[0],
        layers=24,
        config=_LARGE[1],
        published=(
            Published(
                elements=336_226_108,
                what="elements in its file",
                source="safetensors issue 44",
            ),
            Published(
                elements=335_141_888,
                what="parameters of its encoder with pooler",
                source="keras-hub preset bert_large_en_uncased",
                prefixes=("bert.",),
            ),
        ),
        padded=False,
        file_sizes={"model.safetensors": 1_344_951_957},  # as the Hub lists it
        hub_says=True,
    ),
    Model(
        repo_id="openai-community/gpt2",
        aliases=("gpt2",),
        architecture="GPT2LMHeadModel",
        table=GPT2,
        dimensions={
            "vocab": 50_257,
            "positions": 1_024,
            "hidden": 768,
            "qkv": 3 * 768,
            "inner": 4 * 768,
        },
        layers=12,
        config={
            "activation_function": "gelu_new",
            "architectures": ["GPT2LMHeadModel"],
            "attn_pdrop": 0.1,
            "bos_token_id": 50_256,
            "embd_pdrop": 0.1,
            "eos_token_id": 50_256,
            "initializer_range": 0.02,
            "layer_norm_epsilon": 1e-05,
            "model_type": "gpt2",
            "n_ctx": 1_024,
            "n_embd": 768,
            "n_head": 12,
            "n_layer": 12,
            "n_positions": 1_024,
            "resid_pdrop": 0.1,
            "vocab_size": 50_257,
        },
        published=(
            Published(
                elements=137_022_720,
                what="elements in its file",
                source="safetensors docs/source/metadata_parsing.mdx",
            ),
            Published(
                elements=124_439_808,
                what="parameters",
                source="keras-hub preset gpt2_base_en",
                without=".attn.bias",
            ),
        ),
        padded=False,
        hub_says=True,
        remark="the real file has 548,105,171 bytes, for its tensors lie in another order",
    ),
    Model(
        repo_id="FacebookAI/roberta-base",
        aliases=("roberta-base",),
        architecture="RobertaForMaskedLM",
        table=ROBERTA_FOR_MASKED_LM,
        dimensions={"vocab": 50_265, "positions": 514, "types": 1, "hidden": 768, "inner": 3_072},
        layers=12,
        config={
            "architectures": ["RobertaForMaskedLM"],
            "attention_probs_dropout_prob": 0.1,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "hidden_size": 768,
            "initializer_range": 0.02,
            "intermediate_size": 3_072,
            "layer_norm_eps": 1e-05,
            "max_position_embeddings": 514,
            "model_type": "roberta",
            "num_attention_heads": 12,
            "num_hidden_layers": 12,
            "pad_token_id": 1,
            "type_vocab_size": 1,
            "vocab_size": 50_265,
        },
        dtypes={"roberta.embeddings.position_ids": "I64"},
        published=(
            Published(
                elements=124_697_433 + 514,
                what="elements in its file",
                source="safetensors docs/source/metadata_parsing.mdx",
            ),
            Published(
                elements=124_697_433,
                what="F32 elements",
                source="safetensors docs/source/metadata_parsing.mdx",
                without=".position_ids",
            ),
        ),
        padded=False,
        hub_says=True,
        remark="the real file has 498,818,054 bytes, for its tensors lie in another order",
    ),
    Model(
        repo_id="mistralai/Mistral-7B-v0.3",
        aliases=(),
        architecture="MistralForCausalLM",
        table=MISTRAL_FOR_CAUSAL_LM,
        dimensions={
            "vocab": 32_768,
            "hidden": 4_096,
            "inner": 14_336,
            "heads_x_width": 32 * 128,
            "kv_heads_x_width": 8 * 128,
        },
        layers=32,
        config={
            "architectures": ["MistralForCausalLM"],
            "attention_dropout": 0.0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "hidden_act": "silu",
            "hidden_size": 4_096,
            "initializer_range": 0.02,
            "intermediate_size": 14_336,
            "max_position_embeddings": 32_768,
            "model_type": "mistral",
            "num_attention_heads": 32,
            "num_hidden_layers": 32,
            "num_key_value_heads": 8,
            "rms_norm_eps": 1e-05,
            "rope_theta": 1_000_000.0,
            "sliding_window": None,
            "tie_word_embeddings": False,
            "torch_dtype": "bfloat16",
            "vocab_size": 32_768,
        },
        dtype="BF16",
        published=(
            Published(
                elements=7_248_023_552,
                what="parameters",
                source="keras-hub preset mistral_0.3_7b_en",
            ),
        ),
        max_shard_bytes=5 * GIGABYTE,
        # git-lfs pointers in github.com/rhlsinghal1ss/Mistral-7B, a mirror
        file_sizes={
            "model-00001-of-00003.safetensors": 4_949_453_792,
            "model-00002-of-00003.safetensors": 4_999_819_336,
            "model-00003-of-00003.safetensors": 4_546_807_800,
        },
        also_listed={"consolidated.safetensors": 14_496_078_512},
        remark="consolidated.safetensors, the same weights in Mistral's own names, is only listed",
    ),
)


def tensors(model: Model) -> tuple[Stored, ...]:
    """Every tensor of the model, in the order of its table."""
    found: list[Stored] = []
    for name, words in _expanded(model.table, model.layers):
        shape = tuple(
            int(word) if word.isdigit() else model.dimensions[word] for word in words.split()
        )
        found.append(Stored(name=name, dtype=model.dtypes.get(name, model.dtype), shape=shape))
    return tuple(found)


def _expanded(table: tuple[Row, ...], layers: int) -> Iterator[Row]:
    """The rows with every layer's number; a layer's rows stand together."""
    block: list[Row] = []
    for name, words in (*table, ("", "")):
        if "{layer}" in name:
            block.append((name, words))
            continue
        for layer in range(layers) if block else ():
            yield from ((part.format(layer=layer), shape) for part, shape in block)
        block = []
        if name:
            yield name, words


def weight_file(held: tuple[Stored, ...], *, padded: bool = True) -> ZeroTailed:
    """A safetensors file of `held`, with zeros for weights.

    As safetensors/src/tensor.rs writes it: the widest dtype first, then by name, the JSON without
    spaces and padded with spaces to a multiple of 8.
    """
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in sorted(held, key=lambda one: (-DTYPES[one.dtype].block_bytes, one.name)):
        begin, end = end, end + tensor.stored_bytes
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    header = json.dumps(entries, separators=(",", ":")).encode("ascii")
    if padded:
        header += b" " * (-len(header) % 8)
    return ZeroTailed(
        head=len(header).to_bytes(8, "little") + header, size_bytes=8 + len(header) + end
    )


def shards(held: tuple[Stored, ...], max_bytes: int) -> tuple[tuple[Stored, ...], ...]:
    """`held` in order, a new shard begun where one would grow past `max_bytes`.

    As huggingface_hub serialization/_base.py, split_state_dict_into_shards_factory, fills them.
    """
    filled: list[list[Stored]] = [[]]
    room = max_bytes
    for tensor in held:
        if tensor.stored_bytes > room and filled[-1]:
            filled.append([])
            room = max_bytes
        filled[-1].append(tensor)
        room -= tensor.stored_bytes
    return tuple(tuple(shard) for shard in filled)


def files(model: Model) -> tuple[dict[str, ZeroTailed], dict[str, bytes]]:
    """Weight files and small files of the model, by path."""
    held = tensors(model)
    small = {"config.json": _json_file(model.config)}
    if not model.max_shard_bytes:
        return {"model.safetensors": weight_file(held, padded=model.padded)}, small
    parts = shards(held, model.max_shard_bytes)
    names = [f"model-{at:05}-of-{len(parts):05}.safetensors" for at in range(1, len(parts) + 1)]
    weight_map = {
        tensor.name: name for name, part in zip(names, parts, strict=True) for tensor in part
    }
    index = {
        "metadata": {"total_size": sum(tensor.stored_bytes for tensor in held)},
        "weight_map": dict(sorted(weight_map.items())),
    }
    weights = {name: weight_file(part) for name, part in zip(names, parts, strict=True)}
    return weights, small | {"model.safetensors.index.json": _json_file(index)}


def _json_file(value: Config) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode("ascii")


def check(model: Model, weights: Mapping[str, ZeroTailed]) -> None:
    """Raises ValueError where a published figure does not come out."""
    held = tensors(model)
    for figure in model.published:
        counted = sum(
            tensor.elements
            for tensor in held
            if tensor.name.startswith(figure.prefixes) and figure.without not in tensor.name
        )
        if counted != figure.elements:
            raise ValueError(
                f"{model.repo_id}: {counted:,}, {figure.elements:,} in {figure.source}"
            )
    for path, size_bytes in model.file_sizes.items():
        if weights[path].size_bytes != size_bytes:
            raise ValueError(f"{model.repo_id}: {path} of {weights[path].size_bytes:,} bytes")


def note(model: Model) -> str:
    """On what the reconstruction stands, for a person."""
    agrees = ", ".join(
        f"{figure.elements:,} {figure.what} ({figure.source})" for figure in model.published
    )
    sizes = "; file sizes agree to the byte" if model.file_sizes else ""
    remark = f"; {model.remark}" if model.remark else ""
    return (
        f"{model.architecture} built from its published architecture, without weights or card;"
        f" agrees with {agrees}{sizes}{remark}"
    )


def recording(model: Model) -> Recording:
    """The model as if it had been recorded. Raises ValueError as `check` does."""
    weights, small = files(model)
    check(model, weights)
    listed = [
        *(RepoFile(path=path, size_bytes=len(data)) for path, data in small.items()),
        *(
            RepoFile(path=path, size_bytes=file.size_bytes, is_lfs=True)
            for path, file in weights.items()
        ),
        *(
            RepoFile(path=path, size_bytes=size_bytes, is_lfs=True)
            for path, size_bytes in model.also_listed.items()
        ),
    ]
    repository = Repository(
        repo_id=model.repo_id,
        requested=model.repo_id,
        revision="main",
        commit=None,
        origin=Origin.SNAPSHOT_RECONSTRUCTED,
        files=tuple(sorted(listed, key=lambda file: file.path)),
        hub=_hub_facts(model),
        note=note(model),
    )
    return Recording(
        names=(model.repo_id, *model.aliases),
        revision="main",
        repository=repository,
        files=small,
        weights=weights,
    )


def _hub_facts(model: Model) -> HubFacts | None:
    """What the Hub says of the model, where a public source quotes it."""
    if not model.hub_says:
        return None
    parameters: dict[str, int] = {}
    for tensor in tensors(model):
        parameters[tensor.dtype] = parameters.get(tensor.dtype, 0) + tensor.elements
    return HubFacts(total=model.published[0].elements, parameters=parameters)


def build() -> bytes:
    """The bytes of the shipped snapshot."""
    return pack(
        Snapshot(
            provenance=Provenance.RECONSTRUCTED,
            models=tuple(recording(model) for model in MODELS),
        )
    )


def main() -> int:
    """0 where the shipped snapshot is, or has been made, what the tables say."""
    parser = argparse.ArgumentParser(description="Rebuild the shipped snapshots.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare only")
    only_check = parser.parse_args().check
    built = build()
    if not only_check:
        TARGET.write_bytes(built)
        print(f"{TARGET}: {len(built):,} bytes, {len(MODELS)} models")
        return 0
    shipped = inflate(TARGET.read_bytes(), subject=TARGET.name)
    same = shipped == inflate(built, subject="rebuilt")
    print(f"{TARGET}: {'as built' if same else 'differs; run without --check'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())

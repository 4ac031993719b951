"""A fleet of repositories as they lie on the Hub: mostly small, some sharded, some not readable.

80 % have one file, 10 % are sharded, 5 % have no safetensors, the rest is gated or missing. Headers
have 2 kB to 12 MB; a third of the models share a file with another.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from benchmarks.models import Row, bert, llama
from builders import Tensors, virtual_header
from hub import Repo, Virtual
from hub.blobs import Content

INDEX: Final = "model.safetensors.index.json"
_CARD: Final = "---\nlicense: mit\n---\n# {name}\n\nA model with {millions}M parameters.\n"
_LARGE_EVERY: Final = 250  # a header of megabytes

Files: TypeAlias = dict[str, Content]


def varied(models: int) -> tuple[list[str], list[Repo]]:
    """`models` ids in order, and the repositories of those that exist."""
    names, repos = [], []
    for number in range(models):
        name = f"fleet-{number % 40:02d}/model-{number:06d}"
        names.append(name)
        repo = _repo(name, number)
        if repo is not None:
            repos.append(repo)
    return names, repos


def _repo(name: str, number: int) -> Repo | None:
    kind = number % 100
    if kind == 99:
        return None
    if kind >= 97:
        return Repo(name, _files(name, number), gated="manual")
    if kind >= 95:
        return Repo(name, _texts(name, {"model_type": "bert"}, 1))
    if kind >= 90:
        return Repo(name, {**_texts(name, {"model_type": "bert"}, 1), "notes.txt": b"soon"})
    if kind >= 80:
        return Repo(name, _sharded(name, number))
    return Repo(name, _files(name, number))


def _files(name: str, number: int) -> Files:
    if number % _LARGE_EVERY == _LARGE_EVERY // 2:
        tensors = dict(_experts(number))
    else:
        # Two of three have weights of their own: their vocabulary is.
        own = number if number % 3 else 0
        tensors = dict(bert(layers=1 + number % 24, hidden=64 + 64 * (number % 12), inner=256))
        tensors["cls.own"] = ("F32", [1 + own])
    return {
        **_texts(name, {"model_type": "bert", "vocab_size": 30_522 + number}, number),
        "model.safetensors": _weights(tensors),
    }


def _experts(number: int) -> Iterator[Row]:
    """A header of 1.5 to 12 MB."""
    for layer in range(4 + number % 28):
        for expert in range(1_000):
            at = f"model.layers.{layer}.mlp.experts.{expert}"
            for part in ("gate_proj", "up_proj", "down_proj"):
                yield f"{at}.{part}.weight", ("BF16", [64, 64])


def _sharded(name: str, number: int) -> Files:
    layers, shards = 16 + 4 * (number % 6), 2 + number % 8
    rows = list(llama(layers=layers, hidden=1_024, inner=4_096, kv=256, vocabulary=32_000 + number))
    files: Files = {}
    weight_map: dict[str, str] = {}
    for shard in range(shards):
        path = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        held = dict(rows[len(rows) * shard // shards : len(rows) * (shard + 1) // shards])
        files[path] = _weights(held)
        weight_map |= dict.fromkeys(held, path)
    files[INDEX] = json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "tie_word_embeddings": False,
        "num_hidden_layers": layers,
    }
    return {**_texts(name, config, number), **files}


def _texts(name: str, config: Mapping[str, object], number: int) -> Files:
    card = _CARD.format(name=name, millions=1 + number % 900)
    return {"config.json": json.dumps(config, indent=2).encode(), "README.md": card.encode()}


def _weights(tensors: Tensors | Mapping[str, tuple[str, Sequence[int]]]) -> Virtual:
    return Virtual(*virtual_header(tensors, metadata={"format": "pt"}))

"""The files of a model, as the libraries write them: headers of safetensors, shards, JSON."""

import json

from auditor.core.dtypes import DTYPES
from auditor.sources.contents import ZeroTailed
from reconstructed.model import Config, Model, Part, Stored


def files(model: Model) -> tuple[dict[str, ZeroTailed], dict[str, bytes]]:
    """Weight files and small files of the model, by path."""
    weights: dict[str, ZeroTailed] = {}
    small = {path: _json_file(value) for path, value in model.documents.items()}
    for part in model.parts:
        small[f"{part.folder}config.json"] = _json_file(part.config)
        if part.max_shard_bytes:
            held, index = _sharded(part)
            small[f"{part.folder}{part.stem}.safetensors.index.json"] = _json_file(index)
        else:
            held = {f"{part.stem}.safetensors": weight_file(part.tensors, padded=part.padded)}
        weights |= {part.folder + name: file for name, file in held.items()}
    return weights, small


def _sharded(part: Part) -> tuple[dict[str, ZeroTailed], Config]:
    """The shards and their index."""
    held = part.tensors
    filled = shards(held, part.max_shard_bytes)
    names = [
        f"{part.stem}-{at:05}-of-{len(filled):05}.safetensors" for at in range(1, len(filled) + 1)
    ]
    weight_map = {
        tensor.name: name for name, shard in zip(names, filled, strict=True) for tensor in shard
    }
    index = {
        "metadata": {"total_size": sum(tensor.stored_bytes for tensor in held)},
        "weight_map": dict(sorted(weight_map.items())),
    }
    return {name: weight_file(shard) for name, shard in zip(names, filled, strict=True)}, index


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


def _json_file(value: Config) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode("ascii")

"""What the Hub works out from the files of a commit: parameter counts, an excerpt of the config."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from hub.blobs import Blob

Json: TypeAlias = Any  # what json.loads gives
Files: TypeAlias = Mapping[str, Blob]

SINGLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
_CONFIG_KEYS: Final[tuple[str, ...]] = (
    "architectures",
    "model_type",
    "quantization_config",
    "auto_map",
)
_TOKENIZER_KEYS: Final[tuple[str, ...]] = (
    "bos_token",
    "eos_token",
    "pad_token",
    "unk_token",
    "chat_template",
)


def read_json(files: Files, path: str) -> dict[str, Json]:
    """The JSON object in `path`; an empty one if there is none or it is damaged."""
    blob = files.get(path)
    if blob is None:
        return {}
    try:
        value = json.loads(blob.read(0, blob.size_bytes))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def safetensors_header(blob: Blob) -> dict[str, Json] | None:
    """The header of a safetensors file as stored; None if it cannot be read."""
    length = int.from_bytes(blob.read(0, 8), "little")
    if not 2 <= length <= blob.size_bytes - 8:
        return None
    try:
        header = json.loads(blob.read(8, 8 + length))
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def safetensors_info(files: Files) -> dict[str, Json] | None:
    """`{"parameters": {dtype: elements}, "total": elements}`, counted naively as the Hub does.

    Every element of every stored tensor counts once: a quantised weight that is packed eight to an
    int32 counts as one eighth, and buffers count too.
    """
    parameters: Counter[str] = Counter()
    for path in _weight_files(files):
        header = safetensors_header(files[path])
        try:
            for name, entry in (header or {}).items():
                if name != "__metadata__":
                    parameters[entry["dtype"]] += math.prod(entry["shape"])
        except (KeyError, TypeError):
            return None
    if not parameters:
        return None
    return {"parameters": dict(parameters), "total": parameters.total()}


def sharded_metadata(files: Files, index_path: str) -> dict[str, Json]:
    """The body of `safetensors-metadata/{index_path}`: every shard's header, but no weight map."""
    index = read_json(files, index_path)
    folder = index_path.rpartition("/")[0]
    shards = sorted(set(index.get("weight_map", {}).values()))
    paths = {shard: f"{folder}/{shard}" if folder else shard for shard in shards}
    headers = {
        shard: header
        for shard, path in paths.items()
        if path in files and (header := safetensors_header(files[path])) is not None
    }
    return {"index": {"metadata": index.get("metadata")}, "headers": headers}


def config_excerpt(files: Files) -> dict[str, Json]:
    """The few values of config.json and tokenizer_config.json that the Hub repeats."""
    config = read_json(files, "config.json")
    excerpt = {key: config[key] for key in _CONFIG_KEYS if key in config}
    tokenizer = read_json(files, "tokenizer_config.json")
    if tokenizer:
        excerpt["tokenizer_config"] = {k: tokenizer[k] for k in _TOKENIZER_KEYS if k in tokenizer}
    return excerpt


def library_name(files: Files) -> str | None:
    """The library that the files look made for."""
    if "model_index.json" in files:
        return "diffusers"
    if "adapter_config.json" in files:
        return "peft"
    return "transformers" if "config.json" in files else None


def _weight_files(files: Files) -> list[str]:
    if SINGLE in files:
        return [SINGLE]
    if INDEX in files:
        shards = set(read_json(files, INDEX).get("weight_map", {}).values())
        return sorted(shard for shard in shards if shard in files)
    return sorted(path for path in files if path.endswith(".safetensors") and "/" not in path)

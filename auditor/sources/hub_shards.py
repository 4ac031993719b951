"""The answer that holds the headers of all shards of a model at once.

    GET /api/models/{id}/safetensors-metadata/{index path}
        {"index": {"metadata": ..}, "headers": {shard: {tensor: {dtype, shape, data_offsets}}}}

The Hub has it since 2026 (huggingface_hub hf_api.py, `get_sharded_safetensors_metadata`), for
`main` only; mirrors have not. It is a shorter way to what the shards say themselves, so whatever is
odd about it leads to them and is no error.
"""

import gc
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from auditor.core.strict_json import value_bound

# Four times the largest known: Kimi-K3's 497,000 tensors in about 60 MB. What is longer is read
# shard by shard, which needs no more memory than one shard's header at a time.
MAX_HEADERS_BYTES: Final = 256 * 1024 * 1024
# Ten values to a tensor, and two million tensors: bounds the memory of parsing.
MAX_HEADERS_VALUES: Final = 20_000_000


def read_shard_headers(
    body: bytes, index_path: str, paths: Collection[str]
) -> Mapping[str, dict[str, Any]] | None:
    """Each shard's header as a plain dict, by the shard's path; None if it is not to be trusted.

    A key that stands twice in one object is not, since which of the two counts would be a guess:
    the shard itself tells. Nor is a shard that is not among `paths`, or one without a tensor.
    """
    if value_bound(body) > MAX_HEADERS_VALUES:
        return None
    try:
        with _garbage_left_lying():
            answer = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    headers = answer.get("headers") if isinstance(answer, dict) else None
    if not isinstance(headers, dict) or not headers:
        return None
    folder = index_path.rpartition("/")[0]
    found = {_shard_path(name, folder, paths): header for name, header in headers.items()}
    sound = len(found) == len(headers) and all(
        path in paths and isinstance(header, dict) for path, header in found.items()
    )
    return found if sound and _is_whole(body, found) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} for a number")


def _is_whole(body: bytes, headers: Mapping[str, dict[str, Any]]) -> bool:
    """Whether each key of `body` is still there: of two equal ones the parser keeps the last.

    NOTE: told by how often the keys of an entry stand in the text. To see each pair would take the
    parser four times as long; a name that holds such a key only sends us to the shards.
    """
    tensors = [len(header) - ("__metadata__" in header) for header in headers.values()]
    keys = (b'"dtype"', b'"shape"', b'"data_offsets"')
    return (
        all(tensors)
        and body.count(b'"headers"') == 1
        and all(body.count(key) == sum(tensors) for key in keys)
    )


def _shard_path(name: str, folder: str, paths: Collection[str]) -> str:
    """The path of a shard that is named as in the index, so beside it, or by its whole path."""
    beside = f"{folder}/{name}" if folder else name
    return beside if beside in paths else name


@contextmanager
def _garbage_left_lying() -> Iterator[None]:
    """Without the cyclic garbage collector, which would walk half a million new dicts many times.

    It takes three quarters of the time of parsing and finds nothing: JSON has no cycles.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

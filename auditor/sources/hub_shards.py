"""The answer that holds the headers of all shards of a model at once.

    GET /api/models/{id}/safetensors-metadata/{index path}
        {"index": {"metadata": ..}, "headers": {shard: {tensor: {dtype, shape, data_offsets}}}}

The Hub has it since 2026 (huggingface_hub hf_api.py, `get_sharded_safetensors_metadata`), for
`main` only; mirrors have not. It is a shorter way to what the shards say themselves, so whatever is
odd about it leads to them and is no error.
"""

from collections.abc import Collection, Mapping
from typing import Final

from auditor.core.strict_json import value_bound

# Four times the largest known: Kimi-K3's 497,000 tensors in about 60 MB. What is longer is read
# shard by shard, which needs no more memory than one shard's header at a time.
MAX_HEADERS_BYTES: Final = 256 * 1024 * 1024
# Ten values to a tensor, and two million tensors: bounds the memory of parsing.
MAX_HEADERS_VALUES: Final = 20_000_000

_A_FIELD: Final = b'"data_offsets"'  # of a tensor


def read_shard_headers(
    body: bytes, index_path: str, paths: Collection[str]
) -> Mapping[str, memoryview] | None:
    """Each shard's header as its text, by the shard's path; None if it is not to be trusted.

    A shard that stands twice is not, since which of the two counts would be a guess: the shard
    itself tells. Nor is one that is not among `paths`, or one without a tensor.
    """
    if len(body) > 2 * MAX_HEADERS_VALUES and value_bound(body) > MAX_HEADERS_VALUES:
        return None
    from auditor.core.large_json import texts_in  # noqa: PLC0415 - see there

    answer = texts_in(body) or {}
    headers = texts_in(answer["headers"]) if "headers" in answer else None
    if not headers:
        return None
    folder = index_path.rpartition("/")[0]
    found = {_shard_path(name, folder, paths): header for name, header in headers.items()}
    sound = len(found) == len(headers) and all(
        path in paths and _A_FIELD in bytes(header) for path, header in found.items()
    )
    return found if sound else None


def _shard_path(name: str, folder: str, paths: Collection[str]) -> str:
    """The path of a shard that is named as in the index, so beside it, or by its whole path."""
    beside = f"{folder}/{name}" if folder else name
    return beside if beside in paths else name

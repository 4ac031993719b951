"""A shard index: which file of a checkpoint holds which tensor, as the uploader wrote it down.

    {"metadata": {"total_size": 536870912},
     "weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors", ...}}

Written beside the shards by transformers, diffusers and huggingface_hub, all of which take the
names of the shards from it. It is a claim: the headers of the shards say what is there.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, cast

from auditor.core.checkpoints import MAX_SHARDS
from auditor.core.findings import Finding, Severity, about, quoted
from auditor.core.strict_json import LARGE_BYTES, NotJson, Object, parse, value_bound
from auditor.errors import FileTooLarge, IndexMalformed, LimitExceeded

# huggingface.js parse-safetensors-metadata.ts reads as much; Kimi-K3's index has about 60 MB.
MAX_INDEX_BYTES: Final = 250_000_000
# Eight times the names of Kimi-K3, the largest known: they may hold commas, which are counted, too.
MAX_INDEX_VALUES: Final = 4_000_000

_HINT: Final = "tell the owner of the repository"
_CONFLICT: Final = re.compile(rb"^(?:<{7}|={7}|>{7})(?:[ \r].*)?$", re.MULTILINE)
_UNSAFE: Final = (
    # A shard's path is joined to the index's folder, in a URL or on a disk.
    (re.compile(r"[\x00-\x1f\x7f-\x9f]"), "has control characters"),
    (re.compile(r"://"), "is a URL"),
    (re.compile(r"\\"), "has a backslash"),
    (re.compile(r"^(?:/|[A-Za-z]:)"), "is absolute"),
    (re.compile(r"(?:^|/)\.{1,2}(?:/|$)"), "has `.` or `..` for a folder"),
    (re.compile(r"(?:^|/)(?:/|$)"), "has an empty part"),
)

# The shard of each name as the index gives it, the metadata, and what is odd about them.
_Said = tuple[Mapping[str, str], Mapping[str, Any], tuple[Finding, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardIndex:
    """An index that can be followed. All paths are the repository's, not the index's folder's.

    `weight_map` gives the path of each tensor's file; `shard_paths` has each once, sorted.
    """

    path: str
    weight_map: Mapping[str, str]
    shard_paths: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def parse_index(path: str, data: bytes) -> ShardIndex:
    """The index at `path`, whose text is `data`.

    NOTE: a tensor that is named twice is a finding, and the last one holds, as it does for those
    who load the model: the shards themselves tell which of them holds it.

    Raises FileTooLarge, LimitExceeded, IndexMalformed.
    """
    if len(data) > MAX_INDEX_BYTES:
        raise FileTooLarge(path, f"{len(data):,} bytes; at most {MAX_INDEX_BYTES:,} are read")
    said = _said_at_large(data) if len(data) >= LARGE_BYTES else None
    named, metadata, findings = said or _said(path, data)
    resolved = _resolve(path, set(named.values()))
    beside = "/" not in path
    return ShardIndex(
        path=path,
        weight_map=named if beside else {name: resolved[shard] for name, shard in named.items()},
        shard_paths=tuple(sorted(resolved.values())),
        metadata={key: _whole(value) for key, value in metadata.items()},
        findings=findings,
    )


def _said_at_large(data: bytes) -> _Said | None:
    """What an index says that is written as writers do; None where it is to be looked at."""
    from auditor.core.large_json import read_large  # noqa: PLC0415 - see there

    members = read_large(
        data,
        dict[str, dict[str, str | int | float | bool | None]],
        lambda members: len(members) + sum(map(len, members.values())),
        MAX_INDEX_VALUES,
    )
    if members is None or not {"weight_map"} <= members.keys() <= {"metadata", "weight_map"}:
        return None
    named = members["weight_map"]
    if set(map(type, named.values())) != {str}:
        return None
    return cast("dict[str, str]", named), members.get("metadata", {}), ()


def _said(path: str, data: bytes) -> _Said:
    fields = dict(_root(path, data))
    pairs = fields.get("weight_map")
    if not isinstance(pairs, Object) or not pairs:
        _refuse(path, "no `weight_map` from tensors to files")
    for name, shard in pairs:
        if type(shard) is not str:
            _refuse(path, f"the file of {quoted(name)} is no string")
    named = dict(pairs)
    findings = () if len(named) == len(pairs) else _doubled(path, pairs)
    return named, _metadata(path, fields.get("metadata")), findings


def _refuse(path: str, reason: str) -> NoReturn:
    raise IndexMalformed(path, reason, hint=_HINT)


def _root(path: str, data: bytes) -> Object:
    if len(data) > 2 * MAX_INDEX_VALUES and value_bound(data) > MAX_INDEX_VALUES:
        raise LimitExceeded(path, f"more than {MAX_INDEX_VALUES:,} values")
    try:
        root = parse(data)
    except NotJson as error:
        if _CONFLICT.search(data):
            _refuse(path, "a merge conflict was left in it: two texts with a line between them")
        raise IndexMalformed(path, str(error), hint=_HINT) from error
    if not isinstance(root, Object):
        _refuse(path, "no JSON object")
    if len(dict(root)) != len(root):
        _refuse(path, "a key that comes twice, beside or with `weight_map`")
    return root


def _resolve(path: str, shards: set[str]) -> dict[str, str]:
    """The path in the repository of each shard, which the index at `path` gives from its folder."""
    if len(shards) > MAX_SHARDS:
        raise LimitExceeded(path, f"{len(shards):,} files; at most {MAX_SHARDS:,} are read")
    for shard in sorted(shards):
        for unsafe, why in _UNSAFE:
            if unsafe.search(shard):
                _refuse(path, f"the file {quoted(shard)} {why}")
    folder = path.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    return {shard: prefix + shard for shard in shards}


def _metadata(path: str, stored: object) -> dict[str, Any]:
    """The plain values of the index's `metadata`; older writers have none."""
    if stored is None:
        return {}
    if not isinstance(stored, Object):
        _refuse(path, "`metadata` is no object")
    return {key: value for key, value in stored if not isinstance(value, list)}


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """`value`, as an int where it is a whole number: some writers have `28966928384.0`."""
    return int(value) if type(value) is float and value.is_integer() else value


def _doubled(path: str, pairs: Object) -> tuple[Finding, ...]:
    counts = Counter(name for name, _ in pairs)
    names = [quoted(name) for name, count in counts.items() if count > 1]
    what = f"tensors that {quoted(path)} names more than once"
    return about("index-name-doubled", Severity.WARNING, what, names)

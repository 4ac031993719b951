"""What the Hub's API says, read as hostile JSON: what has the wrong type was not said.

GET /api/models/{id}[/revision/{rev}]?blobs=true
    {"id": .., "sha": .., "disabled": .., "gated": false | "auto" | "manual", "private": ..,
     "library_name": .., "pipeline_tag": .., "tags": [..], "lastModified": ..,
     "cardData": {"base_model": str | [str]},
     "safetensors": {"parameters": {dtype: elements}, "total": elements},
     "siblings": [{"rfilename", "size", "blobId", "lfs": {"sha256", "size"}}]}
GET /api/models/{id}/tree/{sha}?recursive=true
    [{"type": "file" | "directory", "path", "size", "oid", "lfs": {"oid", "size"}}]
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from auditor.core.identity import MAX_ID_CHARACTERS
from auditor.core.repository import HubFacts, RepoFile
from auditor.core.strict_json import NotJson, parse, value_bound
from auditor.errors import BadAnswer, LimitExceeded
from auditor.sources.hub_errors import Asked

# The Hub's docs ask for fewer than 100,000 files in a repository, at some 300 bytes of JSON each.
MAX_FILES: Final = 200_000
MAX_API_BYTES: Final = 64 * 1024 * 1024
MAX_API_VALUES: Final = 20 * MAX_FILES  # bounds the memory of parsing; a file has eight at most
MAX_TEXT_CHARACTERS: Final = 1_000  # of a tag, a library's name: the Hub's are below 100
MAX_TAGS: Final = 10_000  # a model lists its languages and datasets there, hundreds of them
MAX_PATH_CHARACTERS: Final = 4_096  # as file systems allow
_LARGEST: Final = 1 << 63  # a size or count that fits eight bytes

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REPO_ID = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """The answer about a model. `repo_id` is its present name.

    `complete` tells whether each file came with its size.
    """

    repo_id: str
    commit: str
    disabled: bool
    facts: HubFacts
    files: tuple[RepoFile, ...]
    complete: bool


def read_info(body: bytes, asked: Asked) -> Info:
    """The info of a model. Raises BadAnswer if it has no commit."""
    info = read_json(body, asked)
    if not isinstance(info, dict):
        raise BadAnswer(asked.subject, "the answer about the model is no JSON object")
    commit = info.get("sha")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise BadAnswer(asked.subject, "the answer about the model names no commit")
    rows = _rows(info.get("siblings"))
    files = files_of(rows, asked)
    return Info(
        repo_id=repo_id_of(info.get("id")) or asked.repo_id,
        commit=commit,
        disabled=info.get("disabled") is True,
        facts=facts_of(info),
        files=files,
        complete=bool(rows)
        and len(files) == len(rows)
        and all(file.size_bytes is not None for file in files),
    )


def read_json(body: bytes, asked: Asked) -> Any:  # noqa: ANN401 - whatever JSON it is
    """The JSON value of an answer. Raises BadAnswer."""
    try:
        if value_bound(body) > MAX_API_VALUES:
            raise BadAnswer(asked.subject, f"an answer of more than {MAX_API_VALUES:,} values")
        return parse(body, dict)
    except NotJson as error:
        raise BadAnswer(asked.subject, f"the answer is {error}") from error


def files_of(rows: Iterable[dict[str, Any]], asked: Asked) -> tuple[RepoFile, ...]:
    """The files of rows of `siblings` or of a tree, each path once. Raises LimitExceeded."""
    files = {file.path: file for row in rows if (file := _file(row))}
    if len(files) > MAX_FILES:
        raise LimitExceeded(
            asked.subject,
            f"{len(files):,} files; at most {MAX_FILES:,} are looked at",
            hint="this is no repository of one model",
        )
    return tuple(files.values())


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def tree_rows(value: object) -> list[dict[str, Any]]:
    """The rows of a tree's page that are files."""
    return [row for row in _rows(value) if row.get("type") == "file"]


def _file(row: dict[str, Any]) -> RepoFile | None:
    """The file of a row; None if the row names no usable path."""
    path = row.get("rfilename", row.get("path"))
    if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH_CHARACTERS:
        return None
    # Git itself knows no such paths, and in a URL they would lead elsewhere.
    if "\0" in path or any(part in {"", ".", ".."} for part in path.split("/")):
        return None
    lfs = row.get("lfs")
    stored = lfs if isinstance(lfs, dict) else {}
    sha256 = stored.get("sha256", stored.get("oid"))
    blob = row.get("blobId", row.get("oid"))
    size = count_of(row.get("size"))
    return RepoFile(
        path=path,
        size_bytes=count_of(stored.get("size")) if size is None else size,
        oid=_matching(_SHA256, sha256) or _matching(_COMMIT, blob),
        is_lfs=isinstance(lfs, dict),
    )


def facts_of(info: dict[str, Any]) -> HubFacts:
    card, weights = info.get("cardData"), info.get("safetensors")
    base_model = card.get("base_model") if isinstance(card, dict) else None
    stated = weights if isinstance(weights, dict) else {}
    return HubFacts(
        total=count_of(stated.get("total")),
        parameters=dict(_counts(stated.get("parameters"))),
        gated=_gate(info.get("gated")),
        private=info.get("private") is True,
        library=text_of(info.get("library_name")),
        pipeline_tag=text_of(info.get("pipeline_tag")),
        tags=tuple(_texts(info.get("tags"))),
        base_model=tuple(_texts([base_model] if isinstance(base_model, str) else base_model)),
        last_modified=text_of(info.get("lastModified")),
    )


def _gate(value: object) -> str | None:
    if value is True:  # as the Hub wrote it before there were two kinds
        return "auto"
    return value if isinstance(value, str) and value in {"auto", "manual"} else None


def _counts(value: object) -> Iterator[tuple[str, int]]:
    for name, number in list(value.items())[:MAX_TAGS] if isinstance(value, dict) else ():
        dtype, count = text_of(name), count_of(number)
        if dtype is not None and count is not None:
            yield dtype, count


def _texts(value: object) -> Iterator[str]:
    for item in value[:MAX_TAGS] if isinstance(value, list) else ():
        text = text_of(item)
        if text is not None:
            yield text


def text_of(value: object) -> str | None:
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARACTERS:
        return value
    return None


def count_of(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST:
        return value
    return None


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def repo_id_of(value: object) -> str | None:
    text = _matching(_REPO_ID, value)
    return text if text and len(text) <= MAX_ID_CHARACTERS and ".." not in text else None

"""Info bodies: one model, and the list of models."""

import re
from http import HTTPStatus
from typing import Final

from hub import refusals
from hub.access import Account, visible
from hub.blobs import Blob
from hub.facts import Json
from hub.files import commit_at
from hub.messages import JSON_TYPE, Answer, Request, json_answer, json_bytes, unquoted
from hub.pages import page
from hub.repos import Commit, Repo
from hub.world import Visit, World

_DEFAULT: Final = (
    *("modelId", "author", "sha", "lastModified", "createdAt", "private", "gated", "disabled"),
    *("downloads", "likes", "tags", "pipeline_tag", "library_name", "config", "cardData"),
    *("transformersInfo", "siblings", "safetensors", "gguf", "usedStorage", "spaces"),
    *("model-index", "widgetData"),
)
_LISTED: Final = (
    *("likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag", "library_name"),
    *("createdAt", "modelId"),
)
_LISTED_FULL: Final = (*_LISTED, "author", "sha", "lastModified", "gated", "disabled", "siblings")
# ExpandModelProperty_T in huggingface_hub/hf_api.py
EXPANDABLE: Final = (
    *("author", "baseModels", "cardData", "childrenModelCount", "config", "createdAt", "disabled"),
    *("downloads", "downloadsAllTime", "evalResults", "gated", "gguf", "inference"),
    *("inferenceProviderMapping", "lastModified", "library_name", "likes", "mask_token"),
    *("model-index", "pipeline_tag", "private", "resourceGroup", "safetensors", "sha", "siblings"),
    *("spaces", "tags", "transformersInfo", "trendingScore", "usedStorage", "widgetData"),
)


def info(visit: Visit) -> Answer:
    """The info of a model at `main` or, after `revision/`, at another revision."""
    request = visit.request
    commit = commit_at(visit, unquoted(visit.tail)) if visit.tail else visit.repo.main
    fields, blobs = _expand(request) or _DEFAULT, request.flag("blobs")
    key = (visit.repo.changes, fields, blobs)
    if key not in commit.bodies:
        commit.bodies[key] = json_bytes(describe(visit.repo, commit, fields, blobs=blobs))
    return Answer(HTTPStatus.OK, (JSON_TYPE,), commit.bodies[key])


def models(world: World, request: Request, account: Account | None) -> Answer:
    """The list of models that fit the query and are visible."""
    expand = _expand(request)
    fields = expand or (_LISTED_FULL if request.flag("full") else _LISTED)
    fields += ("config",) if request.flag("config") else ()
    fields += ("cardData",) if request.flag("cardData") else ()
    seen = [repo for repo in world.repos if visible(repo, account) and _fits(repo, request)]
    _sort(seen, request)
    largest = world.settings.page_models
    shown, link = page(
        world.endpoint, request, seen, min(largest, request.number("limit", largest))
    )
    return json_answer([describe(repo, repo.main, fields) for repo in shown], link)


def describe(
    repo: Repo, commit: Commit, fields: tuple[str, ...], *, blobs: bool = False
) -> dict[str, Json]:
    """`_id`, `id` and those of `fields` that the Hub would know of."""
    known = {
        "modelId": repo.id,
        "author": repo.id.partition("/")[0] if "/" in repo.id else None,
        "sha": commit.sha,
        "lastModified": commit.time,
        "createdAt": repo.created,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": repo.disabled,
        "downloads": repo.downloads,
        "downloadsAllTime": repo.downloads,
        "likes": repo.likes,
        "trendingScore": 0,
        "tags": _tags(repo, commit),
        "pipeline_tag": repo.pipeline_tag,
        "library_name": repo.library_name or commit.library,
        "cardData": repo.card_data,
        "gguf": repo.gguf,
        "spaces": [],
        **_from_files(repo, commit, fields, blobs=blobs),
        **repo.extra,
    }
    body = {"_id": repo.object_id, "id": repo.id}
    body |= {name: known[name] for name in fields if known.get(name) is not None}
    return body


def _from_files(
    repo: Repo, commit: Commit, fields: tuple[str, ...], *, blobs: bool
) -> dict[str, Json]:
    """The fields that take work, if they are wanted."""
    found: dict[str, Json] = {}
    if "siblings" in fields:
        found["siblings"] = [_sibling(p, b, blobs=blobs) for p, b in commit.files.items()]
    if "usedStorage" in fields:
        found["usedStorage"] = sum(blob.size_bytes for blob in commit.files.values())
    if "safetensors" in fields:
        found["safetensors"] = repo.safetensors or commit.safetensors
    if "config" in fields:
        found["config"] = commit.config or None
    if "transformersInfo" in fields and commit.config.get("architectures"):
        found["transformersInfo"] = {"auto_model": _auto_model(commit)}
    return found


def _sibling(path: str, blob: Blob, *, blobs: bool) -> dict[str, Json]:
    row: dict[str, Json] = {"rfilename": path}
    if blobs:
        row |= {"blobId": blob.oid, "size": blob.size_bytes}
        if blob.is_lfs:
            pointer = len(blob.pointer)
            row["lfs"] = {"sha256": blob.sha256, "size": blob.size_bytes, "pointerSize": pointer}
    return row


def _expand(request: Request) -> tuple[str, ...]:
    if "expand" not in request.query_string:
        return ()
    wanted = (*request.query.get("expand", ()), *request.query.get("expand[]", ()))
    unknown = sorted(set(wanted) - set(EXPANDABLE))
    if unknown:
        valid = ", ".join(f'"{name}"' for name in EXPANDABLE)
        message = f'Invalid expand value "{unknown[0]}": expected one of {valid}'
        raise refusals.bad_request(message)
    return wanted


def _tags(repo: Repo, commit: Commit) -> list[str]:
    card = repo.card_data or {}
    found = [repo.library_name or commit.library]
    found += [*commit.weight_formats, commit.config.get("model_type"), repo.pipeline_tag]
    found += repo.tags
    found += [f"license:{card['license']}"] if "license" in card else []
    return [tag for tag in dict.fromkeys([*found, "region:us"]) if isinstance(tag, str)]


def _auto_model(commit: Commit) -> str:
    architecture = str(commit.config["architectures"][0])
    task = re.search(r"For[A-Z]\w*$", architecture)
    return f"AutoModel{task.group() if task else ''}"


_SIZES: Final = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def _fits(repo: Repo, request: Request) -> bool:
    query = request.query
    search = query.get("search", [""])[-1].lower()
    author = query.get("author", [""])[-1]
    task = query.get("pipeline_tag", [""])[-1]
    gated = query.get("gated", [""])[-1].lower()
    wanted = [tag for value in query.get("filter", []) for tag in value.split(",")]
    return (
        search in repo.id.lower()
        and (not author or repo.id.startswith(f"{author}/"))
        and (not task or repo.pipeline_tag == task)
        and (not gated or (gated == "true") == (repo.gated is not None))
        and (not wanted or set(wanted) <= set(_tags(repo, repo.main)))
        and _in_size(repo, query.get("num_parameters", [""])[-1])
    )


def _in_size(repo: Repo, bounds: str) -> bool:
    """Whether the total is within `min:6B,max:128B`."""
    if not bounds:
        return True
    total = (repo.safetensors or repo.main.safetensors or {}).get("total")
    for bound in bounds.split(","):
        match = re.fullmatch(r"(min|max):(\d+)([KMBT]?)", bound)
        if not match:
            message = f"Invalid num_parameters {bounds}"
            raise refusals.bad_request(message)
        limit = int(match.group(2)) * _SIZES[match.group(3)]
        if total is None or (total < limit if match.group(1) == "min" else total > limit):
            return False
    return True


def _sort(repos: list[Repo], request: Request) -> None:
    by = request.query.get("sort", [""])[-1]
    if by in {"downloads", "likes"}:
        repos.sort(
            key=lambda repo: repo.downloads if by == "downloads" else repo.likes, reverse=True
        )
    elif by in {"lastModified", "createdAt"}:
        repos.sort(key=lambda repo: repo.main.date, reverse=True)

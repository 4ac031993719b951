"""/tree and /paths-info: the files of a commit with their sizes and oids."""

import hashlib
import json
from typing import Final
from urllib.parse import parse_qs

from hub import refusals
from hub.blobs import Blob
from hub.facts import Json
from hub.files import commit_at, split_revision
from hub.messages import Answer, Request, json_answer
from hub.pages import page
from hub.repos import Commit
from hub.world import Visit

_EXPANDED_FRACTION: Final = 20  # the Hub: 1000 entries to a page, 50 expanded


def tree(visit: Visit) -> Answer:
    """What is in a folder, or under it: folders before files, by name."""
    request, settings = visit.request, visit.world.settings
    revision, folder = split_revision(visit.tail)
    commit = commit_at(visit, revision)
    expand = request.flag("expand")
    largest = max(1, settings.page_entries // (_EXPANDED_FRACTION if expand else 1))
    paths = _listing(commit, folder, recursive=request.flag("recursive"))
    if not paths and folder:
        raise refusals.missing_entry(commit.sha, folder)
    size = min(largest, request.number("limit", largest))
    shown, link = page(visit.world.endpoint, request, paths, size)
    rows = [entry(commit, path, expand=expand) for path in shown]
    return json_answer(rows, (*refusals.commit_header(commit.sha), *link))


def paths_info(visit: Visit) -> Answer:
    """The entries of the paths in the body, without those that are not there."""
    revision, _ = split_revision(visit.tail)
    commit = commit_at(visit, revision)
    paths, expand = _form(visit.request)
    folders = _folders(commit)
    found = [path for path in paths if path in commit.files or path in folders]
    return json_answer([entry(commit, path, expand=expand) for path in found])


def entry(commit: Commit, path: str, *, expand: bool) -> dict[str, Json]:
    """One row."""
    blob = commit.files.get(path)
    row = _file_row(path, blob) if blob else _folder_row(commit, path)
    if expand:
        row["lastCommit"] = {"id": commit.sha, "title": commit.title, "date": commit.time}
        if blob:
            row["securityFileStatus"] = {
                "status": "safe",
                "avScan": {"status": "safe"},
                "pickleImportScan": None,
            }
    return row


def _file_row(path: str, blob: Blob) -> dict[str, Json]:
    row = {"type": "file", "oid": blob.oid, "size": blob.size_bytes, "path": path}
    if blob.is_lfs:
        pointer = len(blob.pointer)
        row["lfs"] = {"oid": blob.sha256, "size": blob.size_bytes, "pointerSize": pointer}
        row["xetHash"] = blob.xet_hash
    return row


def _folder_row(commit: Commit, path: str) -> dict[str, Json]:
    inside = [f"{p} {blob.oid}" for p, blob in commit.files.items() if p.startswith(f"{path}/")]
    # Not git's own tree format, but as well a name that changes with the content.
    oid = hashlib.sha1("\n".join(inside).encode(), usedforsecurity=False).hexdigest()
    return {"type": "directory", "oid": oid, "size": 0, "path": path}


def _folders(commit: Commit) -> set[str]:
    parts = [path.split("/")[:-1] for path in commit.files]
    return {"/".join(part[: i + 1]) for part in parts for i in range(len(part))}


def _listing(commit: Commit, folder: str, *, recursive: bool) -> list[str]:
    prefix = f"{folder}/" if folder else ""
    folders, files = (
        sorted(
            path
            for path in names
            if path.startswith(prefix) and (recursive or "/" not in path[len(prefix) :])
        )
        for names in (_folders(commit), commit.files)
    )
    return folders + files


def _form(request: Request) -> tuple[list[str], bool]:
    """`paths` and `expand`, sent as a form or as JSON."""
    if "json" in request.headers.get("content-type", ""):
        try:
            value = json.loads(request.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            message = "the body is no JSON object"
            raise refusals.bad_request(message)
        paths = value.get("paths", [])
        return [paths] if isinstance(paths, str) else list(paths), value.get("expand") is True
    form = parse_qs(request.body.decode())
    return form.get("paths", []), form.get("expand", [""])[-1].lower() in {"1", "true"}

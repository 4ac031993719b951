"""Files: /resolve/, /raw/ and /api/resolve-cache/ on the hub, and the CDN behind them.

git file   /{id}/resolve/{rev}/{path}                      307, relative, to
           /api/resolve-cache/models/{id}/{sha}/{path}     200 or 304
LFS file   /{id}/resolve/{rev}/{path}                      302 to the CDN, signed
           {cdn}/xet-bridge-us/{_id}/{xet hash}?...        206
"""

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, unquote

from hub import refusals
from hub.access import demand_files
from hub.blobs import Blob
from hub.messages import Answer, Headers, Request, quoted, redirect, text_answer, unquoted
from hub.ranges import ranged
from hub.repos import Commit
from hub.world import Visit, World

_COMPRESSED: Final = (".json", ".jsonl", ".md", ".txt", ".py", ".yaml", ".yml", ".jinja")
_TYPES: Final = {".json": "application/json", ".md": "text/markdown; charset=utf-8"}
FULL_SHA: Final = re.compile(r"[0-9a-f]{40}")


def resolve(visit: Visit) -> Answer:
    """The file, by way of a redirect."""
    commit, path, blob = _find(visit)
    if blob.is_lfs:
        return _to_cdn(visit, commit, path, blob)
    headers = refusals.commit_header(commit.sha)
    if _unchanged(visit.request, blob):
        return Answer(HTTPStatus.NOT_MODIFIED, (*headers, ("ETag", f'"{blob.oid}"')))
    original = quote(visit.request.path, safe="")
    etag = quote(f'"{blob.oid}"', safe="")
    where = f"/api/resolve-cache/models/{quoted(visit.repo.id)}/{commit.sha}/{quoted(path)}"
    location = f"{where}?{original}=&etag={etag}"
    return redirect(HTTPStatus.TEMPORARY_REDIRECT, location, headers)


def resolve_cache(visit: Visit) -> Answer:
    """The file at a full sha, without a redirect unless it is an LFS file."""
    if not FULL_SHA.fullmatch(visit.tail[0]):
        raise refusals.missing_revision(unquote(visit.tail[0]))
    commit, path, blob = _find(visit)
    if blob.is_lfs:
        return _to_cdn(visit, commit, path, blob)
    headers: Headers = (*refusals.commit_header(commit.sha), ("ETag", f'"{blob.oid}"'))
    if _unchanged(visit.request, blob):
        return Answer(HTTPStatus.NOT_MODIFIED, headers)
    headers = (*headers, ("Content-Type", _type_of(path)), ("Vary", "Accept-Encoding"))
    accepted = visit.request.headers.get("accept-encoding", "")
    if visit.world.settings.gzip and "gzip" in accepted and path.endswith(_COMPRESSED):
        # As CloudFront does it: no length is told and Range is ignored.
        encoded = (*headers, ("Content-Encoding", "gzip"))
        return Answer(HTTPStatus.OK, encoded, blob.gzipped, chunked=True)
    return ranged(blob, visit.request.headers.get("range"), headers)


def raw(visit: Visit) -> Answer:
    """The content as git has it: of an LFS file the pointer."""
    commit, path, blob = _find(visit)
    headers = (*refusals.commit_header(commit.sha), ("Content-Type", _type_of(path)))
    body = blob.pointer if blob.is_lfs else blob.read(0, blob.size_bytes)
    return Answer(HTTPStatus.OK, headers, body)


def cdn(world: World, request: Request) -> Answer:
    """The CDN's answer. It wants a signature and no token."""
    token = request.headers.get("authorization")
    if token is not None:
        world.log.leaked_tokens.append(token)
        message = (
            "Only one auth mechanism allowed; a signed URL and an Authorization header are two"
        )
        return text_answer(HTTPStatus.BAD_REQUEST, message)
    if request.method not in {"GET", "HEAD"}:
        return text_answer(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed")
    signed = world.signer.check(request)
    if signed is None:
        return text_answer(HTTPStatus.FORBIDDEN, "Access denied")
    headers = (
        ("Content-Type", "application/octet-stream"),
        ("Content-Disposition", signed.disposition),
        ("ETag", f'"{signed.blob.xet_hash}"'),
    )
    return ranged(signed.blob, request.headers.get("range"), headers)


def split_revision(tail: list[str]) -> tuple[str, str]:
    """The revision and the path of `{rev}/{path}`; `refs/pr/N` may come unquoted."""
    unquoted_ref = 3 if tail[:2] in (["refs", "pr"], ["refs", "convert"]) else 1
    return unquoted(tail[:unquoted_ref]), unquoted(tail[unquoted_ref:])


def commit_at(visit: Visit, revision: str) -> Commit:
    """The commit of a revision. Raises Refusal."""
    commit = visit.repo.at(revision)
    if commit is None:
        raise refusals.missing_revision(revision)
    return commit


def _find(visit: Visit) -> tuple[Commit, str, Blob]:
    revision, path = split_revision(visit.tail)
    # The gate stands before the revision: it is not told whether that one exists.
    known = visit.repo.at(revision)
    demand_files(visit.repo, visit.account, known.sha if known else visit.repo.main.sha)
    commit = commit_at(visit, revision)
    blob = commit.files.get(path)
    if blob is None:
        raise refusals.missing_entry(commit.sha)
    return commit, path, blob


def _to_cdn(visit: Visit, commit: Commit, path: str, blob: Blob) -> Answer:
    world = visit.world
    where = f"/xet-bridge-us/{visit.repo.object_id}/{blob.xet_hash}"
    name = path.rpartition("/")[2]
    location = world.signer.url(where, name, blob, world.settings.signed_url_seconds)
    headers: Headers = (
        *refusals.commit_header(commit.sha),
        ("X-Linked-Size", str(blob.size_bytes)),
        ("X-Linked-ETag", f'"{blob.sha256}"'),
        ("X-Xet-Hash", blob.xet_hash),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "no-store"),
    )
    if world.settings.xet_links:
        token_url = (
            f"{world.endpoint}/api/models/{quoted(visit.repo.id)}/xet-read-token/{commit.sha}"
        )
        headers = (*headers, ("Link", f'<{token_url}>; rel="xet-auth"'))
    return redirect(HTTPStatus.FOUND, location, headers)


def _unchanged(request: Request, blob: Blob) -> bool:
    tags = request.headers.get("if-none-match")
    return tags is not None and (tags.strip() == "*" or f'"{blob.oid}"' in tags)


def _type_of(path: str) -> str:
    return _TYPES.get(path[path.rfind(".") :], "text/plain; charset=utf-8")

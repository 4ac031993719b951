"""The nouns of a recording as JSON and back: one pair of functions for each.

The places are those of the manifest that `snapshot_file` describes. Whatever is read is checked;
BadSnapshot names the field that is of no use.
"""

from itertools import pairwise
from typing import assert_never

from auditor.core.repository import HubFacts, Origin, RepoFile, Repository, Traffic
from auditor.core.tensors import Span
from auditor.sources.blobs import BlobReader, BlobWriter
from auditor.sources.checked_json import Field
from auditor.sources.contents import ZeroTailed
from auditor.sources.recording import (
    Extents,
    FailedOpen,
    Provenance,
    RecordedModel,
    Recording,
    Refusal,
    error_kinds,
)


def model_dict(model: RecordedModel, blobs: BlobWriter) -> dict[str, object]:
    found = {"names": list(model.names), "revision": model.revision}
    match model:
        case FailedOpen():
            return found | {"error": _refusal_dict(model.refusal)}
        case Recording():
            return found | {
                "repository": _repository_dict(model.repository),
                "traffic": model.traffic and _traffic_dict(model.traffic),
                "files": {
                    path: _refusal_dict(read) if isinstance(read, Refusal) else blobs.add(read)
                    for path, read in sorted(model.files.items())
                },
                "weights": {
                    path: _weights_dict(read, blobs) for path, read in sorted(model.weights.items())
                },
                "headers": {
                    path: _headers_value(read, blobs)
                    for path, read in sorted(model.headers.items())
                },
            }
        case _:
            assert_never(model)


def read_model(field: Field, blobs: BlobReader) -> RecordedModel:
    names = tuple(name.text() for name in field["names"].items())
    revision = field["revision"].text_or_none()
    if not field["error"].is_null:
        return FailedOpen(names=names, revision=revision, refusal=_refusal(field["error"]))
    return Recording(
        names=names,
        revision=revision,
        repository=_repository(field["repository"]),
        traffic=None if field["traffic"].is_null else _traffic(field["traffic"]),
        files={path: _file(read, blobs) for path, read in field["files"].entries()},
        weights={path: _weights(read, blobs) for path, read in field["weights"].entries()},
        headers={path: _headers(read, blobs) for path, read in field["headers"].entries()},
    )


def _refusal_dict(refusal: Refusal) -> dict[str, object]:
    return {
        "kind": refusal.kind,
        "subject": refusal.subject,
        "reason": refusal.reason,
        "hint": refusal.hint,
    }


def _refusal(field: Field) -> Refusal:
    if field["kind"].text() not in error_kinds():
        raise field["kind"].bad(f"no kind of error: {field['kind'].text()!r:.80}")
    return Refusal(
        kind=field["kind"].text(),
        subject=field["subject"].text(),
        reason=field["reason"].text(),
        hint=field["hint"].text(),
    )


def _file(field: Field, blobs: BlobReader) -> bytes | Refusal:
    return _refusal(field) if isinstance(field.value, dict) else blobs.cut(field)


def _weights_dict(read: Extents | ZeroTailed, blobs: BlobWriter) -> dict[str, object]:
    if isinstance(read, ZeroTailed):
        return {"size_bytes": read.size_bytes, "head": blobs.add(read.head)}
    return {
        "parts": [[begin, blobs.add(data)] for begin, data in read.parts],
        "errors": [
            [span.begin, span.end, _refusal_dict(refusal)]
            for span, refusal in sorted(read.refusals.items(), key=lambda item: item[0])
        ],
    }


def _weights(field: Field, blobs: BlobReader) -> Extents | ZeroTailed:
    if not field["size_bytes"].is_null:
        size_bytes, head = field["size_bytes"].count(), blobs.cut(field["head"])
        if size_bytes < len(head):
            raise field["size_bytes"].bad(f"the file's head alone has {len(head):,} bytes")
        return ZeroTailed(head=head, size_bytes=size_bytes)
    parts = tuple(
        (begin.count(), blobs.cut(data))
        for begin, data in (part.row(2) for part in field["parts"].items())
    )
    if any(begin + len(data) >= following for (begin, data), (following, _) in pairwise(parts)):
        raise field["parts"].bad("the parts are out of order")
    refusals = {
        Span(begin.count(), end.count()): _refusal(error)
        for begin, end, error in (row.row(3) for row in field["errors"].items())
    }
    return Extents(parts=parts, refusals=refusals)


def _headers_value(read: bytes | Refusal | None, blobs: BlobWriter) -> object:
    if isinstance(read, Refusal):
        return _refusal_dict(read)
    return None if read is None else blobs.add(read)


def _headers(field: Field, blobs: BlobReader) -> bytes | Refusal | None:
    return None if field.is_null else _file(field, blobs)


def _traffic_dict(traffic: Traffic) -> dict[str, int]:
    return {
        "requests": traffic.requests,
        "bytes_read": traffic.bytes_read,
        "retries": traffic.retries,
        "waited_seconds": traffic.waited_seconds,
    }


def _traffic(field: Field) -> Traffic:
    return Traffic(
        requests=field["requests"].count(),
        bytes_read=field["bytes_read"].count(),
        retries=field["retries"].count(),
        waited_seconds=field["waited_seconds"].count(),
    )


def _repository_dict(repository: Repository) -> dict[str, object]:
    return {
        "repo_id": repository.repo_id,
        "requested": repository.requested,
        "revision": repository.revision,
        "commit": repository.commit,
        "origin": repository.origin.value,
        "note": repository.note,
        "hub": repository.hub and _hub_dict(repository.hub),
        "files": [[file.path, file.size_bytes, file.oid, file.is_lfs] for file in repository.files],
    }


def _repository(field: Field) -> Repository:
    return Repository(
        repo_id=field["repo_id"].text(),
        requested=field["requested"].text(),
        revision=field["revision"].text_or_none(),
        commit=field["commit"].text_or_none(),
        origin=Origin(one_of(field["origin"], Origin)),
        note=field["note"].text(),
        hub=None if field["hub"].is_null else _hub(field["hub"]),
        files=tuple(_repo_file(file) for file in field["files"].items()),
    )


def _repo_file(field: Field) -> RepoFile:
    path, size_bytes, oid, is_lfs = field.row(4)
    return RepoFile(
        path=path.text(),
        size_bytes=size_bytes.count_or_none(),
        oid=oid.text_or_none(),
        is_lfs=is_lfs.truth(),
    )


def _hub_dict(hub: HubFacts) -> dict[str, object]:
    return {
        "total": hub.total,
        "parameters": dict(hub.parameters),
        "gated": hub.gated,
        "private": hub.private,
        "library": hub.library,
        "pipeline_tag": hub.pipeline_tag,
        "tags": list(hub.tags),
        "base_model": list(hub.base_model),
        "last_modified": hub.last_modified,
    }


def _hub(field: Field) -> HubFacts:
    return HubFacts(
        total=field["total"].count_or_none(),
        parameters={dtype: count.count() for dtype, count in field["parameters"].entries()},
        gated=field["gated"].text_or_none(),
        private=field["private"].truth(),
        library=field["library"].text_or_none(),
        pipeline_tag=field["pipeline_tag"].text_or_none(),
        tags=tuple(tag.text() for tag in field["tags"].items()),
        base_model=tuple(base.text() for base in field["base_model"].items()),
        last_modified=field["last_modified"].text_or_none(),
    )


def one_of(field: Field, kinds: type[Provenance] | type[Origin]) -> str:
    names = [kind.value for kind in kinds]
    if field.text() not in names:
        raise field.bad(f"{field.text()!r:.80} is none of {', '.join(names)}")
    return field.text()

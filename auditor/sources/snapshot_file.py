r"""The snapshot file: what audits read, in one small file.

    gzip of
      hfaudit-snapshot\n      the magic line
      {"schema": 1, ...}\n    the manifest: one line of ASCII JSON, keys sorted
      ...                     the blobs, one after another, each distinct one once

    manifest    schema  provenance  endpoint  created  note  blob_bytes  models
    a model     names  revision  repository  traffic  files  weights  headers
                or names  revision  error, where it could not be opened
    a blob      [begin, end), counted from the end of the manifest's line
    an error    {"kind", "subject", "reason", "hint"}
    files       {path: blob or error}                      small files, whole
    weights     {path: {"parts": [[begin, blob], ...],     what was read of a weight file,
                        "errors": [[begin, end, error]]}}  and what was refused; or
                {path: {"size_bytes": n, "head": blob}}    a file that goes on with zeros
    headers     {index path: blob of JSON, error or null}  all shard headers, given at once

Equal snapshots give equal bytes (no clock, no file name in them) as long as zlib is the same: what
stands behind the gzip is the same everywhere. `zcat FILE | sed -n 2p` shows the manifest.
"""

import gzip
import json
import zlib
from io import BytesIO
from typing import Final

from auditor.errors import BadSnapshot, LimitExceeded
from auditor.sources.blobs import BlobReader, BlobWriter
from auditor.sources.checked_json import DAMAGED, MAX_JSON_BYTES, Field, parse_json
from auditor.sources.manifest import model_dict, one_of, read_model
from auditor.sources.recording import Provenance, Snapshot

SCHEMA: Final = 1
MAGIC: Final = b"hfaudit-snapshot\n"

# Headers of a thousand models are some 100 MB; more is a bomb or a mistake.
MAX_UNPACKED_BYTES: Final = 512 * 1024 * 1024


def pack(snapshot: Snapshot) -> bytes:
    """The bytes of the file that holds `snapshot`.

    Raises LimitExceeded for one that `unpack` would not take back.
    """
    blobs = BlobWriter()
    models = [model_dict(model, blobs) for model in snapshot.models]
    manifest = {
        "schema": SCHEMA,
        "provenance": snapshot.provenance.value,
        "endpoint": snapshot.endpoint,
        "created": snapshot.created,
        "note": snapshot.note,
        "blob_bytes": len(blobs.data),
        "models": models,
    }
    line = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode("ascii")
    content = MAGIC + line + b"\n" + blobs.data
    if len(line) > MAX_JSON_BYTES or len(content) > MAX_UNPACKED_BYTES:
        raise LimitExceeded(
            "snapshot",
            f"{len(content):,} bytes, {len(line):,} of them the list of what is held",
            hint="record fewer models in one file",
        )
    stream = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=stream, mtime=0) as packed:
        packed.write(content)
    return stream.getvalue()


def unpack(
    data: bytes, *, subject: str = "snapshot", limit_bytes: int = MAX_UNPACKED_BYTES
) -> Snapshot:
    """The snapshot in the bytes of its file; `subject` names it in errors.

    Raises BadSnapshot for what is no snapshot, is damaged, contradicts itself, is of a later schema
    or unpacks to more than `limit_bytes`.
    """
    content = inflate(data, subject=subject, limit_bytes=limit_bytes)
    if not content.startswith(MAGIC):
        raise BadSnapshot(subject, "not a snapshot: its first line is another", hint=DAMAGED)
    line, newline, blobs = content[len(MAGIC) :].partition(b"\n")
    if not newline:
        raise BadSnapshot(subject, "the manifest's line does not end", hint=DAMAGED)
    manifest = Field(value=parse_json(line, "the manifest", subject), where="", subject=subject)
    _check_schema(manifest)
    if manifest["blob_bytes"].count() != len(blobs):
        raise manifest["blob_bytes"].bad(f"{len(blobs):,} bytes of blobs are there")
    reader = BlobReader(blobs)
    return Snapshot(
        provenance=Provenance(one_of(manifest["provenance"], Provenance)),
        endpoint=manifest["endpoint"].text(),
        created=manifest["created"].text(),
        note=manifest["note"].text(),
        models=tuple(read_model(model, reader) for model in manifest["models"].items()),
    )


def inflate(data: bytes, *, subject: str, limit_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """What stands behind the gzip. Raises BadSnapshot before more than `limit_bytes` are made."""
    machine = zlib.decompressobj(wbits=31)  # 16 for gzip, 15 for its largest window
    try:
        content = machine.decompress(data, limit_bytes + 1)
    except zlib.error as error:
        raise BadSnapshot(subject, f"not a sound gzip file: {error}", hint=DAMAGED) from error
    if len(content) > limit_bytes:
        raise BadSnapshot(
            subject,
            f"unpacks to more than {limit_bytes:,} bytes",
            hint="a snapshot holds headers, no weights; record fewer models in one file",
        )
    if not machine.eof:
        raise BadSnapshot(subject, "cut off before its end", hint=DAMAGED)
    if machine.unused_data:
        raise BadSnapshot(
            subject, f"{len(machine.unused_data):,} bytes follow its end", hint=DAMAGED
        )
    return content


def _check_schema(manifest: Field) -> None:
    schema = manifest["schema"].count()
    if schema != SCHEMA:
        raise BadSnapshot(
            manifest.subject,
            f"of schema {schema:,}; this version reads {SCHEMA}",
            hint="upgrade hfaudit, or record the snapshot again",
        )

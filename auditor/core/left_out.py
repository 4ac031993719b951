"""Weight files that are not counted, each with the reason."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from auditor.core.gguf_names import is_auxiliary
from auditor.core.repository import RepoFile
from auditor.core.shapes import PIPELINE_FILE, Shape
from auditor.core.weight_files import GGUF, FileSet, format_of, size_of

_CONFIG: Final = "config.json"
_FOLDER_REASONS: Final = (
    (re.compile(r"^original/"), "the publisher's original layout of the same weights"),
    (re.compile(r"^metal/"), "a copy for Apple's Metal"),
    (re.compile(r"(^|/)(checkpoint-|global_step)\d+/"), "a checkpoint of the training"),
    (
        re.compile(r"(^|/)(onnx|openvino|coreml|gguf|flax|tf|tensorrt)/", re.IGNORECASE),
        "an export for another runtime",
    ),
)
_WHOLE_PIPELINE: Final = "the whole pipeline, or parts of it, in one file"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Weight files that were not counted, and why: alternatives are never added together.

    `quantisation` is given where they are the same weights in another one (`Q4_K_M`).
    """

    paths: tuple[str, ...]
    reason: str
    size_bytes: int | None
    quantisation: str = ""


class _Why(NamedTuple):
    reason: str
    quantisation: str = ""


def left_out(
    chosen: Sequence[FileSet],
    sets: Sequence[FileSet],
    files: Sequence[RepoFile],
    shape: Shape = Shape.MODEL,
) -> tuple[LeftOut, ...]:
    """All weight files among `files` that belong to none of the `chosen` sets.

    Where a chosen set has an index alone, only that can tell which files of its kind are left out:
    nothing is said of them yet.
    """
    kinds = {each.kind for each in chosen}
    unresolved = {each.kind for each in chosen if not each.files}
    taken = {file.path for each in chosen for file in each.all_files}
    out = []
    for other in sets:
        if other in chosen or not other.files or other.kind not in kinds - unresolved:
            continue
        beside = next((each for each in chosen if each.folder == other.folder), chosen[0])
        why = _why_not(other, beside, files, shape)
        out.append(_of(other.all_files, *why))
        taken.update(file.path for file in other.all_files)
    by_reason: dict[str, list[RepoFile]] = {}
    for file in files:
        kind = format_of(file.path)
        if kind and file.path not in taken and kind not in unresolved:
            by_reason.setdefault(_of_other_kind(file.path, kind, shape), []).append(file)
    out.extend(_of(members, reason) for reason, members in by_reason.items())
    return tuple(sorted(out, key=lambda left: left.paths))


def left_out_beside(
    named: frozenset[str],
    known: Sequence[LeftOut],
    kinds: frozenset[str],
    files: Sequence[RepoFile],
) -> tuple[LeftOut, ...]:
    """What is left out beside the files `named` by the indexes, of which `known` did not know."""
    by_path = {file.path: file for file in files}
    kept = [
        _of([by_path[path] for path in paths], left.reason, left.quantisation)
        for left in known
        if (paths := [path for path in left.paths if path not in named and path in by_path])
    ]
    told = named.union(*(left.paths for left in kept))
    others: dict[str, list[RepoFile]] = {}
    for path, file in by_path.items():
        if path not in told and format_of(path) in kinds:
            others.setdefault(folder_reason(path) or "not named by the index", []).append(file)
    kept += [_of(members, reason) for reason, members in others.items()]
    return tuple(sorted(kept, key=lambda left: left.paths))


def folder_reason(path: str) -> str | None:
    """Why weights in such a folder are copies; None where the folder says nothing."""
    return next((reason for pattern, reason in _FOLDER_REASONS if pattern.search(path)), None)


def auxiliary_reason(each: FileSet) -> str:
    """Why it is no model, where a GGUF file's name says so."""
    return is_auxiliary(each.files[0].path) if each.kind == GGUF and each.files else ""


def _of(files: Iterable[RepoFile], reason: str, quantisation: str = "") -> LeftOut:
    members = sorted(files, key=lambda file: file.path)
    return LeftOut(
        paths=tuple(file.path for file in members),
        reason=reason,
        size_bytes=size_of(members),
        quantisation=quantisation,
    )


def _of_other_kind(path: str, kind: str, shape: Shape) -> str:
    if shape is Shape.PIPELINE and "/" not in path:
        return _WHOLE_PIPELINE
    article = "an" if kind[0] in "AEIO" else "a"
    return folder_reason(path) or f"{article} {kind} copy"


def _why_not(other: FileSet, chosen: FileSet, files: Sequence[RepoFile], shape: Shape) -> _Why:
    """Why `other` is not counted: the most particular reason first."""
    same_stem = other.stem == chosen.stem
    rows = (
        (bool(auxiliary_reason(other)), _Why(auxiliary_reason(other))),
        (
            shape is Shape.PIPELINE and not other.folder,
            _Why(_WHOLE_PIPELINE),
        ),
        (
            other.kind == GGUF and same_stem and bool(other.variant),
            _Why(f"the same weights in {other.variant}", other.variant),
        ),
        (
            bool(folder_reason(other.folder + "/")),
            _Why(folder_reason(other.folder + "/") or ""),
        ),
        (other.folder != chosen.folder, _Why(_elsewhere(other, files, shape))),
        (
            same_stem and bool(other.variant),
            _Why(f"the {other.variant} variant of the same weights"),
        ),
        (same_stem, _Why("the same weights in other pieces")),
        (
            other.stem == "consolidated",
            _Why("the same weights in the publisher's own layout"),
        ),
    )
    other_set = _Why("another set of weights beside the one that is counted")
    return next((why for holds, why in rows if holds), other_set)


def _elsewhere(other: FileSet, files: Sequence[RepoFile], shape: Shape) -> str:
    if shape is Shape.PIPELINE:
        return f"{other.folder}/ is not named in {PIPELINE_FILE}"
    if any(file.path == f"{other.folder}/{_CONFIG}" for file in files):
        return f"a model of its own in {other.folder}/: --weights {other.folder} counts it"
    return f"weights in a folder of their own: {other.folder}/"

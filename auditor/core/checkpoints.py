"""File names, sizes and the small files that tell a repository's shape, to what is counted.

A repository often holds the same weights several times (half-precision twins, quantisations,
Mistral's and Meta's own layouts, other frameworks' files). Copies are alternatives and are never
added together. Parts are: those of a pipeline, and the modules of a sentence-transformers model.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from auditor.core import shapes
from auditor.core.left_out import (
    LeftOut,
    auxiliary_reason,
    folder_reason,
    left_out,
    left_out_beside,
)
from auditor.core.repository import RepoFile
from auditor.core.shapes import Part, Shape
from auditor.core.unread_formats import reason_unread
from auditor.core.weight_files import (
    GGUF,
    NUMPY,
    ONNX,
    PYTORCH,
    READ_KINDS,
    SAFETENSORS,
    FileSet,
    file_sets,
    format_of,
    size_of,
)
from auditor.errors import LimitExceeded, NoWeights, UnsupportedFormat

MAX_FILES: Final = 200_000  # the Hub advises at most 100,000 files in a repository
MAX_SHARDS: Final = 10_000  # the largest known checkpoint has under 1,000 (huggingface.js: 10,000)

CONFIG: Final = "config.json"
PARAMS: Final = "params.json"  # the config of Mistral's and Meta's own layouts

# File stems that loaders look for by themselves, the first choice first.
_PREFERRED: Final = (
    ("model", "transformers loads {name} or its shards"),
    ("diffusion_pytorch_model", "diffusers loads {stem}"),
    ("adapter_model", "PEFT loads {stem}"),
    ("open_clip_model", "open_clip loads {stem}"),
    ("open_clip_pytorch_model", "open_clip loads {stem}"),
    ("pytorch_model", "transformers loads {name} or its shards"),
    ("flax_model", "transformers loaded {name} until its version 5"),
    ("tf_model", "transformers loaded {name} until its version 5"),
    ("model.weights", "Keras loads {name}"),
    ("diffusion_flax_model", "diffusers loads {stem}"),
    ("weights", "MLX loads {name}"),
    ("consolidated", "the publisher's own layout, and no other is there"),
)
_RANKS: Final = {stem: at for at, (stem, _) in enumerate(_PREFERRED)}
# `pytorch_model.safetensors` is a converter's name; loaders look for `pytorch_model.bin`.
_CONVERTED: Final = "the name that converters give"

_HALF: Final = re.compile(r"(?:^|_)(?:en|de)coder(?:_|$)")  # encoder_model, decoder_model_merged
_LARGEST: Final = "the largest of several sets with names that no loader prefers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One checkpoint to count. `paths` are its weight files as far as names tell.

    With an `index_path` and no `paths`, only the index knows the shards' names. `component` is the
    part of the whole that it is, empty where it is the whole; `beside` says why it is no part of
    the whole's count.
    """

    format: str
    paths: tuple[str, ...]
    index_path: str | None
    reason: str
    missing_shards: int = 0  # numbered shards (`-00002-of-00005`) that are not there
    in_pieces: bool = False  # each file holds a piece of every tensor
    companion_bytes: int = 0  # of files with data alone, beside those in `paths`
    config_path: str | None = None
    component: str = ""
    class_name: str = ""
    beside: str = ""
    is_adapter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is counted, what is left out, and why. `absent` are parts without their weights."""

    parts: tuple[Choice, ...]
    left_out: tuple[LeftOut, ...]
    shape: Shape = Shape.MODEL
    absent: tuple[str, ...] = ()

    @property
    def chosen(self) -> Choice:
        """The first part, and the only one of a plain model."""
        return self.parts[0]


def choose(
    subject: str,
    files: Sequence[RepoFile],
    documents: Mapping[str, Any] | None = None,
    *,
    wanted: str = "",
) -> Plan:
    """What of `files` to count: one checkpoint, or one for each part of a pipeline.

    `documents` are the parsed SHAPE_FILES by path, as far as the repository has them. `wanted`
    counts a folder, a file or what a pattern (`*Q4_K_M*`) names instead, as if nothing else were
    there. Raises NoWeights where there is none, UnsupportedFormat where it is of a kind that is not
    read, LimitExceeded.
    """
    if len(files) > MAX_FILES:
        raise LimitExceeded(
            subject,
            f"{len(files):,} files; at most {MAX_FILES:,} are looked at",
            hint="audit one folder of it as a local folder",
        )
    if wanted:
        return _wanted(subject, files, wanted)
    shape, parts = _shape(files, documents or {})
    plan = _of_parts(files, shape, parts) if parts else None
    plan = plan or _of_one(subject, files, shape)
    for part in plan.parts:
        if len(part.paths) > MAX_SHARDS:
            raise LimitExceeded(
                subject, f"{len(part.paths):,} shards; at most {MAX_SHARDS:,} are read", hint=""
            )
    return plan


def _shape(
    files: Sequence[RepoFile], documents: Mapping[str, Any]
) -> tuple[Shape, tuple[Part, ...]]:
    pipeline, modules = (
        documents.get(path) for path in (shapes.PIPELINE_FILE, shapes.MODULES_FILE)
    )
    if isinstance(pipeline, Mapping):
        return Shape.PIPELINE, shapes.pipeline_parts(pipeline)
    if isinstance(modules, list):
        return Shape.SENTENCE_TRANSFORMER, shapes.modules_of(modules)
    if any(file.path == shapes.ADAPTER_FILE for file in files):
        return Shape.ADAPTER, ()
    return Shape.MODEL, ()


def resolve_left_out(
    plan: Plan, shards: Sequence[str], files: Sequence[RepoFile]
) -> tuple[LeftOut, ...]:
    """What is left out once the indexes have named the `shards`, the plan's paths or others.

    A file of the plan that no index names is left out; one that it names is not.
    """
    if shards and set(shards) == {path for part in plan.parts for path in part.paths}:
        return plan.left_out
    kinds = frozenset(part.format for part in plan.parts)
    return left_out_beside(frozenset(shards), plan.left_out, kinds, files)


# -- one checkpoint


def _of_one(subject: str, files: Sequence[RepoFile], shape: Shape = Shape.MODEL) -> Plan:
    sets = file_sets(files)
    if not sets:
        raise _nothing_to_read(subject, files)
    chosen, reason = _best(sets, files)
    is_adapter = shape is Shape.ADAPTER and chosen.stem == "adapter_model" and not chosen.folder
    if len(halves := _halves(chosen, sets)) > 1:
        raise _in_halves(subject, halves)
    return Plan(
        parts=(replace(_choice(chosen, reason, files), is_adapter=is_adapter),),
        left_out=left_out((chosen,), sets, files),
        shape=Shape.ADAPTER if is_adapter else Shape.MODEL,
    )


def _halves(chosen: FileSet, sets: Sequence[FileSet]) -> tuple[FileSet, ...]:
    """The encoder and the decoders that an exporter to ONNX wrote as graphs of their own."""
    if chosen.kind != ONNX or not _HALF.search(chosen.stem):
        return ()
    beside = (each for each in sets if each.kind == ONNX and each.folder == chosen.folder)
    return tuple(each for each in beside if _HALF.search(each.stem) and not each.variant)


def _in_halves(subject: str, halves: Sequence[FileSet]) -> UnsupportedFormat:
    """NOTE: they repeat one another's matrices under other names; their sum is not the model."""
    names = ", ".join(sorted(path for half in halves for path in half.paths))
    return UnsupportedFormat(
        subject,
        f"an encoder and a decoder as ONNX graphs of their own, which share matrices ({names})",
        hint=f"count one of them with --weights {halves[0].paths[0]}",
    )


def _choice(
    chosen: FileSet, reason: str, files: Sequence[RepoFile], part: Part | None = None
) -> Choice:
    return Choice(
        format=chosen.kind,
        paths=chosen.paths,
        index_path=chosen.index_path,
        reason=reason,
        missing_shards=chosen.missing,
        in_pieces=chosen.in_pieces and len(chosen.files) > 1,
        companion_bytes=sum(file.size_bytes or 0 for file in chosen.companions),
        config_path=_config_path(chosen, files, alone=part is None),
        component=part.name if part else "",
        class_name=part.class_name if part else "",
        beside=part.beside if part else "",
    )


def _config_path(chosen: FileSet, files: Sequence[RepoFile], *, alone: bool) -> str | None:
    """The config beside the weights; of a model alone in its repository, else that at the root."""
    there = {file.path for file in files}
    prefix = chosen.folder + "/" if chosen.folder else ""
    places = [prefix + CONFIG, *([CONFIG] if alone else ()), prefix + PARAMS]
    return next((path for path in places if path in there), None)


def _best(sets: Sequence[FileSet], files: Sequence[RepoFile]) -> tuple[FileSet, str]:
    """The best set of the best folder, and why it is."""
    by_folder: dict[str, list[FileSet]] = {}
    for each in sets:
        by_folder.setdefault(each.folder, []).append(each)
    best_of = {folder: min(members, key=_rank_in_folder) for folder, members in by_folder.items()}
    configs = {file.path.rpartition("/")[0] for file in files if file.path.endswith(CONFIG)}

    def rank(folder: str) -> tuple[object, ...]:
        best = best_of[folder]
        return (
            folder_reason(folder + "/") is not None,
            _is_doubtful(best),
            folder.count("/") + bool(folder),
            best.missing > 0,
            folder not in configs,
            READ_KINDS.index(best.kind),
            -best.size_bytes,
            folder,
        )

    folder = min(best_of, key=rank)
    best = best_of[folder]
    reason = _why(best, by_folder[folder])
    if folder:
        where = "no weights lie at the root" if "" not in by_folder else "not sure ones at the root"
        among = (
            f", the first of {len(by_folder):,} folders with weights" if len(by_folder) > 1 else ""
        )
        reason = f"{where}; in {folder}/{among}: {reason}"
    return best, reason


def _rank_in_folder(candidate: FileSet) -> tuple[object, ...]:
    """Loaders' names first, then what is whole, has no variant, is one file; else the largest."""
    quantised = candidate.kind == GGUF
    return (
        bool(auxiliary_reason(candidate)),
        candidate.kind in {ONNX, NUMPY} and candidate.stem not in _RANKS,
        READ_KINDS.index(candidate.kind),
        _RANKS.get(candidate.stem, len(_RANKS)),
        candidate.missing > 0,
        bool(candidate.variant) and not quantised,
        len(candidate.files) != 1 and not quantised,
        -candidate.size_bytes,
        candidate.stem,
        candidate.variant,
        candidate.shards,
    )


def _is_doubtful(candidate: FileSet) -> bool:
    """Whether it may be anything: `.bin` is the ending of vocabularies and of other programs."""
    return (
        candidate.kind == PYTORCH
        and candidate.stem not in _RANKS
        and all(path.lower().endswith(".bin") for path in candidate.paths)
    )


def _why(best: FileSet, others: Sequence[FileSet]) -> str:
    alike = [each for each in others if each.kind == best.kind and not auxiliary_reason(each)]
    if best.kind == GGUF and best.variant and len(alike) > 1:
        return f"{best.variant}, the least quantised of {len(alike)} GGUF files"
    if best.variant and best.kind != GGUF:
        return f"the {best.variant} variant, and no other of this name is there"
    if best.stem == "pytorch_model" and best.kind == SAFETENSORS:
        return _CONVERTED
    if best.stem in _RANKS:
        name = best.files[0].path.rpartition("/")[2] if len(best.files) == 1 else ""
        ending = {SAFETENSORS: ".safetensors", PYTORCH: ".bin"}.get(best.kind, "")
        said = _PREFERRED[_RANKS[best.stem]][1]
        return said.format(stem=best.stem, name=name or best.stem + ending)
    return _LARGEST if len(alike) > 1 else f"the only {best.kind} files"


# -- parts


def _of_parts(files: Sequence[RepoFile], shape: Shape, parts: Sequence[Part]) -> Plan | None:
    """A checkpoint for each part; None where no part has one."""
    sets = file_sets(files)
    chosen: list[tuple[FileSet, Choice]] = []
    absent = []
    for part in parts:
        found = _sets_of(part, sets, shape)
        if part.has_weights is False:
            continue
        if not found and part.has_weights:
            absent.append(part.name)
        for name, members in found.items():
            best = min(members, key=_rank_in_folder)
            named = Part(
                name=name, folder=best.folder, class_name=part.class_name, beside=part.beside
            )
            chosen.append((best, _choice(best, _why(best, members), files, named)))
    if not chosen or all(choice.beside for _, choice in chosen):
        return None
    if len(chosen) == 1 and shape is Shape.SENTENCE_TRANSFORMER:
        return None  # a transformer alone: the repository is that model
    return Plan(
        parts=tuple(choice for _, choice in chosen),
        left_out=left_out([each for each, _ in chosen], sets, files, shape),
        shape=shape,
        absent=tuple(absent),
    )


def _sets_of(part: Part, sets: Sequence[FileSet], shape: Shape) -> Mapping[str, list[FileSet]]:
    """The part's sets by the name of what they hold: its own, else one for each folder inside."""
    own = [each for each in sets if each.folder == part.folder]
    if own or not part.folder:
        return {part.name: own} if own else {}
    inside: dict[str, list[FileSet]] = {}
    if shape is Shape.SENTENCE_TRANSFORMER:
        for each in sets:
            if each.folder.startswith(part.folder + "/"):
                inside.setdefault(each.folder, []).append(each)
    return inside


# -- what is asked for


def _wanted(subject: str, files: Sequence[RepoFile], wanted: str) -> Plan:
    """The checkpoint among the files that `wanted` names; everything else is left out."""
    asked = wanted.strip("/")
    weights = [file for file in files if format_of(file.path)]
    named = [file for file in weights if _matches(file.path, asked)]
    if not named:
        folders = sorted({file.path.rpartition("/")[0] or "the root" for file in weights})
        raise NoWeights(
            subject,
            f"no weight file is or lies in {wanted}",
            hint=f"there are weights in {', '.join(folders[:5])}" if folders else "",
        )
    taken = {file.path for file in named}
    rest = [file for file in files if file.path not in taken and not format_of(file.path)]
    plan = _of_one(subject, [*named, *rest])
    others = [file for file in weights if file.path not in taken]
    left = LeftOut(
        paths=tuple(sorted(file.path for file in others)),
        reason="not asked for",
        size_bytes=size_of(others),
    )
    return Plan(parts=plan.parts, left_out=(*plan.left_out, *((left,) if others else ())))


def _matches(path: str, asked: str) -> bool:
    return path == asked or path.startswith(asked + "/") or fnmatchcase(path, asked)


def _nothing_to_read(subject: str, files: Sequence[RepoFile]) -> NoWeights | UnsupportedFormat:
    weights = [(file, kind) for file in files if (kind := format_of(file.path))]
    if not weights:
        return NoWeights(
            subject,
            "no weight files",
            hint="a card or a tokenizer alone cannot be counted; audit the model it belongs to",
        )
    kinds = sorted({kind for _, kind in weights})
    example, kind = weights[0][0].path, weights[0][1]
    return UnsupportedFormat(
        subject,
        f"weights only as {', '.join(kinds)} ({example}): {reason_unread(kind)}",
        hint="convert it to safetensors, or audit the model it was made from",
    )

"""File names to the checkpoint that is counted: one copy of the weights, the others left out.

A repository often holds the same weights several times (half-precision twins, Mistral's and Meta's
own layouts, other frameworks' files). Copies are alternatives and never added together.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.core.repository import RepoFile
from auditor.errors import LimitExceeded, NoWeights, UnsupportedFormat

MAX_FILES: Final = 200_000  # the Hub advises at most 100,000 files in a repository
MAX_SHARDS: Final = 10_000  # the largest known checkpoint has under 1,000 (huggingface.js: 10,000)

_PIPELINE: Final = "model_index.json"  # diffusers names the parts of a pipeline in it

SAFETENSORS: Final = "safetensors"
_ENDING: Final = ".safetensors"

# Endings of weight files, and what such a file is called in a sentence.
_FORMATS: Final = (
    (".safetensors", SAFETENSORS),
    (".bin", "PyTorch"),
    (".pt", "PyTorch"),
    (".pth", "PyTorch"),
    (".ckpt", "PyTorch"),
    (".gguf", "GGUF"),
    (".ggml", "GGML"),
    (".onnx", "ONNX"),
    (".onnx_data", "ONNX"),
    (".h5", "TensorFlow"),
    (".keras", "Keras"),
    (".msgpack", "Flax"),
    (".npz", "NumPy"),
    (".ot", "Rust"),
    (".tflite", "TensorFlow Lite"),
    (".mlmodel", "Core ML"),
    (".pdparams", "Paddle"),
    (".nemo", "NeMo"),
    (".distcp", "PyTorch distributed"),
    (".engine", "TensorRT"),
)

# Files with a weight file's ending that hold none (transformers Trainer, accelerate, DeepSpeed,
# LeRobot), by their names.
_NO_WEIGHTS: Final = re.compile(
    r"training_args\.bin|optimizer.*\.(?:pt|bin|safetensors)|(?:scheduler|sampler).*\.(?:pt|bin)"
    r"|scaler.*\.pt|rng_state.*\.(?:pth|safetensors)|.*tokenizer.*\.bin|.*_optim_states\.pt"
)
_OPENVINO: Final = re.compile(r"openvino.*\.bin")

_SHARD: Final = re.compile(
    r"^(?P<stem>.*?)[-_.](?P<number>\d{3,6})[-_]of[-_](?P<of>\d{3,6})(?P<rest>.*)$"
)
_INDEX: Final = re.compile(r"^(?P<stem>.+?)\.safetensors\.index(?:\.(?P<variant>[\w-]+))?\.json$")
_VARIANT: Final = re.compile(
    r"^(?P<stem>.+)\.(?P<variant>fp16|fp32|bf16|fp8|int8|ema|non_ema|8bit|4bit)$"
)

# Root file stems that loaders look for by themselves, the first choice first.
_PREFERRED: Final = (
    ("model", "transformers loads model.safetensors or its shards"),
    ("diffusion_pytorch_model", "diffusers loads diffusion_pytorch_model"),
    ("adapter_model", "PEFT loads adapter_model"),
    ("open_clip_model", "open_clip loads open_clip_model"),
    ("open_clip_pytorch_model", "open_clip loads open_clip_pytorch_model"),
    ("pytorch_model", "the name that converters give"),
    ("consolidated", "Mistral's own layout, and no other is there"),
)

_FOLDER_REASONS: Final = (
    (re.compile(r"^original/"), "the publisher's original layout of the same weights"),
    (re.compile(r"^metal/"), "a copy for Apple's Metal"),
    (re.compile(r"(^|/)(checkpoint-|global_step)\d+/"), "a checkpoint of the training"),
    (
        re.compile(r"(^|/)(onnx|openvino|coreml|gguf|flax|tf|tensorrt)/", re.IGNORECASE),
        "an export for another runtime",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Weight files that were not counted, and why: alternatives are never added together."""

    paths: tuple[str, ...]
    reason: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One checkpoint to count. `paths` are its weight files as far as names tell.

    With an `index_path` and no `paths`, only the index knows the shards' names.
    """

    format: str
    paths: tuple[str, ...]
    index_path: str | None
    reason: str
    missing_shards: int = 0  # numbered shards (`-00002-of-00005`) that are not there
    component: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is counted, what is left out, and why."""

    chosen: Choice
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """Safetensors files of one folder that make up one checkpoint by their names."""

    folder: str
    stem: str
    variant: str
    files: tuple[RepoFile, ...]
    index_path: str | None
    shards: int  # as many as the numbered names say; 0 for names without numbers

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes or 0 for file in self.files)

    @property
    def missing(self) -> int:
        """Numbered shards that are not there."""
        return max(0, self.shards - len(self.files))


def choose(subject: str, files: Sequence[RepoFile]) -> Plan:
    """The one checkpoint of `files` to count.

    Raises NoWeights where there is none, UnsupportedFormat where it is of a kind that is not read.
    """
    if len(files) > MAX_FILES:
        raise LimitExceeded(
            subject,
            f"{len(files):,} files; at most {MAX_FILES:,} are looked at",
            hint="audit one folder of it as a local folder",
        )
    weights = [(file, kind) for file in files if (kind := format_of(file.path))]
    sets = _sets(files)
    if not sets:
        raise _nothing_to_read(subject, weights)
    chosen, reason = _best(sets)
    if chosen.folder and any(file.path == _PIPELINE for file in files):
        raise UnsupportedFormat(
            subject,
            "a pipeline of several models, each in a folder of its own; they are not added up yet",
            hint="audit one folder of it (unet, text_encoder, ...) as a local folder",
        )
    if len(chosen.files) > MAX_SHARDS:
        raise LimitExceeded(
            subject, f"{len(chosen.files):,} shards; at most {MAX_SHARDS:,} are read", hint=""
        )
    choice = Choice(
        format=SAFETENSORS,
        paths=tuple(file.path for file in chosen.files),
        index_path=chosen.index_path,
        reason=reason,
        missing_shards=chosen.missing,
    )
    return Plan(chosen=choice, left_out=_left_out(chosen, sets, weights))


def format_of(path: str) -> str | None:
    """What kind of weight file `path` is by its name; None for no weight file."""
    lowered = path.lower()
    name = lowered.rpartition("/")[2]
    if _NO_WEIGHTS.fullmatch(name):
        return None
    if _OPENVINO.fullmatch(name):
        return "OpenVINO"
    return next((name for ending, name in _FORMATS if lowered.endswith(ending)), None)


def _sets(files: Sequence[RepoFile]) -> list[_Set]:
    gathered: dict[tuple[str, str, str, int], list[RepoFile]] = {}
    indexes: dict[tuple[str, str, str], str] = {}
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if match := _INDEX.match(name):
            indexes[folder, match["stem"], match["variant"] or ""] = file.path
        elif format_of(file.path) == SAFETENSORS:
            stem, variant, shards = _stem_of(name)
            gathered.setdefault((folder, stem, variant, shards), []).append(file)
    sets = [
        _Set(
            folder=folder,
            stem=stem,
            variant=variant,
            files=tuple(sorted(members, key=lambda file: file.path)),
            index_path=indexes.get((folder, stem, variant)),
            shards=shards,
        )
        for (folder, stem, variant, shards), members in gathered.items()
    ]
    named = {(known.folder, known.stem, known.variant) for known in sets}
    sets.extend(
        _Set(folder=folder, stem=stem, variant=variant, files=(), index_path=path, shards=0)
        for (folder, stem, variant), path in indexes.items()
        if (folder, stem, variant) not in named
    )
    return sets


def _stem_of(name: str) -> tuple[str, str, int]:
    """Stem, variant and number of shards: `model.fp16-00001-of-00002.safetensors` is one of 2.

    Qwen3.5 numbers behind the ending: `model.safetensors-00001-of-00094.safetensors`.
    """
    body = name[: -len(_ENDING)]
    shard = _SHARD.match(body)
    if shard:
        body = shard["stem"].removesuffix(_ENDING) + shard["rest"]
    shards = int(shard["of"]) if shard else 0
    variant = _VARIANT.match(body)
    if variant:
        return variant["stem"], variant["variant"], shards
    return body, "", shards


def _best(sets: Sequence[_Set]) -> tuple[_Set, str]:
    """Root before folders, loaders' names first, then what is whole, has no variant, is one file.

    Among unknown names the largest is taken.
    """
    ranks = {stem: at for at, (stem, _) in enumerate(_PREFERRED)}

    def rank(candidate: _Set) -> tuple[object, ...]:
        return (
            candidate.folder.count("/") + bool(candidate.folder),
            _folder_reason(candidate.folder + "/") is not None,
            ranks.get(candidate.stem, len(_PREFERRED)),
            candidate.missing > 0,
            bool(candidate.variant),
            len(candidate.files) != 1,
            -candidate.size_bytes,
            candidate.folder,
            candidate.stem,
            candidate.shards,
        )

    best = min(sets, key=rank)
    reason = dict(_PREFERRED).get(best.stem, "the only safetensors files")
    if best.stem not in ranks and len(sets) > 1:
        reason = "the largest of several sets with names that no loader prefers"
    if best.variant:
        reason = f"the {best.variant} variant, and no other of this name is there"
    if best.folder:
        reason = f"no safetensors file lies at the root; in {best.folder}/ {reason}"
    return best, reason


def _folder_reason(path: str) -> str | None:
    return next((reason for pattern, reason in _FOLDER_REASONS if pattern.search(path)), None)


def _left_out(
    chosen: _Set, sets: Sequence[_Set], weights: Sequence[tuple[RepoFile, str]]
) -> tuple[LeftOut, ...]:
    taken = {file.path for file in chosen.files}
    out = [
        LeftOut(
            paths=tuple(file.path for file in other.files),
            reason=_why_not(other, chosen),
            size_bytes=_size(other.files),
        )
        for other in sets
        if other is not chosen and other.files and not _is_unresolved_shard(chosen)
    ]
    by_kind: dict[str, list[RepoFile]] = {}
    for file, kind in weights:
        if kind != SAFETENSORS and file.path not in taken:
            reason = (
                _folder_reason(file.path) or f"{'an' if kind[0] in 'AEIO' else 'a'} {kind} copy"
            )
            by_kind.setdefault(reason, []).append(file)
    out.extend(
        LeftOut(
            paths=tuple(sorted(file.path for file in members)),
            reason=reason,
            size_bytes=_size(members),
        )
        for reason, members in by_kind.items()
    )
    return tuple(sorted(out, key=lambda left: left.paths))


def _is_unresolved_shard(chosen: _Set) -> bool:
    """Whether only the index can tell which of the other files belong to the chosen set."""
    return not chosen.files


def _why_not(other: _Set, chosen: _Set) -> str:
    if reason := _folder_reason(other.folder + "/"):
        return reason
    if other.folder != chosen.folder:
        return f"weights in a folder of their own: {other.folder}/"
    if other.stem == chosen.stem and other.variant:
        return f"the {other.variant} variant of the same weights"
    if other.stem == chosen.stem:
        return "the same weights in other pieces"
    if other.stem == "consolidated":
        return "the same weights in Mistral's own layout"
    return "another set of weights beside the one that is counted"


def _size(files: Iterable[RepoFile]) -> int | None:
    return _sum(file.size_bytes for file in files)


def _sum(sizes: Iterable[int | None]) -> int | None:
    """The sum; None where one of them is not known."""
    known = list(sizes)
    return None if any(size is None for size in known) else sum(size or 0 for size in known)


def resolve_left_out(
    plan: Plan, shards: Sequence[str], files: Sequence[RepoFile]
) -> tuple[LeftOut, ...]:
    """What is left out once the index has named the `shards`, which need not be the plan's paths.

    A file of the plan that the index does not name is left out; one that it names is not.
    """
    named = set(shards)
    if named and named == set(plan.chosen.paths):
        return plan.left_out
    sizes = {file.path: file.size_bytes for file in files}
    kept = [
        LeftOut(paths=paths, reason=left.reason, size_bytes=_sum(sizes.get(p) for p in paths))
        for left in plan.left_out
        if (paths := tuple(path for path in left.paths if path not in named))
    ]
    told = named.union(*(left.paths for left in kept))
    others: dict[str, list[str]] = {}
    for path in sizes:
        if path not in told and format_of(path) == SAFETENSORS:
            others.setdefault(_folder_reason(path) or "not named by the index", []).append(path)
    kept += [
        LeftOut(paths=tuple(sorted(paths)), reason=why, size_bytes=_sum(map(sizes.get, paths)))
        for why, paths in others.items()
    ]
    return tuple(sorted(kept, key=lambda left: left.paths))


def _nothing_to_read(
    subject: str, weights: Sequence[tuple[RepoFile, str]]
) -> NoWeights | UnsupportedFormat:
    if not weights:
        return NoWeights(
            subject,
            "no weight files",
            hint="a card or a tokenizer alone cannot be counted; audit the model it belongs to",
        )
    kinds = sorted({kind for _, kind in weights})
    example = weights[0][0].path
    return UnsupportedFormat(
        subject,
        f"weights only as {', '.join(kinds)} ({example}); safetensors files are read",
        hint="convert it (the Hub's space `safetensors/convert` opens a pull request)",
    )

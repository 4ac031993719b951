"""What a repository's file names say: which hold weights, of which kind, and which belong together.

A set is the files of one folder that make up one checkpoint by their names: one file, numbered
shards with their index, or pieces of every tensor (`consolidated.00.pth`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.core.gguf_names import quantisation_of
from auditor.core.repository import RepoFile

SAFETENSORS: Final = "safetensors"
PYTORCH: Final = "PyTorch"
GGUF: Final = "GGUF"
ONNX: Final = "ONNX"
TENSORFLOW: Final = "TensorFlow"
FLAX: Final = "Flax"
NUMPY: Final = "NumPy"
KERAS: Final = "Keras"

# Kinds that are read, the first choice first: what is exact and cheap to read before what is not.
READ_KINDS: Final = (SAFETENSORS, PYTORCH, GGUF, FLAX, TENSORFLOW, KERAS, NUMPY, ONNX)

# Endings of weight files, and what such a file is called in a sentence.
_KINDS: Final = (
    (".safetensors", SAFETENSORS),
    (".bin", PYTORCH),
    (".pt", PYTORCH),
    (".pth", PYTORCH),
    (".ckpt", PYTORCH),
    (".gguf", GGUF),
    (".ggml", "GGML"),
    (".onnx", ONNX),
    (".onnx_data", ONNX),
    (".onnx.data", ONNX),
    (".h5", TENSORFLOW),
    (".hdf5", TENSORFLOW),
    (".keras", KERAS),
    (".msgpack", FLAX),
    (".npz", NUMPY),
    (".ot", "Rust"),
    (".tflite", "TensorFlow Lite"),
    (".mlmodel", "Core ML"),
    (".pdparams", "Paddle"),
    (".nemo", "NeMo"),
    (".distcp", "PyTorch distributed"),
    (".engine", "TensorRT"),
)
_ONNX_DATA: Final = re.compile(r"^(?P<graph>.+\.onnx)[._]data(?:_\d+)?$", re.IGNORECASE)

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
_PIECE: Final = re.compile(r"^consolidated\.\d\d$")
_INDEX: Final = re.compile(
    r"^(?P<stem>.+?)\.(?P<ending>safetensors|bin|h5|msgpack)"
    r"(?:\.(?P<early>[\w-]+))?\.index(?:\.(?P<late>[\w-]+))?\.json$"
)
_VARIANT: Final = re.compile(
    r"^(?P<stem>.+)\.(?P<variant>fp16|fp32|bf16|fp8|int8|ema|non_ema|8bit|4bit)$"
)
_ONNX_VARIANT: Final = re.compile(
    r"^(?P<stem>.+)_(?P<variant>fp16|int8|uint8|q4|q4f16|q8|quantized|bnb4|O[1-4]|"
    r"q[iu]nt8_\w+)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSet:
    """Weight files of one folder that make up one checkpoint by their names.

    `variant` is what tells it from another copy of the same weights (`fp16`, `Q4_K_M`).
    `companions` hold data of the files and no heads of their own (`model.onnx_data`).
    """

    folder: str
    kind: str
    stem: str
    variant: str
    files: tuple[RepoFile, ...]
    index_path: str | None
    shards: int  # as many as the numbered names say; 0 for names without numbers
    companions: tuple[RepoFile, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.files)

    @property
    def all_files(self) -> tuple[RepoFile, ...]:
        return (*self.files, *self.companions)

    @property
    def size_bytes(self) -> int:
        """As far as it is known."""
        return sum(file.size_bytes or 0 for file in self.all_files)

    @property
    def missing(self) -> int:
        """Numbered shards that are not there."""
        return max(0, self.shards - len(self.files))

    @property
    def in_pieces(self) -> bool:
        """Whether each file holds a piece of every tensor (Meta's tensor parallelism)."""
        return self.kind == PYTORCH and self.stem == "consolidated" and self.shards == 0


def format_of(path: str) -> str | None:
    """What kind of weight file `path` is by its name; None for no weight file."""
    lowered = path.lower()
    name = lowered.rpartition("/")[2]
    if _NO_WEIGHTS.fullmatch(name):
        return None
    if _OPENVINO.fullmatch(name):
        return "OpenVINO"
    if _ONNX_DATA.match(name):
        return ONNX
    return next((kind for ending, kind in _KINDS if lowered.endswith(ending)), None)


def file_sets(files: Sequence[RepoFile]) -> list[FileSet]:
    """The sets among `files` of all kinds that are read, in no order."""
    gathered: dict[tuple[str, str, str, str, int], list[RepoFile]] = {}
    indexes: dict[tuple[str, str, str, str], str] = {}
    companions: dict[str, list[RepoFile]] = {}
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if found := _ONNX_DATA.match(name):
            companions.setdefault(f"{folder}/{found['graph']}", []).append(file)
        elif match := _INDEX.match(name):
            kind = format_of(f"x.{match['ending']}") or ""
            variant = match["early"] or match["late"] or ""
            indexes[folder, kind, match["stem"], variant] = file.path
        elif (kind := format_of(file.path) or "") in READ_KINDS:
            stem, variant, shards = stem_of(kind, name)
            gathered.setdefault((folder, kind, stem, variant, shards), []).append(file)
    sets = [
        FileSet(
            folder=folder,
            kind=kind,
            stem=stem,
            variant=variant,
            files=tuple(sorted(members, key=lambda file: file.path)),
            index_path=indexes.get((folder, kind, stem, variant)),
            shards=shards,
            companions=_companions(members, companions),
        )
        for (folder, kind, stem, variant, shards), members in gathered.items()
    ]
    named = {(known.folder, known.kind, known.stem, known.variant) for known in sets}
    sets.extend(
        FileSet(
            folder=folder,
            kind=kind,
            stem=stem,
            variant=variant,
            files=(),
            index_path=path,
            shards=0,
        )
        for (folder, kind, stem, variant), path in indexes.items()
        if (folder, kind, stem, variant) not in named
    )
    return sets


def _companions(
    members: Iterable[RepoFile], companions: dict[str, list[RepoFile]]
) -> tuple[RepoFile, ...]:
    found = [
        companion
        for file in members
        for companion in companions.get("/".join(file.path.rpartition("/")[::2]), ())
    ]
    return tuple(sorted(found, key=lambda file: file.path))


def stem_of(kind: str, name: str) -> tuple[str, str, int]:
    """Stem, variant and number of shards: `model.fp16-00001-of-00002.safetensors` is one of 2.

    Qwen3.5 numbers behind the ending: `model.safetensors-00001-of-00094.safetensors`.
    """
    body, _, ending = name.rpartition(".")
    shard = _SHARD.match(body)
    if shard:
        body = shard["stem"].removesuffix("." + ending) + shard["rest"]
    shards = int(shard["of"]) if shard else 0
    if kind == GGUF:
        return (*_without_quantisation(body), shards)
    if kind == PYTORCH and _PIECE.match(body):
        return "consolidated", "", 0
    variant = _ONNX_VARIANT.match(body) if kind == ONNX else _VARIANT.match(body)
    if variant:
        return variant["stem"], variant["variant"], shards
    return body, "", shards


def _without_quantisation(body: str) -> tuple[str, str]:
    """`llama-2-7b.Q4_K_M` is `llama-2-7b` in Q4_K_M."""
    quantisation = quantisation_of(f"{body}.gguf")
    if not quantisation:
        return body, ""
    at = body.lower().rindex(quantisation.lower())
    rest = body[:at].rstrip("-._") + body[at + len(quantisation) :]
    return rest or body, quantisation


def size_of(files: Iterable[RepoFile]) -> int | None:
    """The sum of the sizes; None where one of them is not known."""
    return sum_of(file.size_bytes for file in files)


def sum_of(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if any(size is None for size in known) else sum(size or 0 for size in known)

"""What kind of repository it is: the small files that tell, and the parts that they name.

    model_index.json      diffusers: the parts of a pipeline, each in a folder of its name
    modules.json          sentence-transformers: modules one after another, by path
    adapter_config.json   PEFT: an adapter, and the model that it belongs to

All of it is hostile text: wrong types are taken as absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

PIPELINE_FILE: Final = "model_index.json"
MODULES_FILE: Final = "modules.json"
ADAPTER_FILE: Final = "adapter_config.json"
SHAPE_FILES: Final = (PIPELINE_FILE, MODULES_FILE, ADAPTER_FILE)

MAX_PARTS: Final = 100  # the largest pipelines name about twenty


class Shape(StrEnum):
    """What a repository holds."""

    MODEL = "model"
    PIPELINE = "pipeline"
    SENTENCE_TRANSFORMER = "sentence-transformer"
    ADAPTER = "adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part that such a file names: where it lies, and what class loads it."""

    name: str
    folder: str  # empty for the root
    class_name: str
    has_weights: bool | None = None  # None where only the files can tell
    beside: str = ""  # why it is not part of the whole's count; empty where it is


# Parts of a pipeline that take no part in what it generates.
_BESIDE: Final = {
    "safety_checker": "a filter on what was generated, no part of the generation",
    "watermarker": "marks what was generated, no part of the generation",
}
# Classes of diffusers and transformers that hold no weights, by the end of their names.
_WEIGHTLESS: Final = (
    "Scheduler",
    "Tokenizer",
    "TokenizerFast",
    "FeatureExtractor",
    "ImageProcessor",
    "ImageProcessorFast",
    "VideoProcessor",
    "Processor",
    "Pipeline",
    "Guider",
)
# Modules of sentence-transformers without weights, by the last word of their types.
_WEIGHTLESS_MODULES: Final = frozenset({"Pooling", "Normalize", "Dropout"})


def pipeline_parts(model_index: Mapping[str, Any]) -> tuple[Part, ...]:
    """The parts of a diffusers pipeline, in the order of model_index.json.

    Each entry that does not begin with `_` is `[library, class]`; two nulls stand for a part that
    is left away (diffusers/pipelines/pipeline_utils.py).
    """
    parts = []
    for name, value in list(model_index.items())[: 2 * MAX_PARTS]:
        if name.startswith("_") or not isinstance(value, list):
            continue
        class_name = value[-1] if value else None
        if not isinstance(class_name, str) or not _is_folder(name):
            continue
        weightless = class_name.endswith(_WEIGHTLESS)
        parts.append(
            Part(
                name=name,
                folder=name,
                class_name=class_name,
                has_weights=not weightless,
                beside=_BESIDE.get(name, ""),
            )
        )
    return tuple(parts[:MAX_PARTS])


def modules_of(modules: Sequence[Any]) -> tuple[Part, ...]:
    """The modules of a sentence-transformers model, in their order.

    `[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]`;
    the package has moved its classes, so a type is known by its last word.
    """
    parts = []
    for value in modules[:MAX_PARTS]:
        if not isinstance(value, Mapping):
            continue
        path, kind = value.get("path"), value.get("type")
        if not isinstance(path, str) or not isinstance(kind, str):
            continue
        folder = path.strip("/").removeprefix("./")
        if folder and not all(map(_is_folder, folder.split("/"))):
            continue
        word = kind.rpartition(".")[2]
        parts.append(
            Part(
                name=folder or word,
                folder=folder,
                class_name=word,
                has_weights=False if word in _WEIGHTLESS_MODULES else None,
            )
        )
    return tuple(parts)


def _is_folder(name: str) -> bool:
    return bool(name) and name not in {".", ".."} and "/" not in name and "\\" not in name

"""Which class of transformers or diffusers a config means. Only for the child process.

The config is in canonical form: no code of a repository is named in it any more.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from auditor.architecture.refused import Refused
from auditor.core.blueprint import Refusal

# Classes and model types under the names that they had when they were somebody's remote code.
_RETIRED_CLASSES: Final = {
    "RWForCausalLM": "FalconForCausalLM",
    "RWModel": "FalconModel",
}
_RETIRED_TYPES: Final = {"RefinedWeb": "falcon", "RefinedWebModel": "falcon"}
_OTHER_FRAMEWORKS: Final = ("TF", "Flax")

# Where a config names no class: the mappings that hold the class which a checkpoint of the model
# type most likely was saved from, in this order.
_USUAL: Final = (
    "MODEL_FOR_PRETRAINING_MAPPING_NAMES",
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES",
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "MODEL_MAPPING_NAMES",
)
_MAPPINGS: Final = re.compile(r"MODEL_.*MAPPING_NAMES")
_MAX_NAME: Final = 100  # twice the longest class of transformers


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A class and the config to build it from, in the class's own form."""

    cls: Any
    config: Any
    note: str = ""


def choose(config: Mapping[str, Any], class_name: str | None) -> Chosen:
    """The class that `config` names, or `class_name` in its place. Raises Refused."""
    named = [class_name] if class_name else _named(config)
    model_type = _model_type(config)
    known = [(name, cls) for name in named if (cls := _class(name)) is not None]
    if known:
        name, cls = known[0]
        return _fitting(config, model_type, cls, _notes(named, name, cls))
    if named:
        raise Refused(Refusal.UNKNOWN_CLASS, f"class {_short(named[0])} is not in {library()}")
    if model_type is None:
        raise Refused(Refusal.NO_CLASS, "config.json names neither a class nor a model type")
    return _of_type(config, model_type, why="config.json names no class")


def _named(config: Mapping[str, Any]) -> list[str]:
    value = config.get("architectures")
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _model_type(config: Mapping[str, Any]) -> str | None:
    """The config's model type, by transformers' own rules (`AutoConfig.from_pretrained`)."""
    value = config.get("model_type")
    if not isinstance(value, str):
        return None
    if value == "mistral" and "layer_types" in config:
        return "ministral"
    return _RETIRED_TYPES.get(value, value)


def _notes(named: list[str], name: str, cls: Any) -> list[str]:  # noqa: ANN401
    notes = []
    if len(named) > 1:
        notes.append(f"config.json names {len(named)} classes; {_short(name)} is the first known")
    if cls.__name__ != name:
        notes.append(f"{_short(name)} is called {cls.__name__} today")
    return notes


# -- by class


def _class(name: str) -> Any | None:  # noqa: ANN401
    """The model class of that name in transformers; None where there is none."""
    name = _RETIRED_CLASSES.get(name, name)
    for framework in _OTHER_FRAMEWORKS:
        stripped = name.removeprefix(framework)
        if stripped != name and stripped in _names_in_lower_case().values():
            name = stripped
    if name not in _names_in_lower_case().values():
        name = _names_in_lower_case().get(name.lower(), "")
    return _load(name) if name else None


@cache
def _names_in_lower_case() -> Mapping[str, str]:
    """Every class that an auto mapping names or transformers exports, by its name in small letters.

    `LLaMAForCausalLM` is the name that Llama had before it was merged.
    """
    exported = {name for name in dir(import_module("transformers")) if name[:1].isupper()}
    mapped = {name for _, mapping in _mappings() for names in mapping.values() for name in names}
    return {name.lower(): name for name in sorted(exported | mapped)}


def _load(name: str) -> Any | None:  # noqa: ANN401
    """The class itself, if it is a model's. Raises Refused where a library is missing for it."""
    transformers = import_module("transformers")
    try:
        cls = getattr(transformers, name, None)
    except ImportError as error:
        raise Refused(Refusal.MISSING_LIBRARY, f"{name} needs {_library_of(error)}") from error
    is_model = isinstance(cls, type) and issubclass(cls, transformers.PreTrainedModel)
    if isinstance(cls, type) and not is_model and hasattr(cls, "_backends"):  # a stand-in
        backends = ", ".join(getattr(cls, "_backends", ()))
        raise Refused(Refusal.MISSING_LIBRARY, f"{name} needs {backends}, which is not installed")
    return cls if is_model else None


def _library_of(error: ImportError) -> str:
    return f"{error.name}, which is not installed" if error.name else str(error).strip()[:200]


def _fitting(
    config: Mapping[str, Any],
    model_type: str | None,
    cls: Any,  # noqa: ANN401
    notes: list[str],
) -> Chosen:
    """`cls` with a config of its own kind.

    Where the config is of another kind, its model type's class for the same task is taken: an mT5
    may name T5's class, and a text model its multimodal parent's.
    """
    own = config_class_of(model_type)
    if own is None or model_type is None:
        if model_type is not None:
            notes.append(f"model type {_short(model_type)} is unknown; read as {cls.__name__}'s")
        return _chosen(cls, _read(cls.config_class, config), notes)
    values = _read(own, config)
    if isinstance(values, cls.config_class):
        return _chosen(cls, values, notes)
    inner = values.get_text_config()
    if isinstance(inner, cls.config_class):
        notes.append(f"built from the {inner.model_type} config inside")
        return _chosen(cls, inner, notes)
    other = next(_for_same_task(cls.__name__, model_type), None)
    why = f"config.json is of type {model_type} and names {cls.__name__}"
    if other is None:
        return _of_type(config, model_type, why=why)
    return _chosen(other, values, [*notes, f"{why}: {other.__name__} was built"])


def _chosen(cls: Any, config: Any, notes: list[str]) -> Chosen:  # noqa: ANN401
    return Chosen(cls=cls, config=config, note="; ".join(notes))


# -- by model type


def config_class_of(model_type: str | None) -> Any | None:  # noqa: ANN401
    mapping = import_module("transformers.models.auto.configuration_auto").CONFIG_MAPPING
    # NOTE: a lazy mapping: its `get` finds nothing.
    return mapping[model_type] if model_type in mapping else None  # noqa: SIM401


@cache
def _mappings() -> tuple[tuple[str, Mapping[str, tuple[str, ...]]], ...]:
    """The auto mappings: for each task, model types and their classes."""
    auto = import_module("transformers.models.auto.modeling_auto")
    return tuple(
        (task, {kind: _texts(names) for kind, names in getattr(auto, task).items()})
        for task in dir(auto)
        if _MAPPINGS.fullmatch(task)
    )


def _texts(names: object) -> tuple[str, ...]:
    if isinstance(names, str):
        return (names,)
    return tuple(str(name) for name in names) if isinstance(names, tuple | list) else ()


def _for_same_task(name: str, model_type: str) -> Iterator[Any]:
    for _, mapping in _mappings():
        if any(name in names for names in mapping.values()):
            for other in mapping.get(model_type, ()):
                if (cls := _load(other)) is not None:
                    yield cls


def _of_type(config: Mapping[str, Any], model_type: str, *, why: str) -> Chosen:
    """The usual class of a model type; `why` it is asked for goes into the note. Raises Refused."""
    config_class = config_class_of(model_type)
    if config_class is None:
        reason = f"model type {_short(model_type)} is not in {library()}"
        raise Refused(Refusal.UNKNOWN_CLASS, reason)
    by_task = dict(_mappings())
    for task in _USUAL:
        for name in by_task.get(task, {}).get(model_type, ()):
            if (cls := _load(name)) is not None:
                note = f"{why}; {name} is {model_type}'s usual one"
                return _chosen(cls, _read(config_class, config), [note])
    raise Refused(Refusal.UNKNOWN_CLASS, f"model type {model_type} has no class of its own")


def _read(config_class: Any, config: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The config as an object, of the class's own model type whatever its text says."""
    return config_class.from_dict(
        {key: value for key, value in config.items() if key != "model_type"}
    )


def library() -> str:
    return f"transformers {_version(import_module('transformers'))}"


def _version(module: ModuleType) -> str:
    return str(module.__version__)


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…"


# -- all of them


def all_classes() -> Iterator[tuple[str, str]]:
    """Every model type with every class that an auto mapping names for it, each pair once."""
    pairs = {
        (kind, name)
        for _, mapping in _mappings()
        for kind, names in mapping.items()
        for name in names
    }
    yield from sorted(pairs)

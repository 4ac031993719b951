"""PEFT's adapter_config.json: what kind of adapter it is, and the model that it belongs to.

https://huggingface.co/docs/peft, peft 0.21.2, `PeftConfig` and its kinds. A config is hostile text:
wrong types are taken as absent, never trusted and never a crash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.core.findings import quoted
from auditor.core.identity import FolderRef, HubRef, parse_model_ref
from auditor.errors import InvalidModel

MAX_NAMES: Final = 10_000  # of modules in one list; known configs have under 1,000
MAX_COPIED: Final = 100  # each is looked for in every name; known configs have up to five

# Modules that PEFT copies and trains for a task without being told (`peft_model.py`); until 0.5 it
# did not write them into the config.
_TASK_MODULES: Final = {
    "SEQ_CLS": ("classifier", "score"),
    "TOKEN_CLS": ("classifier", "score"),
    "QUESTION_ANS": ("qa_outputs",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """What adapter_config.json says, as far as counting and telling need it.

    `modules_to_save` are trained as whole copies. `target_modules` with one item may be a regular
    expression. `trained_tokens` is how many rows of the embedding are trained alone.
    """

    peft_type: str = ""
    task_type: str = ""
    base_model: str = ""
    base_revision: str | None = None
    rank: int | None = None
    alpha: int | float | None = None
    target_modules: tuple[str, ...] = ()
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    modules_to_save: tuple[str, ...] = ()
    trained_tokens: int = 0
    use_dora: bool = False
    bias: str = "none"
    layer_replication: tuple[tuple[int, int], ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)  # as it stands, unchecked

    @property
    def copied_modules(self) -> tuple[str, ...]:
        """The endings of the modules that are trained as whole copies."""
        return (*self.modules_to_save, *_TASK_MODULES.get(self.task_type, ()))

    def count(self, key: str) -> int | None:
        """The number that the config has under `key`."""
        return _count(self.values.get(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBase:
    """A base model on the machine of whoever trained the adapter."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBase:
    """No base model is named, or none that there can be."""

    reason: str


def read_adapter_config(values: Mapping[str, Any]) -> AdapterConfig:
    """The adapter that a parsed adapter_config.json describes."""
    return AdapterConfig(
        peft_type=_text(values.get("peft_type")).upper(),
        task_type=_text(values.get("task_type")).upper(),
        base_model=_text(values.get("base_model_name_or_path")),
        base_revision=_text(values.get("revision")) or None,
        rank=_count(values.get("r")),
        alpha=_number(values.get("lora_alpha")),
        target_modules=_texts(values.get("target_modules")),
        rank_pattern=_counts(values.get("rank_pattern")),
        modules_to_save=_texts(values.get("modules_to_save"))[:MAX_COPIED],
        trained_tokens=_tokens(values.get("trainable_token_indices")),
        use_dora=values.get("use_dora") is True,
        bias=_text(values.get("bias")) or "none",
        layer_replication=_pairs(values.get("layer_replication")),
        values=values,
    )


def base_of(config: AdapterConfig) -> HubRef | LocalBase | NoBase:
    """The model that the adapter belongs to.

    NOTE: a path is never opened, on whichever machine this runs: it means another one's.
    """
    if not config.base_model.strip():
        return NoBase(reason="adapter_config.json names no base model")
    try:
        ref = parse_model_ref(config.base_model)
        if isinstance(ref, HubRef) and config.base_revision:
            ref = parse_model_ref(config.base_model, revision=config.base_revision)
    except InvalidModel as error:
        if "://" not in config.base_model and config.base_model.count("/") > 1:
            return LocalBase(path=config.base_model)
        return NoBase(reason=f"the base model {quoted(config.base_model)}: {error.reason}")
    return LocalBase(path=ref.path) if isinstance(ref, FolderRef) else ref


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    """The strings of a list; a string alone is a list of one."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        return ()
    return tuple(item for item in items[:MAX_NAMES] if isinstance(item, str) and item)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _number(value: object) -> int | float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _counts(value: object) -> dict[str, int]:
    items = list(value.items())[:MAX_NAMES] if isinstance(value, Mapping) else []
    return {key: number for key, item in items if (number := _count(item)) is not None}


def _tokens(value: object) -> int:
    """How many tokens a list names, or the lists for each of several embeddings together."""
    lists = list(value.values()) if isinstance(value, Mapping) else [value]
    return sum(len(each) for each in lists if isinstance(each, list))


def _pairs(value: object) -> tuple[tuple[int, int], ...]:
    pairs: Sequence[Any] = value[:MAX_NAMES] if isinstance(value, list) else ()
    counted = [tuple(map(_count, pair)) for pair in pairs if isinstance(pair, list)]
    return tuple(
        (pair[0], pair[1])
        for pair in counted
        if len(pair) == 2 and pair[0] is not None and pair[1] is not None  # noqa: PLR2004 - a pair
    )

"""The part of a config that describes what generates text, read through every dialect.

A config is hostile text: numbers are bounded, wrong types are taken as not said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from auditor.core.memory_types import DEFAULTS, RENAMED, Default

MAX_LAYERS: Final = 4_096  # the deepest known models have 126
_MAX_NUMBER: Final = 1 << 40  # contexts of 10 million and widths of 65,536 are known
_MAX_DEPTH: Final = 3  # an omni model: thinker_config, text_config

# What holds the language model of a composite one, in the order in which it is looked for.
_INNER: Final = (
    "text_config",
    "llm_config",
    "language_config",
    "thinker_config",
    "language_model_config",
    "decoder",
)

# One meaning, many words: the configuration classes of transformers 5.23.0 with their
# attribute_map, and those of models whose code lies on the Hub.
LAYERS: Final = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers")
HEADS: Final = ("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads")
KV_HEADS: Final = (
    "num_key_value_heads",
    "num_kv_heads",
    "n_head_kv",
    "n_kv_heads",
    "kv_n_heads",
    "multi_query_group_num",  # ChatGLM
    "decoder_num_key_value_heads",
)
HEAD_WIDTH: Final = ("head_dim", "attention_head_dim", "d_kv", "kv_channels")
WIDTH: Final = ("hidden_size", "d_model", "n_embd", "n_embed", "model_dim", "dim")
CONTEXT: Final = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_sequence_length",
    "max_seq_len",
    "seq_length",
    "max_target_positions",
    "model_max_length",
)
WINDOW: Final = ("sliding_window", "attention_window_size", "sliding_window_size")
_DEFAULT_OF: Final = {
    LAYERS: "layers",
    HEADS: "heads",
    KV_HEADS: "kv_heads",
    HEAD_WIDTH: "head_width",
    WIDTH: "width",
    WINDOW: "window",
    CONTEXT: "context",
}


class NotSaidError(Exception):
    """What the cache depends on and the config does not say. It never leaves the planning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The config of what generates. `model_type` without `_text`: `gemma3` for `gemma3_text`.

    `default` are its class's own numbers, which a config may leave out; None where the config was
    not written by transformers (GGUF, params.json).
    """

    model_type: str
    values: Mapping[str, Any]
    outer: Mapping[str, Any]
    default: Default | None

    def number(self, *keys: str) -> int | None:
        """The first of `keys` that is a whole number, else the class's default; None if neither."""
        for key in keys:
            found = _whole(self.values.get(key))
            if found is not None:
                return found
        if self.default is None or any(key in self.values for key in keys):
            return None
        return getattr(self.default, _DEFAULT_OF[keys]) if keys in _DEFAULT_OF else None

    def need(self, *keys: str) -> int:
        """As `number`, not zero. Raises NotSaidError, which names the first of `keys`."""
        found = self.number(*keys)
        if not found:
            raise NotSaidError(f"the config does not say {keys[0]}")
        return found

    def flag(self, key: str) -> bool | None:
        found = self.values.get(key)
        return found if isinstance(found, bool) else None

    def words(self, *keys: str) -> tuple[str, ...] | None:
        """The first of `keys` that is a list of words."""
        for key in keys:
            found = self.values.get(key)
            if isinstance(found, list) and found and all(isinstance(each, str) for each in found):
                return tuple(found)
        return None

    def numbers(self, *keys: str) -> tuple[int, ...] | None:
        """The first of `keys` that is a list of whole numbers."""
        for key in keys:
            found = self.values.get(key)
            if isinstance(found, list) and found:
                whole = [number for each in found if (number := _whole(each)) is not None]
                if len(whole) == len(found):
                    return tuple(whole)
        return None

    def within(self, key: str) -> "Section":
        """The same model with what its config says under `key` as values; nothing if it is none."""
        found = self.values.get(key)
        return replace(self, values=found if isinstance(found, Mapping) else {}, default=None)

    def of_layer(self, index: int) -> "Section":
        """The same with what `per_layer_config` says of one layer; itself where it says nothing."""
        layers = self.values.get("per_layer_config")
        if not isinstance(layers, Mapping):
            return self
        said = {key.lstrip("0") or "0": own for key, own in layers.items() if isinstance(key, str)}
        own = said.get(str(index))
        values = {**self.values, **own} if isinstance(own, Mapping) else dict(self.values)
        return replace(self, values=values)

    @property
    def layers(self) -> int:
        """Raises NotSaidError where there is no such number, or an absurd one."""
        found = self.need(*LAYERS)
        if found > MAX_LAYERS:
            raise NotSaidError(
                f"the config says {found:,} layers; at most {MAX_LAYERS:,} are known"
            )
        return found

    @property
    def longest_context(self) -> int | None:
        return self.number(*CONTEXT) or None


def section_of(config: Mapping[str, Any]) -> Section:
    """The innermost config of the model that generates; the config itself where there is none."""
    values, depth = config, 0
    while depth < _MAX_DEPTH and (inner := _inner(values)) is not None:
        values, depth = inner, depth + 1
    model_type = _model_type(values) or (_model_type(config) if depth else "")
    written = depth > 0 or "architectures" in config or "transformers_version" in config
    return Section(
        model_type=model_type,
        values=values,
        outer=config,
        default=DEFAULTS.get(model_type) if written else None,
    )


def _inner(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((i for key in _INNER if isinstance(i := values.get(key), Mapping) and i), None)


def _model_type(values: Mapping[str, Any]) -> str:
    found = values.get("model_type")
    if not isinstance(found, str):
        return ""
    plain = found.removesuffix("_text").removesuffix("_text_model")
    return RENAMED.get(plain, plain)


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MAX_NUMBER else None


def at(numbers: Sequence[int], index: int) -> int:
    """The number of one layer. Raises NotSaidError where the list is too short."""
    if index >= len(numbers):
        raise NotSaidError(f"the config lists {len(numbers):,} layers and has more")
    return numbers[index]

"""What a config may ask for before it is refused, and what the process that builds it may use.

A config is a stranger's: ten bytes of it can ask for a billion layers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

# Endings of the keys that say how often a module is repeated, and how wide it is. What goes on
# after such a word is another number: Gemma 3n has a `vocab_size_per_layer_input`.
_LAYERS: Final = ("layer", "layers", "blocks", "depth", "depths", "stages")
_EXPERTS: Final = ("expert", "experts")
_WIDTHS: Final = ("size", "dim", "width", "channels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for one blueprint. The largest known model takes a second and under 100 MB."""

    start_seconds: float = 180  # torch and transformers take 3 to 7 to import, on a slow disk more
    wall_seconds: float = 60
    cpu_seconds: int = 60
    memory_bytes: int = 2 << 30  # beyond what the imports took
    layers: int = 1_000  # the deepest known models have under 200
    experts: int = 100_000  # Doge has 16,384 of one row each in a layer
    width: int = 1 << 32  # the largest vocabularies have a few millions
    labels: int = 1_000_000  # ImageNet-21k has 21,843
    modules: int = 200_000  # NLLB-MoE, with its experts one by one, has about 10,000
    saved_names: int = 500_000  # Kimi-K2 saves 70,000 tensors

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def too_much(config: Mapping[str, Any], limits: Limits) -> str | None:
    """What `config` asks for that no model has: "num_hidden_layers of 1,000,000,000"; else None."""
    for key, value in _numbers(config, ""):
        bound = _bound(key.lower(), limits)
        if bound is not None and value > bound:
            return f"{key[:80]} of {_written(value)}; at most {bound:,} is built"
    return None


def _bound(key: str, limits: Limits) -> int | None:
    if key == "num_labels":
        return limits.labels
    if key.endswith(_WIDTHS):
        return limits.width
    if key.endswith(_EXPERTS):
        return limits.experts
    return limits.layers if key.endswith(_LAYERS) else None


def _numbers(value: object, key: str) -> Iterator[tuple[str, int]]:
    """Every whole number of a config with the key it stands under, also in lists."""
    waiting: list[tuple[str, object]] = [(key, value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((key, each) for each in value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield key, value


def _written(number: int) -> str:
    longest = 1 << 100  # a number may have thousands of digits
    return f"{number:,}" if number < longest else "over 10^30"

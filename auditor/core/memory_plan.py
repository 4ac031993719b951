"""All that a plan of memory says of one model: weights, cache, training, what it fits into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from auditor.core.config import ModelConfig
from auditor.core.dtypes import DTYPES
from auditor.core.gguf_keys import length_key
from auditor.core.hardware import Capacity
from auditor.core.memory_cache import Ask, Cache, CacheRule, CacheUnknown, Grows, NoCache
from auditor.core.memory_fits import Fit, Load, fit_of
from auditor.core.memory_kv_cache import cache_of
from auditor.core.memory_loading import AS_STORED, LOADED_AS, Largest, Weights, weights_of
from auditor.core.memory_training import (
    NotTrainable,
    Recipe,
    Training,
    full_training,
    lora_training,
)
from auditor.core.memory_witness import cache_of_tensors
from auditor.core.roles import Assignment
from auditor.core.tally import Tally
from auditor.core.tensors import Tensor

# What a cache may be kept in, by the words of vLLM, transformers and llama.cpp.
CACHE_DTYPES: Final = {
    "F32": "F32",
    "BF16": "BF16",
    "F16": "F16",
    "FP8": "F8_E4M3",
    "INT8": "I8",
    "Q8_0": "Q8_0",
    "Q4_0": "Q4_0",
    "INT4": "I4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of a plan. None where the model's own word is to hold."""

    loaded_as: str = AS_STORED
    context: int | None = None
    batch: int = 1
    source: int | None = None
    cache_dtype: str | None = None
    recipe: Recipe = field(default_factory=Recipe)
    capacities: tuple[Capacity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One checkpoint as it was counted: the whole model, or one part of a pipeline."""

    name: str
    config: ModelConfig
    tensors: Sequence[Tensor]
    assignment: Assignment
    tally: Tally
    is_gguf: bool = False
    is_complete: bool = True
    is_adapter: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)  # of a GGUF file


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The memory of one model. `cache_bytes` is None where it is not known.

    `dtypes` are bytes of the weights by what they could be loaded as.
    """

    weights: Weights
    stored_dtypes: tuple[str, ...]
    layouts: tuple[str, ...]
    is_gguf: bool
    is_complete: bool
    dtypes: Mapping[str, int]
    cache: CacheRule
    ask: Ask | None
    cache_bytes: int | None
    cache_dtype_reason: str
    training: tuple[Training | NotTrainable, ...]
    fits: tuple[Fit, ...]

    @property
    def needed_bytes(self) -> int | None:
        """Weights and cache together; None where the cache is not known."""
        if self.cache_bytes is None:
            return None
        return self.weights.loaded_bytes + self.cache_bytes


def plan_of(parts: Sequence[Counted], wish: Wish, *, generates: Counted | None) -> Plan:
    """The plan of a model whose `parts` are loaded together; the cache is that of `generates`.

    None for the latter where no part generates tokens: a pipeline of diffusers.
    """
    weights = _together([_weights(part, wish.loaded_as) for part in parts], wish.loaded_as)
    dtypes = {name: sum(_weights(p, name).loaded_bytes for p in parts) for name in LOADED_AS}
    rule = _cache(generates)
    dtype, reason = _cache_dtype(generates, wish)
    ask = _ask(rule, wish, dtype, generates)
    cache_bytes = _cache_bytes(rule, ask)
    load = Load(
        weight_bytes=weights.loaded_bytes,
        other_dtypes={name: size for name, size in dtypes.items() if size < weights.loaded_bytes},
        cache=rule if isinstance(rule, Cache) else None,
        ask=ask,
        is_all_known=cache_bytes is not None and all(part.is_complete for part in parts),
    )
    return Plan(
        weights=weights,
        stored_dtypes=_stored_dtypes(parts),
        layouts=tuple(sorted({layout.name for part in parts for layout in part.tally.layouts})),
        is_gguf=all(part.is_gguf for part in parts),
        is_complete=all(part.is_complete for part in parts),
        dtypes=dtypes,
        cache=rule,
        ask=ask,
        cache_bytes=cache_bytes,
        cache_dtype_reason=reason,
        training=_training(parts, wish, weights) if len(parts) == 1 else (),
        fits=tuple(fit_of(load, capacity) for capacity in wish.capacities),
    )


def _weights(part: Counted, loaded_as: str) -> Weights:
    return weights_of(part.tensors, part.assignment, loaded_as=loaded_as, castable=not part.is_gguf)


def _together(weights: Sequence[Weights], loaded_as: str) -> Weights:
    largest = [each.largest for each in weights if each.largest is not None]
    return Weights(
        stored_bytes=sum(each.stored_bytes for each in weights),
        loaded_as=loaded_as,
        loaded_bytes=sum(each.loaded_bytes for each in weights),
        packed_bytes=sum(each.packed_bytes for each in weights),
        largest=max(largest, key=_size, default=None),
    )


def _size(largest: Largest) -> int:
    return largest.loaded_bytes


def _stored_dtypes(parts: Sequence[Counted]) -> tuple[str, ...]:
    sizes: dict[str, int] = {}
    for part in parts:
        for name, amount in part.tally.by_dtype.items():
            sizes[name] = sizes.get(name, 0) + amount.stored_bytes
    return tuple(sorted(sizes, key=lambda name: -sizes[name]))


# -- the cache


def _cache(part: Counted | None) -> CacheRule:
    """By the config; by the tensors for a GGUF file and where the config does not tell."""
    if part is None:
        return NoCache(reason="no part of the pipeline generates token by token")
    if part.is_adapter:
        return CacheUnknown(reason="an adapter: weights and cache of its base model come on top")
    rule = cache_of(part.config.values)
    if isinstance(rule, NoCache) or (isinstance(rule, Cache) and not part.is_gguf):
        return rule
    if isinstance(rule, CacheUnknown) and not part.is_gguf and not _generates(part):
        return rule
    shown = cache_of_tensors(part.config.values, part.tensors, part.metadata)
    if shown is None and _has_heads_by_layer(part.metadata):
        return CacheUnknown(reason="the key-value heads differ by layer and no tensor shows them")
    return shown if shown is not None else rule


def _has_heads_by_layer(metadata: Mapping[str, str]) -> bool:
    """Whether a GGUF file lists them: of an array its length alone is kept."""
    architecture = metadata.get("general.architecture", "")
    return length_key(f"{architecture}.attention.head_count_kv") in metadata


_GENERATING: Final = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")


def _generates(part: Counted) -> bool:
    return any(name.endswith(_GENERATING) for name in part.config.architectures)


_COMPUTE: Final = frozenset({"F32", "F16", "BF16"})
_TORCH: Final = {
    "float32": "F32", "float": "F32", "bfloat16": "BF16", "float16": "F16", "half": "F16"
}  # fmt: skip
_BF16: Final = "BF16"


def _compute_dtype(part: Counted | None, wish: Wish) -> tuple[str, str]:
    """What the model computes in, and who says so."""
    if part is not None and part.is_gguf:
        return "F16", "llama.cpp's default"
    if wish.loaded_as != AS_STORED:
        return LOADED_AS[wish.loaded_as][1], "the dtype that the weights are loaded in"
    if part is None:
        return _BF16, ""
    said = _TORCH.get((part.config.dtype or "").removeprefix("torch."))
    if said:
        return said, "the config's dtype"
    floats: dict[str, int] = {}
    for bucket, count in part.assignment.counts.items():
        if bucket.mark is None and bucket.dtype.name in _COMPUTE:
            floats[bucket.dtype.name] = floats.get(bucket.dtype.name, 0) + count
    if floats:
        return max(sorted(floats), key=floats.__getitem__), "the dtype of the weights"
    return _BF16, "taken for granted, since nothing says it"


def _cache_dtype(part: Counted | None, wish: Wish) -> tuple[str, str]:
    if wish.cache_dtype is not None:
        return CACHE_DTYPES[wish.cache_dtype], "as asked for"
    if part is not None and _has_scaled_cache(part):
        return "F8_E4M3", "the checkpoint's quantisation is one of the cache as well"
    return _compute_dtype(part, wish)


def _has_scaled_cache(part: Counted) -> bool:
    """Whether the checkpoint was made for a cache of 8 bits: the config or its scales say so."""
    said = part.config.quantization or {}
    scheme, algorithm = said.get("kv_cache_scheme"), said.get("kv_cache_quant_algo")
    if isinstance(scheme, Mapping):
        return scheme.get("num_bits") == 8  # noqa: PLR2004 - bits
    return isinstance(algorithm, str) and algorithm.upper() == "FP8"


def _ask(rule: CacheRule, wish: Wish, dtype: str, part: Counted | None) -> Ask | None:
    """None where there is no cache, or nothing says how long the context is."""
    if not isinstance(rule, Cache):
        return None
    context = wish.context or rule.longest
    if context is None and any(each.grows is not Grows.NOT for each in rule.parts):
        return None
    compute, _ = _compute_dtype(part, wish)
    return Ask(
        context=context or 0,
        batch=wish.batch,
        source=wish.source,
        cache_dtype=DTYPES[dtype],
        compute_dtype=DTYPES[compute],
    )


def _cache_bytes(rule: CacheRule, ask: Ask | None) -> int | None:
    match rule:
        case NoCache():
            return 0
        case CacheUnknown():
            return None
        case Cache():
            return None if ask is None else rule.size_bytes(ask)


# -- training


def _training(
    parts: Sequence[Counted], wish: Wish, weights: Weights
) -> tuple[Training | NotTrainable, ...]:
    (part,) = parts
    if part.is_gguf or part.is_adapter:
        reason = (
            "GGUF files are for inference" if part.is_gguf else "of an adapter, its base decides"
        )
        return (NotTrainable(name="training", reason=reason),)
    return (
        full_training(part.assignment, wish.recipe),
        lora_training(
            part.assignment,
            part.config.values,
            wish.recipe,
            base_bytes=weights.loaded_bytes,
        ),
    )

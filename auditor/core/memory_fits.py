"""Whether a model fits, with what margin, and what would fit instead.

What is held against the capacity are the weights as loaded and the cache. Activations, the
runtime's own memory and the fragmentation of an allocator come on top.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from auditor.core.hardware import Capacity
from auditor.core.memory_cache import Ask, Cache

_LONGEST: Final = 1 << 40  # tokens; a model without a limit of its own is not asked for more


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something else that would fit, and what it leaves free."""

    name: str
    margin_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The answer for one capacity.

    `fits` is None where what is known fits and something is not known. `longest_context` are tokens
    that fit beside the weights as they are loaded, None where no context is too long or it is not
    known; `largest_batch` are sequences of the context that is asked for. `dtypes` are others that
    would fit; given where it does not.
    """

    capacity: Capacity
    needed_bytes: int
    fits: bool | None
    dtypes: tuple[Option, ...] = ()
    longest_context: int | None = None
    largest_batch: int | None = None
    batch: int = 1  # that `longest_context` is for

    @property
    def margin_bytes(self) -> int:
        """What is left free, or less than nothing: what is missing."""
        return self.capacity.total_bytes - self.needed_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to fit: bytes of the weights, those in other dtypes, and a cache where it is known.

    `cache` is None where the model keeps none, or none is known. `is_all_known` is false where
    something of the need is missing: what then seems to fit may not.
    """

    weight_bytes: int
    other_dtypes: Mapping[str, int]
    cache: Cache | None
    ask: Ask | None
    is_all_known: bool = True

    def cache_bytes(self, ask: Ask | None) -> int:
        return 0 if self.cache is None or ask is None else self.cache.size_bytes(ask)


def fit_of(load: Load, capacity: Capacity) -> Fit:
    """Whether `load` fits into all devices together, evenly spread over them."""
    cache_bytes = load.cache_bytes(load.ask)
    needed = load.weight_bytes + cache_bytes
    room = capacity.total_bytes - load.weight_bytes
    fits: bool | None = needed <= capacity.total_bytes
    if fits and not load.is_all_known:
        fits = None
    context = _longest_context(load, room)
    return Fit(
        capacity=capacity,
        needed_bytes=needed,
        fits=fits,
        dtypes=_dtypes(load, capacity, cache_bytes) if fits is False else (),
        longest_context=context,
        largest_batch=_largest_batch(load, room),
        batch=1 if load.ask is None else load.ask.batch,
    )


def _dtypes(load: Load, capacity: Capacity, cache_bytes: int) -> tuple[Option, ...]:
    """Other dtypes that would fit, the widest first."""
    options = [
        Option(name=name, margin_bytes=capacity.total_bytes - weights - cache_bytes)
        for name, weights in load.other_dtypes.items()
        if weights + cache_bytes <= capacity.total_bytes
    ]
    return tuple(sorted(options, key=lambda option: option.margin_bytes))


def _longest_context(load: Load, room: int) -> int | None:
    """Tokens whose cache fits into `room` bytes, up to the model's longest context."""
    cache, ask = load.cache, load.ask
    if cache is None or ask is None or not cache.is_endless:
        return None
    most = cache.longest or _LONGEST
    return _most(lambda tokens: cache.size_bytes(replace(ask, context=tokens)) <= room, most)


def _largest_batch(load: Load, room: int) -> int | None:
    if load.cache is None or load.ask is None:
        return None
    each = load.cache.size_bytes(replace(load.ask, batch=1))
    return max(0, room) // each if each else None


def _most(holds: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` for which `holds`, which holds for all below; else 0."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low

"""What a model keeps while it generates: parts that grow with the tokens, and parts that do not."""

from dataclasses import dataclass
from enum import StrEnum

from auditor.core.dtypes import DTYPES, Dtype


class In(StrEnum):
    """The dtype in which a part of the cache is kept."""

    CACHE = "cache"
    COMPUTE = "compute"
    F32 = "F32"


class Grows(StrEnum):
    """With what a part of the cache grows."""

    CONTEXT = "context"
    SOURCE = "source"  # the tokens that an encoder has read
    NOT = "not"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a cache is asked for. `source` are the encoder's tokens."""

    context: int
    batch: int = 1
    source: int | None = None  # as many as `context` where None
    cache_dtype: Dtype = DTYPES["BF16"]
    compute_dtype: Dtype = DTYPES["BF16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Layers that keep the same: `elements` numbers for every `per` tokens and layer.

    Of `most` tokens at most, where that is not None. `rule` says where the numbers come from.
    """

    name: str
    layers: int
    elements: int
    rule: str
    grows: Grows = Grows.CONTEXT
    most: int | None = None
    per: int = 1
    kept_in: In = In.CACHE

    def places(self, ask: Ask) -> int:
        """For how many tokens, or groups of them, something is kept."""
        match self.grows:
            case Grows.NOT:
                return 1
            case Grows.SOURCE:
                wanted = ask.context if ask.source is None else ask.source
            case Grows.CONTEXT:
                wanted = ask.context
        return (wanted if self.most is None else min(wanted, self.most)) // self.per

    def dtype(self, ask: Ask) -> Dtype:
        match self.kept_in:
            case In.CACHE:
                return ask.cache_dtype
            case In.COMPUTE:
                return ask.compute_dtype
            case In.F32:
                return DTYPES["F32"]

    def size_bytes(self, ask: Ask) -> int:
        """Of the whole batch."""
        each = self.dtype(ask).bytes_up_to(self.places(ask) * self.elements)
        return ask.batch * self.layers * each

    @property
    def is_endless(self) -> bool:
        """Whether it grows with every token of the text."""
        return self.grows is Grows.CONTEXT and self.most is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """What a model keeps while it generates. `notes` are sentences about what is taken for what."""

    parts: tuple[Part, ...]
    longest: int | None  # tokens, as the config says
    notes: tuple[str, ...] = ()

    def size_bytes(self, ask: Ask) -> int:
        return sum(part.size_bytes(ask) for part in self.parts)

    def token_bytes(self, ask: Ask) -> int:
        """Bytes that one more token of one sequence takes on average, once every window is full."""
        return sum(
            part.layers * part.dtype(ask).bytes_up_to(part.elements) // part.per
            for part in self.parts
            if part.is_endless
        )

    @property
    def is_endless(self) -> bool:
        return any(part.is_endless for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCache:
    """The model keeps nothing between tokens, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUnknown:
    """What the model keeps is not known, and what is missing."""

    reason: str


CacheRule = Cache | NoCache | CacheUnknown

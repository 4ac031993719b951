"""What every stored tensor is for: a role, whether it is trained, and the rule that says so.

Tensors are first gathered into buckets: equal dtype and shape under the same name but for the layer
numbers (`h.*.attn.bias`). A model of 92,000 tensors has a few hundred buckets, and a rule is looked
up once for each.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache, partial
from itertools import repeat
from typing import Final, NamedTuple

from auditor.core.config import ModelConfig
from auditor.core.dtypes import DTYPES, Dtype
from auditor.core.tensors import Tensor


class Role(StrEnum):
    """The part that a tensor plays."""

    WEIGHT = "weight"
    BIAS = "bias"
    NORM = "norm"
    EMBEDDING = "embedding"
    HEAD = "head"
    EXPERT = "expert"
    ADAPTER = "adapter"
    BUFFER = "buffer"
    TIED_COPY = "tied_copy"
    AUXILIARY = "auxiliary"  # a quantiser's bookkeeping
    PACKED = "packed"  # weights in a packing that is not understood


# Roles that hold parameters; the others hold none, or none that can be counted.
PARAMETER_ROLES: Final = frozenset(
    {Role.WEIGHT, Role.BIAS, Role.NORM, Role.EMBEDDING, Role.HEAD, Role.EXPERT, Role.ADAPTER}
)


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """What the layouts and the ties say of one tensor by name; it outranks the rules.

    A mark without a `role` is that of a tensor with packed weights: at least `low` and at most
    `high` parameters, whose role is that of the name with its ending `stored` exchanged for
    `logical`. `layout` names the packing that a tensor belongs to.

    Compared by identity: whoever marks many tensors alike uses one object for all.
    """

    role: Role | None
    name: str
    reason: str
    layout: str = ""
    low: int = 0
    high: int = 0
    stored: str = ""
    logical: str = ""


class Bucket(NamedTuple):
    """Tensors of one dtype and shape whose names differ by layer numbers alone."""

    pattern: str  # the name with each number between dots as `*`
    dtype: Dtype
    shape: tuple[int, ...]
    mark: Mark | None
    mtp: bool  # part of a multi-token-prediction module beside the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a rule may look at beside the tensor: the config and the other names."""

    config: ModelConfig
    patterns: frozenset[str]

    def has_sibling(self, pattern: str, own_ending: str, other_ending: str) -> bool:
        """Whether the module that holds `pattern` also stores a tensor of another name."""
        return pattern.removesuffix(own_ending) + other_ending in self.patterns


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table. All conditions that are given must hold.

    `ends`, `begins` and `contains` are looked for in the pattern with a dot before it, so that
    `.bias` is a whole word; any one of a tuple is enough. `name` reads in a sentence. `output`
    marks the matrix that turns hidden states into vocabulary logits.
    """

    name: str
    role: Role
    reason: str
    ends: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()
    test: Callable[[Bucket, Context], bool] | None = field(default=None)
    trainable: bool = True
    head: bool = False
    output: bool = False

    def matches(self, bucket: Bucket, context: Context) -> bool:
        dotted = "." + bucket.pattern
        return (
            (not self.ends or dotted.endswith(self.ends))
            and (not self.begins or dotted.startswith(self.begins))
            and (not self.contains or any(part in dotted for part in self.contains))
            and (not self.types or not self.types.isdisjoint(context.config.model_types))
            and (self.test is None or self.test(bucket, context))
        )


# NOTE: each begins with a letter to search for: four times as fast as looking behind.
_star_for_numbers: Final = partial(re.compile(r"\.[0-9]+(?=\.)").sub, ".*")
_star_for_first_numbers: Final = partial(re.compile(r"\n[0-9]+(?=\.)").sub, "\n*")


def pattern_of(name: str) -> str:
    """`name` with each number before a dot as `*`."""
    return patterns_of((name,))[0]


@lru_cache(maxsize=2)  # the packings, the ties and the roles of a checkpoint ask one after another
def patterns_of(names: tuple[str, ...]) -> Sequence[str]:
    """The pattern of each name, in one pass over all of them."""
    lines = "\n" + "\n".join(names)
    patterns = _star_for_first_numbers(_star_for_numbers(lines)).split("\n")[1:]
    if len(patterns) != len(names):  # a name with a line break in it
        return [pattern_of(name.replace("\n", " ")) for name in names]
    return patterns


def names_of(tensors: Sequence[Tensor]) -> tuple[str, ...]:
    return tuple([tensor.name for tensor in tensors])


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The rule of every bucket, and how many tensors each holds."""

    counts: Mapping[Bucket, int]
    rules: Mapping[Bucket, Rule]
    marks: Mapping[str, Mark]
    mtp_prefixes: tuple[str, ...]

    def rule_of(self, tensor: Tensor) -> Rule:
        """The rule that settled the role of one tensor of this checkpoint."""
        return self.rules[bucket_of(tensor, self.marks, self.mtp_prefixes)]


def bucket_of(tensor: Tensor, marks: Mapping[str, Mark], mtp_prefixes: tuple[str, ...]) -> Bucket:
    name = tensor.name
    return Bucket(
        pattern_of(name),
        tensor.dtype,
        tensor.shape,
        marks.get(name),
        bool(mtp_prefixes) and name.startswith(mtp_prefixes),
    )


# Modules beside the model that predict further tokens. DeepSeek-V3, GLM-4.5 and their kin store
# one as a layer past the last, known by its projection `eh_proj`; Qwen3-Next and others as `mtp`.
_MTP_PROJECTION: Final = "eh_proj.weight"
_MTP_MODULES: Final = ("mtp.", "model.mtp.", "model.mtp_layers.", "mtp_block.")


@lru_cache(maxsize=2)
def mtp_prefixes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Prefixes of the multi-token-prediction modules among `names`."""
    layers = {n.removesuffix(_MTP_PROJECTION) for n in names if n.endswith(_MTP_PROJECTION)}
    inside = [name for name in names if name.startswith(_MTP_MODULES)]
    modules = {prefix for prefix in _MTP_MODULES if any(n.startswith(prefix) for n in inside)}
    return tuple(sorted(layers | modules))


def assign(
    tensors: Sequence[Tensor],
    config: ModelConfig,
    marks: Mapping[str, Mark],
    rules: Sequence[Rule],
) -> Assignment:
    """The first of `rules` that holds, for every tensor; `marks` outrank them.

    The last rule must hold for everything.
    """
    names = names_of(tensors)
    prefixes = mtp_prefixes(names)
    # NOTE: columns and plain tuples, counted in one go; a loop with a Bucket for each tensor would
    # take four times as long, and the largest models have half a million of them.
    tallied = Counter(
        zip(
            patterns_of(names),
            [tensor.dtype for tensor in tensors],
            [tensor.shape for tensor in tensors],
            map(marks.get, names) if marks else repeat(None),
            [name.startswith(prefixes) for name in names] if prefixes else repeat(False),  # noqa: FBT003 - what is repeated
            strict=False,
        )
    )
    counts = {Bucket(*key): count for key, count in tallied.items()}
    context = Context(config=config, patterns=frozenset(bucket.pattern for bucket in counts))
    table = _Table(rules=rules)
    chosen = {bucket: _rule_for(bucket, context, table) for bucket in counts}
    return Assignment(counts=counts, rules=chosen, marks=marks, mtp_prefixes=prefixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The rules that are left to ask once the last word of a name is known: a third of them."""

    rules: Sequence[Rule]
    by_last_word: dict[str, Sequence[Rule]] = field(default_factory=dict)

    def first(self, bucket: Bucket, context: Context) -> Rule:
        pattern = bucket.pattern
        word = pattern[pattern.rfind(".") + 1 :]
        rules = self.by_last_word.get(word)
        if rules is None:
            rules = [rule for rule in self.rules if _may_end_with(rule, word)]
            self.by_last_word[word] = rules
        return next(rule for rule in rules if rule.matches(bucket, context))


def _may_end_with(rule: Rule, word: str) -> bool:
    """Whether one of the rule's endings can be that of a name whose last word is `word`."""
    return not rule.ends or any(
        word == ending[ending.rfind(".") + 1 :] if "." in ending else word.endswith(ending)
        for ending in rule.ends
    )


def _rule_for(bucket: Bucket, context: Context, table: _Table) -> Rule:
    mark = bucket.mark
    if mark is None:
        return table.first(bucket, context)
    if mark.role is not None:
        return Rule(name=mark.name, role=mark.role, reason=mark.reason, trainable=False)
    # NOTE: judged as the plain matrix that it stands for, not as the integers that are stored.
    plain = Bucket(
        bucket.pattern.removesuffix(mark.stored) + mark.logical,
        DTYPES["BF16"],
        (1, mark.high),
        None,
        bucket.mtp,
    )
    return table.first(plain, context)

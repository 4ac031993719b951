"""What every stored tensor is for: a role, whether it is trained, and the rule that says so.

Tensors are first gathered into buckets: equal dtype and shape under the same name but for the layer
numbers (`h.*.attn.bias`). A model of 92,000 tensors has a few hundred buckets, and a rule is looked
up once for each.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache, partial
from itertools import chain
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


# Names that differ in their digits alone are looked at once, if all their digits are numbers.
_zeros_for_digits: Final = str.maketrans("123456789", "000000000")
_AT_ONCE: Final = 4_096


def pattern_of(name: str) -> str:
    """`name` with each number before a dot as `*`."""
    return _starred((name,))[0]


@lru_cache(maxsize=2)  # the packings, the ties and the roles of a checkpoint ask one after another
def patterns_of(names: tuple[str, ...]) -> Sequence[str]:
    """The pattern of each name."""
    known: dict[str, str] = {}
    # NOTE: some at a time, so that what is made on the way takes the same memory again and again.
    parts = (names[begin : begin + _AT_ONCE] for begin in range(0, len(names), _AT_ONCE))
    return list(chain.from_iterable(_patterns(part, known) for part in parts))


def _patterns(names: Sequence[str], known: dict[str, str]) -> Sequence[str]:
    """The pattern of each name; `known` are those of names whose digits are all numbers."""
    alike = "\n".join(names).translate(_zeros_for_digits).split("\n")
    if len(alike) != len(names):  # a name with a line break in it
        return _starred(names)
    kinds = set(alike)
    new = tuple(kinds.difference(known))
    starred = zip(new, _starred(new), strict=True)
    known.update((kind, pattern) for kind, pattern in starred if "0" not in pattern)
    if kinds <= known.keys():
        return [known[kind] for kind in alike]
    others = [name for name, kind in zip(names, alike, strict=True) if kind not in known]
    rest = iter(_starred(others))
    return [known[kind] if kind in known else next(rest) for kind in alike]


def _starred(names: Sequence[str]) -> Sequence[str]:
    lines = "\n" + "\n".join(names)
    patterns = _star_for_first_numbers(_star_for_numbers(lines)).split("\n")[1:]
    if len(patterns) != len(names):
        return [pattern_of(name.replace("\n", " ")) for name in names]
    return patterns


def names_of(tensors: Sequence[Tensor]) -> tuple[str, ...]:
    return tuple([tensor.name for tensor in tensors])


def by_pattern(tensors: Sequence[Tensor]) -> Mapping[str, Sequence[Tensor]]:
    """The tensors of each pattern, in their order."""
    gathered: defaultdict[str, list[Tensor]] = defaultdict(list)
    for pattern, tensor in zip(patterns_of(names_of(tensors)), tensors, strict=True):
        gathered[pattern].append(tensor)
    return gathered


def are_alike(tensors: Sequence[Tensor]) -> bool:
    """Whether all have one dtype and one shape."""
    # NOTE: counted and not put into a set: to compare is five times as fast as to hash.
    dtypes = [tensor.dtype for tensor in tensors]
    shapes = [tensor.shape for tensor in tensors]
    return dtypes.count(dtypes[0]) == shapes.count(shapes[0]) == len(tensors)


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
# In GGUF files that projection is one of a few tensors in a part `nextn` of that layer.
_MTP_PROJECTION: Final = "eh_proj.weight"
_MTP_PART: Final = "nextn."
_MTP_MODULES: Final = ("mtp.", "model.mtp.", "model.mtp_layers.", "mtp_block.")


@lru_cache(maxsize=2)
def mtp_prefixes(names: tuple[str, ...]) -> tuple[str, ...]:
    """Prefixes of the multi-token-prediction modules among `names`."""
    patterns = patterns_of(names)
    telling = {
        pattern
        for pattern in set(patterns)
        if pattern.endswith(_MTP_PROJECTION) or pattern.startswith(_MTP_MODULES)
    }
    if not telling:
        return ()
    near = [n for n, pattern in zip(names, patterns, strict=True) if pattern in telling]
    projections = [name for name in near if name.endswith(_MTP_PROJECTION)]
    layers = {n.removesuffix(_MTP_PROJECTION).removesuffix(_MTP_PART) for n in projections}
    modules = {prefix for prefix in _MTP_MODULES if any(n.startswith(prefix) for n in near)}
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
    prefixes = mtp_prefixes(names_of(tensors))
    counts = {
        bucket: count
        for pattern, members in by_pattern(tensors).items()
        for bucket, count in _buckets(pattern, members, marks, prefixes)
    }
    context = Context(config=config, patterns=frozenset(bucket.pattern for bucket in counts))
    table = _Table(rules=rules)
    chosen = {bucket: _rule_for(bucket, context, table) for bucket in counts}
    return Assignment(counts=counts, rules=chosen, marks=marks, mtp_prefixes=prefixes)


def _buckets(
    pattern: str,
    tensors: Sequence[Tensor],
    marks: Mapping[str, Mark],
    prefixes: tuple[str, ...],
) -> Iterator[tuple[Bucket, int]]:
    """The buckets of one pattern, and how many tensors each holds."""
    # NOTE: columns; a loop with a Bucket for each tensor would take four times as long, and the
    # largest models have half a million of them.
    for alike in _kinds(tensors):
        names = names_of(alike)
        marked = list(map(marks.get, names)) if marks else [None] * len(names)
        mtp = [name.startswith(prefixes) for name in names] if prefixes else [False] * len(names)
        for (mark, is_mtp), count in _counts(marked, mtp):
            yield Bucket(pattern, alike[0].dtype, alike[0].shape, mark, is_mtp), count


def _counts(
    marked: Sequence[Mark | None], mtp: Sequence[bool]
) -> Iterable[tuple[tuple[Mark | None, bool], int]]:
    """How often each pair of the two columns comes; mostly there is one mark."""
    if marked.count(marked[0]) < len(marked):
        return Counter(zip(marked, mtp, strict=True)).items()
    inside = mtp.count(True)
    counts = (((marked[0], False), len(mtp) - inside), ((marked[0], True), inside))
    return [(pair, count) for pair, count in counts if count]


def _kinds(tensors: Sequence[Tensor]) -> Iterable[Sequence[Tensor]]:
    """The tensors of each dtype and shape."""
    if are_alike(tensors):
        return (tensors,)
    kinds: defaultdict[tuple[Dtype, tuple[int, ...]], list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        kinds[tensor.dtype, tensor.shape].append(tensor)
    return kinds.values()


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

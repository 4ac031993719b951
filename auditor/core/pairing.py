"""Which stored tensor is which of the class's, before anything is said about either.

Names first, as `name_matching` reads them; then what has other names and adds up to the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from math import prod
from typing import Final, NamedTuple, TypeVar

from auditor.core.blueprint import Blueprint
from auditor.core.name_matching import Matched, match_names
from auditor.core.roles import (
    PARAMETER_ROLES,
    Assignment,
    Bucket,
    Role,
    Rule,
    names_of,
    patterns_of,
)
from auditor.core.tensors import Checkpoint, Tensor

T = TypeVar("T", "Stored", "Built")

MAX_SUMMED: Final = 100_000  # names that are summed by module; more are only summed as a whole
_MAX_DEPTH: Final = 64  # parts of a name; a hostile one is nothing but dots
_ANY: Final = 1 << 62  # how many parameters an unknown packing may hold


class Part(StrEnum):
    """What a tensor of the class is."""

    TRAINED = "trained"
    FROZEN = "frozen"
    BUFFER = "buffer"


class Built(NamedTuple):
    """A tensor of the class. `original` is the parameter that this is a further name of, if any."""

    name: str
    part: Part
    shape: tuple[int, ...]
    elements: int
    original: str = ""


class Stored(NamedTuple):
    """A tensor of the checkpoint that may be one of the class's.

    `name` is that of the plain tensor that it stands for, which holds `low` to `high` parameters.
    """

    tensor: Tensor
    bucket: Bucket
    rule: Rule
    name: str
    low: int
    high: int

    @property
    def is_parameter(self) -> bool:
        """Whether it holds parameters by the rules."""
        return self.rule.role in PARAMETER_ROLES or self.rule.role is Role.PACKED

    @property
    def known(self) -> int:
        """Its parameters at least; of a packing that is not understood, its elements."""
        return self.tensor.elements if self.high == _ANY else self.low

    def may_hold(self, elements: int) -> bool:
        return self.low <= elements <= self.high


Group = tuple[tuple[Stored, ...], tuple[Built, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Who is who. `together` are tensors that hold as much as others of the class, in other pieces.

    `unbuilt` are stored and no part of the class, `unstored` are parameters of the class that the
    checkpoint lacks, also under another of their names.
    """

    pairs: tuple[tuple[Stored, Built], ...]
    together: tuple[Group, ...]
    unbuilt: tuple[Stored, ...]
    unstored: tuple[Built, ...]

    @property
    def unbuilt_parameters(self) -> tuple[Stored, ...]:
        return tuple(each for each in self.unbuilt if each.is_parameter)

    @property
    def agreed(self) -> int:
        """Parameters of the class that are stored, as many in a tensor or module as it has."""
        alone = {
            built.original or built.name: built.elements
            for stored, built in self.pairs
            if built.part is not Part.BUFFER and stored.may_hold(built.elements)
        }
        return sum(alone.values()) + sum(b.elements for _, group in self.together for b in group)

    @property
    def held(self) -> int:
        """Parameters that are stored, by the rules; a packing counts for the least it may hold."""
        ours = [stored for stored, _ in self.pairs]
        ours += [stored for group, _ in self.together for stored in group]
        return sum(each.known for each in (*ours, *self.unbuilt) if each.is_parameter)

    @property
    def misshapen(self) -> tuple[tuple[Stored, Built], ...]:
        """Pairs that hold another number of elements than the class's tensor."""
        return tuple(pair for pair in self.pairs if not pair[0].may_hold(pair[1].elements))


def pair(blueprint: Blueprint, checkpoint: Checkpoint, assignment: Assignment) -> Pairing:
    """The tensors of `checkpoint` with those of the class."""
    built = built_by_name(blueprint)
    stored = _stored(checkpoint, assignment, built)
    by_name = {each.name: each for each in reversed(stored)}  # of two, the first
    matched = match_names(
        list(by_name), built, lambda name, other: by_name[name].may_hold(built[other].elements)
    )
    pairs, unbuilt = _pairs(stored, built, matched)
    held = {other.original or other.name for _, other in pairs}
    held |= _held_by_alias(checkpoint.aliases, built, matched)
    unstored = [built[each.name] for each in blueprint.parameters if each.name not in held]
    together = tuple(_together(unbuilt, unstored, matched))
    summed = {each.tensor.name for group, _ in together for each in group}
    found = {each.name for _, group in together for each in group}
    return Pairing(
        pairs=pairs,
        together=together,
        unbuilt=tuple(each for each in unbuilt if each.tensor.name not in summed),
        unstored=tuple(each for each in unstored if each.name not in found),
    )


def built_by_name(blueprint: Blueprint) -> dict[str, Built]:
    """Every tensor of the class by every name that it may be stored under."""
    built = {
        name: Built(name, Part.TRAINED if parameter.trainable else Part.FROZEN, shape, elements)
        for parameter in blueprint.parameters
        for name, shape, elements in [(parameter.name, parameter.shape, parameter.elements)]
    }
    for buffer in blueprint.buffers:
        built[buffer.name] = Built(buffer.name, Part.BUFFER, buffer.shape, buffer.elements)
    for name, original in blueprint.ties.items():
        if original in built and name not in built:
            built[name] = built[original]._replace(name=name, original=original)
    for name, saved in blueprint.names_in_memory.items():
        if saved in built:
            built.setdefault(name, built[saved])
    return built


def _stored(
    checkpoint: Checkpoint, assignment: Assignment, built: Mapping[str, Built]
) -> list[Stored]:
    """The tensors that may be the class's: all but a quantiser's bookkeeping."""
    tensors = checkpoint.tensors
    marks, beside = assignment.marks, assignment.mtp_prefixes
    kinds = {bucket: _kind(bucket, rule) for bucket, rule in assignment.rules.items()}
    found = []
    for tensor, pattern in zip(tensors, patterns_of(names_of(tensors)), strict=True):
        name = tensor.name
        mtp = bool(beside) and name.startswith(beside)
        bucket = Bucket(pattern, tensor.dtype, tensor.shape, marks.get(name), mtp)
        kind = kinds[bucket]
        if kind.stored or kind.logical:
            name = name.removesuffix(kind.stored) + kind.logical
        each = Stored(tensor, bucket, kind.rule, name, kind.low, kind.high)
        if kind.rule.role is not Role.AUXILIARY or _is_parameter_after_all(each, built):
            found.append(each)
    return found


class _Kind(NamedTuple):
    """What all tensors of a bucket share."""

    rule: Rule
    low: int
    high: int
    stored: str = ""  # the ending of their names, and that of the plain tensor they stand for
    logical: str = ""


def _kind(bucket: Bucket, rule: Rule) -> _Kind:
    elements, mark = prod(bucket.shape), bucket.mark
    if rule.role is Role.PACKED:
        return _Kind(rule, 0, _ANY)
    if mark is None or mark.role is not None:
        return _Kind(rule, elements, elements)
    return _Kind(rule, mark.low, mark.high, mark.stored, mark.logical)


def _is_parameter_after_all(stored: Stored, built: Mapping[str, Built]) -> bool:
    """Whether what passes for bookkeeping is one of the class's own tensors: a bias, mostly."""
    tensor, own = stored.tensor, built.get(stored.name)
    return own is not None and tensor.dtype.trainable and tensor.shape == own.shape


def _pairs(
    stored: Iterable[Stored], built: Mapping[str, Built], matched: Matched
) -> tuple[tuple[tuple[Stored, Built], ...], list[Stored]]:
    """Pairs, each tensor of the class in one of them, and what is stored and in none."""
    pairs: dict[str, tuple[Stored, Built]] = {}
    unbuilt = []
    for each in stored:
        other = built.get(matched.built.get(each.name, ""))
        if other is None or other.name in pairs:
            unbuilt.append(each)
        else:
            pairs[other.name] = each, other
    return tuple(pairs.values()), unbuilt


def _held_by_alias(
    aliases: Mapping[str, str], built: Mapping[str, Built], matched: Matched
) -> set[str]:
    """Tensors of the class that are stored as a further name of another's bytes."""
    names = (built.get(matched.translated(alias)) for alias in aliases)
    return {own.original or own.name for own in names if own is not None}


# -- the same parameters in other pieces


def _together(
    unbuilt: Sequence[Stored], unstored: Sequence[Built], matched: Matched
) -> Iterator[Group]:
    """What is left on either side and adds up to the same, in the smallest module where it does.

    Experts in one tensor or one by one, a joint projection of queries, keys and values.
    """
    left = [
        each._replace(name=matched.translated(each.name)) for each in unbuilt if each.is_parameter
    ]
    depth = _MAX_DEPTH if len(left) + len(unstored) <= MAX_SUMMED else 0
    ours, theirs = _by_module(left, depth), _by_module(unstored, depth)
    summed: set[str] = set()
    found: set[str] = set()
    for module in sorted(ours.keys() & theirs.keys(), key=lambda name: (-name.count("."), name)):
        group = (
            tuple(each for each in ours[module] if each.tensor.name not in summed),
            tuple(each for each in theirs[module] if each.name not in found),
        )
        if _adds_up(group, module):
            summed.update(each.tensor.name for each in group[0])
            found.update(each.name for each in group[1])
            yield group


def _by_module(named: Iterable[T], depth: int) -> dict[str, list[T]]:
    """What lies in each module, at any depth in it; the whole is the module without a name."""
    inside: dict[str, list[T]] = {"": []}
    for each in named:
        inside[""].append(each)
        parts = each.name.split(".", depth)[:-1]
        for module in accumulate(parts, "{}.{}".format):
            inside.setdefault(module, []).append(each)
    return inside


def _adds_up(group: Group, module: str) -> bool:
    """Whether both sides hold as many parameters.

    A packing that is not understood may hold any number: it is held against the one parameter that
    the class has in the same module.
    """
    ours, theirs = group
    if not ours or not theirs:
        return False
    if any(each.high == _ANY for each in ours):
        names = [*(each.name for each in ours), *(each.name for each in theirs)]
        own = all(name.rpartition(".")[0] == module for name in names)
        return own and bool(module) and len(theirs) == 1
    whole = sum(each.elements for each in theirs)
    return sum(each.low for each in ours) <= whole <= sum(each.high for each in ours)

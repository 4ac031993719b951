"""Modules of packed tensors, handed to the layouts one by one.

The suffix signature of a module (which names it stores, with which dtypes and shapes) tells the
packing better than config.json does, and mixed checkpoints are the normal case. The config only
settles what the shapes leave open.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Recovered, Recovery, Suffix, is_plain
from auditor.core.phantoms import PHANTOM_ENDINGS, phantom_biases
from auditor.core.roles import Mark, Role, are_alike, by_pattern
from auditor.core.tensors import Tensor
from auditor.layouts import LAYOUTS

MAX_WANTED: Final = 16  # helper tensors that are read; each costs two requests on the Hub

WEIGHT: Final = "weight"
_TEXT: Final = "quant_state"  # bitsandbytes' JSON, with numbers of any length


def _by_last_word(suffixes: Iterable[Suffix]) -> Mapping[str, tuple[Suffix, ...]]:
    """Suffixes by what follows their last dot, the longest first: `absmax` to `weight.absmax`."""
    words: dict[str, list[Suffix]] = {}
    for suffix in sorted(set(suffixes), key=lambda suffix: (-len(suffix), suffix)):
        words.setdefault(suffix[suffix.rfind(".") + 1 :], []).append(suffix)
    return {word: tuple(known) for word, known in words.items()}


_KNOWN: Final = {suffix for layout in LAYOUTS for suffix in layout.suffixes} - {WEIGHT, "bias", ""}
# NOTE: what one layout appends may be a whole name of another: torchao's `_weight_scale`.
_DOTTED: Final = _by_last_word(
    _KNOWN & {s for layout in LAYOUTS for s in set(layout.suffixes) - set(layout.appended)}
)
# Weights of modules inside a packed one: VPTQ's centroids.
_INNER_WEIGHTS: Final = tuple(f".{suffix}" for suffix in _KNOWN if suffix.endswith(".weight"))
_APPENDED: Final = tuple(
    sorted({s for layout in LAYOUTS for s in layout.appended} - {""}, key=len, reverse=True)
)


def recover(tensors: Sequence[Tensor], hints: Hints) -> Recovery:
    """What every packed module of `tensors` holds.

    A plain checkpoint is recognised in one pass: floats of 16 bits or more and no config that
    speaks of quantisation.
    """
    if is_plain(tensors, hints):
        return Recovery()
    marks: dict[str, Mark] = {}
    wanted: list[str] = []
    wanting: list[Recovered] = []
    stored = by_pattern(tensors)
    waiting = list(_alike(stored))
    asked: dict[object, Recovered | None] = {}
    while waiting:
        modules = waiting.pop()
        found, by_path = _recovered(modules.first, hints, asked)
        if found is not None and by_path and len(modules) > 1:
            waiting.extend(modules.apart())
            continue
        if found is not None and found.wanted and all(found is not other for other in wanting):
            # NOTE: of modules that are stored alike, one is read and speaks for all.
            wanting.append(found)
            wanted.extend(modules.first.prefix + suffix for suffix in found.wanted)
        for suffix, members in modules.members.items():
            mark = _mark(found, suffix) if found else _leftover(members[0], suffix, hints)
            if mark is not None:
                for tensor in members:
                    marks[tensor.name] = mark
    if any(mark.layout for mark in set(marks.values())):
        near = [own for pattern, own in stored.items() if f".{pattern}".endswith(PHANTOM_ENDINGS)]
        biased = {tensor.name: tensor for own in near for tensor in own}
        marks.update(phantom_biases(biased, hints.config))
    return Recovery(marks=marks, wanted=tuple(wanted[:MAX_WANTED]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alike:
    """Modules that store the same suffixes with the same dtypes and shapes, in any number.

    NOTE: a mixture of experts has tens of thousands of modules and a handful of kinds; each kind is
    looked at once.
    """

    members: Mapping[Suffix, Sequence[Tensor]]

    def __len__(self) -> int:
        return len(next(iter(self.members.values())))

    @property
    def first(self) -> Module:
        """One of the modules: that of the first member of the first suffix."""
        suffix, tensors = next(iter(self.members.items()))
        prefix = _prefix(tensors[0].name, suffix)
        return Module(
            prefix=prefix,
            tensors={
                suffix: next(t for t in members if t.name == prefix + suffix)
                for suffix, members in self.members.items()
            },
        )

    def prefixes(self, suffix: Suffix) -> list[str]:
        end = -len(suffix) or None
        return [tensor.name[:end] for tensor in self.members[suffix]]

    def is_uniform(self) -> bool:
        """Whether every module has every suffix."""
        first, *others = (self.prefixes(suffix) for suffix in self.members)
        # Mostly they stand in the same order, which is told without a set of thousands of names.
        return all(first == other or set(first) == set(other) for other in others)

    def apart(self) -> "list[_Alike]":
        """Each module by itself."""
        modules: dict[str, dict[Suffix, list[Tensor]]] = {}
        for suffix, tensors in self.members.items():
            for tensor in tensors:
                modules.setdefault(_prefix(tensor.name, suffix), {})[suffix] = [tensor]
        return [_Alike(members=members) for members in modules.values()]


def _prefix(name: str, suffix: Suffix) -> str:
    return name[: len(name) - len(suffix)]


def _alike(stored: Mapping[str, Sequence[Tensor]]) -> Iterator[_Alike]:
    """All modules that store a name which a packing may have, or an integer `weight`.

    `stored` are the tensors of each pattern.
    """
    families: dict[str, dict[Suffix, Sequence[Tensor]]] = {}
    for pattern, members in stored.items():
        word = pattern[pattern.rfind(".") + 1 :]
        is_own = not pattern.endswith(_INNER_WEIGHTS)
        if word == WEIGHT and is_own:
            dtypes = {tensor.dtype for tensor in members}
            if all(dtype.kind is not Kind.INTEGER for dtype in dtypes):
                continue
        if place := _place(pattern, word):
            families.setdefault(place[0], {})[place[1]] = members
    for prefix, found in families.items():
        plain = {s: stored[prefix + s] for s in ("", WEIGHT, "bias") if prefix + s in stored}
        yield from _split(_Alike(members=found | plain))


def _kind_of(suffix: Suffix, tensor: Tensor) -> object:
    """Dtype and shape; of a text, whose length says nothing, the dtype alone."""
    return tensor.dtype, None if _TEXT in suffix else tensor.shape


def _split(family: _Alike) -> Iterator[_Alike]:
    """The family whole if its modules are alike, else each module by itself."""
    alike = all(
        len({tensor.dtype for tensor in members}) == 1 if _TEXT in suffix else are_alike(members)
        for suffix, members in family.members.items()
    )
    if alike and family.is_uniform():
        yield family
    else:
        yield from family.apart()


def _place(name: str, word: str) -> tuple[str, Suffix] | None:
    """Prefix and suffix of a name that a packing may have."""
    for suffix in (*_DOTTED.get(word, ()), *((WEIGHT,) if word == WEIGHT else ())):
        prefix = name[: len(name) - len(suffix)]
        if name.endswith(suffix) and (not prefix or prefix.endswith(".")):
            return prefix, suffix
    for suffix in _APPENDED:
        if name.endswith(suffix) and suffix not in {word, name}:  # it may begin with a dot
            return name[: -len(suffix)], suffix
    return None


def _recovered(
    module: Module, hints: Hints, asked: dict[object, Recovered | None]
) -> tuple[Recovered | None, bool]:
    """What the first fitting layout makes of the module, and whether its place mattered."""
    key = tuple((suffix, _kind_of(suffix, t)) for suffix, t in module.tensors.items())
    if key in asked and not _has_contents(module, hints):
        return asked[key], False
    for layout in LAYOUTS:
        found = layout.recover(module, hints)
        if found is not None:
            if not layout.by_path:
                asked[key] = found
            return found, layout.by_path
    asked[key] = None
    return None, False


def _has_contents(module: Module, hints: Hints) -> bool:
    return bool(hints.contents) and any(
        module.prefix + suffix in hints.contents for suffix in module.tensors
    )


def _mark(found: Recovered, suffix: Suffix) -> Mark | None:
    packed = found.weights.get(suffix)
    if packed is not None:
        return _weights_mark(
            found.layout, found.reason, packed.low, packed.high, suffix, packed.logical
        )
    if suffix in found.bookkeeping:
        return _bookkeeping_mark(found.layout)
    return None


@cache
def _weights_mark(  # noqa: PLR0913, PLR0917 - the fields of a mark
    layout: str, reason: str, low: int, high: int, stored: Suffix, logical: Suffix
) -> Mark:
    return Mark(
        None,
        f"{layout} weights",
        reason,
        layout=layout,
        low=low,
        high=high,
        stored=stored,
        logical=logical,
    )


@cache
def _bookkeeping_mark(layout: str) -> Mark:
    return Mark(
        Role.AUXILIARY,
        f"{layout} bookkeeping",
        "scales, zero points and the like: no parameters",
        layout=layout,
    )


# -- what no layout knows


_SCALES: Final = frozenset(
    """input_scale output_scale activation_scale input_scale_ub k_scale v_scale q_scale kv_scale
    weight_scale weight_scale_inv weight_scale_2 input_zero_point output_zero_point k_zero_point
    v_zero_point q_zero_point""".split()
)
# Names of bookkeeping that plain models have for integers of their own.
_PLAIN_TOO: Final = frozenset("indices perm shape axis meta scale scales zero".split())
_STRAY: Final = Mark(
    Role.AUXILIARY, "quantisation scales", "a scale of activations or caches: no parameter"
)


def _leftover(tensor: Tensor, suffix: Suffix, hints: Hints) -> Mark | None:
    """A mark for integers that nobody can unpack, and for scales of no weight."""
    may_be_plain = suffix in _PLAIN_TOO and not hints.quantization
    is_integer = tensor.dtype.kind is Kind.INTEGER and tensor.elements > 1
    if is_integer and not may_be_plain:
        return _unknown(hints.method)
    if suffix in _SCALES and (hints.quantization or tensor.dtype.kind is Kind.SCALE):
        return _STRAY
    return None


@cache
def _unknown(method: str) -> Mark:
    return Mark(
        Role.PACKED,
        f"packed weights of {method}" if method else "packed weights of an unknown kind",
        "an integer weight: how many weights an element holds is not known",
    )

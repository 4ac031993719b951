"""Modules of packed tensors, handed to the layouts one by one.

The suffix signature of a module (which names it stores, with which dtypes and shapes) tells the
packing better than config.json does, and mixed checkpoints are the normal case. The config only
settles what the shapes leave open.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Recovered, Recovery, Suffix
from auditor.core.protocols import Layout
from auditor.core.roles import Mark, Role
from auditor.core.tensors import Tensor
from auditor.layouts import LAYOUTS

MAX_WANTED: Final = 16  # helper tensors that are read; each costs two requests on the Hub

WEIGHT: Final = "weight"


def _by_last_word(suffixes: Iterable[Suffix]) -> Mapping[str, tuple[Suffix, ...]]:
    """Suffixes by what follows their last dot, the longest first: `absmax` to `weight.absmax`."""
    words: dict[str, list[Suffix]] = {}
    for suffix in sorted(set(suffixes), key=lambda suffix: (-len(suffix), suffix)):
        words.setdefault(suffix[suffix.rfind(".") + 1 :], []).append(suffix)
    return {word: tuple(known) for word, known in words.items()}


_KNOWN: Final = {suffix for layout in LAYOUTS for suffix in layout.suffixes} - {WEIGHT, "bias", ""}
_DOTTED: Final = _by_last_word(_KNOWN - {s for layout in LAYOUTS for s in layout.appended})
_APPENDED: Final = tuple(
    sorted({s for layout in LAYOUTS for s in layout.appended} - {""}, key=len, reverse=True)
)


def recover(tensors: Sequence[Tensor], hints: Hints) -> Recovery:
    """What every packed module of `tensors` holds.

    A plain checkpoint is recognised in one pass: floats of 16 bits or more and no config that
    speaks of quantisation.
    """
    if not hints.quantization and all(
        tensor.dtype.kind is Kind.FLOAT and tensor.dtype.block_bytes > 1 for tensor in tensors
    ):
        return Recovery()
    by_name = {tensor.name: tensor for tensor in tensors}
    marks: dict[str, Mark] = {}
    wanted: list[str] = []
    alike: dict[object, Recovered | None] = {}
    for module in _modules(by_name):
        found = _recovered(module, hints, alike)
        if found is None:
            marks.update(_leftovers(module, hints))
            continue
        wanted.extend(module.prefix + suffix for suffix in found.wanted)
        for suffix in module.tensors:
            if mark := _mark(found, suffix):
                marks[module.prefix + suffix] = mark
    return Recovery(marks=marks, wanted=tuple(wanted[:MAX_WANTED]))


def _modules(by_name: Mapping[str, Tensor]) -> Iterator[Module]:
    """The modules that store a name which a packing may have, or an integer `weight`."""
    found: dict[str, dict[Suffix, Tensor]] = {}
    for name, tensor in by_name.items():
        word = name[name.rfind(".") + 1 :]
        if word == WEIGHT and tensor.dtype.kind is not Kind.INTEGER:
            continue
        place = _place(name, word)
        if place is not None:
            prefix, suffix = place
            found.setdefault(prefix, {})[suffix] = tensor
    for prefix, members in found.items():
        for plain in ("", WEIGHT, "bias"):
            if (stored := by_name.get(prefix + plain)) is not None:
                members[plain] = stored
        yield Module(prefix=prefix, tensors=members)


def _place(name: str, word: str) -> tuple[str, Suffix] | None:
    """Prefix and suffix of a name that a packing may have."""
    for suffix in (*_DOTTED.get(word, ()), *((WEIGHT,) if word == WEIGHT else ())):
        prefix = name[: len(name) - len(suffix)]
        if name.endswith(suffix) and (not prefix or prefix.endswith(".")):
            return prefix, suffix
    for suffix in _APPENDED:
        if word.endswith(suffix) and word != suffix:
            return name[: -len(suffix)], suffix
    return None


def _recovered(
    module: Module, hints: Hints, alike: dict[object, Recovered | None]
) -> Recovered | None:
    """What the first fitting layout makes of the module; modules alike are looked at once.

    NOTE: layouts that read their hints by path (`by_path`) are asked again for every module.
    """
    key = tuple((suffix, t.dtype, t.shape) for suffix, t in module.tensors.items())
    if key in alike and not _has_contents(module, hints):
        return alike[key]
    for layout in LAYOUTS:
        found = layout.recover(module, hints)
        if found is not None:
            if not layout.by_path:
                alike[key] = found
            return found
    alike[key] = None
    return None


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
_STRAY: Final = Mark(
    Role.AUXILIARY, "quantisation scales", "a scale of activations or caches: no parameter"
)


def _leftovers(module: Module, hints: Hints) -> Iterator[tuple[str, Mark]]:
    """Marks for integers that nobody can unpack, and for scales of no weight."""
    for suffix, tensor in module.tensors.items():
        if tensor.dtype.kind is Kind.INTEGER and len(tensor.shape) > 1:
            yield module.prefix + suffix, _unknown(hints.method)
        elif suffix in _SCALES and (hints.quantization or tensor.dtype.kind is Kind.SCALE):
            yield module.prefix + suffix, _STRAY


@cache
def _unknown(method: str) -> Mark:
    return Mark(
        Role.PACKED,
        f"packed weights of {method}" if method else "packed weights of an unknown kind",
        "an integer weight: how many weights an element holds is not known",
    )


def layouts_by_name() -> Mapping[str, Layout]:
    return {layout.name: layout for layout in LAYOUTS}

"""compressed-tensors pack-quantized: integers of 1 to 8 bits in rows of 32-bit words.

    weight_packed      I32 [out, words]           experts in one tensor: [E, out, words]
    weight_scale       float [out, in/group], [out, 1] or [1]
    weight_shape       I64 [2]                    out, in
    weight_zero_point  I32 [packed out, groups]   packed as the weights are, along the rows
    weight_g_idx       I32 [in]                   the group of each column

Since release 0.17 a row is packed densely, words = ceil(in * bits / 32). Before, no number crossed
a word: words = ceil(in / (32 // bits)). The two differ for 3, 5, 6 and 7 bits, and the width is
known only up to a word: the bytes of `weight_shape` settle it, or whole groups (a width of several
groups must be a multiple of the group), or `weight_g_idx`. Source: compressed-tensors
`compressors/pack_quantized`, `quantization/lifecycle/forward_helpers.py`.
"""

from collections.abc import Iterator
from math import prod
from typing import Final, NamedTuple

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix
from auditor.core.quantization import MAX_BITS, weight_sections
from auditor.core.tensors import Tensor
from auditor.core.widths import widths_of
from auditor.layouts.bookkeeping import NAMES, beside
from auditor.layouts.contents import whole_numbers

name: Final = "packed integers"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
suffixes: Final[tuple[Suffix, ...]] = ("weight_packed", *NAMES)

_WORD_BITS: Final = 32
_MATRIX: Final = 2
_MAX_SCHEMES: Final = 64


class Packing(NamedTuple):
    """How rows are packed: so many bits a weight, across words or within them."""

    bits: int
    dense: bool

    def words(self, weights: int) -> int:
        if self.dense:
            return -(-weights * self.bits // _WORD_BITS)
        return -(-weights // (_WORD_BITS // self.bits))

    def widths(self, words: int) -> tuple[int, int]:
        """The least and the greatest width that fills `words`."""
        if self.dense:
            return (words - 1) * _WORD_BITS // self.bits + 1, words * _WORD_BITS // self.bits
        a_word = _WORD_BITS // self.bits
        return (words - 1) * a_word + 1, words * a_word


_PACKINGS: Final = tuple(
    Packing(bits, dense) for bits in range(1, MAX_BITS + 1) for dense in (True, False)
)


class Found(NamedTuple):
    """Widths that fit, at least and at most, and what says so."""

    low: int
    high: int
    reason: str


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Rows of words; the width as far as the witnesses settle it."""
    packed = module.tensors.get("weight_packed")
    if packed is None or packed.dtype.name != "I32" or len(packed.shape) < _MATRIX:
        return None
    if not packed.elements or "meta" in module.tensors:  # Marlin's tiles of 2:4 sparse weights
        return None
    rows = prod(packed.shape[:-1])
    possible = tuple(p for p in _PACKINGS if _fits_zero_point(p, module, packed.shape[-2]))
    found = _width(module, hints, packed, possible)
    settled = found.low == found.high
    bits = {p.bits for p in possible if settled and _holds(p, packed.shape[-1], found.low)}
    return Recovered(
        layout=name,
        weights={"weight_packed": Packed(rows * found.low, rows * found.high)},
        bookkeeping=beside(module, "weight_packed"),
        reason=found.reason,
        bits=bits.pop() if len(bits) == 1 else None,
        wanted=() if settled or "weight_shape" not in module.tensors else ("weight_shape",),
    )


def _holds(packing: Packing, words: int, width: int) -> bool:
    low, high = packing.widths(words)
    return low <= width <= high


def _fits_zero_point(packing: Packing, module: Module, out: int) -> bool:
    """Whether packed zero points, if there are any, are as many words as the rows would fill."""
    zero = module.tensors.get("weight_zero_point")
    if zero is None or zero.dtype.name != "I32" or len(zero.shape) < _MATRIX:
        return True
    return zero.shape[-2] == packing.words(out)


def _width(module: Module, hints: Hints, packed: Tensor, possible: tuple[Packing, ...]) -> Found:
    words = packed.shape[-1]
    possible = possible or _PACKINGS  # zero points that fit no packing say nothing
    exact = _stored_width(module, hints, packed)
    if exact and any(_holds(packing, words, exact) for packing in possible):
        return Found(exact, exact, "weight_shape or g_idx agrees with the packed rows")
    groups = _groups(module, packed)
    if exact:
        return _joined(_widths_open(words, 1, _PACKINGS), "helpers and rows do not agree")
    if widths := list(_widths_said(hints, words, groups, possible)):
        found = _joined(widths, "the config's bits and groups agree with rows and scales")
    elif widths := list(_widths_open(words, groups, possible)):
        found = _joined(widths, "the width is known up to the bits of a weight")
    else:
        found = _joined(_widths_open(words, 1, _PACKINGS), "rows and scales do not agree")
    return found if found.low == found.high else _named(found, widths, hints)


def _stored_width(module: Module, hints: Hints, packed: Tensor) -> int:
    """The width that a helper gives beside the packed rows; 0 where none does, -1 for nonsense."""
    if shape := whole_numbers(module, "weight_shape", hints):
        return shape[-1] if shape[:-1] == packed.shape[:-1] else -1
    order = module.shape("weight_g_idx")
    return order[0] if order is not None and len(order) == 1 else 0


def _groups(module: Module, packed: Tensor) -> int:
    """How many scales a row has; 0 where the scales do not belong to these rows."""
    scale = module.tensors.get("weight_scale")
    if scale is None or scale.elements == 1:
        return 1
    if scale.shape == packed.shape[:-1]:
        return 1
    return scale.shape[-1] if scale.shape[:-1] == packed.shape[:-1] else 0


def _schemes(hints: Hints) -> Iterator[tuple[int, int]]:
    """Bits and group size (0: a whole row) that the config gives for some layers."""
    for number, section in enumerate(weight_sections(hints.quantization)):
        bits, group = section.get("num_bits"), section.get("group_size")
        if number > _MAX_SCHEMES:
            return
        if type(bits) is int and 1 <= bits <= MAX_BITS:
            yield bits, group if type(group) is int and group > 0 else 0


def _widths_said(
    hints: Hints, words: int, groups: int, possible: tuple[Packing, ...]
) -> Iterator[tuple[int, int]]:
    """Widths that the config's schemes leave open."""
    for bits, group in _schemes(hints):
        for packing in possible:
            low, high = packing.widths(words)
            if packing.bits != bits or not groups or (not group and groups > 1):
                continue
            if groups > 1:
                low, high = max(low, groups * group), min(high, groups * group)
            elif group:  # one group: the row may be shorter than it
                high = min(high, group)
            if low <= high:
                yield low, high


def _widths_open(
    words: int, groups: int, possible: tuple[Packing, ...]
) -> Iterator[tuple[int, int]]:
    """Widths of whole groups, whatever the bits and the size of a group."""
    for packing in possible:
        low, high = packing.widths(words)
        if groups > 1:
            low, high = -(-low // groups) * groups, high // groups * groups
        if groups and low <= high:
            yield low, high


def _joined(widths: "Iterator[tuple[int, int]] | list[tuple[int, int]]", reason: str) -> Found:
    pairs = list(widths)
    return Found(min(low for low, _ in pairs), max(high for _, high in pairs), reason)


def _named(found: Found, widths: list[tuple[int, int]], hints: Hints) -> Found:
    """The one width among those that fit which the config names, else as it was."""
    named = [
        width
        for width in widths_of(hints.config)
        if any(low <= width <= high for low, high in widths)
    ]
    if len(named) != 1:
        return found
    return Found(named[0], named[0], f"a width of the config, {named[0]:,}, fits the packed rows")

"""Integers in bytes, with scales by row, by group or for the whole.

    weight               I8 [out, in]          compressed-tensors int-quantized, Model-Optimizer
                                               INT8_SQ, Quark int8, Gemma: one weight to a byte
    weight_scale         float [], [out], [out, 1] or [out, groups]; Quark by group [groups, out]
    weight               U8 [out, ceil(in/2)]  Gemma's 4-bit layers, U8 [out, ceil(in/4)] the 2-bit
    weight_scale         F32 [out, 1]
    embedding_quantized  I8 or U8 [vocabulary, ...], with `embedding_scale` F32 [vocabulary, 1]
    weight               U8 [out, in], [out, in/4], [out, in*3/8]      Quark uint8, uint2, int3

The scales confirm the rows alone, so that the config must say how many bits a weight has, or name a
width that fits; some packers put two weights in an I8. Sources: compressed-tensors
`compressors/naive_quantized`; Model-Optimizer `export/quant_utils.py`; Quark `torch/utils/pack.py`;
transformers `integrations/gemma_quant.py`.
"""

from collections.abc import Iterator
from math import prod
from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.quantization import bits_of
from auditor.core.tensors import Tensor
from auditor.core.widths import widths_of
from auditor.layouts.bookkeeping import APPENDED, NAMES, beside

name: Final = "integers in bytes"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = APPENDED
suffixes: Final[tuple[Suffix, ...]] = ("", "weight", "embedding_quantized", *NAMES, *appended)

_PAIRS: Final = (
    # packed, scales, the plain tensor it stands for
    ("weight", "weight_scale", "weight"),
    ("weight", "weight_scale_inv", "weight"),
    ("weight", "scale_weight", "weight"),
    ("embedding_quantized", "embedding_scale", "weight"),
    ("", "_weight_scale", ""),
    ("", "_scale_inv", ""),
    ("", "_scale", ""),
)
# Libraries that never put two weights in an I8: they have U8 or I32 for that.
_ONE_TO_AN_I8: Final = frozenset({"compressed-tensors", "modelopt", "quark", "gemma"})
_NEVER_PADDED: Final = frozenset({"quark"})
# Weights in so many bytes, by the bits of a weight. Of bytes by whoever: as few as 1, as many as 4.
_WEIGHTS_OF_BYTES: Final = {2: (4, 1), 3: (8, 3), 4: (2, 1), 8: (1, 1)}
_MATRIX: Final = 2


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Bytes whose scales have the same rows; exact where the bits are known too."""
    for suffix, scale_suffix, logical in _PAIRS:
        packed, scale = module.tensors.get(suffix), module.tensors.get(scale_suffix)
        if packed is None or scale is None or not _fits(packed, scale):
            continue
        densities = _densities(packed, hints)
        weights = _weights(packed, densities, hints, logical)
        exact = weights.low == weights.high
        return Recovered(
            layout="INT8" if exact and weights.low == packed.elements else "integers",
            weights={suffix: weights},
            bookkeeping=beside(module, suffix),
            reason="the scales have its rows; "
            + ("the config settles the width" if exact else "how many to a byte is not known"),
            bits=next(iter(densities)) if exact and len(densities) == 1 else None,
        )
    return None


def _fits(packed: Tensor, scale: Tensor) -> bool:
    """Whether the scales are for the whole, for its rows, or for groups of a row or a column."""
    if packed.dtype.name not in {"I8", "U8"} or scale.dtype.kind is not Kind.FLOAT:
        return False
    if len(packed.shape) < _MATRIX or not packed.elements or not scale.elements:
        return False
    *experts, rows, width = packed.shape
    if scale.elements == 1 or scale.shape in {packed.shape[:-1], tuple(experts)}:
        return True
    if len(scale.shape) != len(packed.shape) or list(scale.shape[:-2]) != experts:
        return False
    scale_rows, groups = scale.shape[-2:]
    by_row = scale_rows == rows and groups < max(width, 2)
    by_column = groups == width and scale_rows < max(rows, 2) and rows % scale_rows == 0
    return by_row or by_column


def _densities(packed: Tensor, hints: Hints) -> frozenset[int]:
    """The bits that a weight may have, as far as the config and the dtype say."""
    if packed.dtype.name == "I8":
        if _library(hints) in _ONE_TO_AN_I8 or bits_of(hints.quantization, integers=True) == {8}:
            return frozenset({8})
        return frozenset({4, 8})
    said = bits_of(hints.quantization) & _WEIGHTS_OF_BYTES.keys()
    if _library(hints) == "gemma":
        said -= {8}  # which would be I8
    return frozenset(said) or frozenset({2, 4, 8})


def _library(hints: Hints) -> str:
    producer = hints.quantization.get("producer")
    if isinstance(producer, dict) and isinstance(found := producer.get("name"), str):
        return found.lower()
    return hints.method


def _weights(packed: Tensor, densities: frozenset[int], hints: Hints, logical: Suffix) -> Packed:
    """The range of what the rows hold; one number where the config leaves no other."""
    rows, width = prod(packed.shape[:-1]), packed.shape[-1]
    padded = _library(hints) not in _NEVER_PADDED
    ranges = tuple(_widths(width, densities, padded=padded))
    if not ranges:
        return Packed(packed.elements, 4 * packed.elements, logical)
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    if low != high:
        named = [w for w in widths_of(hints.config) if any(a <= w <= b for a, b in ranges)]
        if len(named) == 1:
            return exactly(rows * named[0], logical)
    return Packed(rows * low, rows * high, logical)


def _widths(width: int, densities: frozenset[int], *, padded: bool) -> Iterator[tuple[int, int]]:
    """The least and the greatest number of weights that fill `width` bytes, for each density."""
    for bits in densities:
        weights, bytes_ = _WEIGHTS_OF_BYTES[bits]
        high, rest = divmod(width * weights, bytes_)
        if bytes_ == 1 and padded:
            yield high - weights + 1, high
        elif not rest:
            yield high, high

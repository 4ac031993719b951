"""quanto: the parts of a quantised tensor, each under the parameter's name.

    weight._data         I8 or F8 [out, in, ..]      8 bits: one weight per element
    weight._scale        [out, 1] or []
    weight._data._data   U8 [ceil(n/g * b/8), g]     4 and 2 bits: groups packed along the first
                         U8 [ceil(out * b/8), in]    side, or rows where no group size divides `in`
    weight._scale        [n/g, 1] (or [out, 1])
    weight._shift        as the scale
    input_scale, output_scale   []                   always there; of LayerNorm too

Source: optimum-quanto `tensor/weights/qbits.py`, `tensor/packed.py`, `nn/qmodule.py`.
"""

from math import prod
from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor

name: Final = "quanto"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final[tuple[Suffix, ...]] = (
    "weight._scale",
    "weight._shift",
    "input_scale",
    "output_scale",
)
_BYTES: Final = "weight._data"
_PACKED: Final = "weight._data._data"
suffixes: Final[tuple[Suffix, ...]] = (_BYTES, _PACKED, *_HELPERS)


def recover(module: Module, hints: Hints) -> Recovered | None:
    """8-bit elements, or bytes whose rows are the scales' packed."""
    scale = module.tensors.get("weight._scale")
    if scale is None:
        return _activations(module) if hints.method in {"", "quanto"} else None
    data = module.tensors.get(_BYTES)
    packed = module.tensors.get(_PACKED)
    if data is not None and packed is None and _is_eight_bit(data) and data.elements:
        stored, count, bits = _BYTES, exactly(data.elements), 8
    elif packed is not None and data is None and packed.dtype.name == "U8" and packed.elements:
        stored, (count, bits) = _PACKED, _grouped(packed, scale.elements)
    else:
        return None
    return Recovered(
        layout=name,
        weights={stored: count},
        bookkeeping=tuple(suffix for suffix in _HELPERS if suffix in module.tensors),
        reason="a scale for each row of weights, and so many rows packed",
        bits=bits or None,
    )


def _activations(module: Module) -> Recovered | None:
    """The scales of a LayerNorm whose outputs are quantised and whose weight is not."""
    scales = _HELPERS[2:]
    rest = {s: tensor for s, tensor in module.tensors.items() if s not in scales}
    if not rest.keys() <= {"weight", "bias"} or any(module.shape(s) != () for s in scales):
        return None
    if any(t.dtype.kind is not Kind.FLOAT or t.dtype.block_bytes == 1 for t in rest.values()):
        return None
    return Recovered(
        layout=name,
        weights={},
        bookkeeping=scales,
        reason="scales of what goes in and out, beside a weight that is not quantised",
    )


def _is_eight_bit(data: Tensor) -> bool:
    is_float = data.dtype.kind is Kind.FLOAT and data.dtype.block_bytes == 1
    return is_float or data.dtype.name == "I8"


def _grouped(packed: Tensor, groups: int) -> tuple[Packed, int]:
    """The weights, and their bits (0: not known).

    NOTE: an odd number of groups fills its last row up, so the packed elements give too many.
    """
    rows, row = packed.shape[0] if packed.shape else 0, prod(packed.shape[1:])
    fitting = [bits for bits in (4, 2) if -(-groups * bits // 8) == rows]
    if fitting:
        return exactly(groups * row), fitting[0] if len(fitting) == 1 else 0
    return Packed((2 * rows - 1) * row, 4 * rows * row), 0

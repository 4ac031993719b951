"""bitsandbytes: two weights to a byte in blocks that share a scale, or eight bits row by row.

    weight                    U8 [n / 2, 1], or any other dtype of as many bytes (BF16 [n / 4, 1])
    weight.absmax             U8 [n / 64] with double quantisation, else F32
    weight.quant_map          F32 [16]
    weight.nested_absmax      F32 [n / 64 / 256]   weight.nested_quant_map   F32 [256]
    weight.quant_state.bitsandbytes__nf4   U8 [~100]   JSON with the shape; or __fp4

    weight   I8 [out, in]     SCB   F32 [out]      weight_format   U8 []

A parameter that is no linear's, such as the experts of a layer in one tensor, has the same names
after its own (`experts.gate_up_proj.absmax`). The bytes are rounded up, so an odd n looks like the
even one after it: the JSON tells them apart, or a bias, or a width that config.json gives.

Sources: bitsandbytes `functional.py`, `QuantState.as_dict`; `backends/cuda/ops.py`,
`quantize_4bit`; `nn/parametrize.py`; `nn/modules.py`, `Linear8bitLt._save_to_state_dict`.
"""

import json
from math import prod
from typing import Final, NamedTuple

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.core.widths import widths_of

name: Final = "bitsandbytes"
by_path: Final = False

_STATES: Final = ("quant_state.bitsandbytes__nf4", "quant_state.bitsandbytes__fp4")
_HELPERS: Final = ("absmax", "quant_map", "nested_absmax", "nested_quant_map", *_STATES)
_OF_WEIGHT: Final[tuple[Suffix, ...]] = tuple(f"weight.{helper}" for helper in _HELPERS)
_OF_8_BIT: Final[tuple[Suffix, ...]] = ("SCB", "weight_format")
appended: Final[tuple[Suffix, ...]] = tuple(f".{helper}" for helper in _HELPERS)
suffixes: Final[tuple[Suffix, ...]] = ("", "weight", *_OF_WEIGHT, *_OF_8_BIT, *appended)

_STORAGE: Final = frozenset({"U8", "I8", "F16", "BF16", "F32", "F64"})
_BLOCKS: Final = (32, 64, 128, 256, 512, 1024, 2048, 4096)
_MAX_STATE_BYTES: Final = 4_096
_MAX_DIMENSIONS: Final = 8
_MAX_TILE: Final = 32
# Weights in 256 blocks of 64: whoever fills that to the last one has even sides.
_FULL_BLOCKS: Final = 16_384


class _Count(NamedTuple):
    low: int
    high: int
    reason: str
    wants_state: bool = False


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Bytes with the largest value of each block beside them, or rows of int8 with SCB."""
    for own, prefix in (("weight", "weight."), ("", ".")):
        packed, absmax = module.tensors.get(own), module.tensors.get(f"{prefix}absmax")
        if packed is not None and absmax is not None:
            return _four_bit(module, hints, own, prefix)
    return _eight_bit(module)


# -- four bits


def _four_bit(module: Module, hints: Hints, own: Suffix, prefix: str) -> Recovered | None:
    packed, absmax = module.tensors[own], module.tensors[f"{prefix}absmax"]
    if packed.dtype.name not in _STORAGE or not packed.elements or not absmax.elements:
        return None
    state = next((s for s in _STATES if f"{prefix}{s}" in module.tensors), None)
    suffix = f"{prefix}{state}" if state else ""
    found = _count(module, hints, packed, absmax, suffix)
    return Recovered(
        layout=f"{name} 4-bit",
        weights={own: Packed(found.low, found.high, own)},
        bookkeeping=_OF_WEIGHT if own else appended,
        reason=found.reason,
        bits=4,
        wanted=(suffix,) if found.wants_state else (),
    )


def _count(module: Module, hints: Hints, packed: Tensor, absmax: Tensor, state: Suffix) -> _Count:
    """How many weights the bytes hold: one number where another witness agrees, else a range."""
    unit = 2 * packed.dtype.block_bytes  # weights of one stored element
    full = unit * packed.elements
    low, high = full - 1, full + unit - 2  # stored are (n + 1) // unit elements
    blocks = [b for b in _BLOCKS if b * (absmax.elements - 1) < high and low <= b * absmax.elements]
    if packed.elements not in packed.shape or not blocks:
        return _Count(min(packed.elements, low), high, "its blocks do not fit its bytes")
    content = hints.contents.get(module.prefix + state) if state else None
    told = _told_by_state(content) if content is not None else None
    if told is not None:
        if low <= told <= high:
            return _exactly(told, "the quant state gives the shape")
        return _Count(low, high, "the quant state gives another shape than the bytes")
    if (found := _by_sides(module, hints, low, high)) is not None:
        return found
    is_unread = bool(state) and content is None
    blocks_are_full = any(b * absmax.elements == full for b in blocks)
    if not is_unread and blocks_are_full and not full % _FULL_BLOCKS:
        return _exactly(full, "all blocks of blocks are full")
    return _Count(low, high, "odd and even numbers of weights fill as many bytes", is_unread)


def _exactly(weights: int, witness: str) -> _Count:
    return _Count(weights, weights, f"bytes and blocks agree, and {witness}")


def _by_sides(module: Module, hints: Hints, low: int, high: int) -> _Count | None:
    """The one number from `low` to `high` that has whole rows of a known length."""
    bias = module.tensors.get("bias")
    if bias is not None and len(bias.shape) == 1 and bias.elements:
        by_bias = _multiple_of(bias.elements, low, high)
        if by_bias is not None:
            return _exactly(by_bias, "there is a row for each bias")
    by_widths = {_multiple_of(width, low, high) for width in widths_of(hints.config)} - {None}
    found = by_widths.pop() if len(by_widths) == 1 else None
    return None if found is None else _exactly(found, "the rows are as wide as the config says")


def _multiple_of(side: int, low: int, high: int) -> int | None:
    """The one multiple of `side` from `low` to `high`; None where there is none, or more."""
    last = high - high % side
    return last if last >= low > last - side else None


def _told_by_state(content: bytes) -> int | None:
    """The number of weights that a quant state's JSON gives; None where it is none."""
    if len(content) > _MAX_STATE_BYTES:
        return None
    try:
        state = json.loads(content)
    except (ValueError, RecursionError):
        return None
    shape = state.get("shape") if isinstance(state, dict) else None
    if not isinstance(shape, list) or not 0 < len(shape) <= _MAX_DIMENSIONS:
        return None
    if not all(type(side) is int and 0 < side < 1 << 48 for side in shape):
        return None
    return prod(shape)


# -- eight bits


def _eight_bit(module: Module) -> Recovered | None:
    """Rows with a scale each; files of old tiled formats may have rows and columns too many."""
    packed, scales = module.tensors.get("weight"), module.tensors.get("SCB")
    if packed is None or scales is None or packed.dtype.name != "I8":
        return None
    if len(packed.shape) != 2 or not packed.elements or scales.dtype.kind is not Kind.FLOAT:  # noqa: PLR2004
        return None
    rows, columns = packed.shape
    out = scales.elements
    if not rows - _MAX_TILE < out <= rows or not out:
        return None
    fits = out == rows
    return Recovered(
        layout=f"{name} 8-bit",
        weights={
            "weight": exactly(packed.elements)
            if fits
            else Packed(out * max(1, columns - _MAX_TILE + 1), out * columns)
        },
        bookkeeping=_OF_8_BIT,
        reason="an element is a weight; SCB scales each row"
        if fits
        else f"tiles of up to {_MAX_TILE} rows and columns, of which SCB scales {out:,} rows",
        bits=8,
    )

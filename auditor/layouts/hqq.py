"""HQQ, and SINQ, which packs alike: weights in groups, the groups packed along the first side.

    W_q     U8  [groups / (8/b), g]      axis 1, 8, 4, 2 or 1 bit, whole bytes only
            I32 [ceil(groups / 10), g]   3 bits: ten weights to an int32, the last row filled up
            U8  [g / (8/b), groups]      axis 0 (I32 [ceil(g / 10), groups])
            F16 [.., ..]                 the same bytes seen as floats, or not packed at all
    scale   F16 [groups, 1] or [1, groups]
    zero    as the scale
    shape   I64 [2]                      the logical shape; beside it one scalar for each setting

5 and 6 bits are stored as 8, 1.58 as 2. SINQ's tensors are `meta.scale`, `meta.zero` and so on, and
its shape is in a file of its own. Sources: hqq `core/bitpack.py`, `core/quantize.py`; sinq
`sinqlinear_hf.py`, `patch_model.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import prod
from typing import Any, Final, NamedTuple

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor

name: Final = "HQQ"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()

_META: Final = ("scale", "zero", "scale2", "awq_scale")
_OF_SINQ: Final[tuple[Suffix, ...]] = (
    "meta",
    *(f"meta.{part}{leaf}" for part in _META for leaf in ("", ".x", ".s", ".m")),
)
_HELPERS: Final[tuple[Suffix, ...]] = (
    *("scale zero shape nbits group_size axis packing unpack_view_dtype view_as_float".split()),
    *("quant_scale quant_zero compute_dtype offload_meta encoded_state_dict".split()),
    *("stores_quant_config channel_wise optimize round_zero zero_scale".split()),
    *("scale_q zero_q meta_scale meta_zero".split()),
    *_OF_SINQ,
)
suffixes: Final[tuple[Suffix, ...]] = ("W_q", *_HELPERS)

_PER_BYTE: Final = {8: 1, 6: 1, 5: 1, 4: 2, 3: 10, 2: 4, 1.58: 4, 1: 8}  # bits: weights an element
_BYTE_PACKS: Final = (1, 2, 4, 8)
_WORD_PACK: Final = 10
_WORD_BYTES: Final = 4
_MAX_TAGS: Final = 1_000
_SHAPE_BYTES: Final = {"I64": 8, "I32": 4}


class _Setting(NamedTuple):
    per_element: int
    group: int


def recover(module: Module, hints: Hints) -> Recovered | None:
    """The logical shape, or the scales with the packed rows, or the config's group size."""
    packed = module.tensors.get("W_q")
    if packed is None or not packed.elements or not packed.shape:
        return None
    low, high = _bounds(packed)
    told = _told(module, hints)
    if told is not None and _holds(packed, told):
        count = exactly(told)
    else:
        count = _from_scales(packed, _scale(module), _settings(hints)) or Packed(low, high)
    is_sinq = any(suffix in module.tensors for suffix in _OF_SINQ)
    return Recovered(
        layout="SINQ" if is_sinq or hints.method == "sinq" else name,
        weights={"W_q": count},
        bookkeeping=tuple(suffix for suffix in _HELPERS if suffix in module.tensors),
        reason="the scales or the stored shape give the weights, and W_q can hold so many",
        wanted=("shape",) if count.low != count.high and _is_shape(module) else (),
    )


def _bounds(packed: Tensor) -> tuple[int, int]:
    """The fewest and the most weights that the packed tensor can hold."""
    rows, row = packed.shape[0], prod(packed.shape[1:])
    if packed.dtype.name == "I32":
        return (_WORD_PACK * (rows - 1) + 1) * row, _WORD_PACK * rows * row
    if (
        packed.dtype.kind is Kind.FLOAT
    ):  # bytes seen as floats: an int32 of ten weights at the least
        return packed.elements, 8 * packed.dtype.bytes_for(packed.elements)
    return packed.elements, 8 * packed.elements


def _holds(packed: Tensor, weights: int) -> bool:
    """Whether so many weights can fill the packed tensor."""
    low, high = _bounds(packed)
    is_whole = packed.dtype.name != "U8" or weights in {n * packed.elements for n in _BYTE_PACKS}
    return low <= weights <= high and is_whole


def _from_scales(
    packed: Tensor, scale: Tensor | None, settings: Sequence[_Setting]
) -> Packed | None:
    """The only count that the scales and the settings leave; None where they leave several."""
    if packed.dtype.kind is Kind.FLOAT:
        counts = set(_of_floats(packed, scale, settings))
    elif packed.dtype.name in {"U8", "I32"}:
        counts = set(_of_integers(packed, scale, settings))
    else:
        return None
    return exactly(counts.pop()) if len(counts) == 1 else None


def _of_integers(
    packed: Tensor, scale: Tensor | None, settings: Sequence[_Setting]
) -> Iterator[int]:
    rows, row = packed.shape[0], prod(packed.shape[1:])
    packs = (_WORD_PACK,) if packed.dtype.name == "I32" else _BYTE_PACKS
    if scale is None or scale.elements <= 1:
        for per_element, group in settings:  # axis 1 with one row for each group
            if per_element in packs and per_element != _WORD_PACK and packed.shape[-1] == group:
                yield rows * per_element * row
    elif scale.shape[0] > 1:
        groups, rest = divmod(scale.elements * packed.shape[-1], row)
        if not rest and any(_filled_rows(groups, each) == rows for each in packs):
            yield groups * row
    elif scale.shape == (1, row):
        for per_element, group in settings:
            if per_element in packs and _filled_rows(group, per_element) == rows:
                yield group * row


def _of_floats(packed: Tensor, scale: Tensor | None, settings: Sequence[_Setting]) -> Iterator[int]:
    """Bytes or int32 seen as floats, or weights that are not packed; the group size tells."""
    if scale is None or scale.elements <= 1 or scale.shape != (scale.elements, 1):
        return
    groups, rows, columns = scale.elements, packed.shape[0], packed.shape[-1]
    row_bytes = columns * packed.dtype.block_bytes
    for per_element, group in settings:
        if rows == groups and columns == group:
            yield groups * group
        bytes_each = _WORD_BYTES if per_element == _WORD_PACK else 1
        if _filled_rows(groups, per_element) == rows and row_bytes == group * bytes_each:
            yield groups * group


def _filled_rows(rows: int, per_element: int) -> int:
    """The rows that `rows` take when packed; 0 where they cannot be."""
    whole, rest = divmod(rows, per_element)
    if per_element == _WORD_PACK:
        return whole + bool(rest)
    return 0 if rest else whole


def _scale(module: Module) -> Tensor | None:
    return next((module.tensors[s] for s in ("scale", "meta.scale") if s in module.tensors), None)


# -- the logical shape


def _is_shape(module: Module) -> bool:
    return module.dtype("shape") in _SHAPE_BYTES and module.shape("shape") == (2,)


def _told(module: Module, hints: Hints) -> int | None:
    """What the stored logical shape multiplies to."""
    content = hints.contents.get(module.prefix + "shape")
    if content is None or not _is_shape(module):
        return None
    width = _SHAPE_BYTES[module.tensors["shape"].dtype.name]
    if len(content) != 2 * width:
        return None
    sides = [int.from_bytes(content[i : i + width], "little", signed=True) for i in (0, width)]
    return sides[0] * sides[1] if min(sides) > 0 else None


# -- the config


def _settings(hints: Hints) -> tuple[_Setting, ...]:
    """Every pair of bits and group size that the config gives, for all or for a kind of layer."""
    found = {setting for part in _parts(hints.quantization) if (setting := _setting(part))}
    return tuple(sorted(found))


def _parts(quantization: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield quantization
    inner = quantization.get("quant_config")
    for section in (quantization, inner):
        if isinstance(section, Mapping):
            yield section
            for value in islice(section.values(), _MAX_TAGS):
                if isinstance(value, Mapping):
                    yield value
                    if isinstance(deeper := value.get("weight_quant_params"), Mapping):
                        yield deeper


def _setting(part: Mapping[str, Any]) -> _Setting | None:
    bits, group = part.get("nbits"), part.get("group_size")
    if isinstance(bits, bool) or not isinstance(bits, int | float):
        return None
    if type(group) is not int or group < 1:
        return None
    per_element = _PER_BYTE.get(bits)
    return _Setting(per_element, group) if per_element else None

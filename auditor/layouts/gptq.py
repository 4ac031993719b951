"""GPTQ: integers packed along the inputs, with scales and zero points for groups of inputs.

    qweight   I32 [in * bits / 32, out]      32 / bits weights to a word; words of 8 to 64 bits
    qzeros    I32 [groups, out * bits / 32]
    scales    F16 [groups, out]
    g_idx     I32 [in]                       the group of each input; some packers leave it out

The same names and shapes in GPTQ v1 and v2 and in auto-round's `auto_gptq` and `gptqmodel` formats.
Three bits are packed densely: 32 weights to three words. Two witnesses: `scales` has as many
columns as `qweight`, and `g_idx` has as many inputs as fill its rows. Without `g_idx` the bits
follow from `qzeros` (or config), and a width that config.json names, or a round one, stands for the
inputs: a row's last word may hold fewer of them than it could.

Sources: AutoGPTQ `nn_modules/qlinear/qlinear_cuda_old.py`; GPTQModel
`nn_modules/qlinear/__init__.py`, `GPTQQuantLinear._register_gptq_buffers`.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix
from auditor.core.tensors import Tensor
from auditor.core.widths import widths_of

name: Final = "GPTQ"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_BOOKKEEPING: Final[tuple[Suffix, ...]] = ("qzeros", "scales", "g_idx")
suffixes: Final[tuple[Suffix, ...]] = ("qweight", *_BOOKKEEPING)

WORD_BITS: Final = {"I8": 8, "I16": 16, "I32": 32, "I64": 64}
_BITS: Final = (2, 3, 4, 5, 6, 7, 8)
_GROUP_SIZES: Final = frozenset({16, 32, 64, 128, 256, 512, 1024})
# No known layer is a few inputs short of a multiple of this, the width of a 7B model.
_ROUND_WIDTH: Final = 4_096


class _Shape(NamedTuple):
    """`rows` x `out` words of `word` bits; how many groups, and how many columns of zero points."""

    rows: int
    out: int
    word: int
    groups: int
    zeros: int | None


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Words with scales of as many columns."""
    shape = _shape(module)
    if shape is None:
        return None
    inputs = _inputs(module)
    if inputs is not None and (bits := _bits_that_fill(shape, inputs)):
        return _recovered(
            shape, inputs, inputs, _only(bits, hints), "scales and g_idx give {out} x {n}"
        )
    return _without_g_idx(shape, inputs, hints)


def _shape(module: Module) -> _Shape | None:
    packed, scales = module.tensors.get("qweight"), module.tensors.get("scales")
    if packed is None or scales is None or not are_scales(scales):
        return None
    word = WORD_BITS.get(packed.dtype.name)
    if word is None or len(packed.shape) != 2 or not packed.elements:  # noqa: PLR2004 - a matrix
        return None
    if scales.shape[1] != packed.shape[1]:
        return None
    zeros = module.tensors.get("qzeros")
    fits = (
        zeros is not None
        and zeros.dtype.kind is Kind.INTEGER
        and zeros.elements > 0
        and zeros.shape[:-1] == scales.shape[:1]
    )
    return _Shape(
        rows=packed.shape[0],
        out=packed.shape[1],
        word=word,
        groups=scales.shape[0],
        zeros=zeros.shape[1] if zeros is not None and fits else None,
    )


def are_scales(scales: Tensor) -> bool:
    """A matrix of floats of 16 bits or more."""
    dtype = scales.dtype
    return (
        len(scales.shape) == 2  # noqa: PLR2004 - a matrix
        and scales.elements > 0
        and dtype.kind is Kind.FLOAT
        and dtype.block_elements == 1
        and dtype.block_bytes > 1
    )


def _inputs(module: Module) -> int | None:
    """The length of g_idx; None where there is none to speak of."""
    g_idx = module.tensors.get("g_idx")
    if g_idx is None or len(g_idx.shape) != 1 or g_idx.dtype.kind is not Kind.INTEGER:
        return None
    return g_idx.elements or None


def _words(numbers: int, bits: int, word: int) -> Collection[int]:
    """How many words `numbers` may fill: to the last bit, or in blocks of `word` numbers."""
    return (
        -(-numbers * bits // word),
        -(-numbers // word) * bits,
        numbers // word * bits,  # AutoGPTQ's own rule
    )


def _bits_that_fill(shape: _Shape, inputs: int) -> tuple[int, ...]:
    """The bits at which `inputs` fill the rows; those that fit the zero points, if any do."""
    bits = tuple(b for b in _BITS if shape.rows in _words(inputs, b, shape.word))
    return tuple(b for b in bits if _fit_zeros(shape, b)) or bits


def _fit_zeros(shape: _Shape, bits: int) -> bool:
    return shape.zeros is not None and shape.zeros in _words(shape.out, bits, shape.word)


def _only(bits: Collection[int], hints: Hints) -> int | None:
    """The one of `bits`, or the one that config.json names."""
    if len(bits) == 1:
        return next(iter(bits))
    said = hints.number("bits", "w_bit")
    return said if said in bits and not overridden(hints) else None


def overridden(hints: Hints) -> bool:
    """Whether config.json gives some modules bits of their own."""
    return any(hints.quantization.get(key) for key in ("dynamic", "extra_config"))


def _without_g_idx(shape: _Shape, said: int | None, hints: Hints) -> Recovered:
    """The inputs that fill the rows: exact where zero points or config agree with the groups.

    `said` is the length of a g_idx that does not fit.
    """
    by_zeros = tuple(b for b in _BITS if _fit_zeros(shape, b))
    bits = _only(by_zeros or _BITS, hints)
    if bits is not None and said is None:
        inputs = _named_width(shape, bits, hints) or _full_rows(shape, bits)
        # Zero points are a witness of the bits; a config that knows them must know the groups too.
        if inputs and _fills_groups(shape, inputs, hints, any_size=bool(by_zeros)):
            return _recovered(
                shape, inputs, inputs, bits, "scales, groups and zero points or config: {out} x {n}"
            )
    possible = (bits,) if bits is not None else by_zeros or _BITS
    low = min(_fewest(shape, b) for b in possible)
    high = max(shape.rows * shape.word // b for b in possible)
    if said is not None:
        low, high = min(low, said), max(high, said)
        return _recovered(shape, low, high, None, "{out} outputs; g_idx does not fit qweight")
    return _recovered(shape, low, high, bits, "{out} outputs; no g_idx tells how many inputs")


def _named_width(shape: _Shape, bits: int, hints: Hints) -> int | None:
    """The one width of config.json that fills the rows."""
    named = [w for w in widths_of(hints.config) if shape.rows in _words(w, bits, shape.word)]
    return named[0] if len(named) == 1 else None


def _full_rows(shape: _Shape, bits: int) -> int | None:
    """The inputs that fill the rows to the last bit, where fewer are out of the question."""
    inputs, rest = divmod(shape.rows * shape.word, bits)
    return inputs if not rest and not inputs % _ROUND_WIDTH else None


def _fills_groups(shape: _Shape, inputs: int, hints: Hints, *, any_size: bool) -> bool:
    """Whether `inputs` make as many groups as are stored: of the config's size, or of any usual."""
    said = hints.number("group_size", "q_group_size")
    sizes = ({said} if said else set()) | (_GROUP_SIZES if any_size else set())
    if shape.groups == 1 and hints.quantization.get("group_size") == -1:
        return True
    whole = shape.groups == 1 and any_size and inputs in widths_of(hints.config)
    return whole or any(-(-inputs // size) == shape.groups for size in sizes)


def _fewest(shape: _Shape, bits: int) -> int:
    """The fewest inputs whose numbers fill the rows."""
    dense = (shape.rows - 1) * shape.word // bits + 1
    blocks, rest = divmod(shape.rows, bits)
    return dense if rest else min(dense, (blocks - 1) * shape.word + 1)


def _recovered(shape: _Shape, low: int, high: int, bits: int | None, reason: str) -> Recovered:
    return Recovered(
        layout=name,
        weights={"qweight": Packed(low * shape.out, high * shape.out)},
        bookkeeping=_BOOKKEEPING,
        reason=reason.format(out=f"{shape.out:,}", n=f"{low:,}"),
        bits=bits,
    )

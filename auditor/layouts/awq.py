"""AWQ in its five shapes, and ParoQuant, which is AWQ with a rotation before it.

    GEMM        qweight I32 [in, out * bits / 32]   qzeros I32 [groups, out * bits / 32]
                scales  F16 [groups, out]
    GEMV        qweight I32 [out, in / 8]           qzeros I32 [out, Z]   scales F16 [out, 8 Z]
    GEMV fast   qweight I16 [out / 4, in]           qzeros F16 [8 Z, out] scales F16 [8 Z, out]
    (llm-awq)   the same, the zeros are named `scaled_zeros`
    Marlin      qweight I32 [in / 16, out * bits / 2]                     scales F16 [groups, out]
    ParoQuant   GEMM with theta F16 [rotations, in / 2], pairs I16 [rotations, in] and
                channel_scales F16 [1, in]

Z is the number of words for the zero points of a row, rounded up, so that the scales may be longer
than there are groups. Of GEMM, `qweight` itself has the inputs and `scales` the outputs; of the
others the scales must have a length that their packer gives them. ScaledActivation stores a vector
`act.scales` that divides what an activation puts out: bookkeeping.

Sources: AutoAWQ `modules/linear/gemm.py`, `gemv.py`, `gemv_fast.py`, `marlin.py`, `modules/act.py`;
GPTQModel `nn_modules/qlinear/paroquant.py`.
"""

from collections.abc import Callable
from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.layouts.gptq import are_scales

name: Final = "AWQ"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_ACTIVATIONS: Final[tuple[Suffix, ...]] = ("act.scales", "gelu_impl.scales")
_ROTATION: Final[tuple[Suffix, ...]] = ("theta", "pairs", "channel_scales")
_BOOKKEEPING: Final[tuple[Suffix, ...]] = ("qzeros", "scales", "scaled_zeros", *_ROTATION)
suffixes: Final[tuple[Suffix, ...]] = ("qweight", *_BOOKKEEPING, *_ACTIVATIONS)

_TILE: Final = 16
_INTERLEAVED_ROWS: Final = 4
_WEIGHTS_OF_A_WORD: Final = 8  # four bits in 32: what GEMV packs, and the zeros' width
_GROUP_SIZES: Final = (32, 64, 128, 256, 512, 1024)


def recover(module: Module, hints: Hints) -> Recovered | None:
    """The first of the shapes that fits; or the scales of an activation."""
    if scaled := tuple(suffix for suffix in _ACTIVATIONS if suffix in module.tensors):
        return _activation(scaled) if hints.quantization else None
    packed, scales = module.tensors.get("qweight"), module.tensors.get("scales")
    if packed is None or scales is None or "g_idx" in module.tensors or not are_scales(scales):
        return None
    if len(packed.shape) != 2 or not packed.elements:  # noqa: PLR2004 - a matrix
        return None
    zeros = module.tensors.get("qzeros", module.tensors.get("scaled_zeros"))
    for shape, how in _SHAPES:
        bits = how(packed, scales, zeros)
        if bits is not None:
            return _recovered(module, packed, shape, bits)
    return None


def _recovered(module: Module, packed: Tensor, shape: str, bits: int) -> Recovered:
    weights = packed.elements * 8 * packed.dtype.block_bytes // bits
    return Recovered(
        layout="ParoQuant" if "theta" in module.tensors else name,
        weights={"qweight": exactly(weights)},
        bookkeeping=_BOOKKEEPING,
        reason=f"qweight and scales have the shapes of {shape} at {bits} bits",
        bits=bits,
    )


def _activation(scaled: tuple[Suffix, ...]) -> Recovered:
    return Recovered(
        layout=name,
        weights={},
        bookkeeping=scaled,
        reason="divides what an activation puts out, so that the next weights need not",
    )


def _gemm(packed: Tensor, scales: Tensor, zeros: Tensor | None) -> int | None:
    columns, (groups, out) = packed.shape[1], scales.shape
    if packed.dtype.name != "I32" or out % columns or groups > packed.shape[0]:
        return None
    if zeros is not None and zeros.shape != (groups, columns):
        return None
    return {16: 2, 8: 4, 4: 8}.get(out // columns)


def _gemv(packed: Tensor, scales: Tensor, zeros: Tensor | None) -> int | None:
    rows, columns = packed.shape
    if packed.dtype.name != "I32" or zeros is None or zeros.shape[:1] != (rows,):
        return None
    width = scales.shape[1] // _WEIGHTS_OF_A_WORD
    if scales.shape != (rows, _WEIGHTS_OF_A_WORD * width) or zeros.shape != (rows, width):
        return None
    return 4 if width in _zeros_widths(_WEIGHTS_OF_A_WORD * columns) else None


def _gemv_fast(packed: Tensor, scales: Tensor, zeros: Tensor | None) -> int | None:
    rows, inputs = packed.shape
    if packed.dtype.name != "I16" or zeros is None or zeros.dtype.kind is not Kind.FLOAT:
        return None
    width = scales.shape[0] // _WEIGHTS_OF_A_WORD
    if scales.shape != (_WEIGHTS_OF_A_WORD * width, _INTERLEAVED_ROWS * rows):
        return None
    return 4 if zeros.shape == scales.shape and width in _zeros_widths(inputs) else None


def _marlin(packed: Tensor, scales: Tensor, zeros: Tensor | None) -> int | None:
    rows, columns = packed.shape
    groups, out = scales.shape
    if packed.dtype.name != "I32" or zeros is not None or _TILE * rows % groups:
        return None
    size = _TILE * rows // groups
    if groups > 1 and size not in _GROUP_SIZES:
        return None
    return {2 * out: 4, 4 * out: 8}.get(columns)


def _zeros_widths(inputs: int) -> frozenset[int]:
    """The words that hold the zero points of a row of `inputs`, for every size of its groups."""
    widths = set()
    for size in (*_GROUP_SIZES, inputs):
        words = -(-(inputs // size) // _WEIGHTS_OF_A_WORD)
        multiple = {32: 4, 64: 2}.get(size, 1)
        widths.add(-(-words // multiple) * multiple)
    return frozenset(widths - {0})


_SHAPES: Final[tuple[tuple[str, Callable[[Tensor, Tensor, Tensor | None], int | None]], ...]] = (
    ("GEMV fast", _gemv_fast),
    ("GEMM", _gemm),
    ("Marlin", _marlin),
    ("GEMV", _gemv),
)

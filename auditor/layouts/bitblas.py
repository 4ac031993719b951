"""BitBLAS: GPTQ's weights packed along the inputs of each output, in bytes.

    qweight   I8  [out, in * bits / 8]   8 / bits weights to a byte; tiled, it has more dimensions
    scales    F16 [out, groups]
    qzeros    I8  [groups, out * bits / 8], or empty

The rows of `scales` tell it from GPTQ. The shapes leave the bits open, so config must give them,
and its group size must agree. Source: GPTQModel `nn_modules/qlinear/bitblas.py`,
`BitblasBaseQuantLinear._initialize_buffers`.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.layouts.gptq import are_scales, overridden

name: Final = "BitBLAS"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_BOOKKEEPING: Final[tuple[Suffix, ...]] = ("scales", "qzeros")
suffixes: Final[tuple[Suffix, ...]] = ("qweight", *_BOOKKEEPING)

_BITS: Final = (1, 2, 4, 8)


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Bytes with scales for each output."""
    packed, scales = module.tensors.get("qweight"), module.tensors.get("scales")
    if packed is None or scales is None or packed.dtype.name != "I8" or not are_scales(scales):
        return None
    out, groups = scales.shape
    if not packed.elements or packed.elements % out or "g_idx" in module.tensors:
        return None
    if len(packed.shape) == 2 and packed.shape[0] != out:  # noqa: PLR2004 - not tiled
        return None
    bits = hints.number("bits", "w_bit")
    if bits not in _BITS or overridden(hints):
        bits = None
    inputs = packed.elements // out * 8 // bits if bits else 0
    said = hints.quantization.get("group_size")
    agrees = bool(inputs) and (
        said * groups == inputs
        if isinstance(said, int) and said > 0
        else said == -1 and groups == 1
    )
    return Recovered(
        layout=name,
        weights={
            "qweight": exactly(out * inputs)
            if agrees
            else Packed(packed.elements, packed.elements * 8)
        },
        bookkeeping=_BOOKKEEPING,
        reason=f"scales and config give {out:,} x {inputs:,}"
        if agrees
        else "one to eight weights to a byte; no config tells which",
        bits=bits,
    )

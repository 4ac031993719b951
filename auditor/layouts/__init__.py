"""How logical weights are packed into stored tensors: every layout, the most particular first."""

from typing import Final

from auditor.core.protocols import Layout
from auditor.layouts import (
    awq,
    bitblas,
    bitsandbytes,
    block_floats,
    byte_integers,
    fouroversix,
    fp8,
    fp_quant,
    gptq,
    int4_awq,
    marlin,
    mxfp4,
    packed_integers,
    quark,
    sparse,
)

LAYOUTS: Final[tuple[Layout, ...]] = (
    bitsandbytes,  # its names are its own
    marlin,  # as are these
    awq,  # before GPTQ: neither has g_idx nor scales as wide as qweight
    gptq,
    bitblas,  # GPTQ's names, with the scales of an output in a row
    mxfp4,
    sparse,  # Marlin's tiles are a `weight_packed` too, with `meta` beside
    packed_integers,
    fouroversix,
    fp_quant,
    block_floats,  # before the integers: an exponent for every 32 weights is no scale of a row
    int4_awq,  # before the integers by rows: twice as many scales as rows
    quark,
    fp8,
    byte_integers,  # any bytes with scales; last, as BitNet's and EETQ's are bytes too
)

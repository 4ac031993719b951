"""How logical weights are packed into stored tensors: every layout, the most particular first."""

from typing import Final

from auditor.core.protocols import Layout
from auditor.layouts import (
    aqlm,
    awq,
    bitblas,
    bitnet,
    bitsandbytes,
    block_floats,
    byte_integers,
    eetq,
    exl2,
    exl3,
    fouroversix,
    fp8,
    fp_quant,
    gptq,
    higgs,
    hqq,
    int4_awq,
    marlin,
    mlx,
    mxfp4,
    nunchaku,
    packed_integers,
    quanto,
    quark,
    sparse,
    spqr,
    torchao,
    vptq,
)

LAYOUTS: Final[tuple[Layout, ...]] = (
    bitsandbytes,  # its names are its own
    marlin,  # as are these
    awq,  # before GPTQ: neither has g_idx nor scales as wide as qweight
    gptq,
    bitblas,  # GPTQ's names, with the scales of an output in a row
    torchao,  # names of its own, as have all down to VPTQ: their order does not matter
    hqq,
    quanto,
    aqlm,
    exl2,
    exl3,
    spqr,
    vptq,
    nunchaku,  # GPTQ's `qweight`, but with `wscales` beside
    mlx,  # GPTQ's `scales`, but beside a `weight` of U32
    higgs,  # the same beside a `weight` of I16, with tables
    eetq,  # a scale for each column; for each row it is another's
    mxfp4,
    sparse,  # Marlin's tiles are a `weight_packed` too, with `meta` beside
    packed_integers,
    fouroversix,
    fp_quant,
    block_floats,  # before the integers: an exponent for every 32 weights is no scale of a row
    int4_awq,  # before the integers by rows: twice as many scales as rows
    quark,
    fp8,
    bitnet,  # one scale for all, where the config names BitNet or nothing
    byte_integers,  # any bytes with scales; last, as BitNet's and EETQ's are bytes too
)

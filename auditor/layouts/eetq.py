"""EETQ: 8-bit integers, transposed and in the order of the kernel; one element is one weight.

    weight          I8 [in, out]
    weight_scales   F16 [out]

EETQ's own files name the weight `qweight`. Sources: transformers `integrations/eetq.py`,
EetqLinear; EETQ `python/eetq/modules/qlinear.py`.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly

name: Final = "EETQ"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()
_SCALES: Final = "weight_scales"
suffixes: Final[tuple[Suffix, ...]] = ("weight", "qweight", _SCALES)


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """An I8 matrix with a scale for each of its columns."""
    scales = module.shape(_SCALES)
    for suffix in ("weight", "qweight"):
        weight = module.tensors.get(suffix)
        if weight is None or weight.dtype.name != "I8" or len(weight.shape) != 2:  # noqa: PLR2004 - a matrix
            continue
        if scales is None or scales != weight.shape[1:] or not weight.elements:
            continue
        return Recovered(
            layout=name,
            weights={suffix: exactly(weight.elements)},
            bookkeeping=(_SCALES,),
            reason="I8: an element is a weight; a scale for each column",
            bits=8,
        )
    return None

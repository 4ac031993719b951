"""MXFP4 as gpt-oss stores it: blocks of 32 weights that share one 8-bit exponent.

    X_blocks   U8 [E, rows, groups, 16]   two 4-bit weights to a byte, 32 to a group
    X_scales   U8 [E, rows, groups]       the exponent of each group

Two witnesses: the last dimension of the blocks is 16, and the scales have their other dimensions.
Source: openai/gpt-oss `gpt_oss/torch/weights.py`; transformers `integrations/mxfp4.py`.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly

name: Final = "MXFP4"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ("_blocks", "_scales")
suffixes: Final[tuple[Suffix, ...]] = (*appended, "blocks", "scales")

_BYTES_OF_A_GROUP: Final = 16
_WEIGHTS_OF_A_BYTE: Final = 2


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """Blocks with scales of the same leading dimensions."""
    for blocks, scales, logical in (("_blocks", "_scales", ""), ("blocks", "scales", "weight")):
        packed = module.tensors.get(blocks)
        scale = module.tensors.get(scales)
        if packed is None or scale is None or packed.dtype.name != "U8":
            continue
        if packed.shape[-1:] != (_BYTES_OF_A_GROUP,) or packed.shape[:-1] != scale.shape:
            continue
        return Recovered(
            layout=name,
            weights={blocks: exactly(_WEIGHTS_OF_A_BYTE * packed.elements, logical)},
            bookkeeping=(scales,),
            reason="16 bytes of two weights each to a group, and a scale for each group",
            bits=4,
        )
    return None

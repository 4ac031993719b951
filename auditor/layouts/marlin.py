"""Marlin, its sparse sister, and QQQ: four or eight bits in tiles of 16 inputs.

    Marlin        B       I32 [in / 16, out * bits / 2]    s         F16 [groups, out]
    Marlin 2:4    B_24    I32 [in / 32, out * bits / 2]    s         F16 [groups, out]
                  B_meta  I16 [in / 32, 2 * out]           where in each four the two weights are
    QQQ           B       I32 [in / 16, 2 * out]           s_channel F32 [1, out]
                                                           s_group   F16 [groups, out], or empty

Of every four weights of 2:4 two are zeros that are not stored: the layer has them all the same.
Two witnesses: the columns against the scales', and inputs that the groups divide. Sources:
AutoGPTQ `nn_modules/qlinear/qlinear_marlin.py`; vLLM
`model_executor/layers/quantization/gptq_marlin_24.py`; GPTQModel `nn_modules/qlinear/qqq.py`.
"""

from typing import Final, NamedTuple

from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.layouts.gptq import are_scales

name: Final = "Marlin"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ()


class _Kind(NamedTuple):
    layout: str
    packed: Suffix
    scales: Suffix
    inputs_of_a_row: int
    bits: tuple[int, ...]


_KINDS: Final = (
    _Kind("Marlin 2:4", "B_24", "s", 32, (4, 8)),
    _Kind("QQQ", "B", "s_channel", 16, (4,)),
    _Kind("Marlin", "B", "s", 16, (4, 8)),
)
_BOOKKEEPING: Final[tuple[Suffix, ...]] = ("s", "s_channel", "s_group", "B_meta", "workspace")
suffixes: Final[tuple[Suffix, ...]] = ("B", "B_24", *_BOOKKEEPING)


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """Words in tiles, with scales for groups of inputs."""
    for kind in _KINDS:
        packed, scales = module.tensors.get(kind.packed), module.tensors.get(kind.scales)
        if packed is None or scales is None or packed.dtype.name != "I32":
            continue
        if len(packed.shape) != 2 or not packed.elements or not are_scales(scales):  # noqa: PLR2004
            continue
        if bits := _bits(kind, packed, scales, module):
            out, inputs = scales.shape[1], packed.shape[0] * kind.inputs_of_a_row
            return Recovered(
                layout=kind.layout,
                weights={kind.packed: exactly(out * inputs)},
                bookkeeping=_BOOKKEEPING,
                reason=f"{kind.packed} and {kind.scales} give {out:,} x {inputs:,}",
                bits=bits,
            )
    return None


def _bits(kind: _Kind, packed: Tensor, scales: Tensor, module: Module) -> int | None:
    """The bits at which the columns fit the scales, where all else fits too."""
    rows, columns = packed.shape
    groups, out = scales.shape
    if rows * kind.inputs_of_a_row % groups:
        return None
    if kind.packed == "B_24" and module.shape("B_meta") not in {None, (rows, 2 * out)}:
        return None
    return next((bits for bits in kind.bits if 2 * columns == out * bits), None)

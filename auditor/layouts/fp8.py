"""Eight-bit weights with scales beside them: one stored element is one parameter.

    weight             F8_* [out, in] (or I8)         one weight per element
    weight_scale_inv   F32 [ceil(out/128), ceil(in/128)]   fine-grained FP8 (DeepSeek-V3, Qwen3-FP8)
    weight_scale       [], [out] or [out, 1]          per tensor or per row (fbgemm, modelopt, ...)
    input_scale        []                             static activations

Also experts in one tensor, `gate_up_proj` F8 [E, H, 2I] with `gate_up_proj_scale[_inv]`. Sources:
transformers `integrations/finegrained_fp8.py`, `integrations/fbgemm_fp8.py`; Model-Optimizer
`export/quant_utils.py`; compressed-tensors `compressors/quantized_compressors`.
"""

from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly

name: Final = "8-bit"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = ("_scale_inv", "_scale")
_SCALES: Final[tuple[Suffix, ...]] = (
    "weight_scale_inv",
    "weight_scale",
    "weight_zero_point",
    "input_scale",
    "input_zero_point",
    "output_scale",
    "activation_scale",
    "input_scale_ub",
    "qscale_weight",
    "qscale_act",
    "scale_weight",
    "scale_input",
    "scale",
    "k_scale",
    "v_scale",
    "q_scale",
    "pre_quant_scale",
    *appended,
)
suffixes: Final[tuple[Suffix, ...]] = ("", "weight", *_SCALES)


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """An 8-bit float weight with any scale."""
    for suffix in ("weight", ""):
        weight = module.tensors.get(suffix)
        if weight is None or weight.dtype.block_bytes != 1 or weight.dtype.kind is not Kind.FLOAT:
            continue
        scales = tuple(scale for scale in _SCALES if scale in module.tensors)
        if not scales:
            return None
        return Recovered(
            layout="FP8",
            weights={suffix: exactly(weight.elements, suffix)},
            bookkeeping=scales,
            reason=f"{weight.dtype.name}: an element is a weight; {scales[0]} scales it",
            bits=8,
        )
    return None

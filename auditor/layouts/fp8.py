"""Floats of eight bits and fewer with scales beside: one stored element is one parameter.

    weight             F8_* [out, in]                      one weight per element
    weight_scale_inv   F32 [ceil(out/128), ceil(in/128)]   fine-grained FP8 (DeepSeek-V3, Qwen3-FP8)
    weight_scale       [], [out] or [out, 1]               per tensor or per row (fbgemm, modelopt)
    weight_scale       U8 or F8_E8M0 [out, in/32]          MXFP8
    qscale_weight      []                                  Mistral's own names
    scale_weight       []                                  ComfyUI; a mark `scaled_fp8` [0] or [2]
    input_scale, activation_scale, qscale_act, ...         static activations

Also experts in one tensor, `gate_up_proj` F8 [E, H, 2I] with `gate_up_proj_scale` [E, 1, 2I] or
`gate_up_proj_scale_inv`; and dtypes F4 and F6, whose stored shape is the logical one. Without any
scale (a plain cast) such a tensor is a plain one. Sources:
transformers `integrations/finegrained_fp8.py`, `integrations/fbgemm_fp8.py`; Model-Optimizer
`export/quant_utils.py`; compressed-tensors `compressors/naive_quantized/base.py`; ComfyUI
`comfy/model_base.py`.
"""

from typing import Final

from auditor.core.dtypes import Kind
from auditor.core.packing import Hints, Module, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.layouts.bookkeeping import APPENDED, NAMES, beside

name: Final = "FP8"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = APPENDED
suffixes: Final[tuple[Suffix, ...]] = ("", "weight", *NAMES, *appended)

# Names that nothing but a quantiser gives; a learnt `scale` or `k_scale` needs more than its name.
_UNMISTAKABLE: Final = frozenset({"qscale_weight", "qscale_act", "input_scale_ub", "scaled_fp8"})
_OF_CACHES: Final = frozenset({"k_cache_scale", "v_cache_scale", "scale_input", "comfy_quant"})


def recover(module: Module, hints: Hints) -> Recovered | None:
    """An 8-bit float weight with any scale; or scales of activations that stand alone."""
    for suffix in ("weight", ""):
        weight = module.tensors.get(suffix)
        if weight is None or not _is_small(weight):
            continue
        if not (scales := beside(module, suffix)):
            return None
        return Recovered(
            layout=name if weight.dtype.block_elements == 1 else weight.dtype.name,
            weights={suffix: exactly(weight.elements, suffix)},
            bookkeeping=scales,
            reason=f"{weight.dtype.name}: an element is a weight; {scales[0]} scales it",
            bits=8 * weight.dtype.block_bytes // weight.dtype.block_elements,
        )
    return _stray(module, hints)


def _is_small(tensor: Tensor) -> bool:
    """A float of at most eight bits; F4 and F6 are stored by their logical shape."""
    dtype = tensor.dtype
    return dtype.kind is Kind.FLOAT and dtype.block_bytes <= dtype.block_elements


def _stray(module: Module, hints: Hints) -> Recovered | None:
    """Scales and marks beside no quantised weight: of a cache, of a fused attention."""
    known = _UNMISTAKABLE | _OF_CACHES if hints.quantization else _UNMISTAKABLE
    strays = tuple(suffix for suffix in module.tensors if suffix in known)
    if not strays or any(_is_packed(tensor) for tensor in module.tensors.values()):
        return None
    return Recovered(
        layout=name,
        weights={},
        bookkeeping=strays,
        reason="scales of activations and marks hold no weights",
    )


def _is_packed(tensor: Tensor) -> bool:
    return tensor.dtype.kind is Kind.INTEGER and len(tensor.shape) > 1

"""Names that quantisers store beside weights: scales, zero points, orders of columns.

Shared by the layouts of floats and integers with scales, whose libraries use one another's names.
"""

from typing import Final

from auditor.core.packing import Module, Suffix

NAMES: Final[tuple[Suffix, ...]] = (
    # of weights
    "weight_scale",
    "weight_scale_2",  # modelopt NVFP4, W4A8: the scale of the scales
    "weight_scale_inv",  # fine-grained FP8
    "weight_zero_point",
    "weight_zero_point_2",
    "weight_global_scale",  # compressed-tensors NVFP4, FP-Quant
    "weight_g_idx",
    "weight_shape",
    "scale",  # DeepSeek-V4
    "scale_weight",  # ComfyUI
    "qscale_weight",  # Mistral
    "pre_quant_scale",  # modelopt AWQ, along the inputs
    "svdquant_lora_a",  # modelopt SVDQuant: a low-rank correction of what rounding lost
    "svdquant_lora_b",
    "bias_scale",
    "bias_zero_point",
    "embedding_scale",  # Gemma
    # of activations and caches
    "input_scale",
    "input_scale_2",
    "input_scale_ub",  # fbgemm
    "input_zero_point",
    "input_global_scale",
    "act_global_scale",
    "activation_scale",
    "input_activation_scale",
    "output_activation_scale",
    "output_scale",
    "output_zero_point",
    "scale_input",
    "qscale_act",
    "q_scale",
    "k_scale",
    "v_scale",
    "q_zero_point",
    "k_zero_point",
    "v_zero_point",
    "k_cache_scale",
    "v_cache_scale",
    # marks of ComfyUI
    "comfy_quant",
    "scaled_fp8",
)

# Behind a parameter's own name: experts that are stored as one tensor.
APPENDED: Final[tuple[Suffix, ...]] = (
    "_scale",  # Llama-4
    "_scale_inv",
    "_activation_scale",
    "_weight_scale",  # modelopt
    "_weight_scale_2",
    "_input_scale",
    "_output_scale",
)

_ALL: Final = frozenset((*NAMES, *APPENDED))


def beside(module: Module, *weights: Suffix) -> tuple[Suffix, ...]:
    """The bookkeeping that `module` stores beside its `weights`."""
    return tuple(suffix for suffix in module.tensors if suffix in _ALL and suffix not in weights)

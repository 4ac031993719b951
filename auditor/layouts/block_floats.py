"""Floats of four or six bits, in blocks that share a scale.

    weight_packed  U8 [out, in/2]          compressed-tensors nvfp4- and mxfp4-pack-quantized
    weight_packed  U8 [out, in*3/4]        compressed-tensors mxfp6-pack-quantized
    weight         U8 [out, in/2]          Model-Optimizer NVFP4 and MXFP4, Quark MXFP4
    weight         U8 [out, in*3/4]        Quark MXFP6
    weight         I8 [out, in/2]          DeepSeek-V4's experts, their scale named `scale`
    weight_scale   F8_E4M3 [out, in/16]    NVFP4: 16 weights to a scale (32 in W4A8)
    weight_scale   U8 or F8_E8M0 [out, in/32]   MXFP4 and MXFP6: 32 weights to an exponent

Experts in one tensor have one dimension more, and Model-Optimizer keeps those of Llama-4 and
gpt-oss [E, in/2, out] with scales [E, in/16, out]. All packers refuse widths that are no whole
blocks.

Two witnesses: in one dimension the packed tensor is so many bytes for each scale as a block fills,
and all other dimensions are those of the scales. Sources: compressed-tensors
`compressors/{nvfp4,mxfp4,mxfp6}`; Model-Optimizer `quantization/qtensor/{nvfp4,mxfp4}_tensor.py`
and `export/unified_export_hf.py`; Quark `torch/utils/pack.py`; transformers
`integrations/finegrained_fp8.py`. Tensors of dtype F4 or F6 have their logical shape: see fp8.
"""

from typing import Final, NamedTuple

from auditor.core.packing import Hints, Module, Packed, Recovered, Suffix, exactly
from auditor.core.tensors import Tensor
from auditor.layouts.bookkeeping import APPENDED, NAMES, beside

name: Final = "FP4 and FP6 blocks"
by_path: Final = False
appended: Final[tuple[Suffix, ...]] = APPENDED
suffixes: Final[tuple[Suffix, ...]] = ("", "weight", "weight_packed", *NAMES, *appended)


class Form(NamedTuple):
    """A block: so many weights in so many bytes under a scale of one of `scale_dtypes`."""

    layout: str
    scale_dtypes: frozenset[str]
    weights: int
    bytes: int

    @property
    def bits(self) -> int:
        return 8 * self.bytes // self.weights


_EXPONENTS: Final = frozenset({"U8", "F8_E8M0"})
FORMS: Final = (
    Form("NVFP4", frozenset({"F8_E4M3"}), 16, 8),
    Form("NVFP4", frozenset({"F8_E4M3"}), 32, 16),  # Model-Optimizer W4A8_NVFP4_FP8
    Form("MXFP4", _EXPONENTS, 32, 16),
    Form("MXFP6", _EXPONENTS, 32, 24),
)
_PAIRS: Final = (
    # packed, scales, the plain tensor it stands for
    ("weight_packed", "weight_scale", "weight"),
    ("weight", "weight_scale", "weight"),
    ("weight", "weight_scale_inv", "weight"),
    ("weight", "scale", "weight"),
    ("", "_weight_scale", ""),
    ("", "_scale_inv", ""),
    ("", "_scale", ""),
)
_PACKED_DTYPES: Final = frozenset({"U8", "I8"})
_MATRIX: Final = 2


def recover(module: Module, hints: Hints) -> Recovered | None:  # noqa: ARG001 - shapes suffice
    """A byte tensor with a scale for each block."""
    for suffix, scale_suffix, logical in _PAIRS:
        packed, scale = module.tensors.get(suffix), module.tensors.get(scale_suffix)
        if packed is None or scale is None or packed.dtype.name not in _PACKED_DTYPES:
            continue
        form = next((form for form in FORMS if fits(form, packed, scale)), None)
        if form is None:
            continue
        return Recovered(
            layout=form.layout,
            weights={suffix: _weights(module, form, packed, logical)},
            bookkeeping=beside(module, suffix),
            reason=f"{form.bytes} bytes of {form.weights} weights to a block, a scale for each",
            bits=form.bits,
        )
    return None


def fits(form: Form, packed: Tensor, scale: Tensor) -> bool:
    """Whether the scales are those of the packed tensor's blocks, along one of its dimensions."""
    if scale.dtype.name not in form.scale_dtypes or not packed.elements:
        return False
    if len(packed.shape) < _MATRIX or len(packed.shape) != len(scale.shape):
        return False
    unlike = [axis for axis, size in enumerate(packed.shape) if size != scale.shape[axis]]
    if len(unlike) != 1 or unlike[0] < max(len(packed.shape) - _MATRIX, 1):
        return False
    return packed.shape[unlike[0]] == form.bytes * scale.shape[unlike[0]]


_COMFY_TILE: Final = 16


def _weights(module: Module, form: Form, packed: Tensor, logical: Suffix) -> Packed:
    """Weights of the blocks. ComfyUI alone pads both sides to 16 before it packs."""
    weights = packed.elements // form.bytes * form.weights
    if "comfy_quant" not in module.tensors or len(packed.shape) != _MATRIX:
        return exactly(weights, logical)
    rows, columns = packed.shape[0], weights // packed.shape[0]
    low = max(rows - _COMFY_TILE + 1, 1) * max(columns - _COMFY_TILE + 1, 1)
    return Packed(low, weights, logical)

"""Tensors that are no plain weights: a quantiser's bookkeeping, and packings.

A packing that is not understood is marked as such, so that its count is said to be unknown: integer
elements are never taken for parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from auditor.core.config import ModelConfig
from auditor.core.dtypes import Kind
from auditor.core.roles import Mark, Role
from auditor.core.tensors import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A packing, known by the names that its module stores.

    `all_of` must be there after the module's prefix; `packed` hold weights, all other names in
    `bookkeeping` hold none.
    """

    codec: str
    all_of: tuple[str, ...]
    packed: tuple[str, ...]
    bookkeeping: tuple[str, ...]


SIGNATURES: Final = (
    Signature(
        codec="GPTQ or AWQ",
        all_of=("qweight", "scales"),
        packed=("qweight",),
        bookkeeping=("scales", "qzeros", "g_idx", "scaled_zeros", "weight_global_scale"),
    ),
    Signature(codec="Marlin", all_of=("B", "s"), packed=("B",), bookkeeping=("s",)),
    Signature(
        codec="bitsandbytes 4-bit",
        all_of=("weight", "weight.absmax"),
        packed=("weight",),
        bookkeeping=(
            "weight.absmax",
            "weight.quant_map",
            "weight.nested_absmax",
            "weight.nested_quant_map",
            "weight.quant_state.bitsandbytes__nf4",
            "weight.quant_state.bitsandbytes__fp4",
        ),
    ),
    Signature(
        codec="bitsandbytes 8-bit",
        all_of=("weight", "SCB"),
        packed=("weight",),
        bookkeeping=("SCB", "weight_format"),
    ),
    Signature(
        codec="compressed-tensors",
        all_of=("weight_packed",),
        packed=("weight_packed",),
        bookkeeping=(
            "weight_scale",
            "weight_shape",
            "weight_zero_point",
            "weight_g_idx",
            "weight_global_scale",
            "input_global_scale",
            "scale_packed",
            "meta",
        ),
    ),
    Signature(
        codec="compressed-tensors sparse",
        all_of=("compressed", "bitmask"),
        packed=("compressed",),
        bookkeeping=("bitmask", "shape", "row_offsets"),
    ),
    Signature(
        codec="HQQ", all_of=("W_q",), packed=("W_q",), bookkeeping=("scale", "zero", "shape")
    ),
    Signature(
        codec="quanto",
        all_of=("weight._data",),
        packed=("weight._data",),
        bookkeeping=("weight._scale", "weight._shift", "input_scale", "output_scale"),
    ),
    Signature(
        codec="quanto",
        all_of=("weight._data._data",),
        packed=("weight._data._data",),
        bookkeeping=("weight._scale", "weight._shift", "input_scale", "output_scale"),
    ),
    Signature(
        codec="torchao",
        all_of=("_weight_qdata",),
        packed=("_weight_qdata",),
        bookkeeping=("_weight_scale", "_weight_zero_point", "_weight_scale_and_zero"),
    ),
    Signature(
        codec="AQLM",
        all_of=("codes", "codebooks"),
        packed=("codes",),
        bookkeeping=("codebooks", "scales"),
    ),
    Signature(
        codec="VPTQ",
        all_of=("indices", "centroids.weight"),
        packed=("indices",),
        bookkeeping=(
            "centroids.weight",
            "res_centroids.weight",
            "perm",
            "weight_scale",
            "weight_bias",
        ),
    ),
    Signature(
        codec="SpQR",
        all_of=("dense_weights", "row_offsets"),
        packed=("dense_weights",),
        bookkeeping=("row_offsets", "col_vals", "in_perm"),
    ),
    Signature(
        codec="EXL3",
        all_of=("trellis",),
        packed=("trellis",),
        bookkeeping=("suh", "svh", "su", "sv", "mcg", "mul1"),
    ),
    Signature(
        codec="EXL2",
        all_of=("q_weight",),
        packed=("q_weight",),
        bookkeeping=("q_scale", "q_scale_max", "q_groups", "q_invperm", "q_perm"),
    ),
    Signature(
        codec="HIGGS",
        all_of=("weight", "tables", "tables2"),
        packed=("weight",),
        bookkeeping=("scales", "tables", "tables2"),
    ),
    Signature(
        codec="MLX",
        all_of=("weight", "scales"),
        packed=("weight",),
        bookkeeping=("scales", "biases"),
    ),
    Signature(
        codec="EETQ",
        all_of=("weight", "weight_scales"),
        packed=("weight",),
        bookkeeping=("weight_scales",),
    ),
)


def _trigger_of(signature: Signature) -> str:
    """The name that tells the packing best: the first that is not a plain `weight`."""
    return next(name for name in signature.all_of if name != "weight")


def _last_word(name: str) -> str:
    return name[name.rfind(".") + 1 :]


_TRIGGERS: Final = {
    word: tuple(
        f".{_trigger_of(signature)}"
        for signature in SIGNATURES
        if _last_word(_trigger_of(signature)) == word
    )
    for word in {_last_word(_trigger_of(signature)) for signature in SIGNATURES}
}
_SCALE_WORDS: Final = frozenset(
    {
        "weight_scale_inv",
        "weight_scale_2",
        "weight_scale",
        "input_scale",
        "output_scale",
        "activation_scale",
        "input_scale_ub",
        "qscale_weight",
        "scale_weight",
        "scale_input",
        "scale",
        "k_scale",
        "v_scale",
        "q_scale",
        "weight_zero_point",
        "input_zero_point",
        "pre_quant_scale",
    }
)
_BLOCKS: Final = "_blocks"
_MXFP4_SCALES: Final = "_scales"


def marks_of(tensors: Sequence[Tensor], config: ModelConfig) -> Mapping[str, Mark]:
    """Marks for bookkeeping and packed tensors, by name; empty for a plain checkpoint.

    A plain checkpoint is recognised in one pass: all floats of 16 bits or more and no config that
    speaks of quantisation.
    """
    suspicious = config.quantization is not None or any(
        tensor.dtype.kind is not Kind.FLOAT or tensor.dtype.block_bytes == 1 for tensor in tensors
    )
    if not suspicious:
        return {}
    by_name = {tensor.name: tensor for tensor in tensors}
    marks: dict[str, Mark] = {}
    for module in _modules(by_name):
        marks.update(_signature_marks(module, by_name))
    for name, tensor in by_name.items():
        if name not in marks and (mark := _single_mark(name, tensor, by_name, config)):
            marks[name] = mark
    return marks


def _modules(by_name: Mapping[str, Tensor]) -> set[str]:
    """The prefixes, each with its dot, of modules that store a packing's telling name."""
    modules = set()
    for name in by_name:
        for trigger in _TRIGGERS.get(_last_word(name), ()):
            if f".{name}".endswith(trigger):
                modules.add(name[: len(name) + 1 - len(trigger)])
    return modules


@cache
def _marks_for(codec: str) -> tuple[Mark, Mark]:
    """The marks of packed tensors and of their bookkeeping."""
    return (
        Mark(
            Role.PACKED,
            f"{codec} packed weights",
            f"stored as {codec} packs them, several weights to an element",
        ),
        Mark(
            Role.AUXILIARY,
            f"{codec} bookkeeping",
            "scales, zero points and the like: no parameters",
        ),
    )


@cache
def _integer_weight(codec: str | None) -> Mark:
    return Mark(
        Role.PACKED,
        f"{codec} packed weights" if codec else "packed weights of an unknown kind",
        "an integer weight: how many weights an element holds is not known",
    )


_MXFP4_PACKED: Final = Mark(Role.PACKED, "MXFP4 packed weights", "two 4-bit weights to a byte")
_MXFP4_SCALE: Final = Mark(Role.AUXILIARY, "MXFP4 bookkeeping", "one scale for 32 weights")
_SCALE: Final = Mark(
    Role.AUXILIARY, "quantisation scales", "the scale of a quantised weight: no parameter"
)


def _signature_marks(module: str, by_name: Mapping[str, Tensor]) -> Mapping[str, Mark]:
    for signature in SIGNATURES:
        stored = [by_name.get(module + name) for name in signature.all_of]
        if not all(stored):
            continue
        if signature.packed == ("weight",) and not _weight_is_packed(module, signature, by_name):
            continue
        packed, helper = _marks_for(signature.codec)
        found = {module + name: packed for name in signature.packed}
        found |= {
            module + name: helper for name in signature.bookkeeping if module + name in by_name
        }
        return found
    return {}


def _weight_is_packed(module: str, signature: Signature, by_name: Mapping[str, Tensor]) -> bool:
    """A `weight` of floats is packed only beside bitsandbytes' own names."""
    weight = by_name[module + "weight"]
    return weight.dtype.kind is Kind.INTEGER or "weight.absmax" in signature.all_of


def _single_mark(
    name: str, tensor: Tensor, by_name: Mapping[str, Tensor], config: ModelConfig
) -> Mark | None:
    module, _, word = name.rpartition(".")
    if word == "weight" and not _is_integer_weight(tensor):
        return None
    if word.endswith(_BLOCKS) and name.removesuffix(_BLOCKS) + _MXFP4_SCALES in by_name:
        return _MXFP4_PACKED
    if word.endswith(_MXFP4_SCALES) and name.removesuffix(_MXFP4_SCALES) + _BLOCKS in by_name:
        return _MXFP4_SCALE
    if word in _SCALE_WORDS and _is_quantised(by_name.get(f"{module}.weight"), word, config):
        return _SCALE
    return _integer_weight(config.quantization_method) if word == "weight" else None


def _is_quantised(weight: Tensor | None, word: str, config: ModelConfig) -> bool:
    """Whether a scale's weight has 8 bits or fewer.

    Without a weight beside it (a cache's `k_scale`) the config must speak of quantisation; a bare
    `scale` is then a learnt number of its own.
    """
    if weight is None:
        return config.quantization is not None and word != "scale"
    return weight.dtype.block_bytes == 1 or weight.dtype.kind is not Kind.FLOAT


def _is_integer_weight(tensor: Tensor) -> bool:
    return tensor.dtype.kind is Kind.INTEGER and len(tensor.shape) > 1

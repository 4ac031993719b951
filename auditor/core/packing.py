"""What the layouts make of stored tensors: the logical weights that a packing holds.

A layout looks at one module at a time: the tensors that share a prefix, by their suffix. It says
which of them hold weights and how many, which are bookkeeping, and on what it bases that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.core.dtypes import Kind
from auditor.core.findings import Finding
from auditor.core.tensors import Tensor

if TYPE_CHECKING:
    from auditor.core.roles import Mark

Suffix = str  # what follows a module's prefix: "qweight", "weight.absmax", "_blocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """The tensors of one module that a packing may consist of, by suffix.

    `prefix` ends with the dot, where there is one: `model.layers.0.self_attn.q_proj.` and suffix
    `qweight`; or, of packings that append to a parameter's own name, `...experts.gate_up_proj` and
    suffix `_blocks`. The parameter's own tensor, if stored, then has the suffix "".
    """

    prefix: str
    tensors: Mapping[Suffix, Tensor]

    def shape(self, suffix: Suffix) -> tuple[int, ...] | None:
        tensor = self.tensors.get(suffix)
        return None if tensor is None else tensor.shape

    def dtype(self, suffix: Suffix) -> str | None:
        tensor = self.tensors.get(suffix)
        return None if tensor is None else tensor.dtype.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What disambiguates a packing beside its tensors. All of it is hostile and unchecked.

    `quantization` is the config's own section or that of a side file, as it stands; empty where
    there is none. `metadata` is the free text of the weight files' headers. `contents` are bytes of
    small helper tensors by full name, as far as they were read.
    """

    quantization: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """The codec's name as the config gives it, in small letters; empty where it gives none."""
        for key in ("quant_method", "quant_algo"):
            if isinstance(value := self.quantization.get(key), str):
                return value.lower()
        return ""

    def number(self, *keys: str) -> int | None:
        """The first of `keys` in the quantisation section that is a whole positive number."""
        for key in keys:
            value = self.quantization.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        return None


class Packed(NamedTuple):
    """A stored tensor that holds weights: at least `low` and at most `high` of them.

    `logical` is the suffix of the plain tensor it stands for: `weight` for a `qweight`.
    """

    low: int
    high: int
    logical: Suffix = "weight"


def exactly(parameters: int, logical: Suffix = "weight") -> Packed:
    return Packed(parameters, parameters, logical)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a layout makes of one module.

    `weights` by the suffix of the tensor that holds them; `bookkeeping` holds none. `reason` says
    which witnesses agree ("scales and g_idx give 4096 x 4096"), `bits` what a weight takes in the
    packed tensor where that is known. `wanted` are suffixes of small tensors whose content would
    settle a range.
    """

    layout: str
    weights: Mapping[Suffix, Packed]
    bookkeeping: tuple[Suffix, ...]
    reason: str
    bits: int | None = None
    wanted: tuple[Suffix, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """All modules of a checkpoint. `wanted` are full names of helper tensors worth reading."""

    marks: "Mapping[str, Mark]" = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    wanted: Sequence[str] = ()


def is_plain(tensors: Sequence[Tensor], hints: Hints) -> bool:
    """Whether nothing can be packed: floats of 16 bits or more, and no word of quantisation.

    NOTE: bitsandbytes may keep its packed bytes in a float tensor; its names tell.
    """
    return not hints.quantization and all(
        tensor.dtype.kind is Kind.FLOAT
        and tensor.dtype.block_bytes > 1
        and not tensor.name.endswith(".absmax")
        for tensor in tensors
    )

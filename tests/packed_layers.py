"""Packed modules, by names and shapes or as a packer saves them, counted as an audit does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from auditor.core.config import read_config
from auditor.core.packing import Hints
from auditor.core.role_rules import RULES
from auditor.core.roles import assign
from auditor.core.tally import tally
from auditor.core.tensors import Header
from auditor.layouts.recovery import recover
from builders import Tensors, read, virtual_header

Q_PROJ = "model.layers.0.self_attn.q_proj"
K_PROJ = "model.layers.0.self_attn.k_proj"
LLAMA_3_8B = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
# The two layers that every packing is tried on: path, outputs, parameters.
ROWS = (
    (Q_PROJ, 4096, 16_777_216),  # 4096 x 4096
    (K_PROJ, 1024, 4_194_304),  # 1024 x 4096
)


class Seen(NamedTuple):
    """What an audit says of a packed checkpoint: the count, from and to, and what is none."""

    low: int | None
    high: int | None
    auxiliary: int
    layouts: tuple[str, ...]
    wanted: tuple[str, ...]

    @property
    def total(self) -> int | None:
        return self.low if self.low == self.high else None


def module(path: str, tensors: Tensors) -> Tensors:
    return {f"{path}.{suffix}": tensor for suffix, tensor in tensors.items()}


def saved(path: Path) -> Header:
    data = path.read_bytes()
    return read(data, len(data))


def seen(
    stored: Tensors | Header,
    *,
    quantization: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    contents: Mapping[str, bytes] | None = None,
) -> Seen:
    header = stored if isinstance(stored, Header) else read(*virtual_header(stored))
    hints = Hints(
        quantization=quantization or {},
        config=config or {},
        metadata=header.metadata if metadata is None else metadata,
        contents=contents or {},
    )
    recovery = recover(header.tensors, hints)
    counted = tally(assign(header.tensors, read_config(hints.config), recovery.marks, RULES))
    low, high = counted.total_range or (counted.total, counted.total)
    return Seen(
        low,
        high,
        counted.auxiliary,
        tuple(layout.name for layout in counted.layouts),
        tuple(recovery.wanted),
    )


def never_wrong(found: Seen, truth: int) -> bool:
    """Whether the count is the truth, or a range that holds it, or not known at all."""
    return found.low is None or found.high is None or found.low <= truth <= found.high

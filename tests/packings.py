"""Packed layers made of names, dtypes and shapes, counted through everything that an audit asks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from auditor.core.config import read_config
from auditor.core.packing import Hints, Recovery
from auditor.core.role_rules import RULES
from auditor.core.roles import assign
from auditor.core.tally import Tally, tally
from auditor.layouts.recovery import recover
from builders import Tensors, read, virtual_header

Q_PROJ = 16_777_216  # 4,096 x 4,096
K_PROJ = 4_194_304  # 1,024 x 4,096


class Counted(NamedTuple):
    tally: Tally
    recovery: Recovery

    @property
    def span(self) -> tuple[int, int]:
        """The lowest and the highest count; equal where it is exact."""
        if self.tally.total is not None:
            return self.tally.total, self.tally.total
        assert self.tally.total_range is not None
        return self.tally.total_range


def under(prefix: str, tensors: Tensors) -> Tensors:
    """The same tensors as those of one module."""
    return {f"{prefix}.{suffix}": stored for suffix, stored in tensors.items()}


def count(
    tensors: Tensors,
    *,
    quantization: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    contents: Mapping[str, bytes] | None = None,
) -> Counted:
    """The tally of a checkpoint of `tensors`, as an audit makes it."""
    header = read(*virtual_header(tensors))
    hints = Hints(quantization=quantization or {}, config=config or {}, contents=contents or {})
    recovery = recover(header.tensors, hints)
    assignment = assign(header.tensors, read_config(config or {}), recovery.marks, RULES)
    return Counted(tally(assignment), recovery)

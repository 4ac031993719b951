"""What a count makes of one weight file's header: purposes first, then the rules by name."""

from collections.abc import Mapping
from typing import Any

from auditor.core.config import read_config
from auditor.core.findings import Finding
from auditor.core.packing import Hints
from auditor.core.purposes import marks_of
from auditor.core.role_rules import RULES
from auditor.core.roles import Assignment, assign
from auditor.core.tally import Tally, tally
from auditor.core.tensors import Header, WeightFile, join
from auditor.core.ties import tied_copies
from auditor.layouts.recovery import recover


def assigned(
    header: Header, config: Mapping[str, Any] | None = None
) -> tuple[Assignment, tuple[Finding, ...]]:
    """The role of every tensor, and what is to be said about copies."""
    read = read_config(config or {})
    checkpoint, _ = join([WeightFile(path="file", oid=None, header=header)])
    copies, _ = tied_copies(checkpoint.tensors, read, has_config=config is not None)
    hints = Hints(quantization=read.quantization or {}, config=config or {})
    packed = recover(checkpoint.tensors, hints)
    own, findings = marks_of(checkpoint.files, read, has_config=config is not None)
    marks = {**copies, **packed.marks, **own}
    return assign(checkpoint.tensors, read, marks, RULES), findings


def counted(header: Header, config: Mapping[str, Any] | None = None) -> Tally:
    return tally(assigned(header, config)[0], complete=not header.gaps)

"""What files say of their own tensors, made into marks: a graph knows what a name can only hint at.

A matrix that turns hidden states into logits is often stored beside the token table that it is tied
to, turned over. Whether it is one parameter or two the config says, as for any other tie.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from auditor.core.config import ModelConfig
from auditor.core.findings import Finding, Severity, quoted
from auditor.core.roles import Mark, Role
from auditor.core.tensors import Purpose, Use, WeightFile


def marks_of(
    files: Sequence[WeightFile], config: ModelConfig, *, has_config: bool
) -> tuple[Mapping[str, Mark], tuple[Finding, ...]]:
    """Marks for the tensors whose files tell their purpose, and what is to be said about them.

    Without a config that settles it, a matrix that may be a copy counts for nothing at the least
    and for itself at the most, so that the total is a range, and a finding says so.
    """
    settled = has_config and config.tie.settled
    mark = cache(lambda purpose: _mark(purpose, tied=config.tie.tied, settled=settled))
    purposes = {name: each for file in files for name, each in file.header.purposes.items()}
    marks = {name: mark(purpose) for name, purpose in purposes.items()}
    reason = config.tie.reason
    findings = _findings(purposes, tied=config.tie.tied, settled=settled, reason=reason)
    return marks, tuple(findings)


def _mark(purpose: Purpose, *, tied: bool, settled: bool) -> Mark:
    name, reason, packing = purpose.name, purpose.reason, purpose.packing
    if purpose.use is Use.CONSTANT:
        return Mark(Role.BUFFER, name, reason)
    if purpose.use is Use.BOOKKEEPING:
        return Mark(Role.AUXILIARY, name, reason, layout=packing)
    if purpose.use is Use.COPY or (purpose.original and settled and tied):
        return Mark(Role.TIED_COPY, f"a second copy of {purpose.original}", reason, layout=packing)
    return Mark(
        None,
        name,
        reason,
        layout=packing,
        low=0 if purpose.original and not settled else purpose.parameters,
        high=purpose.parameters,
        stored=purpose.ending,
    )


def _findings(
    purposes: Mapping[str, Purpose], *, tied: bool, settled: bool, reason: str
) -> Iterator[Finding]:
    for name, purpose in purposes.items():
        if not purpose.original or (purpose.use is Use.WEIGHTS and settled and not tied):
            continue
        said = f"{quoted(name)} ({purpose.parameters:,} parameters)"
        if purpose.use is Use.COPY or settled:
            why = purpose.reason if purpose.use is Use.COPY else reason
            yield Finding(
                code="tied-copy-stored",
                severity=Severity.NOTICE,
                message=f"{said} repeats {quoted(purpose.original)} and is counted once: {why}",
            )
        else:
            yield Finding(
                code="tie-not-settled",
                severity=Severity.ERROR,
                message=(
                    f"{said} may be {quoted(purpose.original)} once more, and no readable"
                    " config.json says whether they are one matrix, so the total is not known"
                ),
            )

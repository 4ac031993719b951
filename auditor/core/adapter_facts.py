"""What is told of an adapter: its kind, its base model, and the share of the two that it trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from auditor.core.adapters import AdapterConfig, LocalBase, NoBase, base_of
from auditor.core.findings import Finding, Severity, quoted
from auditor.core.identity import HubRef
from auditor.core.record import AdapterFacts
from auditor.core.repository import Repository
from auditor.core.roles import Assignment
from auditor.core.tally import Count, Tally
from auditor.core.tensors import Checkpoint
from auditor.core.trainable_share import ShareUnknown, TrainableShare, trainable_share

ADAPTER_COUNT = "adapter"
_ASK = "--with-base audits it as well"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The base model, audited. `elements` are those of its stored tensors by name."""

    repository: Repository
    total: int | None
    elements: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUnknown:
    """The base model was asked for and could not be audited."""

    reason: str


def adapter_facts(
    config: AdapterConfig,
    checkpoint: Checkpoint,
    assignment: Assignment,
    base: Base | BaseUnknown | None,
) -> AdapterFacts:
    """What is told of the adapter in `checkpoint`; `base` is None where it was not asked for."""
    match base:
        case None:
            return AdapterFacts(
                peft_type=config.peft_type,
                rank=config.rank,
                base=config.base_model,
                note=_why_no_base(config),
            )
        case BaseUnknown(reason=reason):
            return AdapterFacts(
                peft_type=config.peft_type, rank=config.rank, base=config.base_model, note=reason
            )
        case Base():
            return _with_base(config, checkpoint, assignment, base)
        case _:
            assert_never(base)


def _why_no_base(config: AdapterConfig) -> str:
    match base_of(config):
        case HubRef():
            return f"the base model was not audited: {_ASK}"
        case LocalBase():
            return "the base model is a path on the machine where it was trained"
        case NoBase(reason=reason):
            return reason
        case _ as other:
            assert_never(other)


def _with_base(
    config: AdapterConfig, checkpoint: Checkpoint, assignment: Assignment, base: Base
) -> AdapterFacts:
    share: TrainableShare | ShareUnknown = ShareUnknown(reason="the base model's count is unknown")
    if base.total is not None:
        share = trainable_share(checkpoint.tensors, assignment, config, base.total, base.elements)
    known = share if isinstance(share, TrainableShare) else None
    return AdapterFacts(
        peft_type=config.peft_type,
        rank=config.rank,
        base=config.base_model,
        base_model=base.repository.repo_id,
        base_commit=base.repository.commit,
        base_parameters=base.total,
        trainable=known.trainable if known else None,
        all_parameters=known.all_parameters if known else None,
        trainable_percent=str(known.percent) if known else None,
        printed=known.line if known else None,
        note=known.caveat if known else share.reason if isinstance(share, ShareUnknown) else "",
    )


def adapter_counts(
    facts: AdapterFacts, tally: Tally, counts: tuple[Count, ...]
) -> tuple[Count, ...]:
    """The adapter's counts: its own total is the adapter's, the whole is base and adapter."""
    own = tuple(count for count in counts if count.key != "total")
    if tally.total is None:
        return own
    adapter = Count(key=ADAPTER_COUNT, name="the adapter's parameters", value=tally.total)
    if facts.all_parameters is None or facts.base_parameters is None:
        return (adapter, *own)
    whole = Count(key="total", name="the base model with the adapter", value=facts.all_parameters)
    base = Count(key="base", name="the base model alone", value=facts.base_parameters)
    return (whole, adapter, base, *own)


def adapter_findings(facts: AdapterFacts) -> tuple[Finding, ...]:
    """Which model it belongs to, and why nothing more is told of that."""
    if not facts.note:
        return ()
    named = f"an adapter of {quoted(facts.base)}: " if facts.base else ""
    return (Finding(code="adapter-base", severity=Severity.NOTICE, message=named + facts.note),)

"""ONE audit, on one page: a model, a source, a record."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from auditor.__about__ import __version__
from auditor.claims import READERS
from auditor.core.active import Active, active_of
from auditor.core.claims import Claim, Published
from auditor.core.comparison import compare, judge
from auditor.core.findings import Finding, Severity
from auditor.core.identity import HubRef, ModelRef
from auditor.core.memory import memory_of
from auditor.core.protocols import OpenRepository, Source
from auditor.core.record import AuditFailure, AuditRecord, FileRead, Outcome, Proof
from auditor.core.repository import Repository, Traffic
from auditor.core.role_rules import RULES
from auditor.core.roles import Assignment, Role, assign
from auditor.core.tally import Tally, counts_of, tally
from auditor.core.ties import tied_copies
from auditor.core.verdict import DEFAULT_POLICY, Policy
from auditor.errors import HfauditError
from auditor.evidence import Evidence, gather_evidence
from auditor.source_choice import Sources, reference

T = TypeVar("T")

MODELS_AT_ONCE: Final = 8  # enough to fill the waits between a model's two or three answers

Progress = Callable[[ModelRef, Outcome], None]


async def audit_model(ref: ModelRef, source: Source, *, policy: Policy = DEFAULT_POLICY) -> Outcome:
    """The record of one model, or why there is none. Raises nothing of HfauditError."""
    opened: OpenRepository | None = None
    try:
        opened = await source.open(ref)
        return await _record(opened, policy)
    except HfauditError as error:
        return failure_of(ref, error, opened.repository if opened else None)


async def _audit_or_raise(ref: ModelRef, source: Source, policy: Policy) -> AuditRecord:
    return await _record(await source.open(ref), policy)


async def _record(opened: OpenRepository, policy: Policy) -> AuditRecord:
    evidence = await gather_evidence(opened)
    return record_of(opened.repository, evidence, opened.traffic, policy=policy)


async def audit_models(
    refs: Sequence[ModelRef],
    source: Source,
    *,
    policy: Policy = DEFAULT_POLICY,
    on_done: Progress = lambda _ref, _outcome: None,
) -> tuple[Outcome, ...]:
    """One outcome for each of `refs`, in their order; a few models are under way at once."""
    import asyncio  # noqa: PLC0415 - not at start-up: it costs as much as all the rest

    slots = asyncio.Semaphore(MODELS_AT_ONCE)

    async def one(ref: ModelRef) -> Outcome:
        async with slots:
            outcome = await audit_model(ref, source, policy=policy)
            on_done(ref, outcome)
            return outcome

    return tuple(await asyncio.gather(*(one(ref) for ref in refs)))


def record_of(
    repository: Repository,
    evidence: Evidence,
    traffic: Traffic,
    *,
    policy: Policy = DEFAULT_POLICY,
) -> AuditRecord:
    """The record that follows from the evidence. Pure."""
    assignment, findings = assign_roles(evidence)
    counted = tally(assignment, complete=evidence.complete)
    active = active_of(evidence.checkpoint.tensors, assignment, counted, evidence.config.values)
    if active is not None and active.low == active.high:
        counted = replace(counted, active=active.high)
    counts = (*counts_of(counted), *(active.counts if active else ()))
    comparisons = tuple(
        compare(claim, counts, policy, groups=counted.groups)
        for claim in _claims(repository, evidence)
    )
    return AuditRecord(
        model=repository.repo_id,
        requested=repository.requested,
        revision=repository.revision,
        commit=repository.commit,
        verdict=judge(comparisons, total=counted.total),
        tally=counted,
        counts=counts,
        memory=memory_of(counted),
        components=(),
        comparisons=comparisons,
        findings=(
            *evidence.findings,
            *findings,
            *_unknowns(counted, evidence),
            *_active_findings(active),
        ),
        files=_files(evidence),
        left_out=evidence.left_out,
        proof=_proof(repository, evidence, traffic),
        hub=repository.hub,
        architecture=next(iter(evidence.config.architectures), None),
    )


def assign_roles(evidence: Evidence) -> tuple[Assignment, tuple[Finding, ...]]:
    """The role of every tensor: packings first, then tied copies, then the rules by name."""
    tensors = evidence.checkpoint.tensors
    copies, findings = tied_copies(tensors, evidence.config, has_config=evidence.has_config)
    marks = {**copies, **evidence.recovery.marks}
    return assign(tensors, evidence.config, marks, RULES), findings


def _claims(repository: Repository, evidence: Evidence) -> tuple[Claim, ...]:
    published = Published(
        repository=repository,
        documents=evidence.documents,
        index_metadata=evidence.index.metadata if evidence.index else {},
        header_metadata={file.path: file.header.metadata for file in evidence.checkpoint.files},
    )
    return tuple(claim for reader in READERS for claim in reader.read(published))


def _unknowns(counted: Tally, evidence: Evidence) -> Iterable[Finding]:
    """Why the count is not known, where it is not."""
    packed = [group for group in counted.groups if group.role is Role.PACKED]
    if packed:
        names = ", ".join(sorted({group.name for group in packed}))
        elements = sum(group.amount.elements for group in packed)
        yield Finding(
            code="packed-weights",
            severity=Severity.ERROR,
            message=(
                f"{names}: {elements:,} stored elements hold an unknown number of parameters,"
                " so the total is not known"
            ),
        )
    if not evidence.complete:
        yield Finding(
            code="checkpoint-incomplete",
            severity=Severity.ERROR,
            message="weight files are missing, so the total is not known",
        )


def _active_findings(active: Active | None) -> Iterable[Finding]:
    if active is not None and active.low != active.high:
        yield Finding(
            code="active-range",
            severity=Severity.INFO,
            message=(
                f"{active.low:,} to {active.high:,} parameters are active for a token: experts"
                " without parameters may be picked"
            ),
        )


def _files(evidence: Evidence) -> tuple[FileRead, ...]:
    return tuple(
        FileRead(
            path=file.path,
            format=file.header.format,
            oid=file.oid,
            size_bytes=file.header.size_bytes,
        )
        for file in evidence.checkpoint.files
    )


def _proof(repository: Repository, evidence: Evidence, traffic: Traffic) -> Proof:
    return Proof(
        origin=repository.origin,
        note=repository.note,
        requests=traffic.requests,
        retries=traffic.retries,
        bytes_read=traffic.bytes_read,
        weight_bytes=sum(file.header.size_bytes for file in evidence.checkpoint.files),
        spans=evidence.spans,
        headers_by=evidence.headers_by,
        roles_by="rules",
        versions={"hfaudit": __version__},
    )


def failure_of(
    asked: ModelRef | str, error: HfauditError, repository: Repository | None = None
) -> AuditFailure:
    """The failure that stands for a model in every report."""
    revision = asked.revision if isinstance(asked, HubRef) else None
    return AuditFailure(
        requested=str(asked),
        kind=error.kind,
        message=str(error),
        hint=error.hint,
        model=repository.repo_id if repository else None,
        revision=repository.revision if repository else revision,
        commit=repository.commit if repository else None,
    )


# -- the public face


def audit(
    model: str | ModelRef,
    *,
    revision: str | None = None,
    source: Source | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> AuditRecord:
    """The record of one model: an id, `org/name@revision`, a Hub URL or a folder.

    Without a `source` the model is read from the Hub, or from disk where it is a folder. Raises
    HfauditError and its kinds. Not to be called where an event loop runs: await `audit_model`.
    """
    ref = reference(model, revision)
    import asyncio  # noqa: PLC0415 - as above

    return asyncio.run(_closing(source, lambda used: _audit_or_raise(ref, used, policy)))


def audit_many(
    models: Iterable[str | ModelRef],
    *,
    source: Source | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> tuple[Outcome, ...]:
    """One outcome for each model, in order; one that cannot be audited is an AuditFailure.

    Raises InvalidModel before anything is read where a text names no model.
    """
    import asyncio  # noqa: PLC0415 - as above

    refs = [reference(model) for model in models]
    return asyncio.run(_closing(source, lambda used: audit_models(refs, used, policy=policy)))


async def _closing(source: Source | None, use: Callable[[Source], Awaitable[T]]) -> T:
    """What `use` makes of `source`, or of one of our own that is closed afterwards."""
    if source is not None:
        return await use(source)
    own = Sources()
    try:
        return await use(own)
    finally:
        await own.aclose()

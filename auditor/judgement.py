"""From the evidence to a record: pure, with no bytes to be had and nobody to be asked."""

from collections.abc import Iterable
from dataclasses import replace

from auditor.__about__ import __version__
from auditor.claims import READERS, card_findings, hub_findings
from auditor.core.active import Active, active_of
from auditor.core.claims import Claim, Published
from auditor.core.comparison import compare, judge
from auditor.core.findings import Finding, Severity
from auditor.core.memory import memory_of
from auditor.core.record import AuditRecord, FileRead, Proof
from auditor.core.repository import Repository, Traffic
from auditor.core.role_rules import RULES
from auditor.core.roles import Assignment, Role, assign
from auditor.core.tally import Tally, counts_of, tally
from auditor.core.ties import tied_copies
from auditor.core.verdict import DEFAULT_POLICY, Policy
from auditor.evidence import CARD, Evidence


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
            *hub_findings(repository.hub),
            *card_findings(evidence.documents.get(CARD, "")),
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
        index_path=evidence.index.path if evidence.index else "",
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

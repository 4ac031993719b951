"""From the evidence to a record: pure, with no bytes to be had and nobody to be asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from auditor.__about__ import __version__
from auditor.claims import READERS, card_findings, hub_findings
from auditor.claims.hypotheses import hypothesis_of
from auditor.core.active import Active, active_of
from auditor.core.blueprint import Blueprint, Drawing, NoBlueprint
from auditor.core.claims import Claim, ClaimSource, Published, Scope
from auditor.core.comparison import COMPONENT, Comparison, compare, judge
from auditor.core.config_dtype import dtype_findings
from auditor.core.contradictions import contradictions
from auditor.core.findings import Finding, Severity
from auditor.core.memory import memory_of
from auditor.core.protocols import ClaimReader
from auditor.core.purposes import marks_of
from auditor.core.record import AdapterFacts, AuditRecord, ComponentCount, FileRead, Proof
from auditor.core.repository import Repository, Traffic
from auditor.core.role_rules import RULES
from auditor.core.roles import Assignment, Role, assign
from auditor.core.shapes import ADAPTER_FILE, PIPELINE_FILE, Shape
from auditor.core.tally import Count, Tally, counts_of, merged, tally
from auditor.core.tie_samples import TieCheck, equal_by_name
from auditor.core.ties import possible_copies, tied_copies
from auditor.core.verdict import DEFAULT_POLICY, Policy, Verdict
from auditor.evidence import CARD, Evidence, PartEvidence

if TYPE_CHECKING:  # what few models need is loaded for those
    from auditor.core.adapter_facts import Base, BaseUnknown
    from auditor.core.adapters import AdapterConfig
    from auditor.core.second_opinion import SecondOpinion


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """What was found out beside the repository itself, where it was asked for.

    `base` is the model that an adapter adapts, `drawings` what the architectures of the parts
    build and `ties` what bytes say of tied matrices, both by component. `readers` know of figures
    that are documented elsewhere: a list of the user's own.
    """

    base: "Base | BaseUnknown | None" = None
    drawings: Mapping[str, Drawing] = field(default_factory=dict)
    ties: Mapping[str, Sequence[TieCheck]] = field(default_factory=dict)
    readers: Sequence[ClaimReader] = ()


NOTHING_FURTHER: Final = Further()


def record_of(
    repository: Repository,
    evidence: Evidence,
    traffic: Traffic,
    *,
    policy: Policy = DEFAULT_POLICY,
    further: Further | None = None,
) -> AuditRecord:
    """The record that follows from the evidence. Pure."""
    beside = further or NOTHING_FURTHER
    parts = tuple(count_part(part, beside) for part in evidence.parts)
    own = [part for part in parts if not part.evidence.choice.beside]
    counted = merged([part.tally for part in own], complete=not evidence.plan.absent)
    active = _active(own)
    if active is not None and active.low == active.high:
        counted = replace(counted, active=active.high)
    counts = (
        *counts_of(counted),
        *(active.counts if active else ()),
        *(component_counts(parts) if len(parts) > 1 else ()),
    )
    counts = (*counts, *_class_counts(own, counts))
    adapter = _adapter(parts, evidence, beside.base)
    if adapter is not None:
        counts = _adapter_counts(adapter, counted, counts)
    claims = _claims(repository, evidence, beside.readers)
    comparisons = tuple(
        _with_hypothesis(compare(claim, counts, policy, groups=counted.groups), repository)
        for claim in claims
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
        components=_components(parts) if len(parts) > 1 else (),
        comparisons=comparisons,
        findings=(
            *evidence.findings,
            *(finding for part in parts for finding in part.findings),
            *_unknowns(counted, evidence),
            *_adapter_findings(adapter),
            *_active_findings(active),
            *hub_findings(repository.hub),
            *card_findings(evidence.documents.get(CARD, "")),
            *contradictions(claims, policy),
        ),
        files=_files(evidence),
        left_out=evidence.left_out,
        proof=_proof(repository, evidence, traffic, parts),
        hub=repository.hub,
        shape=evidence.plan.shape,
        adapter=adapter,
        architecture=_architecture(evidence),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCount:
    """One part's count with the role of each of its tensors."""

    evidence: PartEvidence
    assignment: Assignment
    tally: Tally
    findings: tuple[Finding, ...]
    opinion: "SecondOpinion | None" = None


def count_part(part: PartEvidence, beside: Further = NOTHING_FURTHER) -> PartCount:
    """The roles and the count of one part.

    First by the files and the rules; then what the architecture says, where it was drawn.
    """
    drawing = beside.drawings.get(part.choice.component)
    checks = beside.ties.get(part.choice.component, ())
    equal = equal_by_name(checks)
    assignment, findings = _by_rules(part, equal)
    opinion = None
    if isinstance(drawing, Blueprint):
        from auditor.core.second_opinion import second_opinion  # noqa: PLC0415 - for few calls

        opinion = second_opinion(drawing, part.checkpoint, assignment, part.config, equal=equal)
        assignment = opinion.assignment
    return PartCount(
        evidence=part,
        assignment=assignment,
        tally=tally(assignment, complete=part.complete),
        findings=(
            *findings,
            *(check.finding for check in checks),
            *dtype_findings(part.config, assignment),
            *(opinion.findings if opinion else ()),
            *(_no_blueprint(drawing) if isinstance(drawing, NoBlueprint) else ()),
        ),
        opinion=opinion,
    )


def _by_rules(
    part: PartEvidence, equal: Mapping[str, bool]
) -> tuple[Assignment, tuple[Finding, ...]]:
    """The roles by what the files say of their own tensors, packings, tied copies, and the rules.

    `equal` says of copies whose bytes were compared whether they are the original's.
    """
    tensors, files = part.checkpoint.tensors, part.checkpoint.files
    # NOTE: of an adapter a head beside an embedding is no copy: both were trained, or it is new.
    copies, findings = (
        ({}, ())
        if part.choice.is_adapter
        else tied_copies(tensors, part.config, has_config=part.has_config, equal=equal)
    )
    own, more = marks_of(files, part.config, has_config=part.has_config)
    marks = {**copies, **part.recovery.marks, **own}
    return assign(tensors, part.config, marks, RULES), (*findings, *more)


def copies_to_check(part: PartEvidence, drawing: Drawing | None) -> Mapping[str, str]:
    """Tensors that repeat another by config or class, each with that other: what bytes can tell."""
    if part.choice.is_adapter:
        return {}
    copies = possible_copies(part.checkpoint.tensors, part.config, has_config=part.has_config)
    if not isinstance(drawing, Blueprint):
        return copies
    from auditor.core.second_opinion import copies_by_class  # noqa: PLC0415 - for few calls

    assignment, _ = _by_rules(part, {})
    return {**copies_by_class(drawing, part.checkpoint, assignment), **copies}


def _class_counts(parts: Sequence[PartCount], counts: Sequence[Count]) -> tuple[Count, ...]:
    """What the class has by the config, where that is yet another count of a model of one part."""
    opinion = parts[0].opinion if len(parts) == 1 else None
    if opinion is None:
        return ()
    known = {count.value for count in counts}
    by_value = {count.value: count for count in reversed(opinion.counts)}
    return tuple(count for value, count in reversed(by_value.items()) if value not in known)


def _no_blueprint(drawing: NoBlueprint) -> tuple[Finding, ...]:
    return (
        Finding(
            code="no-blueprint",
            severity=Severity.INFO,
            message=f"no blueprint: {drawing.reason}; the roles are those of the rules alone",
        ),
    )


def _active(parts: Sequence[PartCount]) -> Active | None:
    """What one token passes through; only said of a model that is not made of parts."""
    if len(parts) != 1:
        return None
    (part,) = parts
    evidence = part.evidence
    values = evidence.config.values
    return active_of(evidence.checkpoint.tensors, part.assignment, part.tally, values)


def adapter_config_of(evidence: Evidence) -> "AdapterConfig | None":
    """The adapter's config; None for what is no adapter."""
    if evidence.plan.shape is not Shape.ADAPTER:
        return None
    from auditor.core.adapters import read_adapter_config  # noqa: PLC0415 - for few models

    values = evidence.shape_files.get(ADAPTER_FILE)
    return read_adapter_config(values if isinstance(values, Mapping) else {})


def base_count(repository: Repository, evidence: Evidence) -> "Base":
    """The model that an adapter belongs to, counted. Pure."""
    from auditor.core.adapter_facts import Base  # noqa: PLC0415 - for few models

    parts = tuple(count_part(part) for part in evidence.parts)
    whole = merged([part.tally for part in parts if not part.evidence.choice.beside])
    return Base(
        repository=repository,
        total=whole.total,
        elements={
            tensor.name: tensor.elements
            for part in evidence.parts
            for tensor in part.checkpoint.tensors
        },
    )


def _adapter(
    parts: Sequence[PartCount], evidence: Evidence, base: "Base | BaseUnknown | None"
) -> AdapterFacts | None:
    config = adapter_config_of(evidence)
    if config is None:
        return None
    from auditor.core.adapter_facts import adapter_facts  # noqa: PLC0415 - for few models

    return adapter_facts(config, evidence.parts[0].checkpoint, parts[0].assignment, base)


def _adapter_counts(
    facts: AdapterFacts, counted: Tally, counts: tuple[Count, ...]
) -> tuple[Count, ...]:
    from auditor.core.adapter_facts import adapter_counts  # noqa: PLC0415 - for few models

    return adapter_counts(facts, counted, counts)


def _adapter_findings(facts: AdapterFacts | None) -> tuple[Finding, ...]:
    if facts is None:
        return ()
    from auditor.core.adapter_facts import adapter_findings  # noqa: PLC0415 - for few models

    return adapter_findings(facts)


def component_counts(parts: Sequence[PartCount]) -> tuple[Count, ...]:
    """Each part's own count, under its name."""
    return tuple(
        Count(
            key=f"{COMPONENT}{part.evidence.choice.component}",
            name=f"{part.evidence.choice.component} alone",
            value=part.tally.total,
        )
        for part in parts
        if part.tally.total is not None
    )


def _components(parts: Sequence[PartCount]) -> tuple[ComponentCount, ...]:
    return tuple(
        ComponentCount(
            name=part.evidence.choice.component,
            class_name=part.evidence.choice.class_name,
            format=part.evidence.choice.format,
            parameters=part.tally.total,
            stored_bytes=part.tally.stored.stored_bytes,
            beside=part.evidence.choice.beside,
        )
        for part in parts
    )


def _architecture(evidence: Evidence) -> str | None:
    """The class that the repository says loads it: the pipeline's, else the model's."""
    pipeline = evidence.shape_files.get(PIPELINE_FILE)
    if len(evidence.parts) > 1 and isinstance(pipeline, Mapping):
        name = pipeline.get("_class_name")
        return name if isinstance(name, str) else None
    return next(iter(evidence.parts[0].config.architectures), None)


# What a reviewed reason may explain; a figure that agrees needs none.
_UNEXPLAINED: Final = frozenset({Verdict.NEAR, Verdict.MISMATCH})


def _with_hypothesis(comparison: Comparison, repository: Repository) -> Comparison:
    """With the reviewed reason for a figure that is known to be wrong."""
    if comparison.verdict not in _UNEXPLAINED:
        return comparison
    known = hypothesis_of(repository.repo_id, comparison.claim.quantity)
    if known is None:
        return comparison
    return replace(comparison, explanation=f"{comparison.explanation}; perhaps: {known.because}")


def _claims(
    repository: Repository, evidence: Evidence, further: Sequence[ClaimReader]
) -> tuple[Claim, ...]:
    # NOTE: what an index or a header says is about its own part; of several none is the whole.
    alone = evidence.parts[0] if len(evidence.parts) == 1 else None
    index = alone.index if alone else None
    files = alone.checkpoint.files if alone else ()
    published = Published(
        repository=repository,
        documents=evidence.documents,
        index_path=index.path if index else "",
        index_metadata=index.metadata if index else {},
        header_metadata={file.path: file.header.metadata for file in files},
    )
    claims = tuple(claim for reader in (*READERS, *further) for claim in reader.read(published))
    if evidence.plan.shape is Shape.ADAPTER:
        return tuple(map(_of_adapter, claims))
    return claims


def _of_adapter(claim: Claim) -> Claim:
    """A number that a machine read of an adapter's own files is the adapter's, not the whole's."""
    read_of_files = claim.source in {ClaimSource.HUB, ClaimSource.INDEX, ClaimSource.HEADER}
    if read_of_files and claim.scope is Scope.TOTAL:
        return replace(claim, scope=Scope.ADAPTER)
    return claim


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
    if evidence.plan.absent or not all(part.complete for part in evidence.parts):
        yield Finding(
            code="checkpoint-incomplete",
            severity=Severity.ERROR,
            message="weights are missing or cannot be read, so the total is not known",
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
        for part in evidence.parts
        for file in part.checkpoint.files
    )


def _proof(
    repository: Repository, evidence: Evidence, traffic: Traffic, parts: Sequence[PartCount]
) -> Proof:
    return Proof(
        origin=repository.origin,
        note=repository.note,
        requests=traffic.requests,
        retries=traffic.retries,
        bytes_read=traffic.bytes_read,
        weight_bytes=sum(
            part.choice.companion_bytes
            + sum(file.header.size_bytes for file in part.checkpoint.files)
            for part in evidence.parts
        ),
        spans=evidence.spans,
        headers_by=evidence.headers_by,
        roles_by=_roles_by(parts),
        versions={"hfaudit": __version__, **_libraries(parts)},
    )


def _roles_by(parts: Sequence[PartCount]) -> str:
    """On whose word the roles stand."""
    said = {part.opinion.roles_by if part.opinion else "rules" for part in parts}
    if len(said) == 1:
        return said.pop()
    confirmed = [part.opinion for part in parts if part.opinion]
    classes = ", ".join(dict.fromkeys(opinion.class_name for opinion in confirmed))
    return f"rules, held against {classes}"


def _libraries(parts: Sequence[PartCount]) -> Mapping[str, str]:
    """The libraries that built the architectures, with their versions."""
    named = (part.opinion.library.partition(" ") for part in parts if part.opinion)
    return {library: version for library, _, version in named}

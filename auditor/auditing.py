"""ONE audit, on one page: a model, a source, a record.

NOTE: what judges is imported when there is something to judge. The command line loads it in a
thread while the first answers are on their way.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from auditor.core.identity import HubRef, ModelRef
from auditor.core.verdict import DEFAULT_POLICY, Policy
from auditor.errors import BlueprintMissing, HfauditError
from auditor.evidence import gather_evidence, read_samples
from auditor.source_choice import Sources, reference

if TYPE_CHECKING:
    from auditor.core.adapter_facts import Base, BaseUnknown
    from auditor.core.blueprint import Drawing
    from auditor.core.protocols import Architect, ClaimReader, OpenRepository, Source
    from auditor.core.record import AuditFailure, AuditRecord, Outcome
    from auditor.core.repository import Repository
    from auditor.core.tie_samples import TieCheck
    from auditor.evidence import Evidence, PartEvidence
    from auditor.judgement import Further

    Progress = Callable[[ModelRef, Outcome], None]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """How to audit. `weights` names a folder, a file or a pattern to count instead of the best.

    `with_base` audits the model that an adapter belongs to as well. An `architect` says what each
    config's class would build; where that is `required`, a model without is a failure. `readers`
    know of documented figures that are not with the model: a list of the user's own. With
    `verify_ties`, a few bytes of tied matrices that are stored twice are compared.
    """

    policy: Policy = DEFAULT_POLICY
    weights: str = ""
    with_base: bool = False
    architect: "Architect | None" = None
    blueprint_required: bool = False
    verify_ties: bool = False
    readers: "Sequence[ClaimReader]" = ()


# Kinds whose files name tensors as the classes do.
DRAWN_KINDS: Final = frozenset({"safetensors", "PyTorch"})
DEFAULT_OPTIONS: Final = AuditOptions()
MANY_TENSORS: Final = 5_000  # judged beside the event loop: it takes more than 50 ms
MODELS_AT_ONCE: Final = 8  # enough to fill the waits between a model's two or three answers


async def audit_model(
    ref: ModelRef, source: "Source", options: AuditOptions = DEFAULT_OPTIONS
) -> "Outcome":
    """The record of one model, or why there is none. Raises nothing of HfauditError."""
    opened: OpenRepository | None = None
    try:
        opened = await source.open(ref)
        return await record_opened(opened, options, source)
    except HfauditError as error:
        return failure_of(ref, error, opened.repository if opened else None)


async def _audit_or_raise(ref: ModelRef, source: "Source", options: AuditOptions) -> "AuditRecord":
    return await record_opened(await source.open(ref), options, source)


async def record_opened(
    opened: "OpenRepository",
    options: AuditOptions = DEFAULT_OPTIONS,
    source: "Source | None" = None,
) -> "AuditRecord":
    """The record of a repository that is open. Raises HfauditError and its kinds.

    The model that an adapter belongs to is asked of `source`, if it is wanted.
    """
    evidence, found = await examine(opened, options)
    from auditor.judgement import record_of  # noqa: PLC0415 - see above

    base = await _base(evidence, source) if options.with_base and source else None
    further = replace(found, base=base, readers=options.readers)

    def judge() -> "AuditRecord":
        return record_of(
            opened.repository, evidence, opened.traffic, policy=options.policy, further=further
        )

    tensors = sum(len(part.checkpoint.tensors) for part in evidence.parts)
    if tensors < MANY_TENSORS:
        return judge()
    import asyncio  # noqa: PLC0415 - not at start-up: it costs as much as all the rest

    return await asyncio.to_thread(judge)


async def examine(
    opened: "OpenRepository", options: AuditOptions = DEFAULT_OPTIONS
) -> "tuple[Evidence, Further]":
    """What is read of a repository that is open, and what its architectures and samples say.

    Raises SourceError and ContentError.
    """
    evidence = await gather_evidence(opened, wanted=options.weights)
    from auditor.judgement import Further  # noqa: PLC0415 - see above

    drawings = await _drawings(opened, evidence, options)
    if not options.verify_ties:
        return evidence, Further(drawings=drawings)
    evidence, ties = await _verified_ties(opened, evidence, drawings)
    return evidence, Further(drawings=drawings, ties=ties)


async def _drawings(
    opened: "OpenRepository", evidence: "Evidence", options: AuditOptions
) -> "Mapping[str, Drawing]":
    """What the architectures of the parts build, by component. Raises BlueprintMissing."""
    if options.architect is None:
        return {}
    drawings = {
        part.choice.component: await options.architect.draw(
            part.config.values, part.choice.class_name or None
        )
        for part in evidence.parts
        if not _not_drawn(part)
    }
    if options.blueprint_required and (missing := _missing(evidence, drawings)):
        raise BlueprintMissing(
            opened.repository.repo_id,
            f"no blueprint: {missing}",
            hint="`--blueprint auto` audits it by the rules alone",
        )
    return drawings


def _not_drawn(part: "PartEvidence") -> str:
    """Why a part is not held against a class; empty where it is."""
    if part.choice.is_adapter:
        return "an adapter has no class of its own"
    if part.choice.format not in DRAWN_KINDS:
        return f"{part.choice.format} files name tensors otherwise than the classes do"
    return "" if part.has_config else "there is no config.json that can be read"


def _missing(evidence: "Evidence", drawings: "Mapping[str, Drawing]") -> str:
    """Why a part has no blueprint; empty where all have one."""
    from auditor.core.blueprint import NoBlueprint  # noqa: PLC0415 - for few calls

    for part in evidence.parts:
        drawing = drawings.get(part.choice.component)
        if drawing is None:
            return _not_drawn(part)
        if isinstance(drawing, NoBlueprint):
            return drawing.reason
    return ""


async def _verified_ties(
    opened: "OpenRepository", evidence: "Evidence", drawings: "Mapping[str, Drawing]"
) -> "tuple[Evidence, Mapping[str, tuple[TieCheck, ...]]]":
    """What bytes say of matrices that may be one, by component; the evidence has their spans."""
    from auditor.core.tie_samples import checked, to_sample  # noqa: PLC0415 - for few calls
    from auditor.judgement import copies_to_check  # noqa: PLC0415 - see above

    checks: dict[str, tuple[TieCheck, ...]] = {}
    for part in evidence.parts:
        component = part.choice.component
        copies = copies_to_check(part, drawings.get(component))
        wanted = {*copies, *copies.values()}
        tensors = {each.name: each for each in part.checkpoint.tensors if each.name in wanted}
        read = await read_samples(opened, part.checkpoint, to_sample(copies, tensors))
        checks[component] = checked(copies, tensors, read.by_name, problem=read.problem)
        evidence = replace(evidence, spans=tuple(sorted((*evidence.spans, *read.spans))))
    return evidence, checks


async def _base(evidence: "Evidence", source: "Source") -> "Base | BaseUnknown | None":
    """The model that an adapter belongs to; None for what is no adapter, or names no model."""
    from auditor.core.adapter_facts import BaseUnknown  # noqa: PLC0415 - for few models
    from auditor.core.adapters import base_of  # noqa: PLC0415
    from auditor.judgement import adapter_config_of, base_count  # noqa: PLC0415 - see above

    config = adapter_config_of(evidence)
    ref = base_of(config) if config else None
    if not isinstance(ref, HubRef):
        return None
    try:
        opened = await source.open(ref)
        return base_count(opened.repository, await gather_evidence(opened))
    except HfauditError as error:
        return BaseUnknown(reason=f"the base model could not be audited: {error}")


async def audit_models(
    refs: Sequence[ModelRef],
    source: "Source",
    options: AuditOptions = DEFAULT_OPTIONS,
    *,
    on_done: "Progress" = lambda _ref, _outcome: None,
) -> "tuple[Outcome, ...]":
    """One outcome for each of `refs`, in their order; a few models are under way at once."""
    import asyncio  # noqa: PLC0415 - not at start-up: it costs as much as all the rest

    slots = asyncio.Semaphore(MODELS_AT_ONCE)

    async def one(ref: ModelRef) -> "Outcome":
        async with slots:
            outcome = await audit_model(ref, source, options)
            on_done(ref, outcome)
            return outcome

    return tuple(await asyncio.gather(*(one(ref) for ref in refs)))


def failure_of(
    asked: ModelRef | str, error: HfauditError, repository: "Repository | None" = None
) -> "AuditFailure":
    """The failure that stands for a model in every report."""
    from auditor.core.record import AuditFailure  # noqa: PLC0415 - see above

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
    source: "Source | None" = None,
    options: AuditOptions = DEFAULT_OPTIONS,
) -> "AuditRecord":
    """The record of one model: an id, `org/name@revision`, a Hub URL or a folder.

    Without a `source` the model is read from the Hub, or from disk where it is a folder. Raises
    HfauditError and its kinds. Not to be called where an event loop runs: await `audit_model`.
    """
    ref = reference(model, revision)
    import asyncio  # noqa: PLC0415 - as above

    return asyncio.run(_closing(source, lambda used: _audit_or_raise(ref, used, options)))


def audit_many(
    models: Iterable[str | ModelRef],
    *,
    source: "Source | None" = None,
    options: AuditOptions = DEFAULT_OPTIONS,
) -> "tuple[Outcome, ...]":
    """One outcome for each model, in order; one that cannot be audited is an AuditFailure.

    Raises InvalidModel before anything is read where a text names no model.
    """
    import asyncio  # noqa: PLC0415 - as above

    refs = [reference(model) for model in models]
    return asyncio.run(_closing(source, lambda used: audit_models(refs, used, options)))


async def _closing(source: "Source | None", use: "Callable[[Source], Awaitable[T]]") -> T:
    """What `use` makes of `source`, or of one of our own that is closed afterwards."""
    if source is not None:
        return await use(source)
    own = Sources()
    try:
        return await use(own)
    finally:
        await own.aclose()

"""ONE audit, on one page: a model, a source, a record.

NOTE: what judges is imported when there is something to judge. The command line loads it in a
thread while the first answers are on their way.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from auditor.core.identity import HubRef, ModelRef
from auditor.core.verdict import DEFAULT_POLICY, Policy
from auditor.errors import HfauditError
from auditor.evidence import gather_evidence
from auditor.source_choice import Sources, reference

if TYPE_CHECKING:
    from auditor.core.protocols import OpenRepository, Source
    from auditor.core.record import AuditFailure, AuditRecord, Outcome
    from auditor.core.repository import Repository

    Progress = Callable[[ModelRef, Outcome], None]

T = TypeVar("T")

MODELS_AT_ONCE: Final = 8  # enough to fill the waits between a model's two or three answers


async def audit_model(
    ref: ModelRef, source: "Source", *, policy: Policy = DEFAULT_POLICY
) -> "Outcome":
    """The record of one model, or why there is none. Raises nothing of HfauditError."""
    opened: OpenRepository | None = None
    try:
        opened = await source.open(ref)
        return await _record(opened, policy)
    except HfauditError as error:
        return failure_of(ref, error, opened.repository if opened else None)


async def _audit_or_raise(ref: ModelRef, source: "Source", policy: Policy) -> "AuditRecord":
    return await _record(await source.open(ref), policy)


async def _record(opened: "OpenRepository", policy: Policy) -> "AuditRecord":
    evidence = await gather_evidence(opened)
    from auditor.judgement import record_of  # noqa: PLC0415 - see above

    return record_of(opened.repository, evidence, opened.traffic, policy=policy)


async def audit_models(
    refs: Sequence[ModelRef],
    source: "Source",
    *,
    policy: Policy = DEFAULT_POLICY,
    on_done: "Progress" = lambda _ref, _outcome: None,
) -> "tuple[Outcome, ...]":
    """One outcome for each of `refs`, in their order; a few models are under way at once."""
    import asyncio  # noqa: PLC0415 - not at start-up: it costs as much as all the rest

    slots = asyncio.Semaphore(MODELS_AT_ONCE)

    async def one(ref: ModelRef) -> "Outcome":
        async with slots:
            outcome = await audit_model(ref, source, policy=policy)
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
    policy: Policy = DEFAULT_POLICY,
) -> "AuditRecord":
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
    source: "Source | None" = None,
    policy: Policy = DEFAULT_POLICY,
) -> "tuple[Outcome, ...]":
    """One outcome for each model, in order; one that cannot be audited is an AuditFailure.

    Raises InvalidModel before anything is read where a text names no model.
    """
    import asyncio  # noqa: PLC0415 - as above

    refs = [reference(model) for model in models]
    return asyncio.run(_closing(source, lambda used: audit_models(refs, used, policy=policy)))


async def _closing(source: "Source | None", use: "Callable[[Source], Awaitable[T]]") -> T:
    """What `use` makes of `source`, or of one of our own that is closed afterwards."""
    if source is not None:
        return await use(source)
    own = Sources()
    try:
        return await use(own)
    finally:
        await own.aclose()

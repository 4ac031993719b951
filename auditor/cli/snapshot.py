"""`hfaudit snapshot MODEL... -o FILE`: record what an audit reads."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from auditor.auditing import AuditOptions, audit_models
from auditor.cli.exits import AGREES, INCOMPLETE, say, show_error
from auditor.cli.loop import run
from auditor.cli.options import SourceChoice, source_options, weights_option
from auditor.cli.reports import Destination
from auditor.core.identity import ModelRef
from auditor.core.record import AuditFailure, Outcome
from auditor.core.sizes import decimal_size
from auditor.errors import HfauditError
from auditor.source_choice import Sources
from auditor.sources.recorded import RecordedSource
from auditor.sources.recording import Provenance, Snapshot
from auditor.sources.snapshot_file import pack


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "-o", "--output", metavar="FILE", required=True, help="The snapshot; `-` is standard output."
)
@weights_option
@source_options
def snapshot(  # noqa: PLR0913 - one for each option
    models: tuple[str, ...],
    output: str,
    *,
    weights: str,
    revision: str | None,
    offline: bool,
    snapshot: str | None,
    endpoint: str | None,
) -> int:
    """Record what an audit of MODELS reads; `hfaudit --snapshot FILE MODEL` replays it.

    Errors are recorded as well: they replay as the same errors.

    \b
    Example:
      hfaudit snapshot openai-community/gpt2 -o gpt2.snapshot
    """
    destination = Destination.of("snapshot", output)
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    refs = [choice.reference(model) for model in models]
    sources = choice.sources()
    outcomes, recorded = run(_record(refs, sources, AuditOptions(weights=weights)))
    data = pack(
        Snapshot(
            provenance=Provenance.FETCHED,
            models=recorded.recordings(),
            endpoint=sources.endpoint or "",
            created=f"{datetime.now(UTC):%Y-%m-%d}",
        )
    )
    destination.write(lambda stream: stream.write(data))
    say(f"{output}: {len(refs)} recorded, {decimal_size(len(data))}")
    return _code(outcomes)


async def _record(
    refs: Sequence[ModelRef], sources: Sources, options: AuditOptions
) -> tuple[tuple[Outcome, ...], RecordedSource]:
    recorded = RecordedSource(sources)
    try:
        return await audit_models(refs, recorded, options), recorded
    finally:
        await sources.aclose()


def _code(outcomes: Sequence[Outcome]) -> int:
    failures = [outcome for outcome in outcomes if isinstance(outcome, AuditFailure)]
    for failure in failures:
        show_error(HfauditError("", failure.message, hint=failure.hint))
    return INCOMPLETE if failures else AGREES

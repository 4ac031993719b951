"""`hfaudit audit MODEL...`, the default command."""

from collections.abc import Sequence

import click

from auditor.audit import audit_models, failure_of
from auditor.cli.exits import INCOMPLETE, USAGE, exit_code, show_error
from auditor.cli.loop import run
from auditor.cli.options import SourceChoice, source_options, verbosity_options
from auditor.cli.progress import progress
from auditor.cli.reports import Report
from auditor.core.identity import ModelRef
from auditor.core.record import AuditFailure, Outcome
from auditor.errors import InvalidModel, OutputError
from auditor.source_choice import Sources
from auditor.writers import WRITERS


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "-f",
    "--format",
    "format_name",
    type=click.Choice(list(WRITERS)),
    help="The report's form (default: by the ending of --output, else terminal).",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Where the report goes; `-` is standard output."
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 also for undocumented and unverifiable models."
)
@source_options
@verbosity_options
def audit(  # noqa: PLR0913 - one for each option
    models: tuple[str, ...],
    format_name: str | None,
    output: str | None,
    *,
    strict: bool,
    revision: str | None,
    offline: bool,
    snapshot: str | None,
    endpoint: str | None,
    quiet: bool,
    verbose: bool,
) -> int:
    r"""Count the parameters of MODELS and hold them against what is documented.

    Reads configs and the headers of weight files; no weights are downloaded.

    \b
    Example:
      hfaudit audit google-bert/bert-base-uncased openai-community/gpt2 -o report.csv
    """
    report = Report.of(format_name, output, quiet=quiet, verbose=verbose)
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    sources = choice.sources()
    asked = [_reference_or_failure(choice, model) for model in models]
    if all(isinstance(each, AuditFailure) for each in asked):
        return USAGE
    outcomes = run(_audit(asked, sources, show_progress=not quiet))
    try:
        report.write(outcomes)
    except OutputError as error:
        show_error(error)
        return INCOMPLETE
    return exit_code(outcomes, strict=strict)


def _reference_or_failure(choice: SourceChoice, model: str) -> ModelRef | AuditFailure:
    """A text that names no model is a failure of its own; the others are audited."""
    try:
        return choice.reference(model)
    except InvalidModel as error:
        show_error(error)
        return failure_of(model, error)


async def _audit(
    asked: Sequence[ModelRef | AuditFailure], sources: Sources, *, show_progress: bool
) -> list[Outcome]:
    refs = [each for each in asked if not isinstance(each, AuditFailure)]
    try:
        with progress(len(refs), shown=show_progress) as on_done:
            audited = iter(await audit_models(refs, sources, on_done=on_done))
    finally:
        await sources.aclose()
    return [each if isinstance(each, AuditFailure) else next(audited) for each in asked]

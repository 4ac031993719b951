"""`hfaudit audit MODEL...`, the default command.

The Hub's first answer is asked for before the rest of the package is loaded: both take as long.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from auditor.cli.exits import INCOMPLETE, USAGE, exit_code, show_error
from auditor.cli.loop import run
from auditor.cli.options import SourceChoice, source_options, verbosity_options
from auditor.cli.progress import progress
from auditor.cli.reports import Report
from auditor.core.identity import ModelRef
from auditor.errors import InvalidModel, OutputError
from auditor.source_choice import Sources
from auditor.writers import WRITERS

if TYPE_CHECKING:
    from auditor.core.record import Outcome


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
    """Count the parameters of MODELS and hold them against what is documented.

    Reads configs and the headers of weight files; no weights are downloaded.

    \b
    Example:
      hfaudit audit google-bert/bert-base-uncased openai-community/gpt2 -o report.csv
    """
    report = Report.of(format_name, output, quiet=quiet, verbose=verbose)
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    sources = choice.sources()
    asked = [_reference_or_error(choice, model) for model in models]
    if all(isinstance(each, InvalidModel) for each in asked):
        return USAGE
    outcomes = run(_audit(models, asked, sources, report.destination.form, show_progress=not quiet))
    try:
        report.write(outcomes)
    except OutputError as error:
        show_error(error)
        return INCOMPLETE
    return exit_code(outcomes, strict=strict)


def _reference_or_error(choice: SourceChoice, model: str) -> ModelRef | InvalidModel:
    """A text that names no model is a failure of its own; the others are audited."""
    try:
        return choice.reference(model)
    except InvalidModel as error:
        show_error(error)
        return error


def _load(form: str) -> None:
    """What judges and what writes, in the order in which they are needed."""
    import_module("auditor.judgement")
    row = WRITERS[form]
    import_module(row.module)
    if row.library:
        import_module(row.library)


async def _audit(
    models: Sequence[str],
    asked: Sequence[ModelRef | InvalidModel],
    sources: Sources,
    form: str,
    *,
    show_progress: bool,
) -> "list[Outcome]":
    import asyncio

    refs = [each for each in asked if not isinstance(each, InvalidModel)]
    try:
        sources.open_ahead(refs)
        await asyncio.sleep(0)  # they load the HTTP client and send their questions first
        loading = asyncio.create_task(asyncio.to_thread(_load, form))
        from auditor.auditing import audit_models, failure_of

        with progress(len(refs), shown=show_progress) as on_done:
            audited = iter(await audit_models(refs, sources, on_done=on_done))
        await loading
    finally:
        await sources.aclose()
    return [
        failure_of(model, each) if isinstance(each, InvalidModel) else next(audited)
        for model, each in zip(models, asked, strict=True)
    ]

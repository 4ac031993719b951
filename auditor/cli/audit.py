"""`hfaudit audit MODEL...`, the default command.

The Hub's first answer is asked for before the rest of the package is loaded: both take as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import click

from auditor.cli.blueprints import REQUIRE, architect_of, check_blueprint
from auditor.cli.exits import INCOMPLETE, USAGE, exit_code, show_error
from auditor.cli.figure_list import figures_option, list_reader
from auditor.cli.loop import run
from auditor.cli.options import (
    SourceChoice,
    blueprint_options,
    source_options,
    verbosity_options,
    weights_option,
)
from auditor.cli.progress import progress
from auditor.cli.reports import Report
from auditor.core.identity import ModelRef
from auditor.errors import InvalidModel, InvalidOption, OutputError
from auditor.source_choice import Sources
from auditor.writers import WRITERS

if TYPE_CHECKING:
    from auditor.claims.ledger import LedgerReader
    from auditor.core.record import Outcome


@click.command()
@click.argument("models", nargs=-1, metavar="MODEL...")
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
@weights_option
@click.option(
    "--with-base", is_flag=True, help="Audit the model that an adapter belongs to as well."
)
@figures_option
@blueprint_options
@source_options
@verbosity_options
def audit(  # noqa: PLR0913 - one for each option
    models: tuple[str, ...],
    format_name: str | None,
    output: str | None,
    *,
    strict: bool,
    weights: str,
    with_base: bool,
    figures: str | None,
    blueprint: str,
    verify_ties: bool,
    revision: str | None,
    offline: bool,
    snapshot: str | None,
    endpoint: str | None,
    quiet: bool,
    verbose: bool,
) -> int:
    """Count the parameters of MODELS and hold them against what is documented.

    Reads configs and the headers of weight files; no weights are downloaded. With --figures and no
    MODEL, every model of that list is audited.

    \b
    Example:
      hfaudit audit google-bert/bert-base-uncased openai-community/gpt2 -o report.csv
    """
    check_blueprint(blueprint)
    report = Report.of(format_name, output, quiet=quiet, verbose=verbose)
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    sources = choice.sources()
    listed = list_reader(figures) if figures is not None else None
    asked = _asked(choice, models, listed)
    if all(isinstance(each, InvalidModel) for each in asked):
        return USAGE
    call = _Call(
        models=models or tuple(map(str, asked)),
        asked=asked,
        sources=sources,
        form=report.destination.form,
        weights=weights,
        with_base=with_base,
        listed=listed,
        blueprint=blueprint,
        verify_ties=verify_ties,
    )
    outcomes = run(_audit(call, show_progress=not quiet))
    try:
        report.write(outcomes)
    except OutputError as error:
        show_error(error)
        return INCOMPLETE
    return exit_code(outcomes, strict=strict)


def _asked(
    choice: SourceChoice, models: Sequence[str], listed: "LedgerReader | None"
) -> Sequence[ModelRef | InvalidModel]:
    """The models that are named, or else those of the list. Raises InvalidOption, UsageError."""
    if models:
        return [_reference_or_error(choice, model) for model in models]
    if listed is None:
        raise click.UsageError("Missing argument 'MODEL...'.")
    if choice.revision is not None:
        hint = "give it in the list's column `revision`, or name the models"
        raise InvalidOption("--revision", "a list says itself which one it means", hint=hint)
    if not listed.ledger.models:
        raise InvalidOption(
            listed.ledger.name, "it lists no model", hint="name models, or add rows"
        )
    return listed.ledger.models


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What the command line asks for."""

    models: Sequence[str]
    asked: Sequence[ModelRef | InvalidModel]
    sources: Sources
    form: str
    weights: str
    with_base: bool
    listed: "LedgerReader | None"
    blueprint: str
    verify_ties: bool


async def _audit(call: _Call, *, show_progress: bool) -> "list[Outcome]":
    import asyncio

    refs = [each for each in call.asked if not isinstance(each, InvalidModel)]
    try:
        call.sources.open_ahead(refs)
        await asyncio.sleep(0)  # they load the HTTP client and send their questions first
        loading = asyncio.create_task(asyncio.to_thread(_load, call.form))
        from auditor.auditing import AuditOptions, audit_models, failure_of

        with progress(len(refs), shown=show_progress) as display:
            async with architect_of(call.blueprint, display.note) as architect:
                options = AuditOptions(
                    weights=call.weights,
                    with_base=call.with_base,
                    readers=(call.listed,) if call.listed else (),
                    architect=architect,
                    blueprint_required=call.blueprint == REQUIRE,
                    verify_ties=call.verify_ties,
                )
                done = await audit_models(refs, call.sources, options, on_done=display.done)
        audited = iter(done)
        await loading
    finally:
        await call.sources.aclose()
    return [
        failure_of(model, each) if isinstance(each, InvalidModel) else next(audited)
        for model, each in zip(call.models, call.asked, strict=True)
    ]

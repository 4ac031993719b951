"""`hfaudit survey`: many models by what the Hub lists of them, without reading any."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import IO, Any

import click

from auditor.auditing import audit_models
from auditor.cli.exits import AGREES, INCOMPLETE, exit_code, say, show_error
from auditor.cli.listing import listing_options, query_of
from auditor.cli.loop import run
from auditor.cli.progress import progress
from auditor.cli.reports import STANDARD_OUTPUT, Report
from auditor.core.identity import HubRef
from auditor.core.listing import ListQuery
from auditor.core.record import Outcome
from auditor.errors import HfauditError, InvalidOption
from auditor.source_choice import Sources, endpoint_of_environment
from auditor.sources.hub import HubSource
from auditor.sources.hub_listing import SURVEY_FIELDS
from auditor.survey import Surveyed
from auditor.survey import survey as surveyed_pages
from auditor.writers.output import write_standard_output, write_whole
from auditor.writers.survey import FORMS


@click.command()
@listing_options
@click.option("-f", "--format", "form", type=click.Choice(list(FORMS)), help="Form of the rows.")
@click.option("-o", "--output", metavar="FILE", help="Where they go; `-` is standard output.")
@click.option(
    "--then-audit",
    "report_path",
    metavar="REPORT",
    help="Audit the suspects afterwards, and write that report here.",
)
@click.option("--endpoint", metavar="URL", help="The Hub's address.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
def survey(
    form: str | None,
    output: str | None,
    report_path: str | None,
    endpoint: str | None,
    *,
    quiet: bool,
    **listing: Any,  # noqa: ANN401 - the options of listing_options
) -> int:
    """List models with what the Hub says of them, and which deserve an audit.

    A thousand models cost one request; no repository is read. What the Hub lists is not measured:
    a suspicion is a reason to audit, no verdict.

    \b
    Example:
      hfaudit survey --author google-bert -o survey.csv --then-audit suspects.csv
    """
    query = query_of(listing)
    report = Report.of(None, report_path, quiet=True, verbose=False) if report_path else None
    address = endpoint or endpoint_of_environment()
    taken = _Taken(form=_form(form, output))
    try:
        if output in {None, STANDARD_OUTPUT}:
            write_standard_output(lambda stream: run(_fill(address, query, taken, stream)))
        else:
            write_whole(str(output), lambda stream: run(_fill(address, query, taken, stream)))
    except HfauditError as error:
        show_error(error)
        return INCOMPLETE
    if not quiet:
        say(taken.summary())
    if report is None:
        return AGREES
    outcomes = run(_audited(taken.suspects, address, show_progress=not quiet))
    report.write(outcomes)
    return exit_code(outcomes, strict=False)


@dataclass(slots=True, kw_only=True)
class _Taken:
    """What was written so far: how many of each kind, and the suspects' names."""

    form: str
    kinds: Counter[str] = field(default_factory=Counter)
    suspects: list[str] = field(default_factory=list)

    def note(self, page: tuple[Surveyed, ...]) -> None:
        self.kinds.update(each.suspicion.value for each in page)
        self.suspects += [each.listed.repo_id for each in page if each.is_suspect]

    def summary(self) -> str:
        kinds = " · ".join(f"{number:,} {kind}" for kind, number in self.kinds.most_common())
        return f"{self.kinds.total():,} models, {len(self.suspects):,} suspects: {kinds or 'none'}"


async def _fill(address: str, query: ListQuery, taken: _Taken, stream: IO[bytes]) -> None:
    """Every page as soon as it is there."""
    head, rows = FORMS[taken.form]
    stream.write(head())
    source = HubSource(address)
    try:
        pages: AsyncIterator[tuple[Surveyed, ...]] = surveyed_pages(source, query, SURVEY_FIELDS)
        async for page in pages:
            stream.write(rows(page))
            taken.note(page)
    finally:
        await source.aclose()


async def _audited(
    suspects: list[str], address: str, *, show_progress: bool
) -> tuple[Outcome, ...]:
    sources = Sources(endpoint=address, offline=False)
    refs = [HubRef(repo_id=name, requested=name) for name in suspects]
    try:
        with progress(len(refs), shown=show_progress) as display:
            return await audit_models(refs, sources, on_done=display.done)
    finally:
        await sources.aclose()


def _form(form: str | None, output: str | None) -> str:
    """The form of the rows, by the file's ending where none is given."""
    if form is not None:
        return form
    if output is None or output == STANDARD_OUTPUT:
        return "csv"
    ending = output.rpartition(".")[2].lower()
    if ending not in FORMS:
        raise InvalidOption(
            output, "no form of a survey has this ending", hint=f"give one of {', '.join(FORMS)}"
        )
    return ending

"""`hfaudit batch [FILE]`: a list of models, in as many processes as it takes."""

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from auditor.auditing import AuditOptions
from auditor.batch import Asked, Batch, BatchOptions, Report, Summary
from auditor.cli.exits import AGREES, DIFFERS, INCOMPLETE, INTERRUPTED, say, show_error
from auditor.cli.figure_list import figures_option, list_reader
from auditor.cli.listing import listing_options, query_of
from auditor.cli.options import (
    SourceChoice,
    source_options,
    store_option,
    weights_option,
)
from auditor.cli.reports import check_place
from auditor.cli.standing import shown, summary_text
from auditor.core.listing import ListQuery
from auditor.core.verdict import Verdict, differs
from auditor.errors import InvalidOption, OutputError, StoreError
from auditor.source_choice import Sources
from auditor.sources.cached import CachedSource, NoCache
from auditor.sources.id_lists import STANDARD_INPUT, read_ids
from auditor.store.engine import default_place
from auditor.store.journal import Journal
from auditor.store.lock import alone
from auditor.store.span_cache import SpanCache
from auditor.writers.streams import FORMS, STANDARD_OUTPUT, form_of

T = TypeVar("T")

DEFAULT_JOBS: Final = 32
MAX_JOBS: Final = 1_000  # more connections than a server likes to see of one client
_IDS_AT_ONCE: Final = 1_000


@click.command()
@click.argument("file", metavar="[FILE]", required=False)
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    multiple=True,
    default=(STANDARD_OUTPUT,),
    help="A report (.csv, .jsonl, .json, .parquet); may be given again. Default: CSV to stdout.",
)
@click.option(
    "-f",
    "--format",
    "format_name",
    type=click.Choice([form.name for form in FORMS]),
    help="The form of a report whose name does not tell it.",
)
@click.option("--column", metavar="NAME", help="The column or key that has the ids.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, MAX_JOBS),
    default=DEFAULT_JOBS,
    show_default=True,
    help="Models under way at once.",
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first model that cannot be audited.")
@click.option(
    "--max-failures", type=click.IntRange(0), metavar="N", help="Stop when more than N cannot be."
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 also for undocumented and unverifiable models."
)
@click.option("--fresh", is_flag=True, help="Begin anew; audit again what did not change, too.")
@click.option("--no-cache", is_flag=True, help="Neither use nor keep headers of weight files.")
@listing_options
@weights_option
@click.option(
    "--with-base", is_flag=True, help="Audit the model that an adapter belongs to as well."
)
@figures_option
@store_option
@source_options
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
def batch(  # noqa: PLR0913 - one for each option
    file: str | None,
    outputs: tuple[str, ...],
    format_name: str | None,
    column: str | None,
    jobs: int,
    *,
    fail_fast: bool,
    max_failures: int | None,
    strict: bool,
    fresh: bool,
    no_cache: bool,
    weights: str,
    with_base: bool,
    figures: str | None,
    store: str | None,
    revision: str | None,
    offline: bool,
    snapshot: str | None,
    endpoint: str | None,
    quiet: bool,
    **listing: Any,  # noqa: ANN401 - the options of listing_options
) -> int:
    """Audit every model that FILE lists: lines of text, a CSV column, JSON, JSONL; or stdin.

    Without FILE the list may be one of the Hub's: --author, --search and the like.

    Each entry gets one row, in the order of the list. The same command goes on with an interrupted
    batch; after a finished one it reads only what has changed since.

    \b
    Example:
      hfaudit batch models.txt -o report.csv -o report.parquet
      hfaudit batch --author google-bert -o report.csv
    """
    query = query_of(listing)
    asks_hub = query != ListQuery()
    if asks_hub and (file is not None or offline or snapshot):
        raise InvalidOption("FILE", "a list of the Hub is asked for, too", hint="leave one out")
    file = file or STANDARD_INPUT
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    reports = _reports(file, outputs, format_name)
    readers = (list_reader(figures),) if figures is not None else ()
    audit = AuditOptions(weights=weights, with_base=with_base, readers=readers)
    call = _Call(
        file=file,
        column=column,
        query=query if asks_hub else None,
        choice=choice,
        sources=choice.sources(requests_at_once=jobs),
        store=store or default_place(),
        keep=not no_cache,
        reports=reports,
        shown=outputs,
        options=BatchOptions(
            request=_request(repr(query) if asks_hub else file, column, choice, audit, reports),
            list_stays=asks_hub,
            audit=audit,
            jobs=jobs,
            max_failures=0 if fail_fast else max_failures,
            fresh=fresh,
        ),
    )
    try:
        summary = _run(_audit(call, quiet=quiet))
    except (OutputError, StoreError) as error:
        show_error(error)
        return INCOMPLETE
    return _code(summary, strict=strict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What the command line asks for. `keep`: with the cache of headers."""

    file: str
    column: str | None
    query: ListQuery | None  # of the Hub, instead of a file
    choice: SourceChoice
    sources: Sources
    store: str
    keep: bool
    reports: Sequence[Report]
    shown: Sequence[str]  # the reports as they were asked for
    options: BatchOptions


def _reports(file: str, outputs: Sequence[str], format_name: str | None) -> list[Report]:
    """Raises InvalidOption for a report that has no form or cannot be written."""
    reports: list[Report] = []
    for output in outputs:
        path = output if output == STANDARD_OUTPUT else os.path.abspath(output)  # noqa: PTH100 - links stay
        if output != STANDARD_OUTPUT:
            check_place(output)
        if path in {report.path for report in reports}:
            raise InvalidOption(output, "it is asked for twice", hint="name another file")
        if Path(file).exists() and Path(path).exists() and Path(file).samefile(path):
            raise InvalidOption(output, "it is the list itself", hint="name another file")
        reports.append(Report(path=path, form=form_of(output, format_name)))
    return reports


def _request(
    file: str,
    column: str | None,
    choice: SourceChoice,
    audit: AuditOptions,
    reports: Sequence[Report],
) -> str:
    """What makes two calls the same batch."""
    asked = {
        "list": file if file == STANDARD_INPUT else os.path.abspath(file),  # noqa: PTH100 - as above
        "column": column,
        "revision": choice.revision,
        "offline": choice.offline,
        "snapshot": choice.snapshot and os.path.abspath(choice.snapshot),  # noqa: PTH100
        "endpoint": choice.sources().endpoint,
        "weights": audit.weights,
        "with_base": audit.with_base,
        "figures": hashlib.sha256(repr(audit.readers).encode()).hexdigest()
        if audit.readers
        else None,
        "report": reports[0].path,
        "form": reports[0].form.name,
    }
    return json.dumps(asked, sort_keys=True)


async def _audit(call: _Call, *, quiet: bool) -> Summary:
    endpoint = "" if call.choice.snapshot or call.sources.offline else call.sources.endpoint or ""
    with ExitStack() as stack:
        for report in call.reports:
            if report.path != STANDARD_OUTPUT:
                stack.enter_context(alone(report.path))
        journal = stack.enter_context(closing(Journal(call.store)))
        cache = None
        if call.keep and endpoint:
            cache = stack.enter_context(closing(SpanCache(call.store, endpoint)))
        source = CachedSource(call.sources, cache or NoCache())
        batch = Batch(
            source=source,
            parse=call.choice.reference,
            journal=journal,
            reports=call.reports,
            options=call.options,
            endpoint=endpoint,
            cache=cache,
            tip=call.sources.tip if endpoint else None,
        )
        with suppress(NotImplementedError):  # no such handlers on Windows: Ctrl-C raises there
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, batch.stop)
        try:
            async with shown(batch.standing, lambda: call.sources.waits, quiet=quiet):
                summary = await batch.run(_asked(call))
        finally:
            await source.aclose()
    if not quiet:
        say(summary_text(summary, call.shown, source.spent))
    return summary


async def _asked(call: _Call) -> AsyncIterator[Asked]:
    """The entries of the list. It is read in a thread: a pipe may have nothing to say for long."""
    if call.query is not None:
        async for page in call.sources.list_models(call.query):
            for listed in page:
                yield listed.repo_id, listed.commit
        return
    ids = read_ids(call.file, call.column)
    while part := await asyncio.to_thread(lambda: list(islice(ids, _IDS_AT_ONCE))):
        for text in part:
            yield text, None


def _run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to.

    NOTE: not asyncio.run, which waits for every thread: one that reads a pipe may do so for ever.
    Nobody needs what it reads; the process ends without it.
    """
    return asyncio.new_event_loop().run_until_complete(work)


def _code(summary: Summary, *, strict: bool) -> int:
    if summary.too_many_failures:
        return INCOMPLETE
    if not summary.finished:
        return INTERRUPTED
    verdicts = {Verdict(verdict) for verdict, _ in summary.verdicts}
    if Verdict.FAILED in verdicts:
        return INCOMPLETE
    unsettled = strict and verdicts & {Verdict.UNDOCUMENTED, Verdict.UNVERIFIABLE}
    return DIFFERS if unsettled or any(differs(verdict) for verdict in verdicts) else AGREES

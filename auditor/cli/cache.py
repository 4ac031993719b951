"""`hfaudit cache info|prune|clear`: what is kept of earlier audits."""

from contextlib import closing

import click

from auditor.cli.exits import AGREES, say
from auditor.cli.options import store_option
from auditor.core.sizes import decimal_size
from auditor.store.engine import default_place
from auditor.store.journal import Journal
from auditor.store.span_cache import SpanCache

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class Size(click.ParamType[int]):
    """Bytes, as `500MB` or a plain number."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip().upper()
        factor = _UNITS.get(text[-2:], 1)
        number = text[:-2].strip() if factor > 1 else text
        if not (number.isascii() and number.isdecimal()):
            self.fail(f"{value} is no size such as 500MB", param, ctx)
        return int(number) * factor


@click.group()
def cache() -> None:
    """Show, prune or clear what was kept of earlier audits: headers of weight files, and results.

    Nothing of it is needed: what is not there is read again.
    """


@cache.command()
@store_option
def info(store: str | None) -> int:
    """How much is kept, and where.

    \b
    Example:
      hfaudit cache info
    """
    place = store or default_place()
    with closing(SpanCache(place)) as spans, closing(Journal(place)) as journal:
        told, audits = spans.info(), journal.count_audits()
    click.echo(f"{told.place}")
    click.echo(f"  {told.spans:,} spans of {told.files:,} files, {decimal_size(told.stored_bytes)}")
    click.echo(f"  {audits:,} audits that serve again while their commit is the same")
    return AGREES


@cache.command()
@click.option("--unused", "unused_days", type=click.IntRange(0), metavar="DAYS", help="Unused for.")
@click.option("--limit", type=Size(), metavar="SIZE", help="The oldest past it, such as 500MB.")
@store_option
def prune(unused_days: int | None, limit: int | None, store: str | None) -> int:
    """Remove what was not used for some days, or the oldest past a size.

    \b
    Example:
      hfaudit cache prune --unused 90 --limit 2GB
    """
    if unused_days is None and limit is None:
        raise click.UsageError("say what is to go: --unused DAYS, --limit SIZE, or both")
    place = store or default_place()
    audits = 0
    with closing(SpanCache(place)) as spans, closing(Journal(place)) as journal:
        removed = spans.prune(unused_days=unused_days, limit_bytes=limit)
        if unused_days is not None:
            audits = journal.prune(unused_days=unused_days)
    say(f"removed: {removed:,} spans, {audits:,} audits")
    return AGREES


@cache.command()
@store_option
def clear(store: str | None) -> int:
    """Remove all of it. Unfinished batches stay, and go on.

    \b
    Example:
      hfaudit cache clear
    """
    place = store or default_place()
    with closing(SpanCache(place)) as spans, closing(Journal(place)) as journal:
        say(f"removed: {spans.clear():,} spans, {journal.clear():,} audits")
    return AGREES

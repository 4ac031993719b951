"""`hfaudit classes`: how well the table of rules agrees with the classes of transformers."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from auditor.cli.blueprints import REQUIRE, check_blueprint
from auditor.cli.exits import AGREES, DIFFERS, INCOMPLETE, say
from auditor.cli.loop import run
from auditor.cli.progress import progress
from auditor.core.sizes import percent

if TYPE_CHECKING:
    from auditor.architecture.agreement import Row


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--copies", is_flag=True, help="Store every tied matrix under each of its names.")
@click.option("-v", "--verbose", is_flag=True, help="Every class, and why others were not built.")
def classes(names: tuple[str, ...], *, copies: bool, verbose: bool) -> int:
    """Hold the table of rules against the model classes of the transformers that is installed.

    Each class is built from its default config on the meta device; the rules are asked what each of
    its tensors is, by name, shape and config. NAMES are model types or classes, by default all,
    which takes minutes. Exits with 1 where a class differs.

    \b
    Example:
      hfaudit classes bert whisper T5ForConditionalGeneration
    """
    check_blueprint(REQUIRE)
    rows = run(_rows(names, copies=copies))
    for row in rows:
        if line := _line(row, verbose=verbose):
            click.echo(line)
    click.echo(summary_of(rows))
    if not rows:
        say("hfaudit: transformers has no model type or class of these names")
        return INCOMPLETE
    return DIFFERS if any(row.differing for row in rows) else AGREES


async def _rows(names: Sequence[str], *, copies: bool) -> "list[Row]":
    from auditor.architecture.agreement import agreement
    from auditor.architecture.architect import Architect

    rows = []
    async with Architect() as architect:
        wanted = [
            pair for pair in await architect.classes() if not names or not {*names}.isdisjoint(pair)
        ]
        with progress(len(wanted), shown=True) as display:
            display.note("building classes")
            async for row in agreement(architect, wanted, copies=copies):
                rows.append(row)
                display.done()
    return rows


def _line(row: "Row", *, verbose: bool) -> str:
    name = f"{row.class_name} ({row.model_type})"
    if row.refused is not None:
        return f"not built  {name}: {row.refused.reason}" if verbose else ""
    if row.agrees:
        return f"agrees     {name}: {row.parameters:,} parameters" if verbose else ""
    why = f"; {row.reason}" if row.reason else ""
    return f"differs    {name}: {row.difference}{why}"


def summary_of(rows: "Sequence[Row]") -> str:
    """`1,430 of 1,433 classes agree (99.79 %); 143 were not built: config-rejected 100, ...`."""
    built = [row for row in rows if row.refused is None]
    agreeing = sum(row.agrees for row in built)
    text = f"{agreeing:,} of {len(built):,} classes agree"
    if built:
        text += f" ({percent(agreeing, len(built))} %)"
    refusals = Counter(row.refused.refusal.value for row in rows if row.refused is not None)
    if refusals:
        kinds = ", ".join(f"{kind} {many:,}" for kind, many in refusals.most_common())
        text += f"; {refusals.total():,} were not built: {kinds}"
    return text

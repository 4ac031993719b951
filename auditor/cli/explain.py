"""`hfaudit explain [VERDICT]`: what the verdicts mean, and every threshold between them."""

import textwrap
from dataclasses import fields
from fractions import Fraction

import click

from auditor.cli.exits import AGREES
from auditor.core.verdict import DEFAULT_POLICY, MEANING, SEVERITY, THRESHOLDS, Verdict, differs

_ORDER = (*SEVERITY, *(verdict for verdict in Verdict if verdict not in SEVERITY))


@click.command()
@click.argument(
    "verdict",
    required=False,
    type=click.Choice([each.value for each in _ORDER]),
    metavar="[VERDICT]",
)
def explain(verdict: str | None) -> int:
    """Say what VERDICT means and which thresholds it depends on; without one, the whole scheme.

    \b
    Example:
      hfaudit explain rounds-loosely
    """
    shown = [Verdict(verdict)] if verdict is not None else list(_ORDER)
    if verdict is None:
        click.echo("The first that holds, from the best agreement down; the worst of those that")
        click.echo("decide is the model's.\n")
    width = max(len(each.value) for each in shown)
    for each in shown:
        _echo(each.value.ljust(width), MEANING[each] + _exit_note(each))
    names = [each.name for each in fields(DEFAULT_POLICY)]
    used = [name for name in names if any(each in THRESHOLDS[name].of for each in shown)]
    if used:
        click.echo("\nThresholds")
    for name in used:
        _echo(name.ljust(max(map(len, used))), _threshold(name))
    return AGREES


def _echo(name: str, text: str) -> None:
    """A name and a text that wraps under itself."""
    for line in textwrap.wrap(f"  {name}  {text}", 100, subsequent_indent=" " * (len(name) + 4)):
        click.echo(line)


def _exit_note(verdict: Verdict) -> str:
    if verdict is Verdict.FAILED:
        return " (exit code 3)"
    return " (exit code 1)" if differs(verdict) else ""


def _threshold(name: str) -> str:
    value = getattr(DEFAULT_POLICY, name)
    number = f"{value * 100} %" if isinstance(value, Fraction) else f"{value} times"
    return f"{number}: {THRESHOLDS[name].meaning}"

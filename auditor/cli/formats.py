"""`hfaudit formats`: which weight files are read, and which packings are understood."""

import inspect
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import click

from auditor.cli.exits import AGREES


@click.command()
def formats() -> int:
    """List the weight files that are read and the packings of weights that are understood.

    \b
    Example:
      hfaudit formats
    """
    from auditor.formats import FORMATS
    from auditor.layouts import LAYOUTS

    click.echo("Weight files")
    _list((kind, import_module(path)) for kind, path in FORMATS.items())
    click.echo("\nPackings of weights, in the order in which they are tried")
    _list((layout.name, layout) for layout in LAYOUTS)
    return AGREES


def _list(rows: "Iterable[tuple[str, Any]]") -> None:
    """A name and the first sentence of its page for each."""
    named = [(name, (inspect.getdoc(each) or "").partition("\n")[0]) for name, each in rows]
    width = max(len(name) for name, _ in named)
    for name, sentence in named:
        click.echo(f"  {name.ljust(width)}  {sentence}")

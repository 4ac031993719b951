"""`--figures FILE`: the user's own list of documented figures, read and its problems shown."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from auditor.cli.exits import say
from auditor.errors import InvalidOption

if TYPE_CHECKING:
    from auditor.claims.ledger import LedgerReader, Problem

F = TypeVar("F", bound=Callable[..., Any])

MAX_BYTES: Final = 80_000_000  # four bytes for each character that a list may have


def figures_option(function: F) -> F:
    """`--figures`."""
    return click.option(
        "--figures",
        metavar="FILE",
        help="Compare with this list too: CSV or JSON of model, figure, scope, tolerance, source.",
    )(function)


def list_reader(path: str) -> "LedgerReader":
    """The reader of the list at `path`; what is odd about it goes to stderr, line by line.

    Raises InvalidOption where it cannot be read, or has a row that is wrong.
    """
    from auditor.claims.ledger import LedgerReader, read_ledger

    ledger = read_ledger(_text(path), Path(path).name)
    for problem in ledger.problems:
        say(_shown(path, problem))
    if errors := len(ledger.errors):
        rows = "a row is" if errors == 1 else f"{errors:,} rows are"
        raise InvalidOption(path, f"{rows} wrong", hint="correct it; nothing was audited")
    return LedgerReader(ledger=ledger)


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise InvalidOption(path, reason, hint="name a CSV or JSON file") from error
    if len(content) > MAX_BYTES:
        raise InvalidOption(path, f"it is larger than {MAX_BYTES:,} bytes", hint="divide it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "save it as UTF-8"
        raise InvalidOption(path, f"byte {error.start:,} is no UTF-8", hint=hint) from error


def _shown(path: str, problem: "Problem") -> str:
    return f"{path}, line {problem.line}: {problem.severity}: {problem.message}"

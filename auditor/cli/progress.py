"""A progress display on stderr, where that is a terminal; nothing elsewhere."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.core.identity import ModelRef

if TYPE_CHECKING:
    from auditor.auditing import Progress
    from auditor.core.record import Outcome


@contextlib.contextmanager
def progress(models: int, *, shown: bool) -> "Iterator[Progress]":
    """A function to call with each model that is done; the display goes when all are."""
    if not (shown and sys.stderr.isatty()):
        yield lambda _ref, _outcome: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
    )
    from rich.progress import (
        Progress as Display,
    )

    columns = (SpinnerColumn(), TextColumn("reading headers"), BarColumn(), MofNCompleteColumn())
    with Display(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task("", total=models)

        def done(_ref: ModelRef, _outcome: "Outcome") -> None:
            display.advance(task)

        yield done

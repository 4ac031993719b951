"""A progress display on stderr, where that is a terminal; nothing elsewhere."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_USUAL: Final = "reading headers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What a display is told: that a model is `done`, and a `note` in place of what it shows.

    An empty note ends the last one.
    """

    done: Callable[..., None]  # with whatever is known of the model
    note: Callable[[str], None]


@contextlib.contextmanager
def progress(models: int, *, shown: bool) -> "Iterator[Display]":
    """A display of so many models, which goes when all are done."""
    if not (shown and sys.stderr.isatty()):
        yield Display(done=lambda *_: None, note=lambda _text: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(_USUAL, total=models)

        def done(*_: object) -> None:
            bar.advance(task)

        def note(text: str) -> None:
            bar.update(task, description=text or _USUAL)

        yield Display(done=done, note=note)

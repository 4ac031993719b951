"""Where a report goes and in which form, settled before anything is read."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from auditor.errors import InvalidOption
from auditor.writers.choice import name_for_path, writer_for
from auditor.writers.output import write_standard_output, write_whole

if TYPE_CHECKING:
    from auditor.core.protocols import Writer
    from auditor.core.record import Outcome

STANDARD_OUTPUT: Final = "-"
DEFAULT_FORM: Final = "terminal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A form and the path that it is written to."""

    form: str
    path: str

    @classmethod
    def of(cls, form: str | None, output: str | None) -> "Destination":
        """Raises InvalidOption for an unknown ending and a place that cannot be written to."""
        path = STANDARD_OUTPUT if output is None else output
        if path == STANDARD_OUTPUT:
            return cls(form=form or DEFAULT_FORM, path=path)
        check_place(path)
        return cls(form=form or name_for_path(path), path=path)

    def write(self, write: Callable[[IO[bytes]], Any]) -> None:
        """Raises OutputError."""
        if self.path == STANDARD_OUTPUT:
            write_standard_output(write)
        else:
            write_whole(self.path, write)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report of audits: its destination, and how much of it is told."""

    destination: Destination
    quiet: bool
    verbose: bool

    @classmethod
    def of(cls, form: str | None, output: str | None, *, quiet: bool, verbose: bool) -> "Report":
        """Raises InvalidOption, as Destination.of."""
        return cls(destination=Destination.of(form, output), quiet=quiet, verbose=verbose)

    def write(self, outcomes: "Sequence[Outcome]") -> None:
        """Raises OutputError."""
        writer = self._writer()
        self.destination.write(lambda stream: writer.write(outcomes, stream))

    def _writer(self) -> "Writer":
        """Made when there is something to write, so that the Hub is asked before it is loaded."""
        if self.destination.form != DEFAULT_FORM:
            return writer_for(self.destination.form)
        from auditor.writers.look import Look
        from auditor.writers.terminal import Detail, TerminalWriter

        detail = Detail.QUIET if self.quiet else Detail.VERBOSE if self.verbose else Detail.NORMAL
        to_screen = self.destination.path == STANDARD_OUTPUT and sys.stdout
        return TerminalWriter(
            detail=detail, look=Look.of(sys.stdout, os.environ) if to_screen else Look()
        )


def check_place(path: str) -> None:
    """That a file can be made at `path`: told before the audit, not after."""
    folder = Path(path).absolute().parent
    if not path.strip():
        raise InvalidOption("--output", "the path is empty", hint="name a file, or `-`")
    if Path(path).is_dir():
        raise InvalidOption(path, "it is a folder", hint="name a file in it")
    if not folder.is_dir():
        raise InvalidOption(
            path, f"the folder {folder} does not exist", hint=f"make it first: mkdir -p {folder}"
        )
    target = Path(path) if Path(path).exists() else folder
    if not os.access(target, os.W_OK):
        raise InvalidOption(path, "not allowed to write there", hint="choose another place")

"""Exit codes, and how an error is shown: whom, what, what next. Nobody else prints errors.

0  everything agrees, or nothing is documented
1  something differs
2  the command line is wrong
3  something could not be audited (outranks 1)
"""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from auditor.errors import HfauditError

if TYPE_CHECKING:
    from auditor.core.record import Outcome

AGREES: Final = 0
DIFFERS: Final = 1
USAGE: Final = 2
INCOMPLETE: Final = 3
INTERRUPTED: Final = 130  # what a shell gives a command that Ctrl-C ended


def exit_code(outcomes: "Iterable[Outcome]", *, strict: bool) -> int:
    """The code for a call. `strict` turns undocumented and unverifiable into `DIFFERS`."""
    from auditor.core.record import AuditFailure
    from auditor.core.verdict import Verdict, differs

    code = AGREES
    for outcome in outcomes:
        if isinstance(outcome, AuditFailure):
            return INCOMPLETE
        unsettled = outcome.verdict in {Verdict.UNDOCUMENTED, Verdict.UNVERIFIABLE}
        if differs(outcome.verdict) or (strict and unsettled):
            code = DIFFERS
    return code


def show_error(error: HfauditError) -> None:
    """The error on stderr, escaped: parts of it may come from a repository."""
    lines = [f"hfaudit: {_printable(str(error))}"]
    if error.hint:
        lines.append(f"  -> {_printable(error.hint)}")
    say("\n".join(lines))


def say(text: str) -> None:
    """A message for the person at the terminal, to stderr, whatever its encoding."""
    encoding = sys.stderr.encoding or "ascii"
    sys.stderr.write(text.encode(encoding, errors="backslashreplace").decode(encoding) + "\n")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)

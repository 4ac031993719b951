"""Oddities that an audit met: what is odd, how much it matters, in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_EXAMPLES: Final = 3  # a message names that many and counts the rest
MAX_QUOTED_CHARACTERS: Final = 80  # a name in a file may be as long as the file


class Severity(StrEnum):
    """How much it matters: `warning` is about the repository, `error` voids a number."""

    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One oddity. `code` is stable; `message` may quote hostile names and is escaped by writers."""

    code: str
    severity: Severity
    message: str


def quoted(name: str) -> str:
    """`name` as a message quotes it: in backticks, shortened, what cannot be printed escaped."""
    cut = len(name) > MAX_QUOTED_CHARACTERS
    shown = name[: MAX_QUOTED_CHARACTERS - 1] + "…" if cut else name
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    return f"`{shown}`"


def listed(examples: Sequence[str]) -> str:
    """The first of `examples`, which are quoted already, and how many more there are."""
    head, more = examples[:MAX_EXAMPLES], len(examples) - MAX_EXAMPLES
    return ", ".join(head) + (f" and {more:,} more" if more > 0 else "")


def about(code: str, severity: Severity, what: str, examples: Sequence[str]) -> tuple[Finding, ...]:
    """One finding about all `examples`, which are quoted already; none where there are none."""
    message = f"{what} ({len(examples):,}): {listed(examples)}"
    return (Finding(code=code, severity=severity, message=message),) if examples else ()

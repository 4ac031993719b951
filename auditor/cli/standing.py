"""How far a batch is, while it runs and at its end: on stderr, for a terminal or for a log."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from auditor.batch import Standing, Summary
from auditor.cli.exits import say
from auditor.core.repository import Traffic
from auditor.core.sizes import decimal_size
from auditor.core.verdict import Verdict
from auditor.writers.words import word

_TERMINAL_SECONDS: Final = 0.25
_LOG_SECONDS: Final = 30.0
_MINUTE: Final = 60
_HOUR: Final = 3_600
_LINE_UP: Final = "\r\x1b[2K"
_BUCKETS: Final = {"api": "the Hub's API", "resolvers": "the Hub's files"}

Waits = Callable[[], Mapping[str, float]]


@asynccontextmanager
async def shown(standing: Standing, waits: Waits, *, quiet: bool) -> AsyncIterator[None]:
    """Tells how far it is while the block lasts: a line that is kept current, or one now and then.

    It is one line of plain text, so that a list of a million models costs no more than one of ten.
    """
    if quiet:
        yield
        return
    telling = asyncio.create_task(_tell(standing, waits, is_terminal=sys.stderr.isatty()))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait({telling})


async def _tell(standing: Standing, waits: Waits, *, is_terminal: bool) -> None:
    began = time.monotonic()
    try:
        while True:
            await asyncio.sleep(_TERMINAL_SECONDS if is_terminal else _LOG_SECONDS)
            line = progress_line(standing, time.monotonic() - began, waits())
            if is_terminal:
                sys.stderr.write(_LINE_UP + _narrow(line))
                sys.stderr.flush()
            else:
                say(line)
    finally:
        if is_terminal:
            sys.stderr.write(_LINE_UP)


def _narrow(line: str) -> str:
    from auditor.writers.look import Look

    width = Look.of(sys.stderr, {}).width - 1
    encoding = sys.stderr.encoding or "ascii"
    return line[:width].encode(encoding, errors="replace").decode(encoding)


def progress_line(standing: Standing, seconds: float, waits: Mapping[str, float]) -> str:
    """Everything in one line, the most wanted first."""
    if standing.models is None:
        return f"reading the list: {standing.lines:,} lines"
    parts = [f"{standing.done:,} of {standing.models:,} models"]
    if standing.here and seconds > 0:
        rate = standing.here / seconds
        parts.append(f"{rate:,.1f}/s")
        parts.append(f"{duration((standing.models - standing.done) / rate)} left")
    parts += [f"{count:,} {name}" for name, count in _answers(standing.verdicts.items()).items()]
    parts += [
        f"waiting {duration(left)} for the rate limit of {_BUCKETS.get(bucket, bucket)}"
        for bucket, left in waits.items()
    ]
    return " · ".join(parts)


def _answers(verdicts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """How many there are of each answer, in the words of the other reports."""
    counted: Counter[str] = Counter()
    for verdict, count in verdicts:
        counted[word(Verdict(verdict))[0].lower()] += count
    order = [word(verdict)[0].lower() for verdict in Verdict]
    return {name: counted[name] for name in dict.fromkeys(order) if counted[name]}


def duration(seconds: float) -> str:
    """`48 s`, `3 min 20 s`, `5 h 12 min`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR:,} h {whole % _HOUR // _MINUTE} min"


def summary_text(summary: Summary, reports: Iterable[str], spent: Traffic) -> str:
    """The end of a batch, for the person who waited for it."""
    standing = summary.standing
    rows = sum(summary.verdicts.values())
    head = f"{rows:,} of {standing.lines:,} lines" if rows < standing.lines else f"{rows:,} lines"
    lines = [f"{head}, {standing.done:,} models -> {', '.join(reports)}"]
    answers = _answers((verdict, count) for (verdict, _), count in summary.verdicts.items())
    width = max((len(f"{count:,}") for count in answers.values()), default=0)
    for name, count in answers.items():
        why = _why(summary) if name == "failed" else ""
        lines.append(f"  {name.upper():<15}{count:>{width},}{why}")
    lines.append(f"  {_cost(standing, summary.seconds, spent)}")
    if not summary.finished:
        lines.append(f"{_end(summary)}; the same command goes on from here")
    return "\n".join(lines)


def _why(summary: Summary) -> str:
    kinds = {kind: n for (_, kind), n in summary.verdicts.items() if kind is not None}
    ranked = sorted(kinds.items(), key=lambda each: (-each[1], each[0]))
    return f"   {', '.join(f'{kind} {count:,}' for kind, count in ranked)}"


def _cost(standing: Standing, seconds: float, spent: Traffic) -> str:
    parts = [duration(seconds)]
    if standing.here and seconds > 0:
        parts.append(f"{standing.here / seconds:,.1f} models/s")
    if standing.again:
        parts.append(f"{standing.again:,} of a commit that was audited before")
    if spent.requests:
        parts.append(f"{spent.requests:,} requests")
        parts.append(f"{decimal_size(spent.bytes_read)} read")
    if spent.waited_seconds > _MINUTE:
        parts.append(f"waits of all readers together {duration(spent.waited_seconds)}")
    return " · ".join(parts)


def _end(summary: Summary) -> str:
    return "stopped: too many failures" if summary.too_many_failures else "interrupted"

"""Patience: what may pass is tried again, after growing pauses or as long as the server says."""

import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from auditor.core.repository import Traffic

T = TypeVar("T")

FIRST_WAIT_SECONDS: Final = 0.25  # doubled each time; most faults of a busy server pass at once
LONGEST_BACKOFF_SECONDS: Final = 8.0  # as in huggingface_hub's own `http_backoff`
JITTER_SECONDS: Final = 0.25  # so that many waiting readers do not come back at the same moment
BUDGET_SECONDS: Final = 900.0  # three windows of the rate limit; after that no new attempt begins

# stamina logs each retry as a warning, which Python prints where no log has been set up.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class Transient(Exception):
    """An attempt failed in a way that may pass.

    `status` is the server's answer, if it was one, and `wait_seconds` what it asks to wait.
    `attempts` have been made, this one included.
    """

    def __init__(
        self, reason: str, *, status: int | None = None, wait_seconds: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.wait_seconds = wait_seconds
        self.attempts = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How often something is tried, and how many seconds a server may ask to wait."""

    attempts: int
    patience_seconds: float


@dataclass(slots=True)
class Meter:
    """What reading has cost so far; waits are those of all readers together."""

    requests: int = 0
    bytes_read: int = 0
    retries: int = 0
    waited_seconds: float = 0.0

    @property
    def traffic(self) -> Traffic:
        return Traffic(
            requests=self.requests,
            bytes_read=self.bytes_read,
            retries=self.retries,
            waited_seconds=round(self.waited_seconds),
        )


async def persist(once: Callable[[], Awaitable[T]], worth: Callable[[], Effort], meter: Meter) -> T:
    """What `once` gives, tried again while it raises Transient. Raises the last Transient.

    What it is `worth` is asked after the first failure.
    """
    try:
        return await once()
    except Transient as error:
        failures = [error]
    effort = worth()
    # Not at the top: most audits never need it, and importing it takes as long as a request.
    import stamina  # noqa: PLC0415

    # NOTE: where structlog is installed, stamina tells of each retry through it, and its default
    # prints to standard output, into the middle of a report.
    stamina.instrumentation.set_on_retry_hooks(())

    def again(error: Exception) -> bool | float:
        return isinstance(error, Transient) and _pause(error, effort.patience_seconds)

    failed_at = time.monotonic()
    async for attempt in stamina.retry_context(
        on=again,
        attempts=effort.attempts,
        timeout=BUDGET_SECONDS,
        wait_initial=FIRST_WAIT_SECONDS,
        wait_max=LONGEST_BACKOFF_SECONDS,
        wait_jitter=JITTER_SECONDS,
    ):
        if not failures:  # the first of them has been made above
            meter.retries += 1
            meter.waited_seconds += time.monotonic() - failed_at
            try:
                return await once()
            except Transient as error:
                error.attempts = attempt.num
                failures.append(error)
            failed_at = time.monotonic()
        # NOTE: only failures happen inside stamina's block. What is awaited there would have its
        # cancellation pass through the machinery that decides about retries.
        with attempt:
            raise failures.pop()
    raise AssertionError("it ends with a result or raises")


def jitter() -> float:
    """A few more seconds to wait, at random."""
    return random.uniform(0, JITTER_SECONDS)  # noqa: S311 - nobody is to be kept from guessing it


def _pause(failure: Transient, patience_seconds: float) -> bool | float:
    """Seconds to wait before the next attempt; True for the usual ones, False for no attempt."""
    if failure.wait_seconds is None:
        return True
    if failure.wait_seconds > patience_seconds:
        return False
    return failure.wait_seconds + jitter()

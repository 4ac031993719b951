"""The Hub's rate limits, kept before they bite.

The Hub counts requests in fixed windows of five minutes, one count for its API and one for files
(https://huggingface.co/docs/hub/rate-limits), and says on every answer what is left of them:

    RateLimit: "resolvers";r=2999;t=295                     left, seconds until the window ends
    RateLimit-Policy: "fixed window";"resolvers";q=3000;w=300
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from huggingface_hub.utils import (  # type: ignore[attr-defined] # lazily exported
    RateLimitInfo,
    parse_ratelimit_headers,
)

from auditor.sources.hub_retry import BUDGET_SECONDS, Meter, Transient, jitter

# A window of the Hub is 300 seconds: who waits for its end goes on.
MAX_WAIT_SECONDS: Final = 310.0
_POLL_SECONDS: Final = 0.05  # where the requests under way may leave room
_DAY_SECONDS: Final = 86_400  # more is not a window


def bucket_of(path: str) -> str:
    """The count that a request for `path` falls under."""
    if "/api/resolve-cache/" in path or "/resolve/" in path:
        return "resolvers"
    return "api"


def limits_of(headers: Mapping[str, str]) -> RateLimitInfo | None:
    """What an answer says of the rate limits; None if it says nothing sensible."""
    try:
        told = parse_ratelimit_headers(headers)
    except ValueError:  # a number of thousands of digits
        return None
    return told if told and told.reset_in_seconds <= _DAY_SECONDS else None


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that a refusal asks to wait; None if it does not say.

    The rate limit stands on every answer: it is the reason only where nothing is left.
    """
    told = limits_of(headers)
    if told is not None and told.remaining == 0:
        return float(told.reset_in_seconds)
    after = headers.get("retry-after", "").strip()
    if after.isascii() and after.isdecimal():
        return float(after[:9])  # 30 years are as good as more
    return None


@dataclass(slots=True)
class _Bucket:
    """One count of requests. `remaining` is None until the server has spoken of it."""

    remaining: int | None = None
    limit: int | None = None
    window_seconds: float = 0.0
    reset_at: float = 0.0
    under_way: int = 0
    waiting: int = 0

    def wait_seconds(self, now: float) -> float:
        """Seconds until there is room, zero if there is; opens the next window when it is due."""
        if self.remaining is None:
            return 0.0
        if now >= self.reset_at:
            self.remaining = self.limit
            self.reset_at = now + self.window_seconds
            return 0.0
        # Those under way may or may not be counted already: taken as not, none is refused.
        return self.reset_at - now if self.remaining <= self.under_way else 0.0

    def note(self, told: RateLimitInfo, now: float) -> None:
        """Take over what an answer says."""
        # In one window the count only falls, and of two answers the later may arrive first.
        known = self.remaining if now < self.reset_at else None
        self.remaining = told.remaining if known is None else min(known, told.remaining)
        self.reset_at = now + told.reset_in_seconds
        self.limit, self.window_seconds = told.limit, float(told.window_seconds or 0)


@dataclass(slots=True)
class RateGate:
    """Lets a request pass when its bucket has room for it beside all that are under way."""

    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    async def enter(self, name: str, patience_seconds: float, meter: Meter) -> None:
        """Wait for room in the bucket. Raises Transient if that would take too long."""
        bucket = self._buckets.setdefault(name, _Bucket())
        came_at = now = time.monotonic()
        while (wait := bucket.wait_seconds(now)) > 0:
            used_up = bucket.remaining == 0
            if (used_up and wait > patience_seconds) or now - came_at > BUDGET_SECONDS:
                raise Transient(
                    "the rate limit is used up",
                    status=HTTPStatus.TOO_MANY_REQUESTS,
                    wait_seconds=wait,
                )
            bucket.waiting += 1
            try:
                await asyncio.sleep(wait + jitter() if used_up else min(wait, _POLL_SECONDS))
            finally:
                bucket.waiting -= 1
            now = time.monotonic()
        meter.waited_seconds += now - came_at
        bucket.under_way += 1

    def waits(self) -> Mapping[str, float]:
        """Seconds until the window ends, of each bucket that requests are waiting for."""
        now = time.monotonic()
        return {
            name: bucket.wait_seconds(now)
            for name, bucket in self._buckets.items()
            if bucket.waiting
        }

    def leave(self, name: str, told: RateLimitInfo | None) -> None:
        """Note that a request was answered, or failed, and what the answer said of a bucket."""
        self._buckets[name].under_way -= 1
        if told is not None:
            self._buckets.setdefault(told.resource_type, _Bucket()).note(told, time.monotonic())

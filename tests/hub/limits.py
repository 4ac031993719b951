"""Rate limits: plans, fixed windows and the headers that tell of them.

The Hub's own are described in https://huggingface.co/docs/hub/rate-limits: windows of five minutes,
three buckets, and on every answer the headers of draft-ietf-httpapi-ratelimit-headers-09:

    RateLimit: "api";r=499;t=295                       requests left, seconds until the window ends
    RateLimit-Policy: "fixed window";"api";q=500;w=300 quota and seconds of a window
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from hub.messages import Headers, Request

Bucket: TypeAlias = Literal["api", "resolvers", "pages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Requests per window, by bucket."""

    api: int
    resolvers: int
    pages: int = 100

    def quota(self, bucket: Bucket) -> int:
        """Requests per window in `bucket`."""
        return {"api": self.api, "resolvers": self.resolvers, "pages": self.pages}[bucket]


# huggingface/hub-docs, docs/hub/rate-limits.md, the table "in September '25"
PLANS: Final[Mapping[str, Plan]] = MappingProxyType(
    {
        "anonymous": Plan(api=500, resolvers=3_000, pages=100),
        "free": Plan(api=1_000, resolvers=5_000, pages=200),
        "pro": Plan(api=2_500, resolvers=12_000, pages=400),
        "academia": Plan(api=2_500, resolvers=12_000, pages=400),
        "team": Plan(api=3_000, resolvers=20_000, pages=400),
        "enterprise": Plan(api=6_000, resolvers=50_000, pages=600),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The plans in force and the length of a window. `retry_after` adds that header to a 429.

    A plan that `plans` does not name is as on the Hub.
    """

    plans: Mapping[str, Plan] = field(default_factory=lambda: dict(PLANS))
    window_seconds: float = 300
    retry_after: bool = False


_PLENTY: Final = 1_000_000_000
UNLIMITED: Final = Limits(
    plans={name: Plan(api=_PLENTY, resolvers=_PLENTY, pages=_PLENTY) for name in PLANS}
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a window once a request was counted. A `dry` one must be answered by 429."""

    bucket: Bucket
    quota: int
    remaining: int
    reset_seconds: int
    window_seconds: int
    dry: bool

    @property
    def headers(self) -> Headers:
        """The two headers of every answer."""
        policy = f'"fixed window";"{self.bucket}";q={self.quota};w={self.window_seconds}'
        state = f'"{self.bucket}";r={self.remaining};t={self.reset_seconds}'
        return ("RateLimit", state), ("RateLimit-Policy", policy)


class Limiter:
    """Counts requests by who sends them and by bucket."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, Bucket], tuple[float, int]] = {}

    def take(self, limits: Limits, plan: str, key: tuple[str, Bucket], now: float) -> Allowance:
        """Count one request at `now` (seconds of any steady clock).

        A window opens with the first request after the last one ended.
        """
        length, quota = limits.window_seconds, (limits.plans.get(plan) or PLANS[plan]).quota(key[1])
        opened, used = self._windows.get(key, (now, 0))
        if now >= opened + length:
            opened, used = now, 0
        self._windows[key] = opened, used + 1
        return Allowance(
            bucket=key[1],
            quota=quota,
            remaining=max(0, quota - used - 1),
            reset_seconds=math.ceil(opened + length - now),
            window_seconds=math.ceil(length),
            dry=used >= quota,
        )


def bucket_of(request: Request) -> Bucket:
    """Where a request to the hub host counts: whatever resolves a file is a resolver."""
    if request.path.startswith("/api/"):
        return "resolvers" if request.path.startswith("/api/resolve-cache/") else "api"
    return "resolvers" if "/resolve/" in request.path else "pages"

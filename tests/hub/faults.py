"""What goes wrong on purpose.

    503 500 429 408   that status in place of the answer
    reset             the connection is reset before anything is answered
    truncated         the body stops in the middle, its full length announced
    hang              nothing is answered, the connection stays open
    drip              the body comes in small pieces with pauses
    lying-range       Content-Range names other bytes than those asked for and sent
    wrong-size        the total in Content-Range (or X-Linked-Size) is one too high
    ignore-range      200 with the whole body

The last three, `truncated` and `drip` do nothing to an answer that has no such part.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

from hub.messages import Answer, Headers, Host, Request, text_answer

Fault: TypeAlias = Literal[
    "503", "500", "429", "408", "reset", "truncated", "hang", "drip", "lying-range", "wrong-size",
    "ignore-range",
]  # fmt: skip

_OUT_OF: Final = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Random faults: by kind, the share of requests that meet it.

    `host` and `pattern`, a regular expression searched in path and query, narrow them down. What
    befalls the n-th request of a URL follows from `seed` alone, whatever else is asked.
    """

    rates: Mapping[Fault, float]
    host: Host | None = None
    pattern: str = ""
    seed: int = 0

    def hits(self, request: Request) -> bool:
        """Whether `request` is among those that may fail."""
        return self.host in {None, request.host} and bool(re.search(self.pattern, request.target))

    def draw(self, request: Request, nth: int) -> Fault | None:
        """The fault of the `nth` request of this URL, if any."""
        # A signed URL differs from run to run: of the CDN's, the path alone tells the file.
        where = request.target if request.host == "hub" else request.path
        key = f"{self.seed} {request.host} {where} {request.headers.get('range')} {nth}"
        digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
        point = int.from_bytes(digest, "little") / _OUT_OF
        for fault, rate in self.rates.items():
            point -= rate
            if point < 0:
                return fault
        return None


@dataclass(slots=True)
class _Script:
    pattern: re.Pattern[str]
    fault: Fault
    times: int
    host: Host | None


@dataclass(slots=True)
class Mischief:
    """Decides which fault befalls a request: scripted ones first."""

    _scripts: list[_Script] = field(default_factory=list)
    _seen: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)

    def plan(self, pattern: str, fault: Fault, times: int, host: Host | None) -> None:
        """Let the next `times` requests to URLs in which `pattern` is found fail."""
        self._scripts.append(_Script(re.compile(pattern), fault, times, host))

    def next(self, request: Request, random: tuple[Faults, ...]) -> Fault | None:
        """The fault of `request`."""
        for script in self._scripts:
            if script.host in {None, request.host} and script.pattern.search(request.target):
                script.times -= 1
                if script.times <= 0:
                    self._scripts.remove(script)
                return script.fault
        if not random:
            return None
        key = (request.host, request.path, request.headers.get("range"))
        self._seen[key] += 1
        nth = self._seen[key]
        drawn = (faults.draw(request, nth) for faults in random if faults.hits(request))
        return next((fault for fault in drawn if fault), None)


def before(request: Request, fault: Fault | None) -> Request:
    """`request` as a server with this fault would understand it."""
    if fault != "ignore-range":
        return request
    kept = {name: value for name, value in request.headers.items() if name != "range"}
    return replace(request, headers=kept)


def after(answer: Answer, fault: Fault | None) -> Answer:
    """`answer` as a server with this fault would give it."""
    if fault is None:
        return answer
    if fault.isdecimal():
        status = HTTPStatus(int(fault))
        return text_answer(status, status.phrase)
    if fault == "lying-range":
        return replace(answer, headers=_rewritten(answer.headers, _moved_on))
    if fault == "wrong-size":
        return replace(answer, headers=_rewritten(answer.headers, _one_more))
    return answer


def _rewritten(headers: Headers, change: Callable[[str, str], str]) -> Headers:
    return tuple((name, change(name, value)) for name, value in headers)


def _moved_on(name: str, value: str) -> str:
    if name != "Content-Range" or "*" in value:
        return value
    first, last, total = (int(number) for number in re.findall(r"\d+", value))
    return f"bytes {first + 1}-{last + 1}/{total}"


def _one_more(name: str, value: str) -> str:
    if name == "X-Linked-Size":
        return str(int(value) + 1)
    if name != "Content-Range":
        return value
    span, _, total = value.partition("/")
    return f"{span}/{int(total) + 1}"

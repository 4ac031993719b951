"""HTTP with the Hub: one client, every request counted, redirects followed by hand.

The client is huggingface_hub's own (proxies, certificates, offline mode, trace ids as there). By
hand, because the token goes to the Hub's own origin and to nobody else, because a redirect's answer
carries what the last answer does not (X-Repo-Commit, X-Linked-Size), and because each is a request
that counts. Never `http_backoff`, which closes the client that others are using.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx2
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import (  # type: ignore[attr-defined] # lazily exported
    get_async_session,
)

from auditor.core.tensors import Span
from auditor.errors import BadAnswer, Unreachable
from auditor.sources.hub_body import drain, read_body
from auditor.sources.hub_endpoint import origin_of
from auditor.sources.hub_errors import Asked, given_up, told
from auditor.sources.hub_limits import RateGate, bucket_of, limits_of, wait_of
from auditor.sources.hub_retry import Effort, Meter, Transient, persist
from auditor.sources.hub_token import USER_AGENT

MAX_REDIRECTS: Final = 5  # rename, resolve-cache, CDN: three at the most; huggingface_hub takes 10
# For a server that sends a byte now and then, for ever: the headers of the largest model, 60 MB,
# come in this time over 2 Mbit/s.
MAX_ANSWER_SECONDS: Final = 300.0
CONNECT_SECONDS: Final = 10.0
FIRST_CONTACT_ATTEMPTS: Final = 3  # where nothing has answered yet: a wrong name, or no network

# As huggingface_hub's `http_backoff`.
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last answer of a chain of redirects, before its body.

    `hub_headers` are those of all answers on the way that the Hub itself gave.
    """

    status: int
    headers: Mapping[str, str]
    hub_headers: tuple[Mapping[str, str], ...]
    at_hub: bool

    def stated(self, name: str) -> frozenset[str]:
        """The values that the Hub's own answers give a header; empty if none has it."""
        return frozenset(headers[name] for headers in self.hub_headers if name in headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to fetch.

    `admit` looks at the answer's head and returns how many bytes of body are wanted; it raises for
    an answer of another kind. Fewer bytes than `expected_bytes` are a broken answer.
    """

    url: str
    asked: Asked
    admit: Callable[[Head], int]
    effort: Effort
    span: Span | None = None
    expected_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `body` has more bytes than wanted if the server had them to give.

    `url` is that of the answer itself, after all redirects.
    """

    head: Head
    body: bytes
    url: str
    next_url: str | None = None  # of a list in pages

    @property
    def is_part(self) -> bool:
        return self.head.status == HTTPStatus.PARTIAL_CONTENT


class Wire:
    """One client for the Hub and whoever it redirects to. Opened when first used.

    `concurrency` requests may be under way to the Hub, and as many to its storage.
    """

    def __init__(
        self, endpoint: str, *, token: str | None, concurrency: int, timeout_seconds: float
    ) -> None:
        self._origin = origin_of(endpoint)
        self._token = token
        self._timeout_seconds = timeout_seconds
        # Apart, so that neither host's answers wait for the other's.
        self._slots = {at_hub: asyncio.Semaphore(concurrency) for at_hub in (True, False)}
        self._gate = RateGate()
        self._client: httpx2.AsyncClient | None = None
        self._answered = False

    @property
    def has_token(self) -> bool:
        return self._token is not None

    @property
    def waits(self) -> Mapping[str, float]:
        """See RateGate."""
        return self._gate.waits()

    def is_hub(self, url: str) -> bool:
        """Whether `url` is the Hub's own. Raises ValueError for what is no http(s) URL."""
        return origin_of(url) == self._origin

    async def ask(self, question: Question, meter: Meter) -> Answer:
        """The answer to `question`, after as many attempts as it takes.

        Raises what `admit` raises, RateLimited, Unreachable and BadAnswer.
        """

        def effort() -> Effort:
            if self._answered:
                return question.effort
            attempts = min(question.effort.attempts, FIRST_CONTACT_ATTEMPTS)
            return replace(question.effort, attempts=attempts)

        try:
            return await persist(lambda: self._follow(question, meter), effort, meter)
        except Transient as failure:
            patience_seconds = question.effort.patience_seconds
            raise given_up(question.asked, failure, patience_seconds) from failure

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _follow(self, question: Question, meter: Meter) -> Answer:
        """The answer at the end of the redirects."""
        url = question.url
        hub_headers: tuple[Mapping[str, str], ...] = ()
        for _ in range(MAX_REDIRECTS + 1):
            at_hub = self.is_hub(url)
            async with self._slots[at_hub]:
                response = await self._send(url, question, meter)
                try:
                    hub_headers += (response.headers,) if at_hub else ()
                    async with _exchange(url, question.asked):
                        if response.status_code not in _REDIRECTS:
                            return await _answer(response, question, hub_headers, at_hub=at_hub)
                        await drain(response)
                finally:
                    meter.bytes_read += response.num_bytes_downloaded
                    await response.aclose()
            url = _target(url, response, question.asked)
        raise BadAnswer(question.asked.subject, f"more than {MAX_REDIRECTS} redirects")

    async def _send(self, url: str, question: Question, meter: Meter) -> httpx2.Response:
        """The response, its body unread. Raises Transient for a status that may pass."""
        client = self._open(question.asked)
        try:
            request = client.build_request("GET", url, headers=self._headers(url, question.span))
        except httpx2.InvalidURL as error:
            raise BadAnswer(question.asked.subject, f"a redirect to no URL: {error}") from error
        bucket = bucket_of(urlsplit(url).path) if self.is_hub(url) else None
        if bucket:
            await self._gate.enter(bucket, question.effort.patience_seconds, meter)
        limits = None
        try:
            meter.requests += 1
            async with _exchange(url, question.asked):
                response = await client.send(request, stream=True, follow_redirects=False)
            limits = limits_of(response.headers)
        finally:
            if bucket:
                self._gate.leave(bucket, limits)
        self._answered = True
        if response.status_code in _PASSING:
            meter.bytes_read += response.num_bytes_downloaded
            await response.aclose()
            raise Transient(
                f"the answer is {told(response.status_code, response.headers)}",
                status=response.status_code,
                wait_seconds=wait_of(response.headers),
            )
        return response

    def _headers(self, url: str, span: Span | None) -> dict[str, str]:
        headers = {
            "user-agent": USER_AGENT,
            "accept-encoding": "identity" if span else "gzip",
        }
        if span:
            headers["range"] = f"bytes={span.begin}-{span.end - 1}"
        if self._token is not None and self.is_hub(url):
            headers["authorization"] = f"Bearer {self._token}"
        return headers

    def _open(self, asked: Asked) -> httpx2.AsyncClient:
        if self._client is None:
            try:
                self._client = get_async_session()
            except (ValueError, OSError, ImportError, httpx2.InvalidURL) as error:
                raise Unreachable(
                    asked.subject,
                    f"no connection can be set up: {_cause(error)}",
                    hint="check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE",
                ) from error
            self._client.timeout = httpx2.Timeout(
                self._timeout_seconds, connect=min(self._timeout_seconds, CONNECT_SECONDS)
            )
        return self._client


@asynccontextmanager
async def _exchange(url: str, asked: Asked) -> AsyncIterator[None]:
    """Around whatever waits for the server of `url`: the client's errors turned into ours."""
    host = urlsplit(url).netloc
    try:
        async with asyncio.timeout(MAX_ANSWER_SECONDS):
            yield
    except OfflineModeIsEnabled as error:
        raise Unreachable(
            asked.subject,
            "offline mode is on",
            hint="unset HF_HUB_OFFLINE, or give --offline to use what is on this machine",
        ) from error
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise Transient(f"no answer from {host} in time") from error
    except (httpx2.TransportError, UnicodeError) as error:  # a host's name may be no name
        raise Transient(f"no answer from {host[:80]}: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    return str(error) or type(error).__name__


async def _answer(
    response: httpx2.Response,
    question: Question,
    hub_headers: tuple[Mapping[str, str], ...],
    *,
    at_hub: bool,
) -> Answer:
    head = Head(
        status=response.status_code,
        headers=response.headers,
        hub_headers=hub_headers,
        at_hub=at_hub,
    )
    body = await read_body(response, question.admit(head), question.asked)
    if len(body) < question.expected_bytes:
        raise Transient(f"the answer ends after {len(body):,} of {question.expected_bytes:,} bytes")
    return Answer(
        head=head,
        body=body,
        url=str(response.request.url),
        next_url=response.links.get("next", {}).get("url"),
    )


def _target(url: str, response: httpx2.Response, asked: Asked) -> str:
    """Where a redirect leads. Raises BadAnswer where it should not."""
    try:
        target = urljoin(url, response.headers.get("location", ""))
        scheme, _, _ = origin_of(target)
    except ValueError as error:
        raise BadAnswer(asked.subject, f"a redirect to no http(s) URL: {error}") from error
    if target == url:
        raise BadAnswer(asked.subject, "a redirect to itself, or to nowhere")
    if (origin_of(url)[0], scheme) == ("https", "http"):
        raise BadAnswer(asked.subject, "a redirect from https to http")
    return target

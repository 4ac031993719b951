"""The server: both hosts, on an event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from hub.connection import Connection
from hub.faults import Fault
from hub.log import Record
from hub.messages import Host
from hub.repos import Repo
from hub.world import DEFAULTS, Settings, World

T = TypeVar("T")

_ADDRESS: Final = "127.0.0.1"
_BACKLOG: Final = 1024
_PATIENCE_SECONDS: Final = 30


class Hub:
    """A hub with its CDN, for as long as the `with` block lasts.

        with Hub([Repo("org/name", {"config.json": b"{}"})]) as hub:
            HfApi(endpoint=hub.endpoint).model_info("org/name")

    Leaving the block raises what went wrong inside the server itself.
    """

    def __init__(self, repos: Iterable[Repo] = (), settings: Settings = DEFAULTS) -> None:
        self._world = World(settings)
        for repo in repos:
            self._world.repos.add(repo)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], None] = lambda: None

    @property
    def endpoint(self) -> str:
        """The address of the hub, for HF_ENDPOINT."""
        return self._world.endpoint

    @property
    def cdn_endpoint(self) -> str:
        """The address of the CDN."""
        return self._world.signer.endpoint

    @property
    def requests(self) -> list[Record]:
        """What was asked so far, in the order of arrival."""
        return self._ask(self._world.log.snapshot)

    @property
    def leaked_tokens(self) -> list[str]:
        """Authorization headers that reached the CDN."""
        return self._ask(lambda: list(self._world.log.leaked_tokens))

    def take_log(self) -> list[Record]:
        """The requests that are done with; they are forgotten."""
        return self._ask(self._world.log.take)

    def reset_log(self) -> None:
        """Forget the requests and the leaked tokens."""
        self._ask(self._world.log.reset)

    def fail_next(
        self, pattern: str, fault: Fault, times: int = 1, *, host: Host | None = None
    ) -> None:
        """Let the next `times` requests fail in whose path and query `pattern` is found."""
        self._ask(partial(self._world.mischief.plan, pattern, fault, times, host))

    def add(self, repo: Repo) -> None:
        """Serve another repository."""
        self._ask(partial(self._world.repos.add, repo))

    def set(self, settings: Settings) -> None:
        """Behave otherwise from the next request on. The ports stay."""
        self._ask(partial(setattr, self._world, "settings", settings))

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.result(_PATIENCE_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._loop
        assert self._thread
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(_PATIENCE_SECONDS)
        self._loop = None
        if self._world.crashes and error is None:
            raise self._world.crashes[0]

    def _ask(self, question: Callable[[], T]) -> T:
        """The answer of the event loop, which has then dealt with all that came before."""
        if self._loop is None:
            return question()
        answer: Future[T] = Future()

        def put() -> None:
            try:
                answer.set_result(question())
            except Exception as error:  # noqa: BLE001 - is raised where the question was asked
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(put)
        return answer.result(_PATIENCE_SECONDS)

    def _run(self, started: Future[None]) -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _serve(self, started: Future[None]) -> None:
        loop, world = asyncio.get_running_loop(), self._world
        loop.set_exception_handler(self._note_crash)
        stop = asyncio.Event()
        ports: tuple[tuple[Host, int], ...] = (
            ("hub", world.settings.port),
            ("cdn", world.settings.cdn_port),
        )
        servers = [
            await loop.create_server(
                partial(Connection, world, host), _ADDRESS, port, backlog=_BACKLOG
            )
            for host, port in ports
        ]
        world.endpoint, world.signer.endpoint = (
            f"http://{_ADDRESS}:{server.sockets[0].getsockname()[1]}" for server in servers
        )
        self._loop, self._stop = loop, stop.set
        started.set_result(None)
        await stop.wait()
        for server in servers:
            server.close()
        for transport in list(world.transports):
            transport.abort()
        for server in servers:
            await server.wait_closed()
        await asyncio.sleep(0)  # the connections hear that they are closed

    def _note_crash(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        if "exception" in context:
            self._world.crashes.append(context["exception"])

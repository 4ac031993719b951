"""The server in a process of its own, so that it takes no time from a client that is measured."""

from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from hub.faults import Fault
from hub.log import Record
from hub.messages import Host
from hub.repos import Repo
from hub.server import Hub
from hub.world import DEFAULTS, Settings

_PATIENCE_SECONDS = 60


class HubProcess:
    """As Hub, but elsewhere: its repositories are copies, a later commit does not reach them.

    The process starts afresh, so the script that uses this needs its `if __name__ == "__main__"`.
    """

    def __init__(self, repos: Iterable[Repo] = (), settings: Settings = DEFAULTS) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, list(repos), settings), daemon=True
        )
        self._theirs = theirs
        self.endpoint = ""
        self.cdn_endpoint = ""

    @property
    def requests(self) -> list[Record]:
        """See Hub."""
        found: list[Record] = self._ask("requests")
        return found

    @property
    def leaked_tokens(self) -> list[str]:
        """See Hub."""
        found: list[str] = self._ask("leaked_tokens")
        return found

    def reset_log(self) -> None:
        """See Hub."""
        self._ask("reset_log")

    def fail_next(
        self, pattern: str, fault: Fault, times: int = 1, *, host: Host | None = None
    ) -> None:
        """See Hub."""
        self._ask("fail_next", pattern, fault, times, host=host)

    def set(self, settings: Settings) -> None:
        """See Hub."""
        self._ask("set", settings)

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        self.endpoint, self.cdn_endpoint = self._answer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._process.join(_PATIENCE_SECONDS)
        self._process.close()

    def _ask(self, name: str, *args: object, **options: object) -> Any:
        self._pipe.send((name, args, options))
        return self._answer()

    def _answer(self) -> Any:
        if not self._pipe.poll(_PATIENCE_SECONDS):
            message = f"the server's process is silent for {_PATIENCE_SECONDS} seconds"
            raise TimeoutError(message)
        return self._pipe.recv()


def _serve(pipe: "Connection[Any, Any]", repos: list[Repo], settings: Settings) -> None:
    with Hub(repos, settings) as hub, suppress(EOFError):
        pipe.send((hub.endpoint, hub.cdn_endpoint))
        while True:
            name, args, options = pipe.recv()
            wanted = getattr(hub, name)
            pipe.send(wanted(*args, **options) if callable(wanted) else wanted)

"""A server that answers by a script, for what no sound server would say."""

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self

COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"
_PATIENCE_SECONDS: Final = 30


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of one answer. `x_repo_commit` is the header X-Repo-Commit."""
    lines = [f"HTTP/1.1 {status} Scripted"]
    headers.setdefault("content_length", str(len(body)))
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
    return "\r\n".join((*lines, "\r\n")).encode() + body


def json_answer(value: Any, **headers: str) -> bytes:
    return answer(200, json.dumps(value).encode(), **headers)


def info(*siblings: tuple[str, int], **fields: Any) -> bytes:
    """The info of `org/name` with files of these sizes."""
    rows = [{"rfilename": path, "size": size} for path, size in siblings]
    return json_answer({"id": "org/name", "sha": COMMIT, "siblings": rows, **fields})


class Scripted:
    """Answers a request with the first answer whose pattern is found in its path and query.

    `@ENDPOINT` in an answer is the server's own address. Without a pattern that fits: 404.
    """

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self._answers = answers
        self._started: Future[str] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self.asked: list[str] = []
        self.tokens: list[str] = []

    def __enter__(self) -> str:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        return self._started.result(_PATIENCE_SECONDS)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._loop
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_PATIENCE_SECONDS)

    def also(self, **answers: bytes) -> Self:
        """The same server with further answers, tried first."""
        self._answers = {**answers, **self._answers}
        return self

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._endpoint = endpoint.encode()
        self._started.set_result(endpoint)
        await self._stop.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                target = head.split(" ", 2)[1]
                self.asked.append(target)
                self.tokens += re.findall(r"(?im)^authorization: (.*)\r$", head)
                found = (a for p, a in self._answers.items() if re.search(p, target))
                writer.write(next(found, answer(404)).replace(b"@ENDPOINT", self._endpoint))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

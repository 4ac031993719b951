"""The child process that draws, from outside: asked one thing at a time, ended when it is stuck."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any, Final

from auditor.architecture.limits import Limits
from auditor.architecture.sandbox import environment
from auditor.core.blueprint import NoBlueprint, Refusal, to_json

MAX_ANSWER_BYTES: Final = 128 << 20  # 500,000 names of 200 characters
_END_SECONDS: Final = 5  # for a child to leave once its stdin is closed

Answer = dict[str, Any]


class Draughtsman:
    """A child that is started for the first request, and anew after one that it was ended for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._child: asyncio.subprocess.Process | None = None
        self._scratch: TemporaryDirectory[str] | None = None
        self._turn = asyncio.Lock()
        self._unfit: Answer | None = None  # why no child can be started, once that is known

    async def ask(self, request: Mapping[str, Any]) -> Answer:
        """The child's answer, or a NoBlueprint as JSON that says why there is none."""
        async with self._turn:
            if self._unfit is None and (self._child is None or self._child.returncode is not None):
                self._unfit = await self._start()
            if self._unfit is not None:
                return self._unfit
            return await self._exchange(request, self._limits.wall_seconds)

    async def aclose(self) -> None:
        """Lets the child go and drops what it left."""
        await self._dismiss()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    async def _start(self) -> Answer | None:
        """Starts the child and hears that it is ready; None if it is, else why it is not."""
        if self._scratch is None:
            self._scratch = TemporaryDirectory(prefix="hfaudit-")
        self._child = await asyncio.create_subprocess_exec(
            # NOTE: -P keeps the current folder, which may be a stranger's, off the path.
            *(sys.executable, "-P", "-m", "auditor.architecture.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment(os.environ, self._scratch.name),
            cwd=self._scratch.name,
            limit=MAX_ANSWER_BYTES,
        )
        limits = {"limits": self._limits.to_json()}
        answer = await self._exchange(limits, self._limits.start_seconds)
        if "ready" in answer:
            return None
        await self._dismiss()
        if answer.get("refusal") == Refusal.NOT_INSTALLED:
            return answer
        reason = "torch and transformers could not be imported; import them by hand to see why"
        return to_json(NoBlueprint(refusal=Refusal.NOT_INSTALLED, reason=reason))

    async def _exchange(self, request: Mapping[str, Any], seconds: float) -> Answer:
        """One line out, one line in. A child that does not answer in time is ended."""
        stays = False
        try:
            line = await asyncio.wait_for(self._asked(request), seconds)
            if not line.endswith(b"\n"):
                return _over(await self._how_it_ended())
            answer: Answer = json.loads(line)
            stays = not answer.get("leaving")
        except TimeoutError:
            return _over(f"more than {seconds:,.0f} seconds to build it")
        except (OSError, ValueError):  # a broken pipe, a line past the limit
            return _over("its answer could not be read")
        else:
            return answer
        finally:
            if not stays:
                await self._end()

    async def _asked(self, request: Mapping[str, Any]) -> bytes:
        """The line that answers `request`; what there is of it where the child ends."""
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise OSError("no child to ask")
        child.stdin.write(json.dumps(request, separators=(",", ":")).encode() + b"\n")
        return await child.stdout.readline()

    async def _how_it_ended(self) -> str:
        status = 0 if self._child is None else await self._child.wait()
        if sys.platform != "win32" and status == -signal.SIGXCPU:
            return f"more than {self._limits.cpu_seconds:,} seconds of computing to build it"
        how = f"of signal {-status}" if status < 0 else f"with status {status}"
        return f"the process that built it ended {how}; it may have wanted too much memory"

    async def _dismiss(self) -> None:
        """Lets the child leave by itself, which it does when nothing more will be asked."""
        if self._child is None:
            return
        if self._child.stdin is not None:
            self._child.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._child.wait(), _END_SECONDS)
        await self._end()

    async def _end(self) -> None:
        """Kills the child, where it is not gone already."""
        child, self._child = self._child, None
        if child is not None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _over(reason: str) -> Answer:
    return to_json(NoBlueprint(refusal=Refusal.OVER_LIMIT, reason=reason))

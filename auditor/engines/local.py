"""Many at once on one machine: a bounded number under way, each result as it comes.

    async with aclosing(run(items, work, at_once=32)) as results:
        async for result in results: ...

Whoever stops listening ends what is under way.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# A task that does not end when it is told to is left behind: nobody waits for it.
LAST_SECONDS: Final = 0.5


async def run(
    items: AsyncIterator[T], work: Callable[[T], Awaitable[R]], *, at_once: int
) -> AsyncGenerator[R, None]:
    """What `work` makes of each of `items`, in the order in which it is ready.

    An item is taken when there is room for it, and a result is kept only until it is asked for: at
    most `at_once` of both together. What `work` raises ends it all and is raised here.
    """
    room = asyncio.Semaphore(at_once)
    ready: asyncio.Queue[asyncio.Task[R] | None] = asyncio.Queue()
    under_way: set[asyncio.Task[R]] = set()

    def finished(task: asyncio.Task[R]) -> None:
        under_way.discard(task)
        ready.put_nowait(task)

    async def one(item: T) -> R:
        return await work(item)

    async def feed() -> None:
        try:
            await room.acquire()
            async for item in items:
                task = asyncio.create_task(one(item))
                under_way.add(task)
                task.add_done_callback(finished)
                await room.acquire()
        finally:
            ready.put_nowait(None)  # after those under way, others follow

    feeding = asyncio.create_task(feed())
    fed = False
    try:
        while not (fed and not under_way and ready.empty()):
            task = await ready.get()
            if task is None:
                fed = True
                await feeding  # raises what went wrong with the items
                continue
            room.release()
            yield task.result()
    finally:
        await _end({feeding, *under_way})


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    ended, _ = await asyncio.wait(tasks, timeout=LAST_SECONDS)
    for task in ended:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told that it was not

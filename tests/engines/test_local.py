import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from auditor.engines.local import LAST_SECONDS, run


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


def test_every_item_gives_one_result() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def main() -> list[int]:
        return [result async for result in run(numbers(100), work, at_once=7)]

    assert sorted(asyncio.run(main())) == [2 * number for number in range(100)]


def test_nothing_to_do_is_done_at_once() -> None:
    async def main() -> list[int]:
        return [result async for result in run(numbers(0), asyncio.sleep, at_once=3)]  # type: ignore[misc]

    assert asyncio.run(main()) == []


def test_no_more_are_under_way_than_allowed_and_as_many_as_allowed_are() -> None:
    under_way = most = 0

    async def work(_: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    async def main() -> None:
        async for _ in run(numbers(50), work, at_once=8):
            pass

    asyncio.run(main())
    assert most == 8


def test_an_item_is_taken_only_when_there_is_room_for_it() -> None:
    taken = 0

    async def counted() -> AsyncIterator[int]:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield number

    async def work(number: int) -> int:
        return number

    async def main() -> int:
        async with aclosing(run(counted(), work, at_once=4)) as results:
            await anext(results)
            await asyncio.sleep(0.01)  # whoever would run ahead has time to
            return taken

    # One was handed over and made room for one; another is taken and waits for room.
    assert asyncio.run(main()) <= 4 + 1 + 1


def test_a_result_does_not_wait_for_an_earlier_one() -> None:
    gate = asyncio.Event()

    async def work(number: int) -> int:
        if number == 0:
            await gate.wait()
        return number

    async def main() -> list[int]:
        order = []
        async for number in run(numbers(3), work, at_once=3):
            order.append(number)
            if len(order) == 2:
                gate.set()
        return order

    assert asyncio.run(main())[-1] == 0


def test_what_the_work_raises_ends_the_others_and_is_raised() -> None:
    ended = 0

    async def work(number: int) -> None:
        nonlocal ended
        if number == 3:
            raise LookupError(number)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended += 1
            raise

    async def main() -> None:
        async with aclosing(run(numbers(4), work, at_once=4)) as results:
            async for _ in results:
                pass

    with pytest.raises(LookupError):
        asyncio.run(main())
    assert ended == 3


def test_what_the_items_raise_is_raised() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise LookupError

    async def work(number: int) -> int:
        return number

    async def main() -> None:
        async with aclosing(run(broken(), work, at_once=4)) as results:
            async for _ in results:
                pass

    with pytest.raises(LookupError):
        asyncio.run(main())


def test_whoever_stops_listening_ends_what_is_under_way() -> None:
    ended = []

    async def work(number: int) -> int:
        if number == 0:
            return number
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(number)
        return number

    async def main() -> None:
        async with aclosing(run(numbers(5), work, at_once=5)) as results:
            await anext(results)

    asyncio.run(main())
    assert sorted(ended) == [1, 2, 3, 4]


def test_a_task_that_will_not_end_is_left_behind() -> None:
    async def work(number: int) -> int:
        if number:
            for _ in range(10):
                try:
                    await asyncio.sleep(LAST_SECONDS)
                except asyncio.CancelledError:
                    continue
                break
        return number

    async def main() -> int:
        async with aclosing(run(numbers(2), work, at_once=2)) as results:
            return await anext(results)

    assert asyncio.run(main()) == 0

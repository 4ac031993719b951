"""The event loop of a command."""

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to. Ctrl-C cancels it and raises KeyboardInterrupt."""
    import asyncio  # not for `--help`: it costs as much as click

    return asyncio.run(work)

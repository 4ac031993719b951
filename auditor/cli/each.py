"""One model after another: one that cannot be read is told, and the others go on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from auditor.cli.exits import show_error
from auditor.core.identity import ModelRef
from auditor.core.protocols import OpenRepository
from auditor.errors import HfauditError
from auditor.source_choice import Sources

T = TypeVar("T")


async def each_model(
    refs: Sequence[ModelRef],
    sources: Sources,
    read: Callable[[OpenRepository], Awaitable[T]],
    *,
    done: Callable[[], None] = lambda: None,
) -> tuple[list[T], bool]:
    """What `read` makes of those of `refs` that can be read, and whether one could not.

    Closes `sources`. `done` is called behind each model.
    """
    made = []
    try:
        for ref in refs:
            try:
                made.append(await read(await sources.open(ref)))
            except HfauditError as error:
                show_error(error)
            done()
    finally:
        await sources.aclose()
    return made, len(made) < len(refs)

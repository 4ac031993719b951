"""Which writer is meant: by its name, or by the ending of the file that is asked for."""

from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING

from auditor.errors import InvalidOption
from auditor.writers import WRITERS

if TYPE_CHECKING:
    from auditor.core.protocols import Writer


def writer_for(name: str) -> "Writer":
    """The writer of that name, as it writes when nobody asks for anything particular.

    Raises InvalidOption for a name that is not in the table.
    """
    row = WRITERS.get(name)
    if row is None:
        raise InvalidOption(
            f"format {name[:80]!r}", "no such format", hint=f"choose one of {', '.join(WRITERS)}"
        )
    writer: Writer = getattr(import_module(row.module), row.type_name)()
    return writer


def name_for_path(path: str | PurePath) -> str:
    """The writer's name that the ending of `path` asks for, in any case of its letters.

    Raises InvalidOption where no writer has that ending; the hint lists those there are.
    """
    ending = PurePath(path).suffix.lower()
    for name, row in WRITERS.items():
        if ending in row.endings:
            return name
    known = ", ".join(ending for row in WRITERS.values() for ending in row.endings)
    raise InvalidOption(
        str(path),
        f"no format is known for the ending {ending}" if ending else "the name has no ending",
        hint=f"end the name in one of {known}, or name the format with --format",
    )

"""How a report may look where it goes: how wide, in colour or not, in Unicode or ASCII alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, TextIO

DEFAULT_WIDTH: Final = 100  # columns, where nothing tells how many there are
NARROWEST: Final = 40
WIDEST: Final = 200  # longer lines are not read to their end


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`width` in columns. What goes to a file is UTF-8 without colour."""

    width: int = DEFAULT_WIDTH
    colour: bool = False
    unicode: bool = True

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Self:
        """What suits `stream`: its encoding, whether it is a terminal, and what the user says.

        NO_COLOR (no-color.org) outranks FORCE_COLOR; COLUMNS outranks the terminal's own width.
        """
        is_terminal = stream.isatty()
        encoding = (stream.encoding or "ascii").lower().replace("-", "").replace("_", "")
        return cls(
            width=max(NARROWEST, min(WIDEST, _columns(stream, environ, is_terminal=is_terminal))),
            colour=_colour(environ, is_terminal=is_terminal),
            unicode=encoding in {"utf8", "utf8sig"},
        )


def _colour(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    if environ.get("NO_COLOR"):
        return False
    forced = environ.get("FORCE_COLOR", "")
    if forced:
        return forced not in {"0", "false"}
    return is_terminal and environ.get("TERM") != "dumb"


def _columns(stream: TextIO, environ: Mapping[str, str], *, is_terminal: bool) -> int:
    said = environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said) > 0:
        return int(said)
    if is_terminal:
        try:
            return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH
        except OSError:
            pass
    return DEFAULT_WIDTH

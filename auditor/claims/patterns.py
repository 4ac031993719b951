"""Regular expressions that are compiled when they are first used.

This wing has a hundred of them, most of them long: compiling them all would take longer than all
other imports of an audit together, and `hfaudit --help` needs none.
"""

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final

_WHOLE: Final = 1 << 62  # past the end of any text


class Pattern:
    """What `re.compile` gives, later. It has the methods that this wing needs."""

    def __init__(self, source: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self._source = source
        self._flags = flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._source, self._flags)

    def match(self, text: str, begin: int = 0, end: int = _WHOLE) -> re.Match[str] | None:
        return self._compiled.match(text, begin, min(end, len(text)))

    def search(self, text: str, begin: int = 0, end: int = _WHOLE) -> re.Match[str] | None:
        return self._compiled.search(text, begin, min(end, len(text)))

    def fullmatch(self, text: str, begin: int = 0, end: int = _WHOLE) -> re.Match[str] | None:
        return self._compiled.fullmatch(text, begin, min(end, len(text)))

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return self._compiled.finditer(text)

    def findall(self, text: str) -> list[str]:
        """The text of every match. Not for expressions with groups, which `re` treats otherwise."""
        return [match[0] for match in self._compiled.finditer(text)]

    def sub(self, replacement: str | Callable[[re.Match[str]], str], text: str) -> str:
        return self._compiled.sub(replacement, text)

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        return [part or "" for part in self._compiled.split(text, maxsplit)]


def any_case(source: str) -> Pattern:
    """A pattern that takes capitals for small letters."""
    return Pattern(source, re.IGNORECASE)

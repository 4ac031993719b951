"""A model card as lines of plain text with their numbers: what a reader of the page sees.

Left out are code blocks, comments, images and link targets; tags and emphasis are stripped. Every
expression is linear: what may repeat excludes what ends it, and lines are cut at a length.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final, NamedTuple

from auditor.core.findings import Finding, Severity

MAX_CARD_CHARACTERS: Final = 2_000_000  # the largest cards carry half a megabyte of benchmarks
MAX_LINE_CHARACTERS: Final = 10_000  # a long paragraph; what is longer is data

_FRONT_MATTER: Final = "---"
_FENCE: Final = re.compile(r"\s*(?:[-*+>]\s+)?(`{3,}|~{3,})")
_IMAGE: Final = re.compile(r"!\[[^\[\]]{0,500}\]\([^()]{0,1000}\)")
_LINK: Final = re.compile(
    r"\[([^\[\]]{0,500})\](?:\([^()]{0,1000}(?:\([^()]{0,200}\)[^()]{0,200})?\))"
)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,1000}>")
_MARKS: Final = re.compile(r"[*`]|~~|\\[()\[\]]|\\(?=[_*#|~{}])")
_SPACES: Final = re.compile(r"[ \t\u00a0\u202f\u3000]+")
_ENTITY: Final = re.compile(r"&(?:[A-Za-z]{2,10}|#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5});")
# Full-width punctuation and dashes, as their plain sisters: cards mix them freely.
_PLAIN: Final = str.maketrans(
    {
        "\uff08": "(",
        "\uff09": ")",
        "\uff1a": ":",
        "\uff0c": ",",
        "\uff1b": ";",
        "\uff01": "!",
        "\uff1f": "?",
        "\uff5e": "~",
        "\u223c": "~",
        "\u3002": ". ",
        "\u2010": "-",
        "\u2011": "-",
        "\u2013": "-",
        "\u2014": " - ",
    }
)
_TOP_LEVEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]{0,60}:(?:\s|$)|[-\s#\]})]|$|\.{3}$")


class Line(NamedTuple):
    """One line of the card, cleaned. `number` counts from 1."""

    number: int
    text: str
    front_matter: bool


def card_lines(card: str) -> Iterator[Line]:
    """The lines of `card` that say something, cleaned.

    The front matter is read line by line as well, not parsed: half of it may be broken, and what
    is read there is never more than `key: value`.
    """
    lines = card[:MAX_CARD_CHARACTERS].split("\n")
    ends = front_matter_end(lines)
    for index, line in enumerate(lines[1:ends], start=2):
        text = line.strip()
        if text and not line[:1].isspace():
            yield Line(index, text[:MAX_LINE_CHARACTERS], front_matter=True)
    begin = ends + 1 if ends else 0
    for number, line in _outside_code(lines[begin:], first=begin + 1):
        text = plain_text(line)
        if text:
            yield Line(number, text, front_matter=False)


def front_matter_end(lines: list[str]) -> int:
    """The index of the line that closes the front matter; 0 where there is none."""
    if not lines or lines[0].lstrip("\ufeff").rstrip() != _FRONT_MATTER:
        return 0
    return next((i for i, line in enumerate(lines) if i and line.rstrip() == _FRONT_MATTER), 0)


def card_findings(path: str, card: str) -> tuple[Finding, ...]:
    """What is broken in the front matter, so that the Hub shows the card without it."""
    lines = card[:MAX_CARD_CHARACTERS].split("\n")
    if lines[0].lstrip("\ufeff").rstrip() != _FRONT_MATTER:
        return ()
    ends = front_matter_end(lines)
    if not ends:
        return (_broken(path, 1, "the front matter is never closed by a line `---`"),)
    for number, line in enumerate(lines[1:ends], start=2):
        if line.startswith("\t"):
            return (_broken(path, number, "a tab indents a line of the front matter"),)
        if not _TOP_LEVEL.match(line):
            return (_broken(path, number, "a line of the front matter is no `key: value`"),)
    return ()


def _broken(path: str, number: int, what: str) -> Finding:
    return Finding(
        code="front-matter-malformed",
        severity=Severity.NOTICE,
        message=f"{path}, line {number}: {what}; the text below it was read all the same",
    )


def _outside_code(lines: list[str], first: int) -> Iterator[tuple[int, str]]:
    """Lines outside fenced code and comments, as in CommonMark: an unclosed fence never ends."""
    fence = ""
    in_comment = False
    for number, whole in enumerate(lines, start=first):
        line = whole[:MAX_LINE_CHARACTERS]
        if fence:
            marks = line.strip()
            if marks.startswith(fence) and not marks.strip(fence[0]):
                fence = ""
            continue
        line, in_comment = _without_comments(line, in_comment=in_comment)
        if match := _FENCE.match(line):
            fence = match[1]
        elif line:
            yield number, line


def _without_comments(line: str, *, in_comment: bool) -> tuple[str, bool]:
    """`line` without what stands in `<!-- -->`, and whether a comment is open at its end."""
    kept = []
    rest = line
    while rest:
        before, mark, after = rest.partition("-->" if in_comment else "<!--")
        if not in_comment:
            kept.append(before)
        in_comment, rest = (in_comment != bool(mark)), after
    return " ".join(kept) if len(kept) > 1 else "".join(kept), in_comment


def plain_text(line: str) -> str:
    """`line` without links, images, tags and emphasis, its entities resolved."""
    if "[" in line:
        line = _LINK.sub(r"\1", _IMAGE.sub(" ", line))
    if "<" in line:
        line = _TAG.sub(" ", line)
    if "&" in line:
        line = _ENTITY.sub(lambda match: unescape(match[0]), line)
    return _SPACES.sub(" ", _MARKS.sub("", line).translate(_PLAIN)).strip()

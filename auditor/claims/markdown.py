"""A model card as lines of plain text and tables: what a reader of the page sees.

Left out are code blocks (but for what programs print of a model), comments, images and link
targets; tags and emphasis are stripped. Every expression is linear: what may repeat excludes what
ends it, and lines are cut at a length.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Final, NamedTuple

from auditor.claims.html_tables import Row, html_rows
from auditor.claims.patterns import Pattern, any_case

MAX_CARD_CHARACTERS: Final = 1_000_000  # the largest cards carry half of it, in benchmarks
MAX_LINES: Final = 20_000  # below the front matter; the longest cards have two thousand
MAX_FRONT_MATTER_LINES: Final = 50_000  # results of a benchmark can be twenty thousand
MAX_LINE_CHARACTERS: Final = 10_000  # a long paragraph; what is longer is data
MAX_CELLS: Final = 64  # a row of more is data
MAX_WRAPPED: Final = 40  # lines of one paragraph that are read as one
_LEAST_WRAPPED: Final = 50  # characters: a shorter line ends where it was meant to
_LEAST_SEPARATORS: Final = 2

# What programs print of a model, in a block of code: no code says it so.
_PRINTED: Final = any_case(
    r"\s*(?:total|all|trainable|non-trainable) param(?:eter)?s\s*:\s*[0-9][0-9.,]*\s?[KMB]?"
    r"\s*(?:\|\||\([0-9.,]+ [KMGT]?B\)|$)"
)
_FENCE: Final = Pattern(r"\s*(?:[-*+>]\s+)?(`{3,}|~{3,})")
_IMAGE: Final = Pattern(r"!\[[^\[\]]{0,500}\]\([^()]{0,1000}\)")
_LINK: Final = Pattern(
    r"\[((?:[^\[\]]|\[[^\[\]]{0,100}\]){0,500})\]"
    r"\([^()]{0,1000}(?:\([^()]{0,200}\)[^()]{0,200})?\)"
)
_TAG: Final = Pattern(r"</?[A-Za-z][^<>]{0,1000}>")
_TABLE: Final = any_case(r"<table(?=[\s>])")
_TABLE_END: Final = any_case(r"</table\s*>")
_MARKS: Final = Pattern(r"[*`]|~~|\\[()\[\]]|\\(?=[_*#|~{}])")
_SPACES: Final = Pattern(r"[ \t\u00a0\u202f\u3000]+")
_ENTITY: Final = Pattern(r"&(?:[A-Za-z]{2,10}|#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5});")
_DIGIT: Final = Pattern(r"[0-9]")
_CLOSES: Final = Pattern(r"(?:[.:;!?>\\]| {2})[\"')*_\r]*$|^\s*#")
_TAKES_UP: Final = Pattern(r"\s{0,6}(?:\(?[a-zà-ÿ]|\*{0,2}\(?[0-9][0-9.,]*(?![.)]\s)[A-Za-z ])")
_BAR: Final = Pattern(r"(?<!\\)\|")
_DELIMITER: Final = Pattern(r":?-+:?")
# Full-width punctuation and dashes, as their plain sisters: cards mix them freely.
_PLAIN: Final = str.maketrans(
    {
        "\uff08": "(",
        "\uff09": ")",
        "\uff1a": ": ",
        "\uff0c": ", ",
        "\uff1b": "; ",
        "\uff01": "!",
        "\uff1f": "?",
        "\uff5e": "~",
        "\u223c": "~",
        "\u3002": ". ",
        "\u2010": "-",
        "\u2011": "-",
        "\u2212": "-",
        "\u2013": "-",
        "\u2014": " - ",
    }
)


class Line(NamedTuple):
    """A line of the card, cleaned, with those that only go on where it was wrapped.

    `number` counts from 1. `wraps` tells where in the text the further lines begin, with their
    numbers.
    """

    number: int
    text: str
    front_matter: bool = False
    wraps: tuple[tuple[int, int], ...] = ()

    def number_at(self, position: int) -> int:
        """The number of the line that holds what stands at `position` of the text."""
        return max((n for begin, n in self.wraps if begin <= position), default=self.number)


class Table(NamedTuple):
    """A table, its cells cleaned. The header's cells are the first row's."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def card_blocks(card: str) -> Iterator[Line | Table]:
    """The lines and tables of `card` that say something, in their order.

    The front matter is read line by line as well, not parsed: half of it may be broken, and what
    is read there is never more than `key: value`.
    """
    lines = card[:MAX_CARD_CHARACTERS].split("\n")
    ends = front_matter_end(lines)
    for number, line in enumerate(lines[1 : min(ends, MAX_FRONT_MATTER_LINES)], start=2):
        if line.strip() and not line[:1].isspace():
            yield Line(number, line.strip()[:MAX_LINE_CHARACTERS], front_matter=True)
    begin = ends + 1 if ends else 0
    body = lines[begin : begin + MAX_LINES]
    yield from _blocks(list(_outside_code(body, first=begin + 1)))


def front_matter_end(lines: Sequence[str]) -> int:
    """The index of the line that closes the front matter; 0 where there is none."""
    if not opens_front_matter(lines):
        return 0
    return next((i for i, line in enumerate(lines) if i and line.rstrip() == "---"), 0)


def opens_front_matter(lines: Sequence[str]) -> bool:
    return bool(lines) and lines[0].removeprefix("\ufeff").rstrip() == "---"


def _outside_code(lines: Sequence[str], first: int) -> Iterator[tuple[int, str]]:
    """Lines outside fenced code and comments, as in CommonMark: an unclosed fence never ends.

    Of what stands in code, those that count a model's parameters.
    """
    fence = ""
    in_comment = False
    for number, whole in enumerate(lines, start=first):
        line = whole[:MAX_LINE_CHARACTERS]
        if fence:
            marks = line.strip()
            if marks.startswith(fence) and not marks.strip(fence[0]):
                fence = ""
            elif _PRINTED.match(line):
                yield number, line
            continue
        line, in_comment = _without_comments(line, in_comment=in_comment)
        if match := _FENCE.match(line):
            fence = match[1]
        elif line.strip():
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
    return " ".join(kept), in_comment


def _blocks(lines: Sequence[tuple[int, str]]) -> Iterator[Line | Table]:
    closings = [i for i, (_, text) in enumerate(lines) if _TABLE_END.search(text)]
    index = 0
    while index < len(lines):
        number, text = lines[index]
        if _TABLE.search(text) and (end := _html_end(closings, index)):
            yield _html_table([line for _, line in lines[index:end]], number)
        elif end := _pipe_end(lines, index):
            yield _pipe_table(lines[index:end])
        else:
            end = _paragraph_end(lines, index)
            if any(_DIGIT.search(text) for _, text in lines[index:end]):
                yield _joined(lines[index:end])  # what has no digit states no figure
        index = end


def _paragraph_end(lines: Sequence[tuple[int, str]], begin: int) -> int:
    """The index after the lines that the one at `begin` was wrapped into."""
    end = begin + 1
    while end < min(len(lines), begin + MAX_WRAPPED) and _goes_on(lines[end - 1], lines[end]):
        end += 1
    return end


def _goes_on(line: tuple[int, str], following: tuple[int, str]) -> bool:
    """Whether a line is full, ends amid a sentence, and the next one takes it up."""
    return (
        following[0] == line[0] + 1
        and len(line[1]) >= _LEAST_WRAPPED
        and not _CLOSES.search(line[1])
        and _TAKES_UP.match(following[1]) is not None
        and "|" not in line[1] + following[1]
    )


def _joined(lines: Sequence[tuple[int, str]]) -> Line:
    text, wraps = plain_text(lines[0][1]), []
    for number, line in lines[1:]:
        wraps.append((len(text) + 1, number))
        text = f"{text} {plain_text(line)}"
    return Line(lines[0][0], text, wraps=tuple(wraps))


def _html_end(closings: Sequence[int], begin: int) -> int:
    """The index after the line that closes the table that begins at `begin`; 0 if none does."""
    at = bisect_left(closings, begin)
    return closings[at] + 1 if at < len(closings) else 0


def _html_table(lines: Sequence[str], first: int) -> Table:
    rows = [
        Row(row.number, tuple(plain_text(cell) for cell in row.cells))
        for row in html_rows(lines, first)
    ]
    return Table(rows[0].cells if rows else (), tuple(rows[1:]))


def _pipe_end(lines: Sequence[tuple[int, str]], begin: int) -> int:
    """The index after the table whose header stands at `begin`; 0 if none begins there."""
    if begin + 1 >= len(lines) or "|" not in lines[begin][1]:
        return 0
    if lines[begin + 1][0] != lines[begin][0] + 1 or not _is_delimiter(lines[begin + 1][1]):
        return 0
    end = begin + 2
    while end < len(lines) and lines[end][0] == lines[end - 1][0] + 1 and "|" in lines[end][1]:
        end += 1
    return end


def _pipe_table(lines: Sequence[tuple[int, str]]) -> Table:
    rows = tuple(Row(number, cells_of(plain_text(text))) for number, text in lines[2:])
    return Table(cells_of(plain_text(lines[0][1])), rows)


def _is_delimiter(text: str) -> bool:
    return "-" in text and "|" in text and all(_DELIMITER.fullmatch(c) for c in cells_of(text))


def is_row(text: str) -> bool:
    """Whether a line outside a table could be a row of one."""
    if "||" in text or "|" not in text:
        return False
    return text.startswith("|") or len(_BAR.findall(text)) >= _LEAST_SEPARATORS


def cells_of(text: str) -> tuple[str, ...]:
    """The cells of a row of a Markdown table, at least one."""
    inner = text.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return tuple(cell.strip() for cell in _BAR.split(inner, maxsplit=MAX_CELLS)[:MAX_CELLS])


def plain_text(line: str) -> str:
    """`line` without links, images, tags and emphasis, its entities resolved."""
    if "[" in line:
        line = _LINK.sub(r"\1", _IMAGE.sub(" ", line))
    if "<" in line:
        line = _TAG.sub(" ", line)
    if "&" in line:
        line = _ENTITY.sub(lambda match: unescape(match[0]), line)
    return _SPACES.sub(" ", _MARKS.sub("", line).translate(_PLAIN)).strip()

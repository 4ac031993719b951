"""Text from a repository, made harmless: for a line on a screen, and for a cell of a spreadsheet.

What is dropped is what acts instead of being read: control characters (an ESC would drive the
terminal), format characters (U+202E turns a line around, U+200B hides in it) and private ones.
"""

import re
import unicodedata
from typing import Final

MAX_CELL_CHARACTERS: Final = 32_767  # what one cell of a spreadsheet holds (Excel's limits)
ELLIPSIS: Final = "…"

_BREAK = re.compile(r"\r\n|[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_SURROGATE: Final = "Cs"
_ACTING: Final = frozenset({"Cc", "Cf", "Co", "Cn"})

# Spreadsheets read a cell as a formula that begins with one of these (OWASP, "CSV Injection"),
# some of them behind quotes or spaces, or in a wide form that an import folds to the plain one.
_FORMULA_STARTS: Final = frozenset("=+-@")
_BEFORE_START = re.compile(r"""[\s"'`´‘’‚‛“”„‟«»‹›]*""")  # noqa: RUF001 -- the quotes that are meant


def without_actors(text: str) -> str:
    """`text` on one line, without characters that act; half a surrogate pair becomes U+FFFD."""
    if text.isprintable():
        return text
    return "".join(map(_harmless, _BREAK.sub(" ", text)))


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if category == _SURROGATE:
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category in _ACTING else character


def line(text: str, limit: int) -> str:
    """`text` as one line of at most `limit` characters, cut in the middle where it is longer."""
    # A hundred times what is shown is looked at: enough for any run of blanks worth folding.
    folded = " ".join(without_actors(text[: 100 * limit]).split())
    if len(folded) <= limit:
        return folded
    tail = (limit - 1) // 2
    return folded[: limit - 1 - tail].rstrip() + ELLIPSIS + folded[len(folded) - tail :].lstrip()


def csv_cell(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula: an apostrophe is put before it.

    The same behind each semicolon, which separates cells where the comma is the decimal sign.
    """
    guarded = ";".join(
        f"'{part}" if _begins_a_formula(part) else part for part in without_actors(text).split(";")
    )
    if len(guarded) <= MAX_CELL_CHARACTERS:
        return guarded
    return guarded[: MAX_CELL_CHARACTERS - 1] + ELLIPSIS


def _begins_a_formula(text: str) -> bool:
    begin = _BEFORE_START.match(text)
    first = text[begin.end() :][:1] if begin else ""
    return unicodedata.normalize("NFKC", first)[:1] in _FORMULA_STARTS

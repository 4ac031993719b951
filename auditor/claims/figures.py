"""Written figures and their units: `340M`, `1.3 billion`, `6,053,381,344`, `1,3 Milliarden`.

A unit is a row of a table; the longest that fits is meant. Matching is linear: digits are bounded,
and no alternative of the expression can match the same text twice.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from auditor.claims.patterns import Pattern, any_case
from auditor.core.claims import Quantity, quantity

_THOUSAND: Final = 10**3
_MILLION: Final = 10**6
_BILLION: Final = 10**9
_TRILLION: Final = 10**12

# Words are compared in lower case. NOTE: English, not long-scale: nobody has 10^12 parameters in a
# French `billion`. German and Spanish plurals that are unmistakably long-scale have their own row.
UNITS: Final = {
    **dict.fromkeys(("k", "thousand"), _THOUSAND),
    **dict.fromkeys(
        ("m", "mm", "mn", "mio", "mln", "million", "millions", "millionen", "millón", "millones",
         "milhão", "milhões", "milione", "milioni", "миллион", "миллиона", "миллионов",
         "миллионами", "млн", "miljoen", "miljoner", "milyon", "milion", "miliony", "milionów",
         "milionami", "triệu", "juta", "百万", "백만"),
        _MILLION,
    ),
    **dict.fromkeys(
        ("b", "bn", "bln", "billion", "billions", "milliard", "milliards", "milliarde",
         "milliarden", "mrd", "miliardo", "miliardi", "bilhão", "bilhões", "mil millones",
         "mil milhões", "миллиард", "миллиарда", "миллиардов", "миллиардами", "млрд", "miljard",
         "miljarder", "milyar", "miliard", "miliardy", "miliardów", "miliardami", "tỷ", "miliar",
         "十亿", "십억"),
        _BILLION,
    ),
    **dict.fromkeys(
        ("t", "tn", "trillion", "trillions", "billionen", "billones", "万亿", "萬億", "兆", "조"),
        _TRILLION,
    ),
    **dict.fromkeys(("万", "萬", "만"), 10**4),
    **dict.fromkeys(("亿", "億", "억"), 10**8),
}  # fmt: skip
BILLIONS: Final = frozenset(unit for unit, factor in UNITS.items() if factor == _BILLION)
LETTERS: Final = {"k": _THOUSAND, "m": _MILLION, "b": _BILLION}
MAX_PLAUSIBLE: Final = 10**14  # a hundred trillion: what is larger counts no parameters

_UNIT_WORDS: Final = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
# The point of an abbreviation: 335 Mio. Parameter
_POINT: Final = r"(?:(?:(?<=mio|mrd|mln|bln|млн)|(?<=млрд))\.(?=\s))?"
_FIGURE: Final = any_case(
    # No figure begins inside a word, a number, a price or a product such as 8x7B.
    r"(?<![A-Za-z0-9_.,$€£¥\u00d7\\])(?<!(?<![A-Za-z])/)"
    r"(?P<number>"
    r"[0-9]{1,3}(?:,[0-9]{3}){1,5}(?:\.[0-9]{1,3})?(?![0-9])"
    r"|[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3}){2,5}(?! ?[0-9])"
    r"|[0-9]{1,3}(?:\.[0-9]{3}){2,5}(?![0-9])"
    r"|[0-9]{1,15}(?:[.,][0-9]{1,12})?(?![0-9])"
    r")"
    rf"(?:[ \u00a0\u202f-]?(?P<unit>{_UNIT_WORDS})(?![A-Za-z0-9_]){_POINT}"
    r"|(?P<power>[eE]\+?[0-9]{1,2}))?"
    r"(?![A-Za-z0-9_%]|[.,][0-9])"
)
_GROUPED: Final = Pattern(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_SPACED: Final = Pattern(r"[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3}){2,}")
_DOTTED: Final = Pattern(r"[0-9]{1,3}(?:\.[0-9]{3}){2,}")
_HEADING_UNIT: Final = any_case(
    r"[(\[,/]\s*(?:in\s+)?(?P<unit>m|b|k|millions?|billions?)\s*(?:[)\]]|$)"
    r"|in (?P<word>millions|billions)"
)
_LARGEST_POWER: Final = 13


class Figure(NamedTuple):
    """A figure at `begin` to `end` of a text. `unit` is as written; empty for a bare number."""

    begin: int
    end: int
    quantity: Quantity
    unit: str


def figures_in(text: str, *, bare_unit: int = 1) -> Iterator[Figure]:
    """Every figure of `text` from left to right; `bare_unit` is what a bare number counts in."""
    for match in _FIGURE.finditer(text):
        figure = _figure(match, bare_unit)
        if figure is not None:
            yield figure


def read_figure(text: str) -> Quantity:
    """The one figure that `text` is: `340M`, `1.5 billion`. Raises ValueError if it is none."""
    figures = list(figures_in(text.strip()))
    if len(figures) != 1 or (figures[0].begin, figures[0].end) != (0, len(text.strip())):
        raise ValueError(f"not one figure: {text[:40]!r}")
    return figures[0].quantity


def plain_digits(number: str) -> str:
    """`number` without separators and with a decimal point: `1,3` is 1.3 and `1,300` is 1300."""
    if _GROUPED.fullmatch(number):
        return number.replace(",", "")
    if _DOTTED.fullmatch(number):
        return number.replace(".", "")
    if _SPACED.fullmatch(number):
        return re.sub(r"[^0-9]", "", number)
    return number.replace(",", ".")


def _figure(match: re.Match[str], bare_unit: int) -> Figure | None:
    unit = match["unit"] or ""
    multiplier = UNITS[unit.lower()] if unit else bare_unit
    if match["power"]:
        power = int(match["power"][1:])
        multiplier = 10 ** min(power, _LARGEST_POWER)
    try:
        read = quantity(plain_digits(match["number"]), multiplier, written=match[0])
    except ValueError:
        return None
    if read.value > MAX_PLAUSIBLE:
        return None
    return Figure(match.start(), match.end(), read, unit)


def unit_in(heading: str) -> int:
    """What a bare number counts in under `heading`: a million for `Params (M)`."""
    unit = _HEADING_UNIT.search(heading)
    return LETTERS[(unit["unit"] or unit["word"])[0].lower()] if unit else 1

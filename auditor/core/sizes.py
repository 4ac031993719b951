"""Sizes and shares in words, made with integers: 1,344,904,432 bytes are 1.34 GB or 1.25 GiB."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

GIGABYTE: Final = 1000**3
GIBIBYTE: Final = 1024**3

_DECIMAL_UNITS: Final = ((1000, "kB"), (1000**2, "MB"), (1000**3, "GB"), (1000**4, "TB"))
_BINARY_UNITS: Final = ((1024, "KiB"), (1024**2, "MiB"), (1024**3, "GiB"), (1024**4, "TiB"))
_TOO_WIDE: Final = 1000  # a fourth digit before the point asks for the next unit
_MOST_DECIMALS: Final = 15  # the share of one element in a quadrillion still shows


def _rounded(numerator: int, denominator: int, decimals: int) -> int:
    """`numerator / denominator` in steps of the last of `decimals` digits, halves away from 0."""
    scaled = abs(numerator) * int(10**decimals)
    steps = (2 * scaled + denominator) // (2 * denominator)
    return steps if numerator >= 0 else -steps


def _text(steps: int, decimals: int) -> str:
    digits = str(steps).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def decimal_text(number: Fraction, decimals: int) -> str:
    """`number`, not negative, rounded to `decimals` digits after the point: `4.1640`."""
    return _text(_rounded(number.numerator, number.denominator, decimals), decimals)


def _in_unit(size_bytes: int, unit: int) -> str:
    """`size_bytes` in `unit`: two decimals from one upwards, three significant digits below."""
    decimals = 2
    while size_bytes and size_bytes * 10 ** (decimals - 2) < unit and decimals < _MOST_DECIMALS:
        decimals += 1
    return _text(_rounded(size_bytes, unit, decimals), decimals)


def gigabytes(size_bytes: int) -> str:
    """`size_bytes` in units of 1000^3 bytes, a plain decimal number: `1.34`, `0.0909`."""
    return _in_unit(size_bytes, GIGABYTE)


def gibibytes(size_bytes: int) -> str:
    """`size_bytes` in units of 1024^3 bytes, a plain decimal number: `1.25`, `0.0846`."""
    return _in_unit(size_bytes, GIBIBYTE)


def decimal_size(size_bytes: int) -> str:
    """Three digits and a unit of a power of 1000: `1.34 GB`, `68.3 kB`, `512 bytes`."""
    return _with_unit(size_bytes, _DECIMAL_UNITS)


def binary_size(size_bytes: int) -> str:
    """Three digits and a unit of a power of 1024: `1.25 GiB`, `641 MiB`."""
    return _with_unit(size_bytes, _BINARY_UNITS)


def _with_unit(size_bytes: int, units: tuple[tuple[int, str], ...]) -> str:
    if size_bytes < units[0][0]:
        return f"{size_bytes} byte{'' if size_bytes == 1 else 's'}"
    for unit, name in units:
        decimals = _decimals_of_three(size_bytes, unit)
        steps = _rounded(size_bytes, unit, decimals)
        if steps < _TOO_WIDE * 10**decimals:
            return f"{_text(steps, decimals)} {name}"
    return f"{_rounded(size_bytes, unit, 0):,} {name}"


def _decimals_of_three(size_bytes: int, unit: int) -> int:
    """Decimals that leave three digits, after rounding."""
    return next((n for n in (2, 1) if _rounded(size_bytes, unit, n) < _TOO_WIDE), 0)


def percent(part: int, whole: int) -> Decimal | None:
    """`part` in hundredths of `whole`, signed: two decimals, or two digits where it is tiny.

    None where `whole` is nothing.
    """
    if whole <= 0:
        return None
    decimals = 2
    while part and abs(part) * 10 ** (decimals + 1) < whole and decimals < _MOST_DECIMALS:
        decimals += 1
    steps = _rounded(100 * part, whole, decimals)
    return Decimal(f"{steps}e-{decimals}")

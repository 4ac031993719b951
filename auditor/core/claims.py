"""Documented figures: what was written, to which digit, and what it counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from auditor.core.repository import Repository

EXACT_LOOKING_FROM: Final = 1_000_000  # an integer of seven digits or more, written out, is exact
EXACT_LOOKING_STEPS: Final = 10_000  # unless fewer than five of them are more than padding zeros
MAX_DIGITS: Final = 20  # a quintillion parameters; longer numbers are no counts


class Scope(StrEnum):
    """What a figure counts."""

    TOTAL = "total"
    TRAINABLE = "trainable"
    ACTIVE = "active"
    NON_EMBEDDING = "non_embedding"
    COMPONENT = "component"
    ADAPTER = "adapter"
    OTHER_MODEL = "other_model"


class ClaimSource(StrEnum):
    """Who says so."""

    CARD = "card"
    NAME = "name"
    HUB = "hub"
    INDEX = "index"
    HEADER = "header"
    REGISTRY = "registry"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number of parameters as somebody wrote it.

    `unit` is what one step of the last written digit is worth: 1,000,000 for `340M`, 10,000,000 for
    `7.24B`. `padded_unit` is the same for the last digit that is not a zero, where the zeros of a
    whole number may be padding: 10,000,000 for `340M`; it equals `unit` otherwise.
    """

    value: int
    unit: int
    padded_unit: int
    written: str

    @property
    def looks_exact(self) -> bool:
        """Whether it was written out to the last element: it then claims that precision.

        2,700,000,000 is written out and yet rounded: all but two of its digits are padding.
        """
        return (
            self.unit == 1
            and self.value >= EXACT_LOOKING_FROM
            and self.value // self.padded_unit >= EXACT_LOOKING_STEPS
        )

    @property
    def digits(self) -> int:
        """How many digits it is written with: 3 for `340M` and for `7.24B`."""
        return len(str(self.value // self.unit))

    @property
    def padded_digits(self) -> int:
        """How many digits it has if the zeros at its end are padding: 2 for `340M`."""
        return len(str(self.value // self.padded_unit))


def quantity(digits: str, multiplier: int = 1, *, written: str = "") -> Quantity:
    """The quantity of `digits` (a plain decimal number such as `7.24`) times `multiplier`.

    Raises ValueError for what is no positive decimal number of at most MAX_DIGITS digits, and where
    the last digit would be worth less than one parameter.
    """
    whole, _, fraction = digits.partition(".")
    figures = whole + fraction
    if not (figures.isascii() and figures.isdigit() and len(figures) <= MAX_DIGITS):
        raise ValueError(f"not a plain decimal number: {digits[:40]!r}")
    if not figures.strip("0"):
        raise ValueError("nothing has zero parameters")
    unit = Decimal(multiplier).scaleb(-len(fraction))
    value = Decimal(digits) * multiplier
    if value != int(value) or unit < 1 or unit != int(unit):
        raise ValueError(f"{digits} x {multiplier:,} is finer than one parameter")
    padded = int(unit)
    if not fraction:
        padded = int(unit) * 10 ** (len(whole) - len(whole.rstrip("0")))
    return Quantity(value=int(value), unit=int(unit), padded_unit=padded, written=written or digits)


def exact_quantity(value: int) -> Quantity:
    """An integer that a machine wrote: every digit counts, zeros at its end too.

    Raises ValueError for what is not positive.
    """
    if value <= 0:
        raise ValueError(f"{value:,} parameters document nothing")
    return Quantity(value=value, unit=1, padded_unit=1, written=f"{value:,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far off a count may be, in parameters, for whoever states the figure.

    `written` is how they say it: `2%`, `1M`.
    """

    parameters: int
    written: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A documented figure.

    `text` is the passage it was read from, hostile and as short as it can be; `where` tells the
    place (`README.md, line 52`). `detail` names the component or the other model that the figure is
    about. A `label` is a size in a name: one or two digits that name a class, not a count.
    A claim that is not `certain` (nobody has seen it in its source) never decides a verdict alone.
    With a `tolerance` of its own, it agrees within that and nowhere else.
    """

    text: str
    quantity: Quantity
    scope: Scope
    source: ClaimSource
    where: str
    detail: str = ""
    label: bool = False
    certain: bool = True
    tolerance: Tolerance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Everything published about a model that an audit has at hand, for the claim readers.

    `documents` are texts of the repository by path. `index_metadata` is the parsed `metadata` of
    the shard index at `index_path`, `header_metadata` the free text of each weight file's header,
    by path. All of it was written by others and is checked by whoever reads it.
    """

    repository: Repository
    documents: Mapping[str, str] = field(default_factory=dict)
    index_path: str = ""
    index_metadata: Mapping[str, Any] = field(default_factory=dict)
    header_metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

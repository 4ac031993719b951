"""Verdicts, from the best agreement to none, and the thresholds between them."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final


class Verdict(StrEnum):
    """How a documented figure stands to the count it is about."""

    EXACT = "exact"
    ROUNDS = "rounds"
    ROUNDS_LOOSELY = "rounds-loosely"
    TRUNCATED = "truncated"
    OTHER_SCOPE = "other-scope"
    NEAR = "near"
    MISMATCH = "mismatch"
    UNDOCUMENTED = "undocumented"
    UNVERIFIABLE = "unverifiable"
    FAILED = "failed"
    NOT_COMPARED = "not-compared"  # a claim about another model; never a model's verdict


MEANING: Final = {
    Verdict.EXACT: "the figure is the count, to the last parameter",
    Verdict.ROUNDS: "the count rounds to the figure at the digits it was written with",
    Verdict.ROUNDS_LOOSELY: "it rounds to the figure only if trailing zeros are no digits",
    Verdict.TRUNCATED: "the figure is the count with its last digits cut off",
    Verdict.OTHER_SCOPE: "another count of the same checkpoint gives the figure",
    Verdict.NEAR: "off by more than rounding, but within the near tolerance",
    Verdict.MISMATCH: "the figure and the count disagree",
    Verdict.UNDOCUMENTED: "nothing documented was found to compare with",
    Verdict.UNVERIFIABLE: "the count, or what the figure counts, is not known",
    Verdict.FAILED: "the model could not be audited",
    Verdict.NOT_COMPARED: "the figure is about another model",
}

# Best first; a model's verdict is the worst of its deciding claims.
SEVERITY: Final = (
    Verdict.EXACT,
    Verdict.ROUNDS,
    Verdict.ROUNDS_LOOSELY,
    Verdict.TRUNCATED,
    Verdict.OTHER_SCOPE,
    Verdict.NEAR,
    Verdict.MISMATCH,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every threshold of the judgement; shares are of the documented figure."""

    near: Fraction = Fraction(2, 100)  # off by at most this is `near`
    loosely: Fraction = Fraction(5, 100)  # 30B is no loose way to write 32.5B
    truncated: Fraction = Fraction(5, 100)  # cutting digits off explains no more
    label_factor: int = 2  # a size in a name that is off by more than this factor is a mismatch
    strong_coincidence: Fraction = Fraction(2, 100)  # chance below which another scope is strong
    moderate_coincidence: Fraction = Fraction(10, 100)


DEFAULT_POLICY: Final = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a field of Policy decides, and the verdicts that depend on it."""

    meaning: str
    of: frozenset[Verdict]


# One row for each field of Policy, by its name.
THRESHOLDS: Final = {
    "near": Threshold(
        meaning="a figure may be off by so much of itself and still be near",
        of=frozenset({Verdict.NEAR, Verdict.MISMATCH}),
    ),
    "loosely": Threshold(
        meaning="dropping zeros may explain no more than that: 30B is no loose 32.5B",
        of=frozenset({Verdict.ROUNDS_LOOSELY}),
    ),
    "truncated": Threshold(
        meaning="cutting digits off may explain no more than that: 1.9 is no cut 1B",
        of=frozenset({Verdict.TRUNCATED}),
    ),
    "label_factor": Threshold(
        meaning="a size in a name is a class mark; only one that is off by more is a mismatch",
        of=frozenset({Verdict.MISMATCH}),
    ),
    "strong_coincidence": Threshold(
        meaning="below that chance of fitting by accident, another count is strong evidence",
        of=frozenset({Verdict.OTHER_SCOPE}),
    ),
    "moderate_coincidence": Threshold(
        meaning="below that chance it is moderate, and from there on it explains nothing",
        of=frozenset({Verdict.OTHER_SCOPE}),
    ),
}

_AGREEING: Final = frozenset(SEVERITY) - {Verdict.MISMATCH}


def agrees(verdict: Verdict) -> bool:
    """Whether a figure was compared and stands; neither this nor `differs` holds if none was."""
    return verdict in _AGREEING


def differs(verdict: Verdict) -> bool:
    """Whether a figure was compared and is wrong: what the exit code 1 means."""
    return verdict is Verdict.MISMATCH

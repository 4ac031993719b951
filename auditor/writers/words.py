"""Words that every report for people shares: the answer to a verdict, how a passage is meant."""

from enum import StrEnum
from typing import Final

from auditor.core.verdict import Verdict, agrees, differs

MAX_NAME: Final = 96  # characters of the longest id on the Hub
MAX_TEXT: Final = 600  # characters of a sentence
MAX_PLACE: Final = 80  # characters of a place, a pattern, a short name


class Tone(StrEnum):
    """How a passage is meant."""

    GOOD = "good"
    BAD = "bad"
    DOUBT = "doubt"
    PLAIN = "plain"
    ASIDE = "aside"


AGREES: Final = "AGREES"
DIFFERS: Final = "DIFFERS"
EXPLAINED: Final = "EXPLAINED"  # another number than the count, and it is known what it counts

_TONES: Final = {
    Verdict.UNDOCUMENTED: Tone.DOUBT,
    Verdict.UNVERIFIABLE: Tone.DOUBT,
    Verdict.FAILED: Tone.BAD,
    Verdict.NOT_COMPARED: Tone.ASIDE,
}


def word(verdict: Verdict) -> tuple[str, Tone]:
    """The verdict as an answer to "is the documented figure right?"."""
    if verdict is Verdict.OTHER_SCOPE:
        return EXPLAINED, Tone.DOUBT
    if agrees(verdict):
        return AGREES, Tone.GOOD
    if differs(verdict):
        return DIFFERS, Tone.BAD
    return verdict.value.replace("-", " ").upper(), _TONES[verdict]

"""What a report says of one model, before a writer gives it a look: the head and the answer.

Words and numbers only; `figures`, `ledger` and `footing` say the rest. All text that comes from a
repository is one harmless line when it leaves here.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from auditor.core.comparison import Comparison
from auditor.core.identity import DEFAULT_REVISION, is_commit
from auditor.core.record import (
    AuditFailure,
    AuditRecord,
    Outcome,
    deciding,
)
from auditor.core.sizes import decimal_size
from auditor.core.tally import Tally
from auditor.core.verdict import Verdict
from auditor.writers.escape import line
from auditor.writers.figures import figure, share
from auditor.writers.words import AGREES, DIFFERS, MAX_NAME, MAX_PLACE, MAX_TEXT, Tone, word

SHORT_SHA: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer first: one word, the numbers that it rests on, a sentence that says why.

    For a failure the sentence is what to do next.
    """

    word: str
    tone: Tone
    facts: tuple[str, ...]
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """One model in one line. What does not apply is empty."""

    word: str
    tone: Tone
    model: str
    documented: str = ""
    real: str = ""
    difference: str = ""
    reason: str = ""


def title(outcome: Outcome) -> str:
    """The model's present name; for one that was not found, what was asked for."""
    return line(outcome.model or outcome.requested, MAX_NAME)


def revision(outcome: Outcome) -> str:
    """` @ 6da4b6a (main)`, as far as it is known."""
    named = line(outcome.revision or "", MAX_PLACE)
    if outcome.commit is None:
        return f" @ {named}" if named and named != DEFAULT_REVISION else ""
    sha = f" @ {line(outcome.commit, MAX_PLACE)[:SHORT_SHA]}"
    return sha if not named or is_commit(named) else f"{sha} ({named})"


def asked_for(outcome: Outcome) -> str:
    """The words of the request, where the model's present name is not in them."""
    model, requested = outcome.model, outcome.requested
    if model is None:
        return ""
    # The Hub knows old models by their last name alone; that is an abbreviation, no other name.
    if (model if "/" in requested else model.rpartition("/")[2]) in requested:
        return ""
    return f"asked for as {line(requested, MAX_NAME)}"


def files(outcome: Outcome) -> tuple[str, ...]:
    """`safetensors`, `1 file`, `1.34 GB`: the weight files that were counted."""
    if isinstance(outcome, AuditFailure) or not outcome.files:
        return ()
    formats = ", ".join(dict.fromkeys(line(file.format, MAX_PLACE) for file in outcome.files))
    number = len(outcome.files)
    size_bytes = sum(file.size_bytes for file in outcome.files)
    return (formats, f"{number:,} file{'' if number == 1 else 's'}", decimal_size(size_bytes))


def answer(outcome: Outcome) -> Answer:
    """What the reader came for."""
    said, tone = word(outcome.verdict)
    if isinstance(outcome, AuditFailure):
        hint = line(outcome.hint, MAX_TEXT)
        return Answer(word=said, tone=tone, facts=(_message(outcome),), sentence=hint)
    comparison = deciding(outcome)
    facts = (
        _compared(outcome, comparison)
        if comparison is not None
        else ("nothing documented", f"real {_real(outcome.tally)}")
    )
    return Answer(word=said, tone=tone, facts=facts)


def _message(failure: AuditFailure) -> str:
    """What is wrong, without the name that stands above it."""
    message = line(failure.message, MAX_TEXT)
    return message.removeprefix(f"{title(failure)}: ")


def _compared(record: AuditRecord, comparison: Comparison) -> tuple[str, ...]:
    documented = f"documented {figure(comparison.claim)}"
    if comparison.actual is None:
        return (documented, f"real {_real(record.tally)}")
    counted = _count_named(record, comparison.actual)
    if comparison.verdict is Verdict.OTHER_SCOPE:
        return (documented, f"real {comparison.actual:,}", counted, _other_count(comparison))
    how = "exactly" if comparison.difference == 0 else share(comparison) or "documented as none"
    return (documented, f"real {comparison.actual:,} ({how})", counted)


def _other_count(comparison: Comparison) -> str:
    """Which count the figure is, as far as the first clause of the explanation says."""
    clause = re.split("[:;]", line(comparison.explanation, MAX_TEXT), maxsplit=1)[0]
    return f"the figure {clause if clause.startswith('counts ') else 'is another count'}"


def _count_named(record: AuditRecord, value: int) -> str:
    """What was counted, if it is not simply everything."""
    if value == record.tally.total:
        return ""
    return next(
        (line(count.name, MAX_PLACE) for count in record.counts if count.value == value), ""
    )


def _real(tally: Tally) -> str:
    if tally.total is not None:
        return f"{tally.total:,}"
    if tally.total_range is not None:
        return "{:,} to {:,}".format(*tally.total_range)
    return "not known"


def short(outcome: Outcome) -> Short:
    """The model in one line."""
    said, tone = word(outcome.verdict)
    name = title(outcome)
    if isinstance(outcome, AuditFailure):
        return Short(word=said, tone=tone, model=name, reason=_message(outcome))
    comparison = deciding(outcome)
    counted = comparison.actual if comparison else outcome.tally.total
    return Short(
        word=said,
        tone=tone,
        model=name,
        documented=figure(comparison.claim) if comparison else "",
        real="" if counted is None else f"{counted:,}",
        difference=share(comparison) if comparison else "",
    )


def totals(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """`3 agree`, `1 differs`, `1 failed`: the answers counted, the best first."""
    words = Counter(word(outcome.verdict)[0] for outcome in outcomes)
    order = dict.fromkeys(word(verdict)[0] for verdict in Verdict)
    return tuple(_counted(each, words[each]) for each in order if words[each])


def _counted(said: str, number: int) -> str:
    is_verb = said in {AGREES, DIFFERS}
    return f"{number:,} {(said.removesuffix('S') if is_verb and number > 1 else said).lower()}"

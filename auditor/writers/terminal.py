"""The report that is read on a screen: the answer first, then why.

google-bert/bert-large-uncased @ 6da4b6a (main)          safetensors · 1 file · 1.34 GB

  AGREES   documented 340M · real 335,141,888 (-1.43 %)

  documented   340M     model card, line 52   rounds loosely: ...
  real         335,141,888   the backbone alone, without heads
             +   1,084,220   transform 1,049,600 · bias 30,522 · ...
             = 336,226,108   parameters, all trainable
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Final, TypeVar

from auditor.core.record import AuditFailure, AuditRecord, Outcome
from auditor.core.repository import Origin
from auditor.writers import figures, footing, ledger, report
from auditor.writers.figures import Documented
from auditor.writers.ledger import Entry
from auditor.writers.look import Look
from auditor.writers.page import Page, Piece
from auditor.writers.report import Short
from auditor.writers.words import Tone

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

MAX_ROWS: Final = 8  # documented figures, findings and the like, before the rest is only counted
SIDE_BY_SIDE: Final = 90  # columns from which figures, sources and numbers stand in columns
MAX_FIGURE: Final = 20  # columns of a figure where there are few columns
MAX_SOURCE: Final = 36  # columns of a source beside its reason
MAX_HEADLINE: Final = 100  # columns: further right, nobody sees that it belongs to the name
MIN_GAP: Final = 3  # blanks between the name and the facts at its right
_MARKS: Final = {Tone.BAD: "x", Tone.DOUBT: "!", Tone.PLAIN: "*", Tone.ASIDE: "i"}

_Row = tuple[str, Piece]
_T = TypeVar("_T")


class Detail(StrEnum):
    """How much is told of each model."""

    QUIET = "quiet"  # one line
    NORMAL = "normal"
    VERBOSE = "verbose"  # every figure, count, group, finding and span


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalWriter:
    """One report after the other, then a table of all where there are several."""

    detail: Detail = Detail.NORMAL
    look: Look = field(default_factory=Look)

    @property
    def name(self) -> str:
        return "terminal"

    @property
    def endings(self) -> tuple[str, ...]:
        return (".txt",)

    def write(self, outcomes: Sequence[Outcome], stream: IO[bytes]) -> None:
        page = Page(self.look)
        if self.detail is Detail.QUIET:
            stream.write(_one_line_each(page, outcomes))
            return
        told = _Report(page, everything=self.detail is Detail.VERBOSE)
        for index, outcome in enumerate(outcomes):
            stream.write(b"\n" if index else b"")
            stream.write(page.rendered(told.of(outcome)))
        if len(outcomes) > 1:
            stream.write(b"\n" + page.rendered(_table(page, outcomes)))


class _Report:
    """The report of one model, piece by piece."""

    def __init__(self, page: Page, *, everything: bool) -> None:
        self.page = page
        self.everything = everything

    def of(self, outcome: Outcome) -> Iterator[Piece]:
        """The headline, the answer, and for a model that was audited all that led to it."""
        blank = self.page.text("")
        yield from self._headline(outcome)
        yield blank
        yield self._answer(outcome)
        if isinstance(outcome, AuditRecord):
            yield blank
            sections = ((label, list(rows)) for label, rows in self._sections(outcome))
            yield from (self.page.section(label, rows) for label, rows in sections if rows)

    def _sections(self, record: AuditRecord) -> Iterator[tuple[str, Iterable[_Row]]]:
        yield "documented", self._documented(record)
        yield "real", self._entries(ledger.ledger(record))
        if self.everything:
            yield "counts", self._entries(ledger.counts(record))
            yield "groups", self._entries(ledger.groups(record))
        yield "packed", self._sentences(footing.packing(record))
        yield "memory", [("", self.page.items(footing.memory(record)))]
        yield "left out", self._sentences(footing.left_out(record))
        yield "findings", self._findings(record)
        yield "proof", self._proof(record)

    def _headline(self, outcome: Outcome) -> Iterator[Piece]:
        name = self.page.text(report.title(outcome), bold=True)
        text = self.page.text("").append_text(name)
        text.append_text(self.page.text(report.revision(outcome)))
        facts = self.page.items(report.files(outcome), Tone.ASIDE)
        gap = min(self.page.look.width, MAX_HEADLINE) - text.cell_len - facts.cell_len
        if facts and gap < MIN_GAP:
            yield text
            yield self.page.indented(facts)
        else:
            text.pad_right(gap if facts else 0)
            yield text.append_text(facts)
        if asked := report.asked_for(outcome):
            yield self.page.indented(self.page.text(asked, Tone.ASIDE))

    def _answer(self, outcome: Outcome) -> "Table":
        answer = report.answer(outcome)
        rows: list[_Row] = [("", self.page.items(answer.facts))]
        if answer.sentence:
            mark = "→ " if isinstance(outcome, AuditFailure) else ""
            rows.append(("", self.page.text(mark + answer.sentence)))
        return self.page.section(answer.word, rows, answer.tone)

    def _documented(self, record: AuditRecord) -> Iterator[_Row]:
        shown, rest = self._first(figures.documented(record, everything=self.everything))
        columns = [(self.page.text(each.figure), self.page.text(each.source)) for each in shown]
        widest, source = (
            max((each.cell_len for each in column), default=0)
            for column in (zip(*columns, strict=True) if columns else ((), ()))
        )
        for each, (figure, who) in zip(shown, columns, strict=True):
            reason = self._reason(each)
            if self.page.look.width >= SIDE_BY_SIDE:
                widths = (min(widest, MAX_SOURCE), min(source, MAX_SOURCE))
                yield "", self.page.columns(figure, who, reason, widths=widths)
            else:
                who.append_text(self.page.text(" · ")).append_text(reason)
                yield "", self.page.columns(figure, who, widths=(min(widest, MAX_FIGURE),))
        yield from rest

    def _reason(self, each: Documented) -> "Text":
        reason = self.page.text(each.verdict, each.tone)
        if each.reason:
            reason = self.page.text("").append_text(reason)
            reason.append_text(self.page.text(f": {each.reason}"))
        return reason

    def _entries(self, entries: Sequence[Entry]) -> Iterator[_Row]:
        widest = max((len(entry.number) for entry in entries), default=0)
        for entry in entries:
            number = self.page.text(entry.number.rjust(widest), entry.tone)
            name = self.page.text(entry.name)
            if entry.name and entry.items:
                name.append(": ")
            name.append_text(self.page.items(entry.items))
            yield entry.sign, self.page.columns(number, name, widths=(widest,))

    def _findings(self, record: AuditRecord) -> Iterator[_Row]:
        shown, rest = self._first(footing.remarks(record.findings, everything=self.everything))
        for each in shown:
            yield _MARKS[each.tone], self.page.text(each.text, each.tone)
        yield from rest

    def _proof(self, record: AuditRecord) -> Iterator[_Row]:
        standing = footing.standing(record.proof)
        if standing:
            hard = record.proof.origin is Origin.SNAPSHOT_RECONSTRUCTED
            yield "", self.page.text(standing, Tone.DOUBT if hard else Tone.PLAIN)
        yield "", self.page.items(footing.cost(record.proof))
        if self.everything:
            yield from self._sentences(footing.spans(record.proof))

    def _sentences(self, sentences: Sequence[str]) -> Iterator[_Row]:
        shown, rest = self._first(sentences)
        for sentence in shown:
            yield "", self.page.text(sentence)
        yield from rest

    def _first(self, rows: Sequence[_T]) -> tuple[Sequence[_T], list[_Row]]:
        """The rows to show, and a row that counts the others."""
        if self.everything or len(rows) <= MAX_ROWS:
            return rows, []
        more = f"and {len(rows) - MAX_ROWS:,} more; -v shows them"
        return rows[:MAX_ROWS], [("", self.page.text(more, Tone.ASIDE))]


def _one_line_each(page: Page, outcomes: Sequence[Outcome]) -> bytes:
    """A line for each, as long as it is: made to be searched."""
    rows = [
        (
            page.text(each.word, each.tone),
            *map(page.text, (each.model, each.documented, each.real, each.difference, each.reason)),
        )
        for each in map(report.short, outcomes)
    ]
    return page.unbroken(rows, right=(3, 4))


def _table(page: Page, outcomes: Sequence[Outcome]) -> Iterator[Piece]:
    """All models of the call, a row each, and the answers counted."""
    shorts = [report.short(outcome) for outcome in outcomes]
    wide = page.look.width >= SIDE_BY_SIDE
    yield page.table(
        ("", "model", *(("documented", "real") if wide else ()), "difference"),
        [_cells(page, each, wide=wide) for each in shorts],
        right=("real", "difference"),
    )
    yield page.text("")
    yield page.indented(page.items((f"{len(shorts):,} models", *report.totals(outcomes))))


def _cells(page: Page, each: Short, *, wide: bool) -> tuple["Text", ...]:
    numbers = (page.text(each.documented), page.text(each.real)) if wide else ()
    return (
        page.text(each.word, each.tone),
        page.text(each.model),
        *numbers,
        page.text(each.difference),
    )

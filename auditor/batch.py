"""MANY audits, on one page: a list, a source, a journal, reports that grow in the list's order.

What is found is written down before it is reported, and reports are written from what was written
down: whenever the process dies, the same list with the same journal goes on where it was.
"""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any, Final

from auditor.__about__ import __version__
from auditor.auditing import DEFAULT_OPTIONS, AuditOptions
from auditor.core.identity import FolderRef, ModelRef
from auditor.core.protocols import Source
from auditor.core.verdict import Verdict
from auditor.engines import local
from auditor.errors import InvalidModel
from auditor.recall import Recall, TipOf, Told
from auditor.scribe import ROWS_AT_ONCE, Scribe
from auditor.store.journal import Journal, Line
from auditor.store.span_cache import SpanCache
from auditor.writers.output import write_standard_output, write_whole
from auditor.writers.streams import STANDARD_OUTPUT, Form, Growing, GrowingFile, Whole

LINES_AT_ONCE: Final = 5_000  # of the list, taken over in one transaction

# What may be otherwise the next time: a run that is taken up again tries it again.
PASSING: Final = ("unreachable", "rate-limited", "bad-answer", "not-cached")

Asked = tuple[str, str | None]  # an entry of the list, and its commit where the list tells it
Parsed = Callable[[str], ModelRef]  # raises InvalidModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report of the batch: where, and in which form."""

    path: str
    form: Form


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How to audit a list. Past `max_failures` models that failed it stops; None is never.

    `request` says what was asked for: the same text is the same batch, to go on with. With `fresh`,
    nothing that was found before is used again. With `list_stays`, a batch that is taken up again
    goes on with the list as it was, and does not ask for it.
    """

    request: str
    audit: AuditOptions = DEFAULT_OPTIONS
    jobs: int = 32
    max_failures: int | None = None
    fresh: bool = False
    list_stays: bool = False


@dataclass(slots=True, kw_only=True)
class Standing:
    """How far the batch is. `verdicts` are of models; `here` of them were told in this call.

    `models` is None while the list is being read. `again` of those here were recalled.
    """

    resumed: bool
    lines: int = 0
    models: int | None = None
    verdicts: Counter[str] = field(default_factory=Counter)
    here: int = 0
    again: int = 0

    @property
    def done(self) -> int:
        return self.verdicts.total()

    def count(self, told: Told) -> None:
        self.verdicts[told.done.verdict] += 1
        self.here += 1
        self.again += told.again


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came of it. `verdicts` counts lines by verdict and kind of error."""

    finished: bool
    too_many_failures: bool
    verdicts: Mapping[tuple[str, str | None], int]
    standing: Standing
    seconds: float


class Batch:
    """One batch. `source` is read through its caches; `cache` is only told when to write.

    `endpoint` names the Hub that `source` asks, empty where it asks none. `tip` tells the commit of
    an id cheaply; without it a model is opened to learn it.
    """

    def __init__(  # noqa: PLR0913 - it joins the rooms
        self,
        *,
        source: Source,
        parse: Parsed,
        journal: Journal,
        reports: Sequence[Report],
        options: BatchOptions,
        endpoint: str = "",
        cache: SpanCache | None = None,
        tip: TipOf | None = None,
    ) -> None:
        self._parse = parse
        self._journal = journal
        self._reports = reports
        self._options = options
        self._recall = Recall(
            source=source,
            journal=journal,
            options=options.audit,
            endpoint=endpoint,
            tip=tip,
            fresh=options.fresh,
        )
        key = hashlib.sha256(f"{__version__}\n{options.request}".encode()).hexdigest()
        self._run = journal.begin(key, options.request, fresh=options.fresh)
        self._scribe = Scribe(
            journal=journal,
            run=self._run,
            growing=[GrowingFile(r.path, r.form) for r in reports if isinstance(r.form, Growing)],
            recall=self._recall,
            cache=cache,
        )
        self._stop = asyncio.Event()
        self.standing = Standing(resumed=self._run.resumed)

    def stop(self) -> None:
        """Ends the batch within a second; what is done is kept."""
        self._stop.set()

    async def run(self, asked: AsyncIterator[Asked]) -> Summary:
        """Audits what is asked for. Raises StoreError, OutputError, and what `asked` raises."""
        began = time.monotonic()
        working = asyncio.create_task(self._work(asked))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            complete = working.done() and await working
            await _ended(working)
            await self._scribe.write()
            verdicts = await asyncio.to_thread(self._journal.verdicts, self._run)
            if complete:
                await asyncio.to_thread(self._finish)
        finally:
            await _ended(working)
            stopping.cancel()
            self._scribe.close()
        return Summary(
            finished=complete,
            too_many_failures=self._too_many_failures(),
            verdicts=verdicts,
            standing=self.standing,
            seconds=time.monotonic() - began,
        )

    async def _work(self, asked: AsyncIterator[Asked]) -> bool:
        """Whether everything was audited; False where too much of it failed."""
        run, standing = self._run, self.standing
        if run.resumed:
            self._journal.forget(run, PASSING)
        await self._take_over(asked)
        standing.models = await asyncio.to_thread(self._journal.models, run)
        standing.verdicts = Counter(self._journal.model_verdicts(run))
        await asyncio.to_thread(self._scribe.open)
        results = local.run(self._open_lines(), self._tell, at_once=self._options.jobs)
        async with aclosing(results), self._scribe.writing():
            async for told in results:
                standing.count(told)
                await self._scribe.note(told)
                if self._too_many_failures():
                    return False
        return True

    async def _tell(self, line: Line) -> Told:
        return await self._recall.tell(line, _parsed(self._parse, line.text))

    def _too_many_failures(self) -> bool:
        allowed = self._options.max_failures
        return allowed is not None and self.standing.verdicts[Verdict.FAILED.value] > allowed

    async def _take_over(self, asked: AsyncIterator[Asked]) -> None:
        """Brings the list into the journal, where it stays the same while it is worked on."""
        if self._options.list_stays and self._run.loaded_lines is not None:
            self.standing.lines = self._run.loaded_lines
            return
        part: list[Line] = []
        async for text, commit in asked:
            self.standing.lines += 1
            key = _model_key(_parsed(self._parse, text))
            part.append(Line(number=self.standing.lines, text=text, model_key=key, commit=commit))
            if len(part) == LINES_AT_ONCE:
                await asyncio.to_thread(self._journal.take_over, self._run, part)
                part = []
        await asyncio.to_thread(self._journal.take_over, self._run, part)
        self._journal.end_of_input(self._run, self.standing.lines)

    async def _open_lines(self) -> AsyncIterator[Line]:
        """One line for each model that has no outcome yet, the first that means it."""
        after, open_keys = 0, self._scribe.open_keys
        while True:
            # NOTE: what is taken and not written down when the journal is asked comes again.
            taken = set(open_keys)
            lines = await asyncio.to_thread(
                self._journal.open_lines, self._run, after, LINES_AT_ONCE
            )
            if not lines:
                return
            after = lines[-1].number
            for line in lines:
                if line.model_key not in taken:
                    taken.add(line.model_key)
                    open_keys.add(line.model_key)
                    yield line

    def _finish(self) -> None:
        """Writes the reports that have an end, and notes that all is done."""
        for report in self._reports:
            if isinstance(report.form, Whole):
                write = partial(self._write_whole, report.form)
                if report.path == STANDARD_OUTPUT:
                    write_standard_output(write)
                else:
                    write_whole(report.path, write)
        self._journal.finish(self._run)

    def _write_whole(self, form: Whole, stream: IO[bytes]) -> None:
        form.write(self._rows(), stream)

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        after = 0
        while rows := self._journal.rows(self._run, after, ROWS_AT_ONCE):
            after += len(rows)
            yield from rows


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _parsed(parse: Parsed, text: str) -> ModelRef | InvalidModel:
    try:
        return parse(text)
    except InvalidModel as error:
        return error


def _model_key(ref: ModelRef | InvalidModel) -> str:
    """The same for texts that mean the same model as far as they alone tell."""
    match ref:
        case InvalidModel():
            return f"invalid {ref.subject} {ref.reason}"
        case FolderRef():
            return f"folder {ref.path}"
        case _:
            return f"hub {ref.repo_id}@{ref.revision}"

"""Writes a batch down: first into the journal, then, from there, into the reports in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from auditor.recall import Recall, Told
from auditor.store.journal import Journal, Progress, Run
from auditor.store.span_cache import SpanCache
from auditor.writers.streams import GrowingFile

WRITE_SECONDS: Final = 0.5  # so much work is lost at the most when the process dies
MAX_UNWRITTEN: Final = 500  # outcomes held in memory; past it new ones wait
ROWS_AT_ONCE: Final = 250  # an outcome of the largest models has some 100 kB


@dataclass(slots=True, kw_only=True)
class Scribe:
    """What is told is safe after the next `write`. `open_keys` are models not yet written down."""

    journal: Journal
    run: Run
    growing: Sequence[GrowingFile]
    recall: Recall
    cache: SpanCache | None = None
    open_keys: set[str] = field(default_factory=set)
    _told: list[Told] = field(default_factory=list)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _opened: bool = False

    def open(self) -> None:
        """Opens the reports where they were left. Raises OutputError."""
        for file in self.growing:
            file.open(self.journal.place_of(self.run, file.path))
        self._opened = True

    async def note(self, told: Told) -> None:
        """Takes something over, as soon as there is room."""
        self._told.append(told)
        if len(self._told) >= MAX_UNWRITTEN:
            await self.write()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Writes now and then while the block lasts. Raises what writing raises."""
        task = asyncio.create_task(self._write_now_and_then())
        owner = asyncio.current_task()
        task.add_done_callback(lambda done: done.cancelled() or (owner and owner.cancel()))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()

    async def write(self) -> None:
        """Writes down everything that was told. Raises StoreError, OutputError."""
        async with self._writing:
            told, self._told = self._told, []
            await asyncio.to_thread(self._write, told)
            self.open_keys.difference_update(each.done.model_key for each in told)
            self.recall.forget([each.audit[0] for each in told if each.audit])

    def close(self) -> None:
        for file in self.growing:
            file.close()

    async def _write_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await asyncio.shield(asyncio.create_task(self.write()))

    def _write(self, told: Sequence[Told]) -> None:
        if self.cache is not None:
            self.cache.flush()
        if told:
            self.journal.write_down(
                self.run,
                Progress(
                    done=[each.done for each in told],
                    audits=[each.audit for each in told if each.audit],
                    names=list(dict.fromkeys(each.name for each in told if each.name)),
                ),
            )
        if self._opened:
            self._extend()

    def _extend(self) -> None:
        """Appends the rows that are next in order, as far as their outcomes are known."""
        if not self.growing:
            return
        before = [file.rows for file in self.growing]
        while rows := self.journal.rows(
            self.run, at := min(f.rows for f in self.growing), ROWS_AT_ONCE
        ):
            for file in self.growing:
                file.append(rows[file.rows - at :])
        for file, rows_before in zip(self.growing, before, strict=True):
            if file.rows > rows_before:
                self.journal.note_place(self.run, file.path, file.settle())

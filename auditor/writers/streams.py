"""Reports of long lists, written as the outcomes come, in the order of the list.

CSV and JSONL grow by whole rows. JSON and Parquet have an end that belongs to all of it: they are
written in one go from what is kept of every outcome, a few thousand at a time.

Outcomes are dicts of the JSON contract.
"""

import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any, Final

from auditor.core.kept import Place
from auditor.errors import InvalidOption
from auditor.writers.csv import csv_head, csv_lines
from auditor.writers.escape import without_actors
from auditor.writers.json import write_json
from auditor.writers.output import output_error
from auditor.writers.rows import COLUMNS, Cell, Kind, row_of

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_ONCE: Final = 5_000  # of a Parquet file: a group of rows is held in memory
STANDARD_OUTPUT: Final = "-"
_READ_BYTES: Final = 1 << 20
_LONG: Final = range(-(2**63), 2**63)

Outcome = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """A form that grows by rows. `lines` gives whole lines for some outcomes."""

    name: str
    ending: str
    head: Callable[[], bytes]
    lines: Callable[[Sequence[Outcome]], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A form that is written in one go. `library` must be installed for it."""

    name: str
    ending: str
    write: Callable[[Iterable[Outcome], IO[bytes]], None]
    library: str = ""


Form = Growing | Whole


def _jsonl(outcomes: Sequence[Outcome]) -> bytes:
    lines = (json.dumps(outcome, separators=(",", ":"), ensure_ascii=True) for outcome in outcomes)
    return "".join(f"{line}\n" for line in lines).encode()


def _parquet(outcomes: Iterable[Outcome], stream: IO[bytes]) -> None:
    """Groups of rows; text without characters that act. A number past 64 bits has no cell."""
    import pyarrow
    from pyarrow import parquet

    kinds = {
        Kind.TEXT: pyarrow.string(),
        Kind.INTEGER: pyarrow.int64(),
        Kind.DECIMAL: pyarrow.float64(),
    }
    schema = pyarrow.schema([(column.name, kinds[column.kind]) for column in COLUMNS])
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for rows in _groups(row_of(outcome) for outcome in outcomes):
            writer.write_table(_table(rows, schema))


def _table(rows: Sequence[Sequence[Cell]], schema: "pyarrow.Schema") -> "pyarrow.Table":
    import pyarrow

    columns = zip(*rows, strict=True)
    arrays = [
        pyarrow.array([_parquet_cell(cell) for cell in column], field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pyarrow.Table.from_arrays(arrays, schema=schema)


def _parquet_cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return without_actors(cell)
    return None if isinstance(cell, int) and cell not in _LONG else cell


def _groups(rows: Iterator[Sequence[Cell]]) -> Iterator[Sequence[Sequence[Cell]]]:
    while group := tuple(islice(rows, ROWS_AT_ONCE)):
        yield group


FORMS: Final[tuple[Form, ...]] = (
    Growing(
        name="csv",
        ending=".csv",
        head=csv_head,
        lines=csv_lines,
    ),
    Growing(name="jsonl", ending=".jsonl", head=lambda: b"", lines=_jsonl),
    Whole(name="json", ending=".json", write=write_json),
    Whole(name="parquet", ending=".parquet", write=_parquet, library="pyarrow"),
)


def form_of(path: str, name: str | None = None) -> Form:
    """The form by its name, else by the ending of `path`; standard output is CSV.

    Raises InvalidOption where there is none, or its library is not installed.
    """
    ending = ".csv" if path == STANDARD_OUTPUT else PurePath(path).suffix.lower()
    for form in FORMS:
        if form.name == name or (name is None and form.ending == ending):
            return _usable(path, form)
    known = ", ".join(form.ending for form in FORMS)
    reason = f"no report of a list ends in {ending}" if ending else "the name has no ending"
    raise InvalidOption(path, reason, hint=f"end the name in one of {known}, or give --format")


def _usable(path: str, form: Form) -> Form:
    if isinstance(form, Whole) and form.library and find_spec(form.library) is None:
        raise InvalidOption(
            path,
            f"{form.name} needs {form.library}, which is not installed",
            hint=f"pip install 'hfaudit[{form.name}]'",
        )
    if isinstance(form, Whole) and path == STANDARD_OUTPUT and form.library:
        raise InvalidOption("--output", f"{form.name} needs a file", hint="name one")
    return form


@dataclass(slots=True)
class GrowingFile:
    """A report that grows by rows, at `path`. Raises OutputError.

    NOTE: each row is a write of its own, so that a process that is killed leaves whole rows but
    for an instant; the next one cuts what is past the last place that was noted.
    """

    path: str
    form: Growing
    rows: int = field(default=0, init=False)
    size_bytes: int = field(default=0, init=False)
    _digest: Any = field(default_factory=hashlib.sha256, init=False)
    _descriptor: int = field(default=-1, init=False)

    @property
    def place(self) -> Place:
        """What is written by now; all of it is safe after `settle`."""
        return Place(rows=self.rows, size_bytes=self.size_bytes, sha256=self._digest.hexdigest())

    def open(self, place: Place | None) -> None:
        """Goes on at `place` if the file still holds what it held there, else begins anew."""
        with self._translated():
            if self.path == STANDARD_OUTPUT:
                sys.stdout.flush()
                self._descriptor = os.dup(sys.stdout.fileno())
            else:
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
                self._descriptor = os.open(self.path, flags, 0o666)
            if place is not None and self._is_regular() and self._holds(place):
                self.rows = place.rows
            else:
                place = None
                self._digest, self.size_bytes = hashlib.sha256(), 0
            if self._is_regular():
                os.ftruncate(self._descriptor, self.size_bytes)
                os.lseek(self._descriptor, self.size_bytes, os.SEEK_SET)
        if place is None:
            self._write(self.form.head())

    def append(self, outcomes: Sequence[Outcome]) -> None:
        for line in self.form.lines(outcomes).splitlines(keepends=True):
            self._write(line)
            self.rows += 1

    def settle(self) -> Place:
        """Waits until everything is on the disk."""
        if self._is_regular():
            with self._translated():
                os.fsync(self._descriptor)
        return self.place

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, data: bytes) -> None:
        """All of `data`, or nothing of it."""
        with self._translated():
            try:
                written = 0
                while written < len(data):
                    written += os.write(self._descriptor, data[written:])
            except OSError:
                if self._is_regular():
                    with contextlib.suppress(OSError):
                        os.ftruncate(self._descriptor, self.size_bytes)
                raise
        self._digest.update(data)
        self.size_bytes += len(data)

    def _holds(self, place: Place) -> bool:
        """Whether the file begins with what was written up to `place`; reads it."""
        left = place.size_bytes
        while left:
            data = os.read(self._descriptor, min(left, _READ_BYTES))
            if not data:
                return False
            self._digest.update(data)
            left -= len(data)
        self.size_bytes = place.size_bytes
        return bool(self._digest.hexdigest() == place.sha256)

    def _is_regular(self) -> bool:
        return stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = "standard output" if self.path == STANDARD_OUTPUT else self.path
            raise output_error(what, str(Path(self.path).parent), error) from error

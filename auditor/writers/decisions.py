"""Which weight files are counted and which are not: as text, as CSV, as JSON.

org/name @ 6da4b6a · pipeline

  counted    unet              diffusion_pytorch_model.safetensors   3.44 GB   diffusers loads ...
  left out   v1-4.ckpt                                               4.27 GB   the whole pipeline
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from auditor.core.checkpoints import Choice, Plan
from auditor.core.repository import Repository
from auditor.core.sizes import decimal_size
from auditor.writers.escape import csv_cell, line
from auditor.writers.words import MAX_NAME, MAX_PLACE, MAX_TEXT

COUNTED: Final = "counted"
APART: Final = "apart"
LEFT_OUT: Final = "left out"
ABSENT: Final = "absent"
HEAD: Final = ("decision", "component", "kind", "files", "first", "size_bytes", "reason")
MAX_COLUMN: Final = 60  # of a file's path in the text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be counted of one repository."""

    repository: Repository
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    decision: str
    component: str
    kind: str
    paths: tuple[str, ...]
    size_bytes: int | None
    reason: str

    @property
    def first(self) -> str:
        return self.paths[0] if self.paths else ""


def _rows(decision: Decision) -> Iterator[_Row]:
    sizes = {file.path: file.size_bytes for file in decision.repository.files}
    for part in decision.plan.parts:
        yield _Row(
            decision=APART if part.beside else COUNTED,
            component=part.component,
            kind=part.format,
            paths=part.paths or (part.index_path or "",),
            size_bytes=_size(part, sizes),
            reason=f"{part.reason}; {part.beside}" if part.beside else part.reason,
        )
    for name in decision.plan.absent:
        yield _Row(
            decision=ABSENT,
            component=name,
            kind="",
            paths=(),
            size_bytes=None,
            reason="named as a part, and its weights are not there",
        )
    for left in decision.plan.left_out:
        yield _Row(
            decision=LEFT_OUT,
            component="",
            kind="",
            paths=left.paths,
            size_bytes=left.size_bytes,
            reason=left.reason,
        )


def _size(part: Choice, sizes: Mapping[str, int | None]) -> int | None:
    known = [sizes.get(path) for path in part.paths]
    if not known or None in known:
        return None
    return sum(size or 0 for size in known) + part.companion_bytes


def write_text(decisions: Sequence[Decision], stream: IO[bytes]) -> None:
    """A block for each repository: what is counted first, then what is not."""
    blocks = ["\n".join(_block(decision)) + "\n" for decision in decisions]
    stream.write("\n".join(blocks).encode())


def _block(decision: Decision) -> Iterator[str]:
    repository = decision.repository
    name, at = line(repository.repo_id, MAX_NAME), line(repository.at, MAX_PLACE)
    yield f"{name} @ {at} · {decision.plan.shape}"
    yield ""
    rows = [_cells(row) for row in _rows(decision)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [
            cell.rjust(width) if column == 3 else cell.ljust(width)  # noqa: PLR2004 - the size
            for column, (cell, width) in enumerate(zip(row[:4], widths, strict=True))
            if width
        ]
        yield "  " + "   ".join((*cells, row[4])).rstrip()


def _cells(row: _Row) -> tuple[str, str, str, str, str]:
    more = len(row.paths) - 1
    name = line(row.first, MAX_COLUMN) + (f" and {more:,} more" if more > 0 else "")
    return (
        row.decision,
        line(row.component, MAX_PLACE),
        name,
        "" if row.size_bytes is None else decimal_size(row.size_bytes),
        line(row.reason, MAX_TEXT),
    )


def write_csv(decisions: Sequence[Decision], stream: IO[bytes]) -> None:
    """A row for each set of files, the model before it."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("model", *HEAD))
    for decision in decisions:
        for row in _rows(decision):
            cells = (
                decision.repository.repo_id,
                row.decision,
                row.component,
                row.kind,
                len(row.paths),
                row.first,
                row.size_bytes,
                row.reason,
            )
            rows.writerow([csv_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    stream.write(text.getvalue().encode())


def write_json(decisions: Sequence[Decision], stream: IO[bytes]) -> None:
    """`{"models": [{"model", "commit", "shape", "files": [...]}]}`."""
    models = [
        {
            "model": decision.repository.repo_id,
            "commit": decision.repository.commit,
            "shape": decision.plan.shape.value,
            "files": [
                {
                    "decision": row.decision,
                    "component": row.component,
                    "kind": row.kind,
                    "paths": list(row.paths),
                    "size_bytes": row.size_bytes,
                    "reason": row.reason,
                }
                for row in _rows(decision)
            ],
        }
        for decision in decisions
    ]
    stream.write(json.dumps({"models": models}, indent=2).encode() + b"\n")


FORMS: Final[Mapping[str, Callable[[Sequence[Decision], IO[bytes]], None]]] = {
    "terminal": write_text,
    "csv": write_csv,
    "json": write_json,
}

"""How models were trained, as far as it is documented: `training.csv`.

    model       the id on the Hub, or the name of a system that is not there
    tokens      seen in training, all epochs
    flops       as published; empty where nothing is
    gpu, gpu_hours   of the run; empty where nothing is published
    source      who says so

A model that is not here has no documented number of tokens, and nothing follows for it.
"""

import csv
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from auditor.claims.aliases import ids_of
from auditor.core.scaling import ACCELERATORS, Accelerator


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """What is documented of one run."""

    model: str
    tokens: int
    flops: int | None
    accelerator: Accelerator | None
    accelerator_hours: int | None
    source: str


def parse_training(lines: Iterable[str]) -> tuple[TrainingRun, ...]:
    """The rows of a table of runs. Raises ValueError with the line of a row that is none."""
    rows = csv.DictReader(lines)
    parsed = []
    for row in rows:
        try:
            parsed.append(_run(row))
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"training.csv, line {rows.line_num}: {error}") from error
    return tuple(parsed)


def _run(row: Mapping[str, str]) -> TrainingRun:
    return TrainingRun(
        model=row["model"],
        tokens=int(row["tokens"]),
        flops=int(Decimal(row["flops"])) if row["flops"] else None,
        accelerator=ACCELERATORS[row["gpu"]] if row["gpu"] else None,
        accelerator_hours=int(row["gpu_hours"]) if row["gpu_hours"] else None,
        source=row["source"],
    )


@cache
def documented_runs() -> tuple[TrainingRun, ...]:
    """Every row of the table that ships with the package."""
    content = pkgutil.get_data("auditor.claims", "training.csv") or b""
    return parse_training(content.decode("utf-8").splitlines())


def run_of(model: str) -> TrainingRun | None:
    """The documented run of the model of that id, or of the system of that name."""
    wanted = model.lower()
    return next((run for run in documented_runs() if wanted in ids_of(run.model)), None)

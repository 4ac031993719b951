"""What is known of models without their files: as text, as CSV, as JSON.

Hyperparameters are chosen and parameters are learned; each stands under its own heading.
"""

import csv
import io
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from typing import IO, Final

from auditor.core.scaling import (
    COMPUTE_OPTIMAL_TOKENS_PER_PARAMETER,
    PRICES,
    Accelerator,
    compute_optimal_tokens,
    cost_cents,
    tokens_per_parameter,
    training_flops,
    utilisation,
)
from auditor.core.sizes import decimal_text
from auditor.writers.escape import csv_cell, without_actors

WIDTH: Final = 100
_INDENT: Final = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A published figure and who is cited for it."""

    model: str
    figure: str
    value: int
    scope: str
    detail: str
    source: str
    date: str
    certainty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Parameters of one kind, and how they multiply out."""

    what: str
    factors: str
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """A system computed from its hyperparameters, beside the figure that its paper gives."""

    system: str
    hyperparameters: Mapping[str, int]
    steps: tuple[Step, ...]
    parameters: int
    figure: str
    verdict: str
    note: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training run: `parameters` that a token passes through, and on whose word they stand.

    Of a `mixture` of experts, those are the active ones.
    """

    model: str
    parameters: int
    parameters_by: str
    mixture: bool
    tokens: int
    flops: int | None
    accelerator: Accelerator | None
    accelerator_hours: int | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the makers of a system said instead of a figure."""

    name: str
    statement: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reviewed reason why a figure is wrong. Its makers did not give it."""

    model: str
    figure: str
    because: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """Everything about what was asked for."""

    figures: tuple[Cited, ...] = ()
    computations: tuple[Computation, ...] = ()
    runs: tuple[Run, ...] = ()
    unpublished: Statement | None = None
    reasons: tuple[Reason, ...] = ()


# -- text


def write_text(dossier: Dossier, stream: IO[bytes]) -> None:
    """Sections with headings; the steps of the largest system, the sums of the others."""
    sections = [
        *_unpublished(dossier.unpublished),
        *_figures(dossier.figures),
        *_reasons(dossier.reasons),
        *_sums(dossier.computations),
        *_steps(dossier.computations),
        *(section for run in dossier.runs for section in _run(run)),
    ]
    text = "\n\n".join("\n".join((head, *lines)) for head, lines in sections)
    stream.write(f"{text}\n".encode())


_Section = tuple[str, Sequence[str]]


def _unpublished(said: Statement | None) -> Iterator[_Section]:
    if said is not None:
        yield (
            f"{said.name}: unverifiable",
            (
                *_wrapped(f'its makers: "{said.statement}"'),
                *_wrapped(said.source),
                *_wrapped("no figure of it can be checked, and none is computed"),
            ),
        )


def _figures(figures: Sequence[Cited]) -> Iterator[_Section]:
    of_model: dict[str, list[tuple[str, ...]]] = {}
    for each in figures:
        cells = (each.figure, each.detail or each.scope, each.certainty, each.source)
        of_model.setdefault(each.model, []).append(cells)
    for model, rows in of_model.items():
        yield f"{without_actors(model)}: published", tuple(_table(rows))


def _reasons(reasons: Sequence[Reason]) -> Iterator[_Section]:
    rows = [(each.model, each.figure, f"{each.because} ({each.source})") for each in reasons]
    if rows:
        yield "reviewed reasons for figures that are wrong", tuple(_table(rows))


def _sums(computations: Sequence[Computation]) -> Iterator[_Section]:
    if len(computations) < 2:  # noqa: PLR2004 - the steps of the only one say it all
        return
    rows = [
        (each.system, f"{each.parameters:,}", f"published {each.figure}: {each.verdict}")
        for each in computations
    ]
    yield "parameters, computed from published hyperparameters", tuple(_table(rows, right=(1,)))


def _steps(computations: Sequence[Computation]) -> Iterator[_Section]:
    largest = max(computations, key=lambda each: each.parameters, default=None)
    if largest is None:
        return
    chosen = [(name, f"{value:,}") for name, value in largest.hyperparameters.items()]
    yield (
        f"{largest.system}: hyperparameters, chosen by its makers and not learned",
        (*_table(chosen, right=(1,)), *_wrapped(largest.source), *_wrapped(largest.note)),
    )
    learned = [(step.what, f"{step.parameters:,}", f"= {step.factors}") for step in largest.steps]
    learned.append(("in all", f"{largest.parameters:,}", f"{largest.figure}: {largest.verdict}"))
    yield f"{largest.system}: parameters, learned", tuple(_table(learned, right=(1,)))


def _run(run: Run) -> Iterator[_Section]:
    rows = [
        ("parameters", f"{run.parameters:,}", run.parameters_by),
        ("tokens", f"{run.tokens:,}", run.source),
        *_compute(run),
        *_balance(run),
        *_hours(run),
    ]
    yield f"{run.model}: training", tuple(_table(rows, right=(1,)))
    yield "assumptions", tuple(line for each in _assumptions(run) for line in _wrapped(f"- {each}"))


def _compute(run: Run) -> Iterator[tuple[str, str, str]]:
    ours = f"6 x {run.parameters:,} x {run.tokens:,}"
    yield "compute", _scientific(training_flops(run.parameters, run.tokens)), f"FLOPs = {ours}"
    if run.flops is not None:
        yield "", _scientific(run.flops), "FLOPs as published"


def _balance(run: Run) -> Iterator[tuple[str, str, str]]:
    each = decimal_text(tokens_per_parameter(run.parameters, run.tokens), 2)
    if run.mixture:
        yield "balance", each, "tokens for each active parameter; the rule of 20 is of dense models"
        return
    optimal = _scientific(compute_optimal_tokens(run.parameters))
    least = COMPUTE_OPTIMAL_TOKENS_PER_PARAMETER
    yield "balance", each, f"tokens for each parameter; about {least} ({optimal} tokens) is optimal"


def _hours(run: Run) -> Iterator[tuple[str, str, str]]:
    if run.accelerator is None or not run.accelerator_hours:
        return
    used, hours = run.accelerator, run.accelerator_hours
    flops = run.flops or training_flops(run.parameters, run.tokens)
    share = decimal_text(100 * utilisation(flops, hours, used), 1)
    peak = f"{used.peak_flops // 10**12} TFLOP/s in {used.precision}"
    yield "hours", f"{hours:,}", f"of {used.name}: {share} % of their peak, {peak}"
    low, high = (decimal_text(Fraction(cents, 10**8), 2) for cents in cost_cents(hours))
    rates = sorted(price.cents_per_hour for price in PRICES)
    least, most = (decimal_text(Fraction(rate, 100), 2) for rate in (rates[0], rates[-1]))
    yield "cost", f"{low} to {high}", f"million US dollars, at {least} to {most} an hour"


def _assumptions(run: Run) -> Iterator[str]:
    yield (
        "compute is 6 N D (Kaplan et al. 2020): attention over the context and what is computed"
        " twice are left out"
    )
    yield (
        "about 20 tokens for each parameter (Hoffmann et al. 2022) holds for dense language models"
        " trained once; many are trained far longer on purpose, to be cheaper to run"
    )
    if run.accelerator is not None and run.accelerator_hours:
        stated = "; ".join(
            f"{decimal_text(Fraction(price.cents_per_hour, 100), 2)}: {price.source}"
            for price in PRICES
        )
        yield f"an hour costs what was stated ({stated})"
        yield "the cost is compute for the one run: staff, failed runs and data are not in it"


def _scientific(number: int) -> str:
    mantissa, _, power = f"{Decimal(number):.2e}".partition("e+")
    return f"{mantissa}e{power}"


def _table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> Iterator[str]:
    """Aligned columns, the last of them wrapped under itself."""
    plain = [[without_actors(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in plain) for column in range(len(plain[0]) - 1)]
    right = right if len(plain[0]) - 1 not in right else ()
    begin = len(_INDENT) + sum(width + 2 for width in widths)
    for row in plain:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield from textwrap.wrap(
            _INDENT + "  ".join((*cells, row[-1])),
            WIDTH,
            subsequent_indent=" " * begin,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        without_actors(text),
        WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT * 2,
        break_on_hyphens=False,
    )


# -- CSV and JSON

HEAD: Final = (
    "model", "what", "name", "written", "value", "scope", "source", "date", "certainty", "note",
)  # fmt: skip


def write_csv(dossier: Dossier, stream: IO[bytes]) -> None:
    """A row for each figure, hyperparameter, step and sum: `what` says which."""
    text = io.StringIO()
    rows = csv.DictWriter(text, HEAD, lineterminator="\n")
    rows.writeheader()
    for row in _rows(dossier):
        rows.writerow({key: csv_cell(v) if isinstance(v, str) else v for key, v in row.items()})
    stream.write(text.getvalue().encode())


def _rows(dossier: Dossier) -> Iterator[dict[str, str | int]]:
    for said in (dossier.unpublished,) if dossier.unpublished else ():
        yield {"model": said.name, "what": "unverifiable", "source": said.source,
               "note": said.statement}  # fmt: skip
    for each in dossier.figures:
        yield {"model": each.model, "what": "published", "name": each.detail,
               "written": each.figure, "value": each.value, "scope": each.scope,
               "source": each.source, "date": each.date, "certainty": each.certainty}  # fmt: skip
    for reason in dossier.reasons:
        yield {"model": reason.model, "what": "reason", "written": reason.figure,
               "source": reason.source, "note": reason.because}  # fmt: skip
    for system in dossier.computations:
        yield from _system_rows(system)
    for run in dossier.runs:
        yield from _run_rows(run)


def _system_rows(system: Computation) -> Iterable[dict[str, str | int]]:
    for name, value in system.hyperparameters.items():
        yield {"model": system.system, "what": "hyperparameter", "name": name, "value": value,
               "source": system.source}  # fmt: skip
    for step in system.steps:
        yield {"model": system.system, "what": "parameters", "name": step.what,
               "written": step.factors, "value": step.parameters}  # fmt: skip
    yield {"model": system.system, "what": "computed", "written": system.figure,
           "value": system.parameters, "source": system.source,
           "note": "; ".join(filter(None, (system.verdict, system.note)))}  # fmt: skip


def _run_rows(run: Run) -> Iterable[dict[str, str | int]]:
    numbers = {
        "parameters": run.parameters,
        "tokens": run.tokens,
        "flops": training_flops(run.parameters, run.tokens),
        "flops_published": run.flops,
        "accelerator_hours": run.accelerator_hours,
    }
    for name, value in numbers.items():
        if value is not None:
            by = run.parameters_by if name == "parameters" else run.source
            yield {"model": run.model, "what": "training", "name": name, "value": value,
                   "source": "" if name == "flops" else by}  # fmt: skip


def write_json(dossier: Dossier, stream: IO[bytes]) -> None:
    """The fields of a dossier; each run with the compute that follows from it."""
    body = asdict(dossier)
    for run, known in zip(body["runs"], dossier.runs, strict=True):
        run["flops_computed"] = training_flops(known.parameters, known.tokens)
        ratio = tokens_per_parameter(known.parameters, known.tokens)
        run["tokens_per_parameter"] = float(decimal_text(ratio, 2))
        run["assumptions"] = list(_assumptions(known))
    stream.write(json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n")


FORMS: Final[Mapping[str, Callable[[Dossier, IO[bytes]], None]]] = {
    "terminal": write_text,
    "csv": write_csv,
    "json": write_json,
}

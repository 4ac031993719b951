"""`hfaudit figures [MODEL]`: what is published of models, and what follows from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import click

from auditor.claims.arithmetic import Computed, compute, systems_of, unpublished
from auditor.claims.hypotheses import HYPOTHESES
from auditor.claims.registry import Certainty, PublishedFigure, figures_of, published_figures
from auditor.claims.training import TrainingRun, run_of
from auditor.cli.exits import AGREES
from auditor.cli.reports import Destination
from auditor.core.claims import Scope
from auditor.errors import InvalidInput
from auditor.writers.dossier import (
    FORMS,
    Cited,
    Computation,
    Dossier,
    Reason,
    Run,
    Statement,
    Step,
)

# Of a mixture of experts, a token trains what is active for it.
_TRAINED: Final = (Scope.ACTIVE, Scope.TOTAL)


@click.command()
@click.argument("model", required=False, metavar="[MODEL]")
@click.option("-f", "--format", "form", type=click.Choice(list(FORMS)), help="Form of the list.")
@click.option("-o", "--output", metavar="FILE", help="Where it goes; `-` is standard output.")
def figures(model: str | None, form: str | None, output: str | None) -> int:
    """List the published figures that are known, with their citations; nothing is downloaded.

    Of a system whose weights are not public, its parameters are computed from its published
    hyperparameters. MODEL is an id, or words of a name: `gpt-3`, `chinchilla`, `gpt-4`.

    \b
    Example:
      hfaudit figures gpt-3
    """
    destination = Destination.of(form, output)
    dossier = _all() if model is None else _dossier(model)
    destination.write(lambda stream: FORMS[destination.form](dossier, stream))
    return AGREES


def _all() -> Dossier:
    return Dossier(figures=tuple(map(_cited, published_figures())))


def _dossier(query: str) -> Dossier:
    """Everything about what `query` names. Raises InvalidInput where nothing is known of it."""
    published = figures_of(query)
    computed = tuple(map(compute, systems_of(query)))
    said = unpublished(query)
    if not (published or computed or said):
        hint = "`hfaudit figures` lists all; `hfaudit MODEL` reads a model's own card and files"
        raise InvalidInput(query, "no published figure of it is known here", hint=hint)
    return Dossier(
        figures=tuple(map(_cited, published)),
        computations=tuple(map(_computation, computed)),
        runs=tuple(_runs(published, computed)),
        unpublished=Statement(name=said.name, statement=said.statement, source=said.source)
        if said
        else None,
        reasons=tuple(_reasons(published)),
    )


def _cited(figure: PublishedFigure) -> Cited:
    return Cited(
        model=figure.model,
        figure=figure.quantity.written,
        value=figure.quantity.value,
        scope=figure.scope.value,
        detail=figure.detail,
        source=figure.source,
        date=figure.date,
        certainty=figure.certainty.value,
    )


def _computation(computed: Computed) -> Computation:
    system = computed.system
    return Computation(
        system=system.name,
        hyperparameters=system.hyperparameters,
        steps=tuple(
            Step(what=step.what, factors=step.factors, parameters=step.parameters)
            for step in computed.steps
        ),
        parameters=computed.parameters,
        figure=system.figure.written,
        verdict=computed.verdict.value,
        note=system.note,
        source=system.source,
    )


def _reasons(published: Sequence[PublishedFigure]) -> Iterable[Reason]:
    models = {figure.model for figure in published}
    return (
        Reason(model=each.model, figure=each.figure, because=each.because, source=each.source)
        for each in HYPOTHESES
        if each.model in models
    )


def _runs(published: Sequence[PublishedFigure], computed: Sequence[Computed]) -> Iterable[Run]:
    """The documented runs of models whose size is computed or was seen where it was published."""
    seen = [figure for figure in published if figure.certainty is Certainty.SEEN]
    sizes: dict[str, _Size] = {}
    for scope in _TRAINED:
        for figure in seen:
            if figure.scope is scope:
                sizes.setdefault(figure.model, _size(figure))
    for each in computed:
        by = "computed from its hyperparameters"
        sizes[each.system.name] = _Size(parameters=each.parameters, by=by)
    for model, size in sizes.items():
        if run := run_of(model):
            yield _run(run, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """What a token passes through, and on whose word."""

    parameters: int
    by: str
    mixture: bool = False


def _size(figure: PublishedFigure) -> _Size:
    return _Size(
        parameters=figure.quantity.value,
        by=f"{figure.quantity.written} {figure.scope.value}: {figure.source}",
        mixture=figure.scope is Scope.ACTIVE,
    )


def _run(run: TrainingRun, size: _Size) -> Run:
    return Run(
        model=run.model,
        parameters=size.parameters,
        parameters_by=size.by,
        mixture=size.mixture,
        tokens=run.tokens,
        flops=run.flops,
        accelerator=run.accelerator,
        accelerator_hours=run.accelerator_hours,
        source=run.source,
    )

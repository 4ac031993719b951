"""`hfaudit tensors MODEL`: the tree of modules with their counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from auditor.cli.exits import AGREES, INCOMPLETE, show_error
from auditor.cli.loop import run
from auditor.cli.options import SourceChoice, source_options, weights_option
from auditor.cli.reports import Destination
from auditor.core.identity import ModelRef
from auditor.core.modules import lines_of, module_tree
from auditor.errors import HfauditError
from auditor.evidence import gather_evidence
from auditor.judgement import count_part
from auditor.source_choice import Sources
from auditor.writers.modules import FORMS, Tree


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Levels below the model.",
)
@click.option("--all", "everything", is_flag=True, help="Down to every tensor.")
@click.option("-f", "--format", "form", type=click.Choice(list(FORMS)), help="Form of the list.")
@click.option("-o", "--output", metavar="FILE", help="Where it goes; `-` is standard output.")
@weights_option
@source_options
def tensors(  # noqa: PLR0913 - one for each option
    models: tuple[str, ...],
    depth: int,
    form: str | None,
    output: str | None,
    *,
    everything: bool,
    weights: str,
    revision: str | None,
    offline: bool,
    snapshot: str | None,
    endpoint: str | None,
) -> int:
    """Print the tree of modules of MODELS with their parameters.

    \b
    Example:
      hfaudit tensors --offline gpt2 --depth 3
    """
    destination = Destination.of(form, output)
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    refs = [choice.reference(model) for model in models]
    asked = _Asked(weights=weights, depth=None if everything else depth)
    trees, failed = run(_trees(refs, choice.sources(), asked))
    if trees:
        destination.write(lambda stream: FORMS[destination.form](trees, stream))
    return INCOMPLETE if failed else AGREES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Which weights, and how far down."""

    weights: str
    depth: int | None


async def _trees(
    refs: Sequence[ModelRef], sources: Sources, asked: _Asked
) -> tuple[list[Tree], bool]:
    """The trees of those models that can be read, and whether one could not."""
    trees = []
    failed = False
    try:
        for ref in refs:
            try:
                trees += await _trees_of(ref, sources, asked)
            except HfauditError as error:
                show_error(error)
                failed = True
    finally:
        await sources.aclose()
    return trees, failed


async def _trees_of(ref: ModelRef, sources: Sources, asked: _Asked) -> list[Tree]:
    """The tree of a model; of a pipeline one for each part, under the part's path."""
    opened = await sources.open(ref)
    evidence = await gather_evidence(opened, wanted=asked.weights)
    repository = opened.repository
    trees = []
    for part in evidence.parts:
        name = "/".join(filter(None, (repository.repo_id, part.choice.component)))
        assignment = count_part(part).assignment
        top = module_tree(part.checkpoint.tensors, assignment, root=name)
        trees.append(
            Tree(
                model=name,
                at=repository.commit or repository.revision or repository.origin.value,
                lines=tuple(lines_of(top, depth=asked.depth)),
            )
        )
    return trees

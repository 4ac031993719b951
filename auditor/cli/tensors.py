"""`hfaudit tensors MODEL`: the tree of modules with their counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from auditor.auditing import AuditOptions, examine
from auditor.cli.blueprints import REQUIRE, architect_of, check_blueprint
from auditor.cli.each import each_model
from auditor.cli.exits import AGREES, INCOMPLETE
from auditor.cli.loop import run
from auditor.cli.options import (
    SourceChoice,
    blueprint_options,
    source_options,
    weights_option,
)
from auditor.cli.progress import progress
from auditor.cli.reports import Destination
from auditor.core.identity import ModelRef
from auditor.core.modules import lines_of, module_tree
from auditor.core.protocols import OpenRepository
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
@blueprint_options
@source_options
def tensors(  # noqa: PLR0913 - one for each option
    models: tuple[str, ...],
    depth: int,
    form: str | None,
    output: str | None,
    *,
    everything: bool,
    weights: str,
    blueprint: str,
    verify_ties: bool,
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
    check_blueprint(blueprint)
    destination = Destination.of(form, output)
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    refs = [choice.reference(model) for model in models]
    asked = _Asked(
        weights=weights,
        depth=None if everything else depth,
        blueprint=blueprint,
        verify_ties=verify_ties,
    )
    trees, failed = run(_trees(refs, choice.sources(), asked))
    if trees:
        destination.write(lambda stream: FORMS[destination.form](trees, stream))
    return INCOMPLETE if failed else AGREES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Which weights, how far down, and on whose word."""

    weights: str
    depth: int | None
    blueprint: str
    verify_ties: bool


async def _trees(
    refs: Sequence[ModelRef], sources: Sources, asked: _Asked
) -> tuple[list[Tree], bool]:
    """The trees of those models that can be read, and whether one could not."""
    with progress(len(refs), shown=True) as display:
        async with architect_of(asked.blueprint, display.note) as architect:
            options = AuditOptions(
                weights=asked.weights,
                architect=architect,
                blueprint_required=asked.blueprint == REQUIRE,
                verify_ties=asked.verify_ties,
            )
            trees, failed = await each_model(
                refs,
                sources,
                lambda opened: _trees_of(opened, options, asked.depth),
                done=display.done,
            )
    return [tree for of_model in trees for tree in of_model], failed


async def _trees_of(opened: OpenRepository, options: AuditOptions, depth: int | None) -> list[Tree]:
    """The tree of a model; of a pipeline one for each part, under the part's path."""
    evidence, further = await examine(opened, options)
    repository = opened.repository
    trees = []
    for part in evidence.parts:
        name = "/".join(filter(None, (repository.repo_id, part.choice.component)))
        assignment = count_part(part, further).assignment
        top = module_tree(part.checkpoint.tensors, assignment, root=name)
        trees.append(Tree(model=name, at=repository.at, lines=tuple(lines_of(top, depth=depth))))
    return trees

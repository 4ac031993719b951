"""`hfaudit tensors MODEL`: the tree of modules with their counts."""

from collections.abc import Sequence

import click

from auditor.cli.exits import AGREES, INCOMPLETE, show_error
from auditor.cli.loop import run
from auditor.cli.options import SourceChoice, source_options
from auditor.cli.reports import Destination
from auditor.core.identity import ModelRef
from auditor.core.modules import lines_of, module_tree
from auditor.errors import HfauditError
from auditor.evidence import gather_evidence
from auditor.judgement import assign_roles
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
@source_options
def tensors(  # noqa: PLR0913 - one for each option
    models: tuple[str, ...],
    depth: int,
    form: str | None,
    output: str | None,
    *,
    everything: bool,
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
    trees, failed = run(_trees(refs, choice.sources(), depth=None if everything else depth))
    if trees:
        destination.write(lambda stream: FORMS[destination.form](trees, stream))
    return INCOMPLETE if failed else AGREES


async def _trees(
    refs: Sequence[ModelRef], sources: Sources, *, depth: int | None
) -> tuple[list[Tree], bool]:
    """The trees of those models that can be read, and whether one could not."""
    trees = []
    try:
        for ref in refs:
            try:
                trees.append(await _tree(ref, sources, depth))
            except HfauditError as error:
                show_error(error)
    finally:
        await sources.aclose()
    return trees, len(trees) < len(refs)


async def _tree(ref: ModelRef, sources: Sources, depth: int | None) -> Tree:
    opened = await sources.open(ref)
    evidence = await gather_evidence(opened)
    assignment, _ = assign_roles(evidence)
    repository = opened.repository
    top = module_tree(evidence.checkpoint.tensors, assignment, root=repository.repo_id)
    return Tree(
        model=repository.repo_id,
        at=repository.commit or repository.revision or repository.origin.value,
        lines=tuple(lines_of(top, depth=depth)),
    )

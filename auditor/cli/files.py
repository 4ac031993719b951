"""`hfaudit files MODEL`: which weight files are counted, which are left out, and why."""

import click

from auditor.cli.each import each_model
from auditor.cli.exits import AGREES, INCOMPLETE
from auditor.cli.loop import run
from auditor.cli.options import SourceChoice, source_options, weights_option
from auditor.cli.reports import Destination
from auditor.core.protocols import OpenRepository
from auditor.evidence import plan_of
from auditor.writers.decisions import FORMS, Decision


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("-f", "--format", "form", type=click.Choice(list(FORMS)), help="Form of the list.")
@click.option("-o", "--output", metavar="FILE", help="Where it goes; `-` is standard output.")
@weights_option
@source_options
def files(  # noqa: PLR0913 - one for each option
    models: tuple[str, ...],
    form: str | None,
    output: str | None,
    *,
    weights: str,
    revision: str | None,
    offline: bool,
    snapshot: str | None,
    endpoint: str | None,
) -> int:
    """Print which weight files of MODELS are counted, which are left out, and why.

    Reads the list of files and the small ones that tell a pipeline's parts; no weight file.

    \b
    Example:
      hfaudit files --offline CompVis/stable-diffusion-v1-4
    """
    destination = Destination.of(form, output)
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    refs = [choice.reference(model) for model in models]
    decisions, failed = run(
        each_model(refs, choice.sources(), lambda opened: _decided(opened, weights))
    )
    if decisions:
        destination.write(lambda stream: FORMS[destination.form](decisions, stream))
    return INCOMPLETE if failed else AGREES


async def _decided(opened: OpenRepository, weights: str) -> Decision:
    return Decision(repository=opened.repository, plan=await plan_of(opened, wanted=weights))

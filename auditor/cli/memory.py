"""`hfaudit memory MODEL`: what a model takes, loaded, generating and in training."""

from collections.abc import Mapping, Sequence

import click

from auditor.cli.each import each_model
from auditor.cli.exits import AGREES, DIFFERS, INCOMPLETE
from auditor.cli.loop import run
from auditor.cli.options import SourceChoice, source_options, weights_option
from auditor.cli.reports import Destination
from auditor.core.hardware import capacity_of
from auditor.core.memory_loading import AS_STORED, LOADED_AS
from auditor.core.memory_plan import CACHE_DTYPES, Counted, Plan, Wish, plan_of
from auditor.core.memory_training import ALL_LINEAR, OPTIMIZERS, PRECISIONS, Recipe
from auditor.core.protocols import OpenRepository
from auditor.core.shapes import Shape
from auditor.core.weight_files import GGUF
from auditor.errors import InvalidOption
from auditor.evidence import Evidence, gather_evidence
from auditor.judgement import PartCount, count_part
from auditor.writers.memory_plan import FORMS, Planned

MOST_TOKENS = 1 << 40
MOST_SEQUENCES = 1 << 30
MOST_RANK = 1 << 20


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--dtype",
    type=click.Choice(list(LOADED_AS), case_sensitive=False),
    help="Load what is not quantised in this dtype (default: as stored).",
)
@click.option(
    "--context",
    type=click.IntRange(1, MOST_TOKENS),
    metavar="TOKENS",
    help="Length of a sequence (default: the longest that the config says).",
)
@click.option(
    "--batch",
    type=click.IntRange(1, MOST_SEQUENCES),
    default=1,
    show_default=True,
    metavar="N",
    help="Sequences at once.",
)
@click.option(
    "--source-tokens",
    type=click.IntRange(1, MOST_TOKENS),
    metavar="TOKENS",
    help="What an encoder reads for its decoder (default: as many as --context).",
)
@click.option(
    "--kv-dtype",
    type=click.Choice(list(CACHE_DTYPES), case_sensitive=False),
    help="The cache's dtype (default: the model's).",
)
@click.option(
    "--fits",
    "capacities",
    multiple=True,
    metavar="WHAT",
    help="Say whether it fits: 24GB, 80GiB, h100, h100x8, rtx4090 (may be repeated).",
)
@click.option(
    "--precision",
    type=click.Choice(list(PRECISIONS)),
    default="mixed",
    show_default=True,
    help="Of training.",
)
@click.option(
    "--optimizer",
    type=click.Choice(list(OPTIMIZERS)),
    default="adamw",
    show_default=True,
    help="Of training.",
)
@click.option(
    "--lora-rank",
    type=click.IntRange(1, MOST_RANK),
    default=16,
    show_default=True,
    help="Rank of an adapter.",
)
@click.option(
    "--lora-targets",
    default=ALL_LINEAR,
    show_default=True,
    metavar="NAMES",
    help="Matrices that an adapter goes to, as `q_proj,v_proj`.",
)
@click.option("-f", "--format", "form", type=click.Choice(list(FORMS)), help="Form of the plan.")
@click.option("-o", "--output", metavar="FILE", help="Where it goes; `-` is standard output.")
@weights_option
@source_options
def memory(  # noqa: PLR0913 - one for each option
    models: tuple[str, ...],
    form: str | None,
    output: str | None,
    *,
    dtype: str | None,
    context: int | None,
    batch: int,
    source_tokens: int | None,
    kv_dtype: str | None,
    capacities: tuple[str, ...],
    precision: str,
    optimizer: str,
    lora_rank: int,
    lora_targets: str,
    weights: str,
    revision: str | None,
    offline: bool,
    snapshot: str | None,
    endpoint: str | None,
) -> int:
    """Say what MODELS take: their weights, the cache of a context, training, and what fits.

    Reads configs and the headers of weight files; no weights are downloaded. Exits with 1 where
    something does not fit into what --fits names, with 3 where that cannot be said.

    \b
    Example:
      hfaudit memory Qwen/Qwen3-0.6B --context 32768 --batch 8 --fits 24GB --fits h100
    """
    destination = _destination(form, output)
    wish = Wish(
        loaded_as=dtype or AS_STORED,
        context=context,
        batch=batch,
        source=source_tokens,
        cache_dtype=kv_dtype,
        recipe=Recipe(
            precision=precision,
            optimizer=optimizer,
            rank=lora_rank,
            targets=_targets(lora_targets),
        ),
        capacities=tuple(capacity_of(text) for text in capacities),
    )
    choice = SourceChoice(revision=revision, offline=offline, snapshot=snapshot, endpoint=endpoint)
    refs = [choice.reference(model) for model in models]
    plans, failed = run(
        each_model(refs, choice.sources(), lambda opened: _planned(opened, wish, weights))
    )
    if plans:
        destination.write(lambda stream: FORMS[destination.form](plans, stream))
    return INCOMPLETE if failed else _exit_code([each.plan for each in plans])


def _destination(form: str | None, output: str | None) -> Destination:
    """Raises InvalidOption also for an ending that is another report's."""
    destination = Destination.of(form, output)
    if destination.form not in FORMS:
        forms = " or ".join(FORMS)
        raise InvalidOption(destination.path, "a plan is not written so", hint=f"use -f {forms}")
    return destination


def _targets(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(",")))) or (ALL_LINEAR,)


def _exit_code(plans: Sequence[Plan]) -> int:
    answers = [fit.fits for plan in plans for fit in plan.fits]
    if None in answers:
        return INCOMPLETE
    return DIFFERS if False in answers else AGREES


async def _planned(opened: OpenRepository, wish: Wish, weights: str) -> Planned:
    evidence = await gather_evidence(opened, wanted=weights)
    repository = opened.repository
    parts = [_counted(count_part(part)) for part in evidence.parts if not part.choice.beside]
    return Planned(
        model=repository.repo_id,
        at=repository.at,
        plan=plan_of(parts, wish, generates=_generating(evidence, parts)),
    )


def _generating(evidence: Evidence, parts: Sequence[Counted]) -> Counted | None:
    """The part that generates tokens: the first, but in a pipeline of diffusers."""
    return None if evidence.plan.shape is Shape.PIPELINE or not parts else parts[0]


def _counted(part: PartCount) -> Counted:
    evidence = part.evidence
    files = evidence.checkpoint.files
    is_gguf = evidence.choice.format == GGUF
    metadata: Mapping[str, str] = files[0].header.metadata if is_gguf and files else {}
    return Counted(
        name=evidence.choice.component,
        config=evidence.config,
        tensors=evidence.checkpoint.tensors,
        assignment=part.assignment,
        tally=part.tally,
        is_gguf=is_gguf,
        is_complete=evidence.complete,
        is_adapter=evidence.choice.is_adapter,
        metadata=metadata,
    )

"""Options that commands share, and what they mean together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from auditor.core.identity import ModelRef
from auditor.source_choice import Sources, offline_by_environment, reference

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChoice:
    """Where models are read."""

    revision: str | None
    offline: bool
    snapshot: str | None
    endpoint: str | None

    def reference(self, model: str) -> ModelRef:
        """Raises InvalidModel for a text that names no model."""
        return reference(model, self.revision, endpoint=self.endpoint)

    def sources(self, *, requests_at_once: int | None = None) -> Sources:
        return Sources(
            endpoint=self.endpoint,
            offline=self.offline or offline_by_environment(),
            snapshot=self.snapshot,
            requests_at_once=requests_at_once,
        )


def source_options(function: F) -> F:
    """`--revision`, `--offline`, `--snapshot`, `--endpoint`."""
    for option in reversed(
        (
            click.option("--revision", metavar="REV", help="A branch, tag, commit or refs/pr/N."),
            click.option(
                "--offline",
                is_flag=True,
                help="No network: the Hugging Face cache, then shipped snapshots"
                " (also HF_HUB_OFFLINE=1).",
            ),
            click.option(
                "--snapshot",
                metavar="FILE",
                help="Replay what `hfaudit snapshot` recorded in FILE.",
            ),
            click.option(
                "--endpoint",
                metavar="URL",
                help="The Hub's address (default: HF_ENDPOINT, else https://huggingface.co).",
            ),
        )
    ):
        function = option(function)
    return function


def weights_option(function: F) -> F:
    """`--weights`."""
    return click.option(
        "--weights",
        metavar="PATH",
        default="",
        help="Count this folder, file or pattern ('*Q4_K_M*') of the repository instead.",
    )(function)


def blueprint_options(function: F) -> F:
    """`--blueprint` and `--verify-ties`."""
    blueprint = click.option(
        "--blueprint",
        type=click.Choice(["auto", "require", "off"]),
        default="auto",
        show_default=True,
        help="Hold the files against what transformers would build, where that is installed.",
    )
    ties = click.option(
        "--verify-ties",
        is_flag=True,
        help="Compare a few bytes of tied matrices that are stored twice.",
    )
    return blueprint(ties(function))


def store_option(function: F) -> F:
    """`--store`."""
    return click.option(
        "--store",
        metavar="PLACE",
        help="Folder or database URL of what is kept (default: HFAUDIT_STORE, ~/.cache/hfaudit).",
    )(function)


def verbosity_options(function: F) -> F:
    """`-q` and `-v`."""
    quiet = click.option("-q", "--quiet", is_flag=True, help="One line a model; no progress.")
    verbose = click.option("-v", "--verbose", is_flag=True, help="Every group, finding and span.")
    return quiet(verbose(function))

"""The door: `hfaudit MODEL...`, and its other commands, each in a file of its own.

`--help` imports click and nothing heavy; a command's module is imported when it is called.
"""

import contextlib
import gc
import os
import sys
from importlib import import_module
from typing import Any, Final

import click

from auditor.__about__ import __version__
from auditor.cli.exits import INTERRUPTED, USAGE, say, show_error
from auditor.errors import HfauditError

DEFAULT: Final = "audit"

# name: what it does, for the list of commands. The module is auditor.cli.NAME, the command in it
# bears the same name.
COMMANDS: Final = {
    "audit": "Count models and hold them against what is documented (the default).",
    "batch": "Audit a list of models, thousands of them; an interrupted one goes on.",
    "cache": "Show, prune or clear what was kept of earlier audits.",
    "tensors": "Print the tree of a model's modules with their counts.",
    "memory": "Plan memory: weights, cache, training, and whether they fit.",
    "files": "Print which weight files are counted, which are left out, and why.",
    "survey": "List many models with what the Hub says of them, and which deserve an audit.",
    "figures": "List published figures, and compute systems whose weights are not public.",
    "explain": "Say what the verdicts mean, and every threshold between them.",
    "classes": "Tell how well the roles by rule agree with the classes of transformers.",
    "snapshot": "Record what an audit reads, to replay it later.",
    "formats": "List the weight files that are read and the packings that are understood.",
}
# The headers of 92,000 tensors make a million small tuples and lists at once. The collector would
# walk over them again and again, a fifth of the time, and find nothing: they have no cycles.
_COLLECT_AFTER: Final = 2_000_000


class DefaultGroup(click.Group):
    """A group whose first word may be a model: `hfaudit gpt2` is `hfaudit audit gpt2`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"auditor.cli.{cmd_name}"), cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*COMMANDS, "--help", "-h", "--version"}:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] MODEL...")
        formatter.write_usage(ctx.command_path, "COMMAND [OPTIONS] MODEL...", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of the default command, then the commands."""
        default = self.get_command(ctx, DEFAULT)
        if default is not None:
            with click.Context(default, info_name=DEFAULT, parent=ctx) as inner:
                default.format_options(inner, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=DefaultGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  hfaudit bert-large-uncased
  hfaudit gpt2 roberta-base -o report.csv
  hfaudit --offline gpt2 -f json
Exit codes: 0 agrees, 1 differs, 2 wrong command line, 3 could not be audited.""",
)
@click.version_option(__version__, prog_name="hfaudit", message="%(prog)s %(version)s")
def main() -> None:
    """Count the real parameters of Hugging Face models and compare them with what is documented.

    Reads configs and the headers of weight files; no weights are downloaded. A MODEL is `name`,
    `org/name`, `org/name@revision`, a Hub URL, or a local folder.
    """


def run(args: list[str] | None = None) -> None:
    """Runs the command line and leaves with its exit code.

    NOTE: without tearing down the interpreter, which would free a million small objects one by one:
    a tenth of the time of the largest models. Nothing waits for that; files are closed by then.
    """
    gc.set_threshold(_COLLECT_AFTER)
    code = _run(args)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    if sys.gettrace() is not None:  # under a debugger or a coverage measurement
        sys.exit(code)
    os._exit(code)


def _run(args: list[str] | None) -> int:
    try:
        code: Any = main.main(args=args, prog_name="hfaudit", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        # NOTE: click's own exit code for most of them is 1, which would read as a finding.
        error.show()
        return USAGE
    except (click.exceptions.Abort, KeyboardInterrupt):
        say("hfaudit: interrupted")
        return INTERRUPTED
    except HfauditError as error:
        show_error(error)
        return USAGE
    return code if isinstance(code, int) else 0

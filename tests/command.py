"""The command as a user runs it: a process of its own, with its exit code and both streams."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE_SECONDS = 300  # a busy machine may take minutes to import torch

# What must not leak in from the machine that runs the tests.
_OWN = ("HF_", "HFAUDIT_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "HUGGING")


class Ran(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """The outcomes of a JSON report on standard output."""
        outcomes: list[dict[str, Any]] = json.loads(self.out)["outcomes"]
        return outcomes


def environment(home: Path, **extra: str) -> Mapping[str, str]:
    """The machine's environment with a Hugging Face home of the test's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    return {**kept, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", **extra}


def hfaudit(*args: str, home: Path, **extra: str) -> Ran:
    """Runs `hfaudit` with `args` in the folder `home`; `extra` are environment variables."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "auditor", *args],
        env=environment(home, **extra),
        cwd=home,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

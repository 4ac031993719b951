"""The programs that are compared, each as the command of a whole process."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BIN: Final = Path(sys.executable).parent
_HERE: Final = Path(__file__).parent
_PATIENCE_SECONDS: Final = 600

_METADATA: Final = """
import sys
from huggingface_hub import get_safetensors_metadata
print(sum(get_safetensors_metadata(sys.argv[1]).parameter_count.values()))
"""
_ONE_REQUEST: Final = """
import sys
from huggingface_hub import HfApi
print(sum(HfApi().get_sharded_safetensors_metadata(sys.argv[1]).parameter_count.values()))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`command` makes the arguments of a process from endpoint and model; `elements` its answer.

    `elements` gives the sum over all tensors that the process printed.
    """

    name: str
    command: Callable[[str, str], Sequence[str]]
    elements: Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A process that has ended: its answer is None where it failed."""

    seconds: float
    cpu_seconds: float
    elements: int | None
    message: str


def _of_hfaudit(printed: str) -> int:
    (outcome,) = json.loads(printed)["outcomes"]
    elements: int = outcome["stored"]["elements"]
    return elements


def _of_hf_mem(printed: str) -> int:
    components = json.loads(printed)["memory"]["components"]
    return sum(component["param_count"] for component in components.values())


HFAUDIT: Final = Client(
    name="hfaudit",
    command=lambda _, model: (str(BIN / "hfaudit"), model, "-f", "json"),
    elements=_of_hfaudit,
)


def hf_mem(python: str) -> Client:
    """hf-mem as it is installed for `python`."""
    return Client(
        name="hf-mem",
        command=lambda endpoint, model: (
            *(python, str(_HERE / "hf_mem_here.py"), endpoint),
            *("--model-id", model, "--json-output", "--details"),
        ),
        elements=_of_hf_mem,
    )


METADATA: Final = Client(
    name="get_safetensors_metadata",
    command=lambda _, model: (sys.executable, "-c", _METADATA, model),
    elements=int,
)
ONE_REQUEST: Final = Client(
    name="get_sharded_safetensors_metadata",
    command=lambda _, model: (sys.executable, "-c", _ONE_REQUEST, model),
    elements=int,
)


def run(client: Client, endpoint: str, model: str) -> Done:
    """One fresh process with an empty cache."""
    with tempfile.TemporaryDirectory() as home:
        cpu_before, began = _cpu_of_children(), time.perf_counter()
        process = subprocess.run(
            client.command(endpoint, model),
            env=environment(endpoint, home),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
            cwd=home,
        )
        seconds, cpu_seconds = time.perf_counter() - began, _cpu_of_children() - cpu_before
    last = (process.stderr.strip().splitlines() or [""])[-1]
    elements = None
    with suppress(KeyError, TypeError, ValueError):
        elements = client.elements(process.stdout)
    return Done(seconds=seconds, cpu_seconds=cpu_seconds, elements=elements, message=last)


def _cpu_of_children() -> float:
    """Seconds of all processes that have been waited for: not of the server, which still runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def environment(endpoint: str, home: str) -> dict[str, str]:
    """The machine's, but for what is set for the Hub and for this benchmark's own Python."""
    others = ("HF_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {
        **kept,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": home,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
    }


def options_of(doc: str | None) -> argparse.ArgumentParser:
    """What every benchmark of clients may be told; its first line says what it is."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--latency-ms", type=float, default=50, help="to each first byte")
    parser.add_argument(
        "--hf-mem",
        metavar="PYTHON",
        default=sys.executable,
        help="the Python that has hf-mem (default: the one that runs this)",
    )
    return parser

"""One model, whole process: hfaudit beside hf-mem and huggingface_hub, against a local Hub.

    PYTHONPATH=tests python -m benchmarks.single --hf-mem HF_MEM_VENV/bin/python

Every client runs once a round, one after another, in a fresh process with an empty cache; the
server has a process of its own. Times are medians; `spread` is the fastest and the slowest.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final

from benchmarks.clients import (
    BIN,
    HFAUDIT,
    METADATA,
    ONE_REQUEST,
    Client,
    environment,
    hf_mem,
    options_of,
    run,
)
from benchmarks.models import Model, bert_large, deepseek_v3, llama_70b
from hub import UNLIMITED, HubProcess, Settings

_STARTS: Final = {
    "python -c ''": (sys.executable, "-c", ""),
    "python -c 'import click'": (sys.executable, "-c", "import click"),
    "hfaudit --help": (str(BIN / "hfaudit"), "--help"),
    "hf --help": (str(BIN / "hf"), "--help"),
}


@dataclass(slots=True, kw_only=True)
class Measured:
    """What the runs of one client on one model came to."""

    name: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    requests: int = 0
    sent_bytes: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def cells(self) -> tuple[str, ...]:
        spread = f"{min(self.seconds):.2f}-{max(self.seconds):.2f}"
        return (
            f"{median(self.seconds):.3f}",
            spread,
            f"{median(self.cpu_seconds):.3f}",
            f"{self.requests}",
            f"{self.sent_bytes / 1e6:.2f}",
        )


def compare(model: Model, clients: Sequence[Client], hub: HubProcess, rounds: int) -> None:
    """Runs and prints one table. Raises ValueError where our own count is wrong."""
    measured = {client.name: Measured(name=client.name) for client in clients}
    for number in range(rounds + 1):  # the first round warms up files and the server's answers
        for client in clients:
            hub.reset_log()
            done = run(client, hub.endpoint, model.name)
            told = measured[client.name]
            if done.elements != model.elements:
                if client is HFAUDIT:
                    raise ValueError(f"{done.elements} elements: {done.message}")
                told.failures.append(done.message)
            if number == 0:
                continue
            records = hub.requests
            told.seconds.append(done.seconds)
            told.cpu_seconds.append(done.cpu_seconds)
            told.requests = len(records)
            told.sent_bytes = sum(record.bytes_sent for record in records)
    ours = median(measured[HFAUDIT.name].seconds)
    print("| client | seconds | spread | CPU | requests | MB read | times ours |")
    print("|---|---|---|---|---|---|---|")
    for told in measured.values():
        note = f" ({len(told.failures)} failed: {told.failures[0]})" if told.failures else ""
        ratio = f"{median(told.seconds) / ours:.2f}"
        print(f"| {' | '.join((told.name + note, *told.cells, ratio))} |")


def starts(rounds: int) -> None:
    """Prints how long programs take to say nothing much."""
    taken: dict[str, list[float]] = {name: [] for name in _STARTS}
    with tempfile.TemporaryDirectory() as home:
        for _ in range(rounds + 1):
            for name, command in _STARTS.items():
                began = time.perf_counter()
                subprocess.run(command, env=environment("", home), capture_output=True, check=True)
                taken[name].append(time.perf_counter() - began)
    print("| start-up | seconds | fastest |")
    print("|---|---|---|")
    for name, seconds in taken.items():
        print(f"| `{name}` | {median(seconds[1:]):.3f} | {min(seconds):.3f} |")


def main(models: Iterable[Model]) -> None:
    options = _options()
    settings = Settings(limits=UNLIMITED, latency_seconds=options.latency_ms / 1000)
    for model in models:
        if options.only and options.only not in model.name:
            continue
        with HubProcess([model.repo], settings) as hub:
            for served in (True, False) if model.shards > 1 else (True,):
                hub.set(replace(settings, sharded_metadata=served))
                endpoint = "" if model.shards == 1 else ", one-request endpoint "
                how = "" if model.shards == 1 else "served" if served else "off"
                shape = f"{model.shards} files, {model.tensors:,} tensors"
                print(f"\n### {model.name} ({shape}{endpoint}{how})\n")
                all_three = (HFAUDIT, hf_mem(options.hf_mem), METADATA)
                one = (ONE_REQUEST,) if served and model.shards > 1 else ()
                compare(model, (*all_three, *one), hub, options.rounds)
    print("\n### start-up\n")
    starts(2 * options.rounds)


def _options() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", help="models with this in their name")
    return parser.parse_args()


if __name__ == "__main__":
    main((bert_large(), llama_70b(), deepseek_v3()))

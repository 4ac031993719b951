"""Many models and a Hub that fails now and then: how many does each client read?

    PYTHONPATH=tests python -m benchmarks.faults --hf-mem HF_MEM_VENV/bin/python

One answer in a hundred is 503, one 429, one is cut in the middle, on both hosts. hfaudit reads all
models in one call; the others have 16 under way at a time, as programs that use them do.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.clients import BIN, environment, options_of
from benchmarks.models import fleet
from hub import UNLIMITED, Faults, HubProcess, Settings

_HERE: Final = Path(__file__).parent
_RATES: Final = Faults(rates={"503": 0.01, "429": 0.01, "truncated": 0.01}, seed=1)
_THREADS: Final = """
import sys
from concurrent.futures import ThreadPoolExecutor
from huggingface_hub import get_safetensors_metadata

def one(model):
    try:
        get_safetensors_metadata(model)
    except Exception as error:
        print(f"{model}: {error!r}", file=sys.stderr)
        return False
    print(model)
    return True

with ThreadPoolExecutor(16) as pool:
    list(pool.map(one, sys.argv[1:]))
"""


def _audited(printed: str) -> int:
    return sum(outcome["status"] == "audited" for outcome in json.loads(printed)["outcomes"])


def _lines(printed: str) -> int:
    return len(printed.splitlines())


def main() -> None:
    options = _options()
    repos = fleet(options.models)
    names = [repo.id for repo in repos]
    settings = Settings(limits=UNLIMITED, latency_seconds=options.latency_ms / 1000)
    print("| client | faults | models read | seconds | requests | faults met |")
    print("|---|---|---|---|---|---|")
    with HubProcess(repos, settings) as hub:
        clients: tuple[tuple[str, Sequence[str], Callable[[str], int]], ...] = (
            ("hfaudit", (str(BIN / "hfaudit"), *names, "-f", "json"), _audited),
            (
                "hf-mem",
                (options.hf_mem, str(_HERE / "hf_mem_many.py"), hub.endpoint, *names),
                _lines,
            ),
            ("get_safetensors_metadata", (sys.executable, "-c", _THREADS, *names), _lines),
        )
        for faults in ((), (_RATES,)):
            for name, command, count in clients:
                hub.set(replace(settings, faults=faults))
                hub.reset_log()
                seconds, printed = _run(command, hub.endpoint)
                records = hub.requests
                met = Counter(record.fault for record in records if record.fault)
                cells = (
                    name,
                    "3 %" if faults else "none",
                    f"{count(printed)} of {len(names)}",
                    f"{seconds:.1f}",
                    f"{len(records):,}",
                    ", ".join(f"{n} x {fault}" for fault, n in sorted(met.items())) or "-",
                )
                print(f"| {' | '.join(cells)} |", flush=True)


def _run(command: Sequence[str], endpoint: str) -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as home:
        began = time.perf_counter()
        process = subprocess.run(
            command,
            env=environment(endpoint, home),
            capture_output=True,
            text=True,
            check=False,
            cwd=home,
        )
        return time.perf_counter() - began, process.stdout


def _options() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.add_argument("--models", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()

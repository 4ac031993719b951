"""A fleet of 1,000 repositories: hfaudit beside huggingface_hub's own functions in threads.

    PYTHONPATH=tests python -m benchmarks.batch --models 1000 --jobs 16 64

hfaudit makes full audits (info, config, card, headers, claims, verdict) into a CSV: a first pass
with an empty store, then a second over the same fleet. huggingface_hub reads `model_info` and
`get_safetensors_metadata` and nothing else. Each is a whole process; the server has its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.clients import BIN, environment, options_of
from benchmarks.fleet import varied
from hub import UNLIMITED, HubProcess, Record, Settings

_THREADS: Final = """
import sys
from concurrent.futures import ThreadPoolExecutor
from huggingface_hub import get_safetensors_metadata, model_info

def one(model):
    try:
        model_info(model)
        return len(get_safetensors_metadata(model).files_metadata) > 0
    except Exception:
        return False

with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    print(sum(pool.map(one, open(sys.argv[2]).read().split())))
"""
_HEAD: Final = (
    "| client | jobs | ms | models/s | seconds | CPU | readable | requests/model | API | kB/model |"
)


def main() -> None:
    options = _options()
    names, repos = varied(options.models)
    print(_HEAD)
    print("|---|---|---|---|---|---|---|---|---|---|")
    settings = Settings(limits=UNLIMITED, latency_seconds=options.latency_ms / 1000)
    with HubProcess(repos, settings) as hub, tempfile.TemporaryDirectory() as folder:
        list_file = Path(folder, "models.txt")
        list_file.write_text("\n".join(names))
        for jobs in options.jobs:
            store, report = Path(folder, f"store-{jobs}"), Path(folder, f"report-{jobs}.csv")
            ours = (
                *(str(BIN / "hfaudit"), "batch", str(list_file), "-o", str(report), "-q"),
                *("--jobs", str(jobs), "--store", str(store)),
            )
            for name in ("hfaudit, first pass", "hfaudit, second pass"):
                spent = _run(ours, hub, folder)
                readable = report.read_text().count(",audited,")
                _print(name, jobs, options, spent, readable, hub.requests)
            if not options.ours:
                theirs = (sys.executable, "-c", _THREADS, str(jobs), str(list_file))
                spent = _run(theirs, hub, folder)
                readable = int(spent["printed"] or 0)
                _print("huggingface_hub", jobs, options, spent, readable, hub.requests)


def _run(command: Sequence[str], hub: HubProcess, home: str) -> Mapping[str, str]:
    hub.reset_log()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command,
        env=environment(hub.endpoint, home),
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
    )
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.stderr:
        print(done.stderr[-2000:], file=sys.stderr)
    return {"seconds": f"{seconds:.2f}", "cpu": f"{cpu:.2f}", "printed": done.stdout.strip()}


def _print(  # noqa: PLR0913, PLR0917 - one for each cell
    name: str,
    jobs: int,
    options: argparse.Namespace,
    spent: Mapping[str, str],
    readable: int,
    records: Sequence[Record],
) -> None:
    models: int = options.models
    kinds = Counter(_bucket(record) for record in records)
    sent = sum(record.bytes_sent for record in records)
    cells = (
        name,
        str(jobs),
        f"{options.latency_ms:g}",
        f"{models / float(spent['seconds']):.0f}",
        spent["seconds"],
        spent["cpu"],
        str(readable),
        f"{len(records) / models:.2f}",
        f"{kinds['api'] / models:.2f}",
        f"{sent / models / 1000:.1f}",
    )
    print(f"| {' | '.join(cells)} |", flush=True)


def _bucket(record: Record) -> str:
    if record.host == "cdn":
        return "cdn"
    return "api" if "/api/" in record.path and "resolve-cache" not in record.path else "resolvers"


def _options() -> argparse.Namespace:
    parser = options_of(__doc__)
    parser.set_defaults(latency_ms=0)
    parser.add_argument("--models", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--ours", action="store_true", help="without huggingface_hub's own")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""The same model in every format: what its count costs over HTTP, against a local Hub.

    PYTHONPATH=tests python -m benchmarks.formats

The files are written by torch, gguf, onnx, h5py and flax, which the Python that runs this must
have beside hfaudit. Every file is audited once a round, one after another, in a fresh process with
an empty cache; the server has a process of its own. Times are medians.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.clients import BIN, environment
from benchmarks.format_files import gguf_file, torch_file, without_zeros, zeros
from benchmarks.models import bert, llama
from builders import virtual_header
from hub import UNLIMITED, HubProcess, Repo, Settings, Virtual
from hub.blobs import Content
from written_files import h5_file, msgpack_file, onnx_files

_DTYPES: Final = {"float16": "F16", "float32": "F32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model in many formats. `most` holds, by format, the most spans and bytes it may take."""

    name: str
    parameters: int
    config: Mapping[str, object]
    files: Mapping[str, Mapping[str, Content]]  # by format, by path
    most: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def repos(self) -> Iterator[tuple[str, Repo]]:
        config = json.dumps(self.config).encode()
        for number, (form, files) in enumerate(self.files.items()):
            yield form, Repo(f"bench/{self.name}-{number}", {"config.json": config, **files})


def gemma() -> Model:
    """Gemma-2B's shapes: 256,000 tokens, 18 layers, its head the table of tokens."""
    rows = dict(llama(layers=18, hidden=2_048, inner=16_384, kv=256, vocabulary=256_000))
    del rows["lm_head.weight"]
    arrays = zeros(rows.items(), np.float16)
    ties = {"lm_head.weight": "model.embed_tokens.weight"}
    quantised = gguf_file(arrays, tokens=256_000, layers=18)
    return Model(
        name="Gemma-2B-like",
        parameters=2_506_172_416,
        config={"architectures": ["GemmaForCausalLM"], "model_type": "gemma"},
        files={
            "safetensors": {"model.safetensors": _safetensors(arrays)},
            "PyTorch, zip": {"pytorch_model.bin": torch_file(arrays, ties, legacy=False)},
            "PyTorch, before 1.6": {"pytorch_model.bin": torch_file(arrays, ties, legacy=True)},
            "GGUF, Q4_K": {"gemma.Q4_K_M.gguf": quantised},
        },
        most={
            "PyTorch, zip": (4, 2_000_000),
            "GGUF, Q4_K": (8, len(quantised.header) + 1_000_000),  # nearly all of it is vocabulary
        },
    )


def bert_base() -> Model:
    """BERT base without heads."""
    new = {"gamma": "weight", "beta": "bias"}
    rows = dict(bert(layers=12, hidden=768, inner=3_072))
    arrays = {
        ".".join(new.get(part, part) for part in name.split(".")): array
        for name, array in zeros(rows.items(), np.float32).items()
        if name.startswith("bert.")
    }
    external = onnx_files(arrays, external=True)
    return Model(
        name="BERT-base-like",
        parameters=109_482_240,
        config={"architectures": ["BertModel"], "model_type": "bert"},
        files={
            "safetensors": {"model.safetensors": _safetensors(arrays)},
            "PyTorch, zip": {"pytorch_model.bin": torch_file(arrays, {}, legacy=False)},
            "ONNX": _holed(onnx_files(arrays)),
            "ONNX, data beside": _holed(external),
            "TensorFlow, h5": _holed({"tf_model.h5": h5_file(arrays)}),
            "Flax, msgpack": _holed({"flax_model.msgpack": msgpack_file(arrays)}),
        },
    )


def _safetensors(arrays: Mapping[str, Any]) -> Virtual:
    held = {
        name: (_DTYPES[str(array.dtype)], array.shape) for name, array in sorted(arrays.items())
    }
    return Virtual(*virtual_header(held, metadata={"format": "pt"}))


def _holed(files: Mapping[str, bytes]) -> dict[str, Content]:
    return {path: without_zeros(data) for path, data in files.items()}


# -- measuring


def compare(model: Model, settings: Settings, rounds: int) -> None:
    """Runs and prints one table. Raises ValueError where a count or a cost is not as it must be."""
    repos = dict(model.repos())
    print(f"\n### {model.name} ({model.parameters:,} parameters in each)\n")
    print("| format | file, MB | requests | spans | read, MB | share | seconds | spread |")
    print("|---|---|---|---|---|---|---|---|")
    with HubProcess(repos.values(), settings) as hub:
        seconds: dict[str, list[float]] = {form: [] for form in repos}
        cells = {}
        for number in range(rounds + 1):  # the first round warms up files and the server's answers
            for form, repo in repos.items():
                hub.reset_log()
                began = time.perf_counter()
                outcome = _audited(hub.endpoint, repo.id)
                if number:
                    seconds[form].append(time.perf_counter() - began)
                cells[form] = _cells(model, form, outcome)
    for form, told in cells.items():
        taken = seconds[form]
        times = f"{median(taken):.3f}", f"{min(taken):.2f}-{max(taken):.2f}"
        print(f"| {' | '.join((form, *told, *times))} |")


def _audited(endpoint: str, model: str) -> Mapping[str, Any]:
    """What hfaudit says of the model, in a fresh process with an empty cache."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            (str(BIN / "hfaudit"), model, "-f", "json"),
            env=environment(endpoint, home),
            capture_output=True,
            text=True,
            check=False,
            cwd=home,
        )
    if not done.stdout:
        raise ValueError(done.stderr)
    outcome: Mapping[str, Any] = json.loads(done.stdout)["outcomes"][0]
    return outcome


def _cells(model: Model, form: str, outcome: Mapping[str, Any]) -> tuple[str, ...]:
    if outcome["error"] is not None or outcome["parameters"]["total"] != model.parameters:
        raise ValueError(f"{form}: {outcome['error'] or outcome['parameters']['total']}")
    proof = outcome["proof"]
    spans = proof["spans"]
    read_bytes = sum(span["end"] - span["begin"] for span in spans)
    most_spans, most_bytes = model.most.get(form, (len(spans), read_bytes))
    if len(spans) > most_spans or read_bytes > most_bytes:
        raise ValueError(f"{form}: {len(spans)} spans with {read_bytes:,} bytes")
    return (
        f"{proof['weight_bytes'] / 1e6:,.0f}",
        f"{proof['requests']}",
        f"{len(spans)}",
        f"{read_bytes / 1e6:.3f}",
        f"{100 * read_bytes / proof['weight_bytes']:.4f} %",
    )


def main() -> None:
    options = _options()
    settings = Settings(limits=UNLIMITED, latency_seconds=options.latency_ms / 1000)
    for model in (gemma, bert_base):
        compare(model(), settings, options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--latency-ms", type=float, default=50, help="to each first byte")
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Whose count is right: hfaudit beside get_safetensors_metadata and hf-mem, against a local Hub.

    PYTHONPATH=tests python -m benchmarks.accuracy --hf-mem HF_MEM_VENV/bin/python

Prints a Markdown table and the share of exact counts. Ends with 1 where hfaudit gives an exact
number that is wrong, or a range without the truth.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

from architectures import falcon_180b, flan_t5_large, qwen3_600m, t5_small
from auditor import AuditFailure, audit_many
from auditor.core.dtypes import DTYPES
from auditor.core.record import Outcome
from auditor.core.tensors import Tensor
from auditor.source_choice import Sources
from benchmarks.accuracy_packings import packings
from benchmarks.clients import METADATA, Client, Done, hf_mem, run
from builders import Tensors, virtual_header
from core.test_active import MIXTRAL, mixtral
from core.test_roles import PUBLISHED
from hub import UNLIMITED, HubProcess, Repo, Settings, Virtual
from packed_layers import LLAMA_3_8B, ROWS
from packed_models import (
    DEEPSEEK_CONFIG,
    GPT_OSS_CONFIG,
    Stored,
    awq,
    deepseek_v3,
    gpt_oss_20b,
    gptq,
    llama_3_1_8b,
    mlx,
    nf4,
)

_AT_ONCE: Final = 2
_PUBLISHED: Final = "tests/core/test_roles.py"
_LLAMA: Final = {"model_type": "llama", "tie_word_embeddings": False, **LLAMA_3_8B}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A checkpoint of one file, and how many parameters it has by `source`.

    `contents` are the bytes of those tensors whose content says something; the others are zeros.
    """

    kind: str
    name: str
    expected: int
    source: str
    tensors: Tensors
    config: Mapping[str, Any]
    metadata: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def repo_id(self) -> str:
        return f"{self.kind}/{re.sub(r'[^A-Za-z0-9.]+', '-', self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one tool says: from and to, or a message where it gives no number."""

    low: int | None = None
    high: int | None = None
    message: str = ""

    def is_exact(self, truth: int) -> bool:
        return self.low == self.high == truth

    def is_wrong(self, truth: int) -> bool:
        return self.low is not None and self.high is not None and not self.low <= truth <= self.high

    def cell(self, truth: int) -> str:
        if self.low is None or self.high is None:
            return self.message.replace("|", "/") or "unknown"
        if self.is_exact(truth):
            return f"{self.low:,} exact"
        if self.low != self.high:
            held = "" if self.low <= truth <= self.high else " **without the truth**"
            return f"{self.low:,} to {self.high:,}{held}"
        return f"{self.low:,} ({100 * (self.low - truth) / truth:+.2f} %)"


# -- the cases


def _packed_layers() -> Iterator[Case]:
    for packing in packings():
        tensors: dict[str, Any] = {}
        contents: dict[str, bytes] = {}
        entry = packing.entry
        for path, out, _ in ROWS:
            tensors |= _module(path, packing.pack(out))
            contents |= {f"{path}.{s}": told for s, told in packing.contents(out).items()}
        yield Case(
            kind="packings",
            name=packing.name,
            expected=sum(parameters for _, _, parameters in ROWS),
            source="4,096² + 1,024 x 4,096",
            tensors=tensors,
            config=_LLAMA | _section(packing.section),
            metadata={f"{path}.weight": entry(out) for path, out, _ in ROWS} if entry else {},
            contents=contents,
        )


def _module(path: str, tensors: Tensors) -> Tensors:
    """As those of one module, but for suffixes of a fused parameter: `X_blocks` has no dot."""
    names = ((s, f"{path}{s}" if s in {"_blocks", "_scales"} else f"{path}.{s}") for s in tensors)
    return {name: tensors[suffix] for suffix, name in names}


def _section(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"quantization_config": dict(said)} if said else {}


def _gptq_of_2023(path: str, rows: int, columns: int) -> Stored:
    """With the bias of zeros that AutoGPTQ 0.2 to 0.7 saved for every layer."""
    return {**gptq(path, rows, columns), f"{path}.bias": ("F16", (rows,))}


def _models() -> Iterator[Case]:
    llama = (8_030_261_248, "model page of Llama-3.1-8B")
    four_bit = {"bits": 4, "group_size": 128}
    for name, stored, said in (
        ("GPTQ", llama_3_1_8b(gptq), {"quant_method": "gptq", **four_bit}),
        ("GPTQ with biases", llama_3_1_8b(_gptq_of_2023), {"quant_method": "gptq", **four_bit}),
        ("AWQ", llama_3_1_8b(awq), {"quant_method": "awq", **four_bit}),
        ("nf4", llama_3_1_8b(nf4), {"quant_method": "bitsandbytes", "load_in_4bit": True}),
        ("MLX", llama_3_1_8b(mlx, embeddings=mlx), {"bits": 4, "group_size": 64}),
    ):
        yield _model(f"Llama-3.1-8B {name}", stored, _LLAMA | _section(said), *llama)
    yield _model("gpt-oss-20b MXFP4", gpt_oss_20b(), GPT_OSS_CONFIG, 20_914_757_184, "paper, 20.9B")
    total = 684_489_830_400
    yield _model("DeepSeek-V3 FP8", deepseek_v3(), DEEPSEEK_CONFIG, total, "Hub, BF16 and F8")
    shapes: Stored = {name: ("BF16", shape) for name, shape in mixtral().items()}
    config = {"model_type": "mixtral", **MIXTRAL}
    yield _model("Mixtral-8x7B", shapes, config, 46_702_792_704, "Mistral AI, 46.7B")
    for name, known in PUBLISHED.items():
        config = {"model_type": known.model_type}
        yield _model(name, _stored(known.build()), config, known.parameters, _PUBLISHED)
    for name, tensors, model_type, tied, parameters, source in (
        ("Qwen3-0.6B", qwen3_600m(), "qwen3", True, 596_049_920, "card, 0.6B"),
        ("falcon-180B", falcon_180b(), "falcon", None, 178_557_088_768, "index less the head"),
        ("flan-t5-large", flan_t5_large(), "t5", False, 783_150_080, "Hub, keras-hub"),
        ("t5-small", t5_small(), "t5", None, 60_506_624, "transformers, keras-hub"),
    ):
        told = {} if tied is None else {"tie_word_embeddings": tied}
        config = {"model_type": model_type, **told}
        yield _model(name, _stored(tensors), config, parameters, source)


def _model(name: str, stored: Stored, config: Mapping[str, Any], total: int, source: str) -> Case:
    return Case(
        kind="models", name=name, expected=total, source=source, tensors=stored, config=config
    )


def _stored(tensors: Sequence[Tensor]) -> Stored:
    return {tensor.name: (tensor.dtype.name, tensor.shape) for tensor in tensors}


# -- what is asked of whom


def _repo(case: Case, *, with_config: bool) -> Repo:
    """The told tensors first in the file, so that their bytes stand at the front of its data."""
    ordered = {name: case.tensors[name] for name in case.contents}
    for name, (dtype, shape) in ordered.items():
        assert len(case.contents[name]) == DTYPES[dtype].bytes_for(prod(shape)), name  # noqa: S101
    head, size_bytes = virtual_header(
        {**ordered, **case.tensors}, metadata={"format": "pt", **case.metadata}
    )
    weights = Virtual(head + b"".join(case.contents.values()), size_bytes)
    config = {"config.json": json.dumps(case.config).encode()} if with_config else {}
    return Repo(case.repo_id, {"model.safetensors": weights, **config})


def _ours(outcome: Outcome) -> Answer:
    if isinstance(outcome, AuditFailure):
        return Answer(message=outcome.message)
    tally = outcome.tally
    low, high = tally.total_range or (tally.total, tally.total)
    return Answer(low=low, high=high)


def _theirs(done: Done) -> Answer:
    return Answer(low=done.elements, high=done.elements, message=f"fails: {done.message[:80]}")


def _ask(client: Client, endpoint: str, cases: Sequence[Case]) -> list[Answer]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [_theirs(d) for d in pool.map(lambda c: run(client, endpoint, c.repo_id), cases)]


def main() -> int:
    options = _options()
    cases = [*_packed_layers(), *_models()]
    if len({case.repo_id for case in cases}) != len(cases):
        raise ValueError("two cases of one name")
    repos = [_repo(case, with_config=not options.without_config) for case in cases]
    with HubProcess(repos, Settings(limits=UNLIMITED)) as hub:
        outcomes = audit_many([c.repo_id for c in cases], source=Sources(endpoint=hub.endpoint))
        answers = {"hfaudit": [_ours(outcome) for outcome in outcomes]}
        for client in () if options.ours else (METADATA, hf_mem(options.hf_mem)):
            answers[client.name] = _ask(client, hub.endpoint, cases)
    _print(cases, answers)
    return int(any(map(Answer.is_wrong, answers["hfaudit"], (case.expected for case in cases))))


def _print(cases: Sequence[Case], answers: Mapping[str, Sequence[Answer]]) -> None:
    _line("case", "parameters", *answers, "by")
    _line(*["---"] * (len(answers) + 3))
    for case, *said in zip(cases, *answers.values(), strict=True):
        cells = (answer.cell(case.expected) for answer in said)
        _line(case.name, f"{case.expected:,}", *cells, case.source)
    print()
    _line("share exact", *answers)
    _line(*["---"] * (len(answers) + 1))
    for kinds in (("packings",), ("models",), ("packings", "models")):
        kept = [number for number, case in enumerate(cases) if case.kind in kinds]
        exact = [sum(a[n].is_exact(cases[n].expected) for n in kept) for a in answers.values()]
        shares = (f"{n} of {len(kept)} ({100 * n / len(kept):.1f} %)" for n in exact)
        _line(" and ".join(kinds), *shares)


def _line(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--hf-mem",
        metavar="PYTHON",
        default=sys.executable,
        help="the Python that has hf-mem (default: the one that runs this)",
    )
    parser.add_argument("--ours", action="store_true", help="ask hfaudit alone")
    parser.add_argument("--without-config", action="store_true", help="serve no config.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

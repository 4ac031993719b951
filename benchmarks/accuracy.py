"""Whose count is right: hfaudit beside get_safetensors_metadata and hf-mem, against a local Hub.

    PYTHONPATH=tests python -m benchmarks.accuracy --hf-mem HF_MEM_VENV/bin/python

Every packing holds q_proj of 4,096 x 4,096 and k_proj of 1,024 x 4,096; the whole models are
published ones. Their names, dtypes and shapes are those of the tests, which cite their sources.
Prints a Markdown table and the share of exact counts. Ends with 1 where hfaudit gives an exact
number that is wrong, or a range without the truth.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from architectures import falcon_180b, flan_t5_large, qwen3_600m
from auditor import AuditFailure, Outcome, audit_many
from auditor.core.tensors import Tensor
from auditor.source_choice import Sources
from benchmarks.clients import METADATA, Client, Done, hf_mem, run
from builders import Tensors, virtual_header
from core.test_active import MIXTRAL, mixtral
from core.test_roles import PUBLISHED
from hub import UNLIMITED, HubProcess, Repo, Settings, Virtual
from layouts import test_awq as awq
from layouts import test_bitsandbytes as bnb
from layouts import test_block_floats as blocks
from layouts import test_codebooks as books
from layouts import test_fouroversix as fouroversix
from layouts import test_fp8 as fp8
from layouts import test_fp_quant as fp_quant
from layouts import test_gptq as gptq
from layouts import test_hqq as hqq
from layouts import test_marlin as marlin
from layouts import test_mlx as mlx
from layouts import test_packed_integers as words
from layouts import test_padded as padded
from layouts import test_quanto as quanto
from layouts import test_torchao as torchao
from packed_layers import LLAMA_3_8B, ROWS, module
from packed_models import DEEPSEEK_CONFIG, GPT_OSS_CONFIG, deepseek_v3, gpt_oss_20b, llama_3_1_8b
from packed_models import awq as awq_module
from packed_models import gptq as gptq_module
from packed_models import mlx as mlx_module
from packed_models import nf4 as nf4_module

_IN: Final = 4_096
_LLAMA: Final = {"model_type": "llama", "tie_word_embeddings": False, **LLAMA_3_8B}
_CT: Final = {"quant_method": "compressed-tensors"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A repository of one file. `contents` are the bytes of tensors that are more than zeros."""

    kind: str
    name: str
    expected: int
    tensors: Tensors
    config: Mapping[str, Any]
    metadata: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def repo_id(self) -> str:
        return f"{self.kind}/{self.name.replace(' ', '-').replace(',', '')}"


# -- packings: what a module of `out` rows and 4,096 columns stores

Pack = Callable[[int], Tensors]
Shapes = Mapping[str, tuple[str, list[Any]]]  # with "out" and its fractions for what varies


def _sized(shapes: Shapes) -> Pack:
    """`shapes` with "out" for the rows; "out/8" and "out*8" for a fraction and a multiple."""

    def size(value: int | str, out: int) -> int:
        if isinstance(value, int):
            return value
        if value == "blocks":
            return out // 128
        return out * int(value[4:] or 1) if value[3:4] == "*" else out // int(value[4:] or 1)

    return lambda out: {
        suffix: (dtype, [size(value, out) for value in shape])
        for suffix, (dtype, shape) in shapes.items()
    }


def _bare(tensors: Tensors) -> Tensors:
    return {name.removeprefix("a."): stored for name, stored in tensors.items()}


def _case(
    name: str,
    pack: Pack,
    section: Mapping[str, Any] | None = None,
    *,
    contents: Callable[[int], Mapping[str, bytes]] = lambda _: {},
    metadata: Callable[[str, int], Mapping[str, str]] = lambda _path, _out: {},
) -> Case:
    tensors: dict[str, Any] = {}
    told: dict[str, bytes] = {}
    header: dict[str, str] = {}
    for path, out, _ in ROWS:
        tensors |= module(path, pack(out))
        told |= {f"{path}.{suffix}": data for suffix, data in contents(out).items()}
        header |= metadata(path, out)
    return Case(
        kind="packing",
        name=name,
        expected=sum(parameters for _, _, parameters in ROWS),
        tensors=tensors | {name: (tensors[name][0], _shape(tensors[name], told[name])) for name in told},
        config={**_LLAMA, "quantization_config": dict(section)} if section else _LLAMA,
        metadata=header,
        contents=told,
    )

"""The dtype that a config says, against the one that is stored."""

import pytest

from architectures import Stored, judged, tensors_of
from auditor.core.config import read_config
from auditor.core.config_dtype import dtype_findings
from auditor.core.findings import Severity

FILE: Stored = {
    "model.embed_tokens.weight": ("F32", (10, 4)),
    "model.norm.weight": ("F16", (4,)),
    "model.mask": ("F32", (1, 1, 64, 64)),
}


def said(config: dict[str, object]) -> list[str]:
    assignment, _ = judged(tensors_of(FILE), config)
    found = dtype_findings(read_config(config), assignment)
    assert all(each.code == "dtype-differs" for each in found)
    assert all(each.severity is Severity.NOTICE for each in found)
    return [each.message for each in found]


def test_another_dtype_than_the_configs_is_told() -> None:
    # a text encoder of SDXL: float16 in the config, F32 in the file; the mask is no parameter
    assert said({"torch_dtype": "float16"}) == [
        "config.json says `float16`, and 40 of 44 parameters are stored as F32"
    ]


@pytest.mark.parametrize("dtype", ["float32", "float", "torch.float32"])
def test_most_parameters_decide(dtype: str) -> None:
    assert said({"dtype": dtype}) == []


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"dtype": "no such dtype"},
        {"dtype": 16},
        {"dtype": "float16", "quantization_config": {"quant_method": "fp8"}},
    ],
)
def test_nothing_is_said_where_the_config_says_nothing_of_the_file(
    config: dict[str, object],
) -> None:
    assert said(config) == []

from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packed_layers import ROWS, module, never_wrong, saved, seen

SCALARS: Tensors = {"input_scale": ("BF16", []), "output_scale": ("BF16", [])}


def grouped(rows: int, row: int, groups: int) -> Tensors:
    return {
        "weight._data._data": ("U8", [rows, row]),
        "weight._scale": ("BF16", [groups, 1]),
        "weight._shift": ("BF16", [groups, 1]),
        **SCALARS,
    }


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
@pytest.mark.parametrize("dtype", ["I8", "F8_E4M3"])
def test_eight_bits(path: str, out: int, parameters: int, dtype: str) -> None:
    stored: Tensors = {
        "weight._data": (dtype, [out, 4096]),
        "weight._scale": ("BF16", [out, 1]),
        **SCALARS,
    }
    found = seen(module(path, stored))
    assert (found.total, found.auxiliary) == (parameters, out + 2)
    assert found.layouts == ("quanto",)


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
def test_four_bits_in_groups_of_128(path: str, out: int, parameters: int) -> None:
    groups = out * 32  # 4096 / 128 to a row
    found = seen(module(path, grouped(groups // 2, 128, groups)))
    assert (found.total, found.auxiliary) == (parameters, 2 * groups + 2)


def test_an_odd_number_of_groups_fills_the_last_row_up() -> None:
    # 63 x 1088 = 68,544 in groups of 64: 1071, so 536 bytes to a column hold 1072
    assert seen(module("a", grouped(536, 64, 1071))).total == 68_544
    assert seen(module("a", grouped(268, 64, 1071))).total == 68_544  # 2 bits


def test_rows_that_the_scales_do_not_fit_are_a_range() -> None:
    found = seen(module("a", grouped(10, 64, 7)))
    assert (found.low, found.high) == (19 * 64, 40 * 64)


def test_a_norm_has_scales_of_its_own_when_activations_are_quantised() -> None:
    norm: Tensors = {"weight": ("BF16", [32]), "bias": ("BF16", [32]), **SCALARS}
    found = seen({**module("a", grouped(4, 32, 8)), **module("b", norm)})
    assert (found.total, found.auxiliary) == (8 * 32 + 64, 2 * 8 + 4)


def test_a_learnt_scale_beside_a_plain_weight_stays_plain() -> None:
    stored: Tensors = {"a.weight": ("F32", [4, 4]), "a.scale": ("F32", [4]), "i": ("I64", [1])}
    assert seen(stored).total == 20


@given(st.sampled_from([2, 4]), st.integers(1, 3000), st.integers(1, 200))
def test_any_number_of_groups_is_recovered(bits: int, groups: int, row: int) -> None:
    found = seen(module("a", grouped(ceil(groups * bits / 8), row, groups)))
    assert found.total == groups * row


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50))
def test_scales_that_lie_never_give_more_than_the_bytes_hold(
    rows: int, row: int, groups: int
) -> None:
    found = seen(module("a", grouped(rows, row, groups)))
    assert found.high is not None
    assert found.high <= 4 * rows * row
    assert never_wrong(found, groups * row) or ceil(groups / 4) != rows


@pytest.mark.packers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["qint8", "qfloat8", "qint4", "qint2"])
@pytest.mark.parametrize("shape", [(96, 128), (63, 1088), (7, 40), (5, 96)])
def test_what_quanto_saves(tmp_path: Path, kind: str, shape: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    quanto: Any = pytest.importorskip("optimum.quanto")
    safetensors = pytest.importorskip("safetensors.torch")
    out, columns = shape
    model = torch.nn.Sequential(torch.nn.Linear(columns, out), torch.nn.LayerNorm(out))
    quanto.quantize(
        model.to(torch.bfloat16), weights=getattr(quanto, kind), activations=quanto.qint8
    )
    quanto.freeze(model)
    path = tmp_path / "model.safetensors"
    safetensors.save_file(model.state_dict(), path)
    assert seen(saved(path)).total == out * columns + out + 2 * out

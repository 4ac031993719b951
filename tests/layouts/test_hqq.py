from math import ceil
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from builders import Tensors
from packed_layers import ROWS, module, never_wrong, saved, seen

SETTINGS: Tensors = {
    "shape": ("I64", [2]),
    "nbits": ("I32", []),
    "axis": ("I32", []),
    "packing": ("U8", [7]),
    "view_as_float": ("U8", []),
}


def hqq(path: str, packed: tuple[str, list[int]], scale: list[int]) -> Tensors:
    stored = {"W_q": packed, "scale": ("F16", scale), "zero": ("F16", scale), **SETTINGS}
    return module(path, stored)


def config(bits: float, group: int) -> dict[str, object]:
    return {
        "quant_method": "hqq",
        "quant_config": {"weight_quant_params": {"nbits": bits, "group_size": group, "axis": 0}},
    }


def two(rows: int, columns: int) -> bytes:
    return rows.to_bytes(8, "little") + columns.to_bytes(8, "little")


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
def test_four_and_three_bits_in_groups_of_64(path: str, out: int, parameters: int) -> None:
    groups = out * 4096 // 64
    four = seen(hqq(path, ("U8", [groups // 2, 64]), [groups, 1]))
    three = seen(hqq(path, ("I32", [ceil(groups / 10), 64]), [groups, 1]))  # 26215 for 262144
    assert four.total == three.total == parameters
    assert four.auxiliary == three.auxiliary == 2 * groups + 2 + 1 + 1 + 7 + 1
    assert four.layouts == ("HQQ",)


def test_bytes_seen_as_floats() -> None:
    stored = hqq("a", ("F16", [96, 32]), [192, 1])  # U8 [96, 64]: two weights to a byte
    assert seen(stored, quantization=config(4, 64)).total == 96 * 128
    without = seen(stored)
    assert without.total is None
    assert never_wrong(without, 96 * 128)


def test_weights_that_were_not_packed() -> None:
    stored = hqq("a", ("F16", [192, 64]), [192, 1])
    assert seen(stored, quantization=config(4, 64)).total == 192 * 64


def test_along_the_first_axis_the_group_size_tells_the_bits() -> None:
    stored = hqq("a", ("U8", [32, 192]), [1, 192])  # 64 / 2 rows
    assert seen(stored, quantization=config(4, 64)).total == 64 * 192
    assert seen(stored, quantization=config(2, 128)).total == 128 * 192
    for fits_not in ({}, config(4, 128), config(3, 64)):
        open_ = seen(stored, quantization=fits_not)
        assert (open_.low, open_.high) == (32 * 192, 8 * 32 * 192)
        assert open_.wanted == ("a.shape",)


def test_the_stored_shape_settles_it() -> None:
    stored = hqq("a", ("U8", [32, 192]), [1, 192])
    assert seen(stored, contents={"a.shape": two(96, 128)}).total == 96 * 128
    for nonsense in (b"", b"\xff" * 16, two(0, 5), two(7, 13), two(1 << 40, 1 << 40)):
        assert seen(stored, contents={"a.shape": nonsense}).total is None


def test_sinq_has_its_scales_among_other_names() -> None:
    stored: Tensors = {
        "W_q": ("U8", [96, 64]),
        "meta.scale": ("F16", [192, 1]),
        "meta.zero": ("F16", [192, 1]),
        "meta.scale2": ("F16", [1, 128]),
    }
    found = seen(module("a", stored), quantization={"quant_method": "sinq"})
    assert found.total == 192 * 64
    assert found.layouts == ("SINQ",)
    tiles: Tensors = {"W_q": ("U8", [6, 64, 64]), "meta.scale": ("F16", [12, 64, 1])}
    assert seen(module("a", tiles)).total == 12 * 64 * 64


PER_BYTE = {8: 1, 4: 2, 2: 4, 1: 8}


@given(
    st.sampled_from([8, 4, 3, 2, 1]),
    st.integers(0, 1),
    st.integers(1, 6).map(lambda n: 8 * n),
    st.integers(1, 60),
    st.booleans(),
)
def test_any_packing_is_exact_or_a_range_around_it(
    bits: int,
    axis: int,
    group: int,
    groups: int,
    told: bool,  # noqa: FBT001 - hypothesis gives it by its place
) -> None:
    rows = groups if axis else group
    if bits == 3:
        packed = ("I32", [ceil(rows / 10), group if axis else groups])
    else:
        assume(rows % PER_BYTE[bits] == 0)
        packed = ("U8", [rows // PER_BYTE[bits], group if axis else groups])
    scale = [groups, 1] if axis else [1, groups]
    found = seen(
        hqq("a", packed, scale),
        quantization=config(bits, group) if told else {"quant_method": "hqq"},
    )
    assert never_wrong(found, group * groups)
    if told and groups > 1:
        assert found.total == group * groups


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=2),
        lambda x: (
            st.lists(x, max_size=2)
            | st.dictionaries(
                st.sampled_from(["quant_config", "weight_quant_params", "nbits", "group_size"]),
                x,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).filter(lambda value: isinstance(value, dict))
)
def test_no_config_crashes_it_or_moves_it_out_of_its_range(quantization: dict[str, object]) -> None:
    found = seen(hqq("a", ("U8", [32, 192]), [1, 192]), quantization=quantization)
    assert found.low is not None
    assert found.high is not None
    assert 32 * 192 <= found.low <= found.high <= 8 * 32 * 192


@pytest.mark.packers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", [8, 4, 3, 2, 1])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("view_as_float", [False, True])
def test_what_hqq_saves(tmp_path: Path, bits: int, axis: int, *, view_as_float: bool) -> None:
    torch = pytest.importorskip("torch")
    hqq_ = pytest.importorskip("hqq.core.quantize")
    safetensors = pytest.importorskip("safetensors.torch")
    layer = torch.nn.Linear(128, 96, bias=True).half()
    settings = hqq_.BaseQuantizeConfig(
        nbits=bits, group_size=64, axis=axis, view_as_float=view_as_float
    )
    packed = hqq_.HQQLinear(layer, settings, compute_dtype=torch.float16, device="cpu")
    path = tmp_path / "model.safetensors"
    state = {f"a.{name}": value.contiguous() for name, value in packed.state_dict().items()}
    safetensors.save_file(state, path)
    found = seen(saved(path), quantization=config(bits, 64))
    assert never_wrong(found, 96 * 128 + 96)
    if not view_as_float or axis:
        assert found.total == 96 * 128 + 96
    told = {"a.shape": state["a.shape"].numpy().tobytes()}
    assert seen(saved(path), contents=told).total == 96 * 128 + 96  # with its bias

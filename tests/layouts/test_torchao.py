import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packed_layers import ROWS, module, never_wrong, saved, seen


def entry(kind: str, shape: list[int] | None = None) -> str:
    return json.dumps({"_type": kind, "_data": {"block_size": [1, 128], "shape": shape}})


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
@pytest.mark.parametrize("described", [True, False], ids=["described", "by its scales"])
def test_int4_tensor(path: str, out: int, parameters: int, *, described: bool) -> None:
    found = seen(
        module(
            path,
            {
                "_weight_qdata": ("U8", [out, 2048]),  # 4096 / 2
                "_weight_scale": ("BF16", [32, out]),  # 4096 / 128, transposed
                "_weight_zero_point": ("BF16", [32, out]),
            },
        ),
        metadata={f"{path}.weight": entry("Int4Tensor", [out, 4096])} if described else {},
    )
    assert found.total == parameters
    assert found.auxiliary == 64 * out
    assert found.layouts == ("torchao",)


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
def test_tiles_are_exact_by_the_shape_in_the_header(path: str, out: int, parameters: int) -> None:
    stored = module(
        path,
        {
            "_weight_qdata": ("I32", [out // 8, 32, 32, 4]),  # 4096 / 128 tiles along the inputs
            "_weight_scale_and_zero": ("BF16", [32, out, 2]),
        },
    )
    told = {f"{path}.weight": entry("Int4TilePackedTo4dTensor", [out, 4096])}
    assert seen(stored, metadata=told).total == parameters
    filled_up = seen(stored, metadata={})
    assert (filled_up.low, filled_up.high) == ((out - 7) * 3073, parameters)  # up to 8 and 1024


def test_tiles_of_another_shape_than_the_header_says_are_a_range() -> None:
    stored = module("a", {"_weight_qdata": ("I32", [512, 32, 32, 4])})
    found = seen(stored, metadata={"a.weight": entry("Int4TilePackedTo4dTensor", [4096, 1000])})
    assert found.total is None
    assert found.high == 16_777_216


@pytest.mark.parametrize(
    ("qdata", "scale", "per_byte"),
    [
        (("F8_E4M3", [256, 512]), ("F32", [256, 1]), 1),
        (("I8", [256, 512]), ("F32", [256, 1]), 1),
        (("I8", [256, 512]), ("BF16", [256, 16]), 1),
        (("U8", [256, 512]), ("F8_E8M0", [256, 16]), 1),  # 6 bits, a byte each
        (("U8", [256, 512]), ("F8_E8M0", [256, 32]), 2),
        (("U8", [256, 512]), ("F8_E4M3", [256, 64]), 2),
        (("U8", [100, 96]), ("F8_E4M3", [32, 48]), 2),  # swizzled: 128 x 12 scales for 100 x 12
        (("U8", [4, 256, 512]), ("F8_E4M3", [4, 256, 64]), 2),
        (("F8_E4M3", [4, 256, 512]), ("F32", [4, 256, 1]), 1),
    ],
)
def test_the_scales_say_how_many_weights_a_byte_has(qdata: Any, scale: Any, per_byte: int) -> None:
    stored = module("a", {"_weight_qdata": qdata, "_weight_scale": scale})
    elements = 1
    for side in qdata[1]:
        elements *= side
    assert seen(stored).total == per_byte * elements


def test_bytes_whose_scales_do_not_fit_are_a_range() -> None:
    stored = module("a", {"_weight_qdata": ("U8", [8, 8]), "_weight_scale": ("BF16", [3, 3])})
    found = seen(stored)
    assert (found.low, found.high) == (64, 128)


def test_experts_of_one_tensor() -> None:
    stored = module(
        "mlp.experts",
        {
            "_gate_up_proj_qdata": ("F8_E4M3", [4, 64, 32]),
            "_gate_up_proj_scale": ("F32", [4, 64, 1]),
            "_down_proj_qdata": ("F8_E4M3", [4, 32, 32]),
            "_down_proj_scale": ("F32", [4, 32, 1]),
        },
    )
    assert seen(stored).total == 4 * 64 * 32 + 4 * 32 * 32


HOSTILE = st.one_of(
    st.text(max_size=20),
    st.just("[" * 10_000),
    st.just('{"_data":{"shape":[' + "9" * 5_000 + "]}}"),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["_data", "shape", "_type"]), inner, max_size=3)
        ),
        max_leaves=8,
    ).map(json.dumps),
)


@given(HOSTILE, st.integers(1, 40), st.integers(1, 40))
def test_whatever_the_header_says_the_count_is_what_the_bytes_can_hold(
    text: str, rows: int, columns: int
) -> None:
    stored = module("a", {"_weight_qdata": ("U8", [rows, columns])})
    found = seen(stored, metadata={"a.weight": text})
    assert found.low is not None
    assert rows * columns <= found.low
    assert found.high == 2 * rows * columns


@given(st.integers(1, 2000), st.integers(1, 5000))
def test_tiles_of_any_shape_hold_it(out: int, columns: int) -> None:
    stored = module("a", {"_weight_qdata": ("I32", [-(-out // 8), -(-columns // 1024) * 8, 32, 4])})
    assert never_wrong(seen(stored), out * columns)
    told = {"a.weight": entry("Int4TilePackedTo4dTensor", [out, columns])}
    assert seen(stored, metadata=told).total == out * columns


@pytest.mark.packers
@pytest.mark.filterwarnings("ignore")
def test_what_torchao_saves(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    quantization = pytest.importorskip("torchao.quantization")
    support = pytest.importorskip("torchao.prototype.safetensors.safetensors_support")
    nvfp4 = pytest.importorskip("torchao.prototype.mx_formats.nvfp4_tensor").NVFP4Tensor
    mx = pytest.importorskip("torchao.prototype.mx_formats.mx_tensor").MXTensor
    safetensors = pytest.importorskip("safetensors.torch")
    weight = torch.randn(96, 512, dtype=torch.bfloat16)

    def linear(config: Any) -> Any:
        layer = torch.nn.Linear(512, 96, bias=False).to(torch.bfloat16)
        quantization.quantize_(layer, config)
        return layer.weight.data

    packed = {
        "int8": linear(quantization.Int8WeightOnlyConfig(version=2)),
        "float8": linear(quantization.Float8WeightOnlyConfig()),
        "intx": linear(quantization.IntxWeightOnlyConfig(weight_dtype=torch.int3)),
        "nvfp4": nvfp4.to_nvfp4(weight, per_tensor_scale=torch.tensor(1.0)),
        "swizzled": nvfp4.to_nvfp4(weight, is_swizzled_scales=True),
        "mxfp4": mx.to_mx(weight, torch.float4_e2m1fn_x2, block_size=32),
        "mxfp6": mx.to_mx(weight, "fp6_e2m3", block_size=32),
        "mxfp8": mx.to_mx(weight, torch.float8_e4m3fn, block_size=32),
        "plain": weight,
    }
    for kind, tensor in packed.items():
        tensors, metadata = support.flatten_tensor_state_dict({"layer.weight": tensor})
        path = tmp_path / f"{kind}.safetensors"
        contiguous = {name: value.contiguous() for name, value in tensors.items()}
        safetensors.save_file(contiguous, path, metadata=metadata)
        assert seen(saved(path)).total == 96 * 512, kind

"""BitNet, EXL2, EXL3 and SVDQuant, which fill matrices up; and EETQ."""

import json
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packed_layers import K_PROJ, LLAMA_3_8B, Q_PROJ, ROWS, module, never_wrong, seen

BITNET = {"quant_method": "bitnet"}
ODD = {**LLAMA_3_8B, "intermediate_size": 11_001, "vocab_size": 32_001}

# -- EETQ


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
@pytest.mark.parametrize("name", ["weight", "qweight"])
def test_eetq_is_transposed(path: str, out: int, parameters: int, name: str) -> None:
    stored: Tensors = {name: ("I8", [4096, out]), "weight_scales": ("F16", [out])}
    found = seen(module(path, stored))
    assert (found.total, found.auxiliary, found.layouts) == (parameters, out, ("EETQ",))


# -- BitNet


def bitnet(out: int, columns: int) -> Tensors:
    return {"weight": ("U8", [ceil(out / 4), columns]), "weight_scale": ("BF16", [1])}


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
def test_bitnet_by_the_models_sizes(path: str, out: int, parameters: int) -> None:
    stored = module(path, bitnet(out, 4096))
    found = seen(stored, quantization=BITNET, config=LLAMA_3_8B)
    assert (found.total, found.auxiliary, found.layouts) == (parameters, 1, ("BitNet",))
    without = seen(stored, quantization=BITNET)
    assert (without.low, without.high) == ((out - 3) * 4096, parameters)


def test_bitnet_by_a_bias() -> None:
    stored = {**module("a", bitnet(1022, 4096)), "a.bias": ("BF16", [1022])}
    assert seen(stored, quantization=BITNET).total == 1022 * 4096 + 1022


def test_bytes_with_one_scale_may_be_anything_where_no_config_names_bitnet() -> None:
    found = seen(module("a", bitnet(1024, 4096)))
    assert (found.low, found.high) == (256 * 4096, 1024 * 4096)


# -- EXL2


def exl2(out: int, columns: int, bits: int = 4, group: int = 128) -> Tensors:
    full, groups = 32 * ceil(out / 32), ceil(columns / group)
    return {
        "q_weight": ("I32", [ceil(columns * bits / 32), full]),
        "q_scale": ("I32", [groups, full // 8]),
        "q_scale_max": ("F16", [groups]),
        "q_groups": ("I16", [2 * groups]),
        "q_invperm": ("I32", [columns]),
    }


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
def test_exl2(path: str, out: int, parameters: int) -> None:
    stored = module(path, exl2(out, 4096))
    found = seen(stored, config=LLAMA_3_8B)
    assert (found.total, found.layouts) == (parameters, ("EXL2",))
    assert found.auxiliary == 32 * out // 8 + 32 + 64 + 4096
    without = seen(stored)
    assert (without.low, without.high) == ((out - 31) * 4096, parameters)


def test_a_head_that_was_filled_up_has_the_size_of_the_vocabulary() -> None:
    stored = module("lm_head", exl2(32_001, 4096))
    assert seen(stored, config=ODD).total == 32_001 * 4096


# -- EXL3


def exl3(out: int, columns: int, width: int = 64, *, packed_signs: bool = False) -> Tensors:
    rows, inputs = 128 * ceil(out / 128), 128 * ceil(columns / 128)
    signs: Tensors = (
        {"su": ("I16", [inputs // 16]), "sv": ("I16", [rows // 16])}
        if packed_signs
        else {"suh": ("F16", [inputs]), "svh": ("F16", [rows])}
    )
    return {"trellis": ("I16", [inputs // 16, rows // 16, width]), **signs, "mul1": ("I32", [])}


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
@pytest.mark.parametrize("width", [32, 40, 64])  # 2, 2.5 and 4 bits
@pytest.mark.parametrize("packed_signs", [True, False])
def test_exl3(path: str, out: int, parameters: int, width: int, *, packed_signs: bool) -> None:
    stored = module(path, exl3(out, 4096, width, packed_signs=packed_signs))
    found = seen(stored, config=LLAMA_3_8B)
    assert (found.total, found.layouts) == (parameters, ("EXL3",))
    without = seen(stored)
    assert (without.low, without.high) == ((out - 127) * (4096 - 127), parameters)


def test_a_bias_is_filled_up_as_well() -> None:
    path = "model.layers.3.mlp.gate_proj"
    stored = {**module(path, exl3(11_001, 4096)), f"{path}.bias": ("F16", [11_008])}
    assert seen(stored, config=ODD).total == 11_001 * 4096 + 11_001
    without = seen(stored)
    assert (without.low, without.high) == (10_881 * 3969 + 10_881, 11_008 * 4096 + 11_008)


def test_signs_of_other_lengths_leave_the_count_unknown() -> None:
    stored = {**exl3(1024, 4096), "suh": ("F16", [4000])}
    assert seen(module(K_PROJ, stored), config=LLAMA_3_8B).total is None


# -- SVDQuant


def svdquant(out: int, columns: int, *, older: bool = False, fp4: bool = False) -> Tensors:
    down, up, smooth = (
        ("lora_down", "lora_up", "smooth")
        if older
        else (
            "proj_down",
            "proj_up",
            "smooth_factor",
        )
    )
    return {
        "qweight": ("I8", [out, columns // 2]),
        "wscales": ("F8_E4M3", [columns // 16, out]) if fp4 else ("BF16", [columns // 64, out]),
        down: ("BF16", [columns, 32]),
        up: ("BF16", [out, 32]),
        smooth: ("BF16", [columns]),
    }


@pytest.mark.parametrize(("path", "out", "parameters"), ROWS)
@pytest.mark.parametrize("fp4", [True, False])
def test_svdquant_counts_the_matrix_and_not_its_correction(
    path: str, out: int, parameters: int, *, fp4: bool
) -> None:
    found = seen(module(path, svdquant(out, 4096, fp4=fp4)))
    assert (found.total, found.layouts) == (parameters, ("SVDQuant",))
    assert found.auxiliary == out * 4096 // (16 if fp4 else 64) + 32 * (4096 + out) + 4096


def test_awq_of_nunchaku() -> None:
    stored: Tensors = {
        "qweight": ("I32", [1024, 2048]),  # 4096 / 4, 4096 / 2
        "wscales": ("BF16", [64, 4096]),
        "wzeros": ("BF16", [64, 4096]),
    }
    assert seen(module("norm1.linear", stored)).total == 16_777_216


def test_older_files_are_filled_up_and_their_own_config_says_from_what() -> None:
    path = "transformer_blocks.0.qkv_proj"
    stored = module(path, svdquant(9216, 3072, older=True))
    assert seen(stored).total is None
    flux = {"num_attention_heads": 24, "attention_head_dim": 128}
    assert seen(stored, metadata={"config": json.dumps(flux)}).total == 9216 * 3072
    assert seen(stored, config=flux).total == 9216 * 3072
    assert seen(stored, metadata={"config": "[" * 50_000}).total is None
    with_bias = {**stored, f"{path}.bias": ("BF16", [9216])}
    found = seen(with_bias)
    assert (found.low, found.high) == (9089 * 2945 + 9089, 9216 * 3072 + 9216)


# -- all


SIDE = st.integers(1, 700)
HOSTILE = st.fixed_dictionaries(
    {
        "hidden_size": st.one_of(SIDE, st.just(1 << 80), st.text(max_size=2), st.none()),
        "num_attention_heads": st.one_of(st.integers(-3, 9), st.booleans()),
        "head_dim": st.one_of(st.integers(1, 99), st.lists(st.integers(), max_size=1)),
        "num_key_value_heads": st.integers(0, 4),
        "text_config": st.one_of(st.none(), st.integers()),
    }
)


@given(SIDE, SIDE, HOSTILE)
def test_no_config_moves_a_filled_matrix_out_of_its_range(
    out: int, columns: int, config: dict[str, object]
) -> None:
    for stored, rows, inputs in (
        (bitnet(out, columns), (4 * ceil(out / 4), 3), (columns, 0)),
        (exl2(out, columns), (32 * ceil(out / 32), 31), (columns, 0)),
        (exl3(out, columns), (128 * ceil(out / 128), 127), (128 * ceil(columns / 128), 127)),
    ):
        found = seen(module(Q_PROJ, stored), quantization=BITNET, config=config)
        assert found.low is not None
        assert found.high is not None
        assert max(rows[0] - rows[1], 1) * max(inputs[0] - inputs[1], 1) <= found.low
        assert found.high <= rows[0] * inputs[0]
        if found.low != found.high:
            assert found.low <= out * columns <= found.high


@given(SIDE, SIDE)
def test_the_right_config_makes_it_exact(out: int, columns: int) -> None:
    config = {"hidden_size": columns, "num_attention_heads": 1, "head_dim": out}
    for stored in (bitnet(out, columns), exl2(out, columns), exl3(out, columns)):
        found = seen(module(Q_PROJ, stored), quantization=BITNET, config=config)
        assert found.total == out * columns


@given(SIDE, SIDE)
def test_without_a_config_the_truth_is_in_the_range(out: int, columns: int) -> None:
    for stored in (bitnet(out, columns), exl2(out, columns), exl3(out, columns)):
        assert never_wrong(seen(module("a", stored), quantization=BITNET), out * columns)


def test_plain_tensors_of_such_names_stay_plain() -> None:
    stored: Tensors = {
        "a.weight": ("F32", [8, 8]),
        "a.smooth": ("F32", [8]),
        "a.lora_down": ("F32", [8, 2]),
        "b.su": ("F32", [3]),
        "c.B": ("F32", [3, 3]),
        "c.s": ("F32", [3]),
        "position_ids": ("I64", [1, 512]),
    }
    assert seen(stored).total == 64 + 8 + 16 + 3 + 9 + 3

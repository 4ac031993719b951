import pytest
from hypothesis import given
from hypothesis import strategies as st

from packings import K_PROJ, Q_PROJ, count


@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
@pytest.mark.parametrize("algorithm", ["W4A16_AWQ", "W4A8_AWQ"])
def test_two_rows_share_a_byte(out: int, parameters: int, algorithm: str) -> None:
    tally, _ = count(
        {
            "q_proj.weight": ("U8", [out // 2, 4096]),
            "q_proj.weight_scale": ("BF16", [out, 32]),
            "q_proj.weight_scale_2": ("F32", []),
            "q_proj.pre_quant_scale": ("BF16", [4096]),
            "q_proj.input_scale": ("F32", []),
        },
        quantization={"quant_method": "modelopt", "quant_algo": algorithm},
    )
    assert tally.total == parameters
    assert tally.auxiliary == out * 32 + 4096 + 2
    assert [layout.name for layout in tally.layouts] == ["INT4 AWQ"]


def test_experts_in_one_tensor() -> None:
    tally, _ = count(
        {
            "experts.gate_up_proj": ("U8", [8, 512, 4096]),
            "experts.gate_up_proj_weight_scale": ("BF16", [8, 1024, 32]),
        }
    )
    assert tally.total == 8 * K_PROJ


def test_a_checkpoint_of_several_kinds_counts_each_in_its_way() -> None:
    """MIXED_PRECISION of Model-Optimizer: FP8, NVFP4, INT4 and a plain head."""
    tally, _ = count(
        {
            "a.weight": ("F8_E4M3", [1024, 4096]),
            "a.weight_scale": ("F32", []),
            "b.weight": ("U8", [1024, 2048]),
            "b.weight_scale": ("F8_E4M3", [1024, 256]),
            "b.weight_scale_2": ("F32", []),
            "c.weight": ("U8", [512, 4096]),
            "c.weight_scale": ("BF16", [1024, 32]),
            "lm_head.weight": ("BF16", [1024, 4096]),
        },
        quantization={"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"},
    )
    assert tally.total == 4 * K_PROJ
    assert {layout.name for layout in tally.layouts} == {"FP8", "NVFP4", "INT4 AWQ"}


@given(
    rows=st.integers(1, 40),
    blocks=st.integers(1, 6),
    block=st.sampled_from([16, 32, 128]),
)
def test_any_even_number_of_rows_comes_back(rows: int, blocks: int, block: int) -> None:
    tally, _ = count(
        {
            "a.weight": ("U8", [rows, blocks * block]),
            "a.weight_scale": ("F16", [2 * rows, blocks]),
        }
    )
    assert tally.total == 2 * rows * blocks * block

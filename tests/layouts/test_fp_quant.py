import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import K_PROJ, Q_PROJ, count

ROTATIONS: Tensors = {
    "a.weight_global_scale": ("F32", [1]),
    "a.forward_hadamard_matrix": ("BF16", [16, 16]),
    "a.backward_hadamard_matrix": ("BF16", [16, 16]),
}


@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
@pytest.mark.parametrize("groups", [256, 128])
def test_blocks_of_16_and_of_32(out: int, parameters: int, groups: int) -> None:
    tally, _ = count(
        {
            "a.qweight": ("U8", [out, 2048]),
            "a.scales": ("U8", [out, groups]),
            "a.weight": ("BF16", [0]),
            "a.dqweight": ("BF16", [0]),
            "a.act_global_scale": ("BF16", [1]),
            **ROTATIONS,
        }
    )
    assert tally.total == parameters
    assert tally.auxiliary == out * groups + 2 + 512


def test_kernels_pad_the_scales_to_tiles_and_not_the_weights() -> None:
    # 100 rows are padded to 128, 3 blocks of 32 weights to 4
    tensors = {"a.qweight": ("U8", [100, 48]), "a.scales": ("U8", [128, 4]), **ROTATIONS}
    assert count(tensors).tally.total == 100 * 96


def test_simulated_quantisation_stores_the_matrix() -> None:
    tally, _ = count({"a.dqweight": ("BF16", [1024, 4096]), **ROTATIONS}, quantization={"a": 1})
    assert (tally.total, tally.auxiliary) == (K_PROJ, 513)


def test_master_weights_beside_rotations_are_plain() -> None:
    tally, _ = count({"a.weight": ("BF16", [1024, 4096]), **ROTATIONS}, quantization={"a": 1})
    assert (tally.total, tally.auxiliary) == (K_PROJ, 513)


def test_scales_that_do_not_fit_make_no_count() -> None:
    tensors = {"a.qweight": ("U8", [1024, 2048]), "a.scales": ("U8", [1024, 99]), **ROTATIONS}
    tally, _ = count(tensors)
    assert (tally.total, tally.total_range) == (None, None)


@given(out=st.integers(1, 300), blocks=st.integers(1, 20), block=st.sampled_from([16, 32]))
def test_any_shape_comes_back(out: int, blocks: int, block: int) -> None:
    tensors = {
        "a.qweight": ("U8", [out, blocks * block // 2]),
        "a.scales": ("U8", [out, blocks]),
        **ROTATIONS,
    }
    assert count(tensors).tally.total == out * blocks * block

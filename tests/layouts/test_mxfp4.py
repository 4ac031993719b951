import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import count

# One layer of gpt-oss-120b: 128 experts of 2,880 wide, gate and up together 5,760.
GATE_UP = 128 * 5760 * 2880  # 2,123,366,400
DOWN = 128 * 2880 * 2880  # 1,061,683,200


@pytest.mark.parametrize(
    ("gate_up", "down", "blocks", "scales"),
    [
        ("model.layers.0.mlp.experts.gate_up_proj", "model.layers.0.mlp.experts.down_proj", *"__"),
        ("block.0.mlp.mlp1_weight", "block.0.mlp.mlp2_weight", *".."),  # the folder original/
    ],
)
def test_experts_of_gpt_oss(gate_up: str, down: str, blocks: str, scales: str) -> None:
    tally, _ = count(
        {
            f"{gate_up}{blocks}blocks": ("U8", [128, 5760, 90, 16]),
            f"{gate_up}{scales}scales": ("U8", [128, 5760, 90]),
            f"{down}{blocks}blocks": ("U8", [128, 2880, 90, 16]),
            f"{down}{scales}scales": ("U8", [128, 2880, 90]),
        },
        quantization={"quant_method": "mxfp4"},
    )
    assert tally.total == GATE_UP + DOWN
    assert tally.auxiliary == 128 * 90 * (5760 + 2880)


@pytest.mark.parametrize(
    ("blocks", "scales"),
    [([4, 8, 3, 8], [4, 8, 3]), ([4, 8, 3, 16], [4, 8]), ([4, 8, 3, 16], [4, 8, 4])],
)
def test_blocks_and_scales_that_do_not_fit_make_no_count(
    blocks: list[int], scales: list[int]
) -> None:
    tensors: Tensors = {"a_blocks": ("U8", blocks), "a_scales": ("U8", scales)}
    assert not count(tensors).tally.layouts


@given(lead=st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_any_shape_comes_back(lead: list[int]) -> None:
    tally, _ = count({"a_blocks": ("U8", [*lead, 16]), "a_scales": ("U8", lead)})
    truth = 32
    for size in lead:
        truth *= size
    assert tally.total == truth

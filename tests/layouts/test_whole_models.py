from collections.abc import Mapping
from math import prod
from typing import Any

import pytest

from auditor.core.active import Active, active_of
from auditor.core.config import read_config
from auditor.core.dtypes import DTYPES
from auditor.core.packing import Hints
from auditor.core.quantization import quantization_of
from auditor.core.role_rules import RULES
from auditor.core.roles import assign
from auditor.core.tally import Tally, tally
from auditor.core.tensors import Tensor
from auditor.core.ties import tied_copies
from auditor.layouts.recovery import recover
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

LLAMA = {"model_type": "llama", "tie_word_embeddings": False, "hidden_size": 4_096}


def counted(stored: Stored, config: Mapping[str, Any]) -> tuple[Tally, Active | None]:
    tensors = []
    for name, (dtype, shape) in stored.items():
        kind = DTYPES[dtype]
        elements = prod(shape)
        tensors.append(Tensor(name, kind, shape, elements, 0, kind.bytes_for(elements)))
    model = read_config(config)
    hints = Hints(quantization=quantization_of(config, {}), config=config)
    copies, _ = tied_copies(tensors, model, has_config=True)
    assignment = assign(tensors, model, {**copies, **recover(tensors, hints).marks}, RULES)
    found = tally(assignment)
    return found, active_of(tensors, assignment, found, config)


@pytest.mark.parametrize(
    ("stored", "quantization"),
    [
        (llama_3_1_8b(gptq), {"quant_method": "gptq", "bits": 4, "group_size": 128}),
        (llama_3_1_8b(gptq), {}),
        (llama_3_1_8b(awq), {"quant_method": "awq", "bits": 4, "group_size": 128}),
        (llama_3_1_8b(awq), {}),
        (llama_3_1_8b(nf4), {"quant_method": "bitsandbytes", "load_in_4bit": True}),
        (llama_3_1_8b(nf4), {}),
        (llama_3_1_8b(mlx, embeddings=mlx), {"bits": 4, "group_size": 64}),
    ],
    ids=["gptq", "gptq, no config", "awq", "awq, no config", "nf4", "nf4, no config", "mlx"],
)
def test_an_8b_has_its_8_030_261_248_parameters_in_every_packing(
    stored: Stored, quantization: Mapping[str, Any]
) -> None:
    config = {**LLAMA, "quantization_config": quantization} if quantization else LLAMA
    found, _ = counted(stored, config)
    assert found.total == 8_030_261_248
    assert found.trainable == 8_030_261_248


def test_what_is_not_quantised_is_counted_beside_the_packing() -> None:
    found, _ = counted(llama_3_1_8b(gptq), LLAMA)
    (layout,) = found.layouts
    packed = 32 * (2 * 4_096 * 4_096 + 2 * 1_024 * 4_096 + 3 * 14_336 * 4_096)
    assert layout.modules == 32 * 7
    assert layout.low == layout.high == packed == 6_979_321_856
    # Eight weights to an int32, and for each 128 of them a half float and four bits of zero point;
    # an index for each input. 4.16 bits each, as in the papers' "4-bit, groups of 128".
    assert layout.bits_per_weight is not None
    assert round(float(layout.bits_per_weight), 2) == 4.16


def test_gpt_oss_20b_has_20_914_757_184_parameters_and_3_6_billion_active() -> None:
    found, active = counted(gpt_oss_20b(), GPT_OSS_CONFIG)
    assert found.total == 20_914_757_184
    assert active is not None
    # "3.6B active" is without the input embedding of 201,088 x 2,880.
    assert [count.value for count in active.counts] == [4_187_440_704, 3_608_307_264, 3_029_173_824]


def test_deepseek_v3_with_its_module_beside_has_684_489_830_400_weights() -> None:
    found, active = counted(deepseek_v3(), DEEPSEEK_CONFIG)
    # The Hub's 684,531,386,000 less 41,540,496 block scales and 59 x 256 corrections of the router.
    assert found.total == 684_531_386_000 - 41_540_496 - 59 * 256 == 684_489_830_400
    assert found.auxiliary == 41_540_496
    assert found.buffers == 59 * 256
    beside = sum(group.amount.low for group in found.groups if group.mtp)
    copies = 2 * 129_280 * 7_168
    assert beside == 11_610_067_968 + copies  # README_WEIGHTS.md: "11.5B unique", and the copies
    assert active is not None
    assert active.high == 37_552_282_624  # "37B activated"; the module beside is left out


def test_the_copies_in_the_module_beside_are_named() -> None:
    found, _ = counted(deepseek_v3(), DEEPSEEK_CONFIG)
    named = {group.name: group.count for group in found.groups if group.mtp}
    assert named["copy of the embedding"] == 129_280 * 7_168
    assert named["copy of the head"] == 129_280 * 7_168

"""Whatever a file stores under the names of a packing, every layout answers, and within bounds."""

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.dtypes import DTYPES
from auditor.core.packing import Hints, Module
from auditor.core.protocols import Layout
from auditor.core.tensors import Tensor
from auditor.layouts import LAYOUTS

SIDES = st.one_of(st.integers(0, 4), st.sampled_from([8, 16, 32, 64, 128, 4096, 1 << 40]))
SHAPES = st.lists(SIDES, max_size=4).map(tuple)
DTYPE_NAMES = st.sampled_from(["U8", "I8", "I16", "I32", "U32", "I64", "F16", "F8_E4M3", "F8_E8M0"])
KEYS = st.sampled_from(
    """bits group_size mode quant_method config_for_layers quantization p vector_lens quant_config
    weight_quant_params nbits hidden_size text_config num_attention_heads in_features out_features
    config_groups weights num_bits""".split()
)
LEAVES: st.SearchStrategy[object] = st.sampled_from(
    [None, True, -1, 0, 4, 64, 1 << 80, 0.5, "4", "bitnet", [], [1, 8], {}]
)
CONFIGS = st.dictionaries(KEYS, LEAVES | st.dictionaries(KEYS, LEAVES, max_size=3), max_size=4)


def modules(layout: Layout) -> st.SearchStrategy[Module]:
    stored = st.dictionaries(
        st.sampled_from([*layout.suffixes, "bias"]), st.tuples(DTYPE_NAMES, SHAPES), max_size=8
    )
    return stored.map(
        lambda tensors: Module(
            prefix="p.",
            tensors={
                suffix: Tensor(f"p.{suffix}", DTYPES[dtype], shape, prod(shape), 0, 0)
                for suffix, (dtype, shape) in tensors.items()
            },
        )
    )


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@given(st.data())
@settings(max_examples=30)  # of each of the layouts
def test_every_layout_answers(layout: Layout, data: st.DataObject) -> None:
    module = data.draw(modules(layout))
    hints = Hints(quantization=data.draw(CONFIGS), config=data.draw(CONFIGS))
    found = layout.recover(module, hints)
    if found is not None:
        assert set(found.weights) <= set(module.tensors)
        assert all(0 <= packed.low <= packed.high for packed in found.weights.values())
        assert all(found.weights.keys().isdisjoint({suffix}) for suffix in found.bookkeeping)

"""The table of dtypes, held against the safetensors library and its own laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.dtypes import DTYPES, Dtype, Kind
from strategies import DTYPES_OF_FILES

dtypes = st.sampled_from(tuple(DTYPES.values()))


def test_the_table_has_the_bits_of_the_safetensors_format() -> None:
    # safetensors/src/tensor.rs, Dtype::bitsize, of version 0.8
    bits = {
        "F4": 4,
        **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
        **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
        **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
        **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
        **dict.fromkeys(("I32", "U32", "F32"), 32),
        **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
    }
    assert {
        dtype.name: 8 * dtype.block_bytes / dtype.block_elements for dtype in DTYPES_OF_FILES
    } == bits


def test_each_row_is_found_under_its_own_name_and_says_its_source() -> None:
    assert all(name == dtype.name and dtype.source for name, dtype in DTYPES.items())


def test_only_numbers_with_a_fraction_can_be_trained() -> None:
    assert {dtype.kind for dtype in DTYPES.values() if dtype.trainable} == {
        Kind.FLOAT,
        Kind.COMPLEX,
    }
    assert not DTYPES["F8_E8M0"].trainable  # an exponent alone


def test_four_and_six_bit_numbers_fill_whole_bytes_or_are_refused() -> None:
    assert DTYPES["F4"].bytes_for(6) == 3
    assert DTYPES["F6_E2M3"].bytes_for(4) == 3
    with pytest.raises(ValueError, match="1,001 elements of F4 do not fill whole bytes"):
        DTYPES["F4"].bytes_for(1_001)
    with pytest.raises(ValueError, match="F6_E3M2"):
        DTYPES["F6_E3M2"].bytes_for(2)


def test_a_dtype_is_equal_to_itself_alone() -> None:
    twin = Dtype(
        name="F32",
        kind=Kind.FLOAT,
        block_elements=1,
        block_bytes=4,
        source=DTYPES["F32"].source,
    )
    assert twin != DTYPES["F32"]


@given(dtypes, st.integers(0, 1 << 60), st.integers(0, 1 << 60))
def test_bytes_of_whole_blocks_add_up(dtype: Dtype, left: int, right: int) -> None:
    left, right = left * dtype.block_elements, right * dtype.block_elements
    assert dtype.bytes_for(left + right) == dtype.bytes_for(left) + dtype.bytes_for(right)


@given(dtypes, st.integers(0, 1 << 60))
def test_a_block_fills_its_bytes(dtype: Dtype, blocks: int) -> None:
    assert dtype.bytes_for(blocks * dtype.block_elements) == blocks * dtype.block_bytes

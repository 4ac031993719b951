import pytest
from hypothesis import given
from hypothesis import strategies as st

from packings import K_PROJ, Q_PROJ, count


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "little", signed=True) for value in values)


@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "I8"])
def test_two_of_four_weights_are_kept_and_all_are_counted(
    out: int, parameters: int, dtype: str
) -> None:
    tally, _ = count(
        {
            "q_proj.compressed": (dtype, [out, 2048]),
            "q_proj.bitmask": ("U8", [out, 512]),
            "q_proj.shape": ("I64", [2, 1]),
            "q_proj.weight_scale": ("BF16", [out, 1]),
        },
        quantization={"quant_method": "compressed-tensors"},
    )
    assert tally.total == parameters
    assert tally.auxiliary == out * 512 + 2 + out


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_marlins_tiles_of_two_of_four(out: int, parameters: int, bits: int) -> None:
    tally, _ = count(
        {
            "q_proj.weight_packed": ("I32", [128, out * bits // 2]),
            "q_proj.scale_packed": ("F16", [32, out]),
            "q_proj.meta": ("I16", [128, 2 * out]),
        },
        quantization={"quant_method": "compressed-tensors", "format": "marlin-24"},
    )
    assert tally.total == parameters
    assert tally.auxiliary == 32 * out + 256 * out


def test_tiles_that_do_not_fit_make_no_count() -> None:
    tally, _ = count(
        {
            "a.weight_packed": ("I32", [128, 2048]),
            "a.scale_packed": ("F16", [32, 1000]),
            "a.meta": ("I16", [128, 2048]),
        }
    )
    assert tally.total is None


def test_a_mask_over_any_weights_gives_the_width_up_to_a_byte_and_the_shape_settles_it() -> None:
    tensors = {
        "a.weight": ("BF16", [4, 4]),
        "b.compressed": ("BF16", [100]),
        "b.bitmask": ("U8", [10, 3]),  # 17 to 24 wide
        "b.row_offsets": ("I64", [10]),
        "b.shape": ("I64", [2]),
    }
    found = count(tensors)
    assert found.span == (16 + 170, 16 + 240)
    assert found.recovery.wanted == ("b.shape",)
    assert count(tensors, contents={"b.shape": numbers(10, 20)}).tally.total == 216
    assert count(tensors, contents={"b.shape": numbers(10, 25)}).tally.total is None


def test_as_many_as_are_kept_are_there() -> None:
    tensors = {"b.compressed": ("BF16", [200]), "b.bitmask": ("U8", [10, 3])}
    assert count(tensors).span == (200, 240)


@given(out=st.integers(1, 50), width=st.integers(1, 90), data=st.data())
def test_any_shape_lies_in_the_range(out: int, width: int, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, out * width))
    tensors = {"a.compressed": ("F32", [kept]), "a.bitmask": ("U8", [out, -(-width // 8)])}
    low, high = count(tensors).span
    assert low <= out * width <= high


@given(out=st.integers(1, 50), quads=st.integers(1, 40))
def test_any_shape_of_two_of_four_comes_back(out: int, quads: int) -> None:
    width = 4 * quads
    tensors = {
        "a.compressed": ("F32", [out, width // 2]),
        "a.bitmask": ("U8", [out, -(-width // 8)]),
    }
    low, high = count(tensors).span
    assert low == high == out * width

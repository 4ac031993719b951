from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import K_PROJ, count


def stored(out: int, width: int, block: int) -> Tensors:
    """What the packer pads to: 128 rows, and four blocks."""
    rows = -(-out // 128) * 128
    columns = -(-width // (4 * block)) * 4 * block
    return {
        "a.quantized_weight_values": ("U8", [rows, columns // 2]),
        "a.quantized_weight_scale_factors": (
            "F8_E4M3" if block == 16 else "F8_E8M0",
            [rows * columns // block],
        ),
        "a.quantized_weight_amax": ("F32", [1]),
        "a.quantized_weight_metadata": ("I64", [6]),
    }


def metadata(*values: int) -> dict[str, bytes]:
    content = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    return {"a.quantized_weight_metadata": content}


def test_the_metadata_gives_the_shape() -> None:
    contents = metadata(1024, 4096, 1024, 4096, 1, 1)
    tally, _ = count(stored(1024, 4096, 16), contents=contents)
    assert tally.total == K_PROJ
    assert tally.auxiliary == K_PROJ // 16 + 7


def test_without_it_the_shape_is_known_up_to_a_tile() -> None:
    found = count(stored(1000, 4090, 16))
    assert found.span == (897 * 4033, 1024 * 4096)
    assert found.recovery.wanted == ("a.quantized_weight_metadata",)


def test_a_shape_that_does_not_fit_the_tiles_is_not_believed() -> None:
    contents = metadata(1, 1, 1024, 4096, 1, 1)
    assert count(stored(1024, 4096, 16), contents=contents).tally.total is None


@given(
    out=st.integers(1, 300),
    width=st.integers(1, 300),
    block=st.sampled_from([16, 32]),
    told=st.booleans(),
)
def test_any_shape_lies_in_the_range(out: int, width: int, block: int, told: object) -> None:
    contents = metadata(out, width, 0, 0, 1, 1) if told else {}
    low, high = count(stored(out, width, block), contents=contents).span
    assert low <= out * width <= high
    assert not told or low == high

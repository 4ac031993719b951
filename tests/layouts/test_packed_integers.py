from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors, read
from packings import K_PROJ, Q_PROJ, Counted, count


def scheme(bits: int, group_size: int | None = None, **more: Any) -> dict[str, Any]:
    weights = {"num_bits": bits, "type": "int", "group_size": group_size, "symmetric": True}
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        **more,
    }


def dense_words(width: int, bits: int) -> int:
    """Since 0.17: a number may cross from one word to the next."""
    return -(-width * bits // 32)


def padded_words(width: int, bits: int) -> int:
    """Before 0.17: as many whole numbers as fit in a word."""
    return -(-width // (32 // bits))


def packed(out: int, words: int, groups: int, name: str = "a") -> Tensors:
    return {
        f"{name}.weight_packed": ("I32", [out, words]),
        f"{name}.weight_scale": ("BF16", [out, groups]),
        f"{name}.weight_shape": ("I64", [2]),
    }


def counted(stored: Tensors, quantization: Mapping[str, Any], **more: Any) -> Counted:
    return count(stored, quantization=quantization, **more)


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "little", signed=True) for value in values)


@pytest.mark.parametrize(("out", "parameters"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_int4_in_groups_of_128(out: int, parameters: int) -> None:
    tally, _ = counted(packed(out, 512, 32), scheme(4, 128))  # 512 words of 8; 32 groups of 128
    assert tally.total == parameters
    assert tally.auxiliary == out * 32 + 2
    assert tally.layouts[0].bits_per_weight is not None


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("words", [dense_words, padded_words])
def test_whole_groups_settle_the_width_before_and_after_the_change_of_packing(
    bits: int, words: Any
) -> None:
    stored = packed(1024, words(4096, bits), 32)
    tally, recovery = counted(stored, scheme(bits, 128))
    assert tally.total == K_PROJ
    assert recovery.wanted == ()


def test_three_bits_take_384_words_densely_and_410_padded() -> None:
    assert (dense_words(4096, 3), padded_words(4096, 3)) == (384, 410)


def test_scales_by_row_leave_the_width_open_up_to_a_word_and_ask_for_the_shape() -> None:
    stored = packed(1024, 512, 1)
    found = counted(stored, scheme(4))
    assert found.span == (1024 * 4089, 1024 * 4096)
    assert found.recovery.wanted == ("a.weight_shape",)


def test_the_bytes_of_the_shape_settle_it() -> None:
    contents = {"a.weight_shape": numbers(1024, 4090)}
    assert counted(packed(1024, 512, 1), scheme(4), contents=contents).tally.total == 1024 * 4090


@pytest.mark.parametrize(
    "content",
    [
        numbers(1024, 5000),  # no such width fills 512 words
        numbers(4096, 1024),
        numbers(-1024, -4096),
        numbers(1 << 62, 4096),
        numbers(1024, 4096)[:-1],
        b"",
    ],
)
def test_a_shape_that_does_not_fit_the_rows_never_makes_an_exact_count(content: bytes) -> None:
    found = counted(packed(1024, 512, 1), scheme(4), contents={"a.weight_shape": content})
    assert found.tally.total is None
    low, high = found.span
    assert low <= K_PROJ <= high


def test_a_shape_that_contradicts_the_config_makes_a_range() -> None:
    contents = {"a.weight_shape": numbers(1024, 5000)}
    assert counted(packed(1024, 512, 32), scheme(4, 128), contents=contents).tally.total is None


def test_a_width_of_the_config_settles_what_a_word_leaves_open() -> None:
    config = {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14_336}
    assert counted(packed(1024, 512, 1), scheme(4), config=config).tally.total == K_PROJ


def test_the_order_of_columns_gives_the_width() -> None:
    stored = {**packed(1024, 512, 32), "a.weight_g_idx": ("I32", [4096])}
    tally, _ = counted(stored, {})
    assert tally.total == K_PROJ
    assert tally.auxiliary == 1024 * 32 + 2 + 4096


def test_zero_points_tell_the_bits_where_the_config_is_silent() -> None:
    # 1024 rows of 4 bits are 128 words, densely or not.
    stored = {**packed(1024, 512, 32), "a.weight_zero_point": ("I32", [128, 32])}
    assert counted(stored, {}).tally.total == K_PROJ


def test_each_layer_has_the_scheme_that_fits_it() -> None:
    quantization = scheme(4, 128)
    quantization["config_groups"]["group_1"] = {"weights": {"num_bits": 8, "group_size": 128}}
    stored = {**packed(1024, 512, 32, "a"), **packed(1024, 1024, 32, "b")}
    assert counted(stored, quantization).tally.total == 2 * K_PROJ


def test_experts_in_one_tensor() -> None:
    stored: Tensors = {
        "experts.weight_packed": ("I32", [8, 1024, 512]),
        "experts.weight_scale": ("BF16", [8, 1024, 32]),
        "experts.weight_shape": ("I64", [3]),
    }
    assert counted(stored, scheme(4, 128)).tally.total == 8 * K_PROJ
    contents = {"experts.weight_shape": numbers(8, 1024, 4096)}
    assert counted(stored, {}, contents=contents).tally.total == 8 * K_PROJ


@pytest.mark.parametrize("groups", [{"weights": 4}, {"weights": {"num_bits": True}}, [], None, "x"])
def test_a_hostile_config_is_as_good_as_none(groups: object) -> None:
    quantization = {"quant_method": "compressed-tensors", "config_groups": {"a": groups}}
    low, high = counted(packed(1024, 512, 32), quantization).span
    assert low <= K_PROJ <= high


@pytest.mark.parametrize("shape", [[0, 512], [1024, 0], [512], []])
def test_nothing_is_made_of_empty_or_flat_words(shape: list[int]) -> None:
    tally, _ = counted({"a.weight_packed": ("I32", shape)}, scheme(4, 128))
    assert not tally.layouts


@given(
    out=st.integers(1, 70),
    width=st.integers(1, 400),
    bits=st.integers(1, 8),
    words=st.sampled_from([dense_words, padded_words]),
    group=st.sampled_from([0, 8, 16, 32, 128]),
    told=st.sets(st.sampled_from(["config", "shape", "g_idx", "zero"])),
)
def test_any_shape_at_any_width_comes_back_or_lies_in_the_range(  # noqa: PLR0917 - what hypothesis draws
    out: int, width: int, bits: int, words: Any, group: int, told: set[str]
) -> None:
    if group and width > group:
        width -= width % group  # the packer refuses what is no whole number of groups
    groups = -(-width // group) if group else 1
    stored: dict[str, Any] = dict(packed(out, words(width, bits), groups))
    contents = {"a.weight_shape": numbers(out, width)} if "shape" in told else {}
    if "g_idx" in told:
        stored["a.weight_g_idx"] = ("I32", [width])
    if "zero" in told:
        stored["a.weight_zero_point"] = ("I32", [words(out, bits), groups])
    quantization = scheme(bits, group or None) if "config" in told else {}
    found = counted(stored, quantization, contents=contents)
    assert found.span[0] <= out * width <= found.span[1]
    if told & {"shape", "g_idx"}:
        assert found.tally.total == out * width


# -- what the packer itself writes


@pytest.mark.packers
@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize(("group_size", "width"), [(32, 96), (None, 97)])
def test_layers_that_compressed_tensors_packs(
    bits: int, group_size: int | None, width: int, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    compressors = pytest.importorskip("compressed_tensors.compressors")
    quantization_ = pytest.importorskip("compressed_tensors.quantization")
    save_file = pytest.importorskip("safetensors.torch").save_file
    args = quantization_.QuantizationArgs(
        num_bits=bits, group_size=group_size, strategy="group" if group_size else "channel"
    )
    groups = width // group_size if group_size else 1
    stored = compressors.BaseCompressor.get_value_from_registry("pack-quantized").compress(
        {"weight": torch.randn(48, width), "weight_scale": torch.full((48, groups), 0.1)},
        quantization_.QuantizationScheme(targets=["Linear"], weights=args),
    )
    path = tmp_path / "model.safetensors"
    save_file({f"a.{key}": value.contiguous() for key, value in stored.items()}, path)
    header = {t.name: (t.dtype.name, t.shape) for t in read(path.read_bytes()).tensors}
    quantization = scheme(bits, group_size)
    found = counted(header, quantization)
    assert found.span[0] <= 48 * width <= found.span[1]
    assert found.tally.total == 48 * width or not group_size
    contents = {"a.weight_shape": stored["weight_shape"].numpy().tobytes()}
    assert counted(header, quantization, contents=contents).tally.total == 48 * width


def test_only_a_few_helpers_are_asked_for() -> None:
    stored: dict[str, Any] = {}
    for number in range(1, 60):
        stored |= packed(number, 512 + number, 1, f"m{number}x")
    assert 0 < len(counted(stored, scheme(4)).recovery.wanted) <= 16

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Tensors
from packings import K_PROJ, Q_PROJ, count, under

STORAGE = {"U8": 1, "I8": 1, "F16": 2, "BF16": 2, "F32": 4, "F64": 8}
STATE = "weight.quant_state.bitsandbytes__nf4"


def four_bit(
    weights: int, dtype: str = "U8", *, nested: bool = True, state: bool = True
) -> Tensors:
    """Linear4bit's tensors for a matrix of `weights` numbers."""
    blocks = -(-weights // 64)
    made: dict[str, tuple[str, list[int]]] = {
        "weight": (dtype, [(weights + 1) // (2 * STORAGE[dtype]), 1]),
        "weight.absmax": ("U8" if nested else "F32", [blocks]),
        "weight.quant_map": ("F32", [16]),
    }
    if nested:
        made["weight.nested_absmax"] = ("F32", [-(-blocks // 256)])
        made["weight.nested_quant_map"] = ("F32", [256])
    return made | {STATE: ("U8", [90])} if state else made


def state_of(*shape: object) -> bytes:
    return json.dumps({"quant_type": "nf4", "blocksize": 64, "shape": shape}).encode()


def test_two_weights_to_a_byte_with_double_quantisation() -> None:
    stored: Tensors = {
        "q_proj.weight": ("U8", [8388608, 1]),
        "q_proj.weight.absmax": ("U8", [262144]),
        "q_proj.weight.quant_map": ("F32", [16]),
        "q_proj.weight.nested_absmax": ("F32", [1024]),
        "q_proj.weight.nested_quant_map": ("F32", [256]),
    }
    tally = count(stored).tally
    assert tally.total == Q_PROJ
    assert tally.stored.elements == 8_652_048
    (layout,) = tally.layouts
    assert layout.name == "bitsandbytes 4-bit"
    assert layout.stored_bytes == 8_655_936  # 4.127 bits for each weight


@pytest.mark.parametrize("dtype", list(STORAGE))
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize(("weights", "shape"), [(Q_PROJ, (4096, 4096)), (K_PROJ, (1024, 4096))])
def test_every_storage_gives_the_layer(
    weights: int, shape: tuple[int, int], dtype: str, *, nested: bool
) -> None:
    stored = under("q", four_bit(weights, dtype, nested=nested))
    assert count(stored, contents={f"q.{STATE}": state_of(*shape)}).tally.total == weights
    assert count(stored, config={"hidden_size": 4096}).tally.total == weights
    without = under("q", four_bit(weights, dtype, nested=nested, state=False))
    assert count(without).tally.total == weights


def test_floats_that_hold_packed_bytes_are_not_taken_for_parameters() -> None:
    stored: Tensors = {
        "q.weight": ("BF16", [4194304, 1]),
        "q.weight.absmax": ("F32", [262144]),
        "q.weight.quant_map": ("F32", [16]),
    }
    assert count(stored).tally.total == Q_PROJ


def test_an_odd_number_looks_like_the_even_one_until_the_quant_state_is_read() -> None:
    # 7 x 9 = 63 and 8 x 8 = 64 both fill 32 bytes and one block
    stored = under("m", four_bit(63))
    counted = count(stored)
    assert counted.span == (63, 64)
    assert counted.recovery.wanted == (f"m.{STATE}",)
    assert count(stored, contents={f"m.{STATE}": state_of(7, 9)}).tally.total == 63
    assert count(stored, contents={f"m.{STATE}": state_of(8, 8)}).tally.total == 64
    assert count(dict(stored) | {"m.bias": ("F32", [7])}).tally.total == 63 + 7


def test_4095_times_4097_is_not_rounded_to_a_power_of_two() -> None:
    stored = under("m", four_bit(4095 * 4097))
    assert count(stored).span == (Q_PROJ - 1, Q_PROJ)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 90,
        b"[" * 90,
        b'{"shape": [7, 9.0]}',
        b'{"shape": [true, 63]}',
        b'{"shape": []}',
        b'{"shape": [-7, -9]}',
        b'{"shape": "7, 9"}',
        b'{"shape": [7, 9]}' + b" " * 5_000,
        b'{"shape": [1000, 1000]}',
        b'{"shape": [1' + b"0" * 4_000 + b"]}",
    ],
)
def test_a_quant_state_that_makes_no_sense_leaves_a_range(content: bytes) -> None:
    stored = under("m", four_bit(63))
    counted = count(stored, contents={f"m.{STATE}": content})
    assert counted.span == (63, 64)


def test_of_modules_stored_alike_one_quant_state_is_asked_for() -> None:
    stored: dict[str, Any] = {}
    for number in range(40):
        stored |= under(f"blocks.{number}.q", four_bit(6400))
        stored |= under(f"blocks.{number}.up", four_bit(12_800))
        stored[f"blocks.{number}.q.{STATE}"] = ("U8", [90 + number % 7])  # digits of an offset
    wanted = count(stored).recovery.wanted
    assert len(wanted) == 2
    contents = {name: state_of(80, 160) if ".up." in name else state_of(80, 80) for name in wanted}
    assert count(stored, contents=contents).tally.total == 40 * (6400 + 12_800)


@pytest.mark.parametrize("blocks", [1, 999_999])
def test_blocks_that_do_not_fit_the_bytes_give_a_range_with_both_readings(blocks: int) -> None:
    stored = dict(under("m", four_bit(6400, "BF16"))) | {"m.weight.absmax": ("U8", [blocks])}
    low, high = count(stored).span
    assert low <= 1600  # as many floats
    assert high >= 6400


def test_experts_in_one_tensor_have_the_names_after_their_own() -> None:
    experts = 8 * 4096 * 64
    stored = {
        f"mlp.experts.gate_up_proj{suffix.removeprefix('weight')}": tensor
        for suffix, tensor in four_bit(experts).items()
    }
    counted = count(stored, config={"hidden_size": 64})
    assert counted.tally.total == experts
    assert counted.tally.auxiliary == counted.tally.stored.elements - experts // 2


@given(
    out=st.integers(1, 300),
    inputs=st.integers(1, 300),
    dtype=st.sampled_from(list(STORAGE)),
    nested=st.booleans(),
    told=st.booleans(),
)
def test_any_shape_is_recovered_or_lies_in_the_range(
    out: int, inputs: int, dtype: str, *, nested: bool, told: bool
) -> None:
    weights = out * inputs
    if not (weights + 1) // (2 * STORAGE[dtype]):
        return  # nothing is stored
    stored = under("m", four_bit(weights, dtype, nested=nested))
    contents = {f"m.{STATE}": state_of(out, inputs)} if told else None
    low, high = count(stored, contents=contents).span
    assert low <= weights <= high
    assert low == high or not told


# -- eight bits


def eight_bit(out: int, inputs: int) -> Tensors:
    return {"weight": ("I8", [out, inputs]), "SCB": ("F32", [out]), "weight_format": ("U8", [])}


@pytest.mark.parametrize(("out", "total"), [(4096, Q_PROJ), (1024, K_PROJ)])
def test_an_int8_element_is_a_weight(out: int, total: int) -> None:
    tally = count(under("q_proj", eight_bit(out, 4096))).tally
    assert tally.total == total
    assert tally.auxiliary == out + 1


def test_old_files_without_a_weight_format() -> None:
    stored = dict(eight_bit(1024, 4096))
    del stored["weight_format"]
    assert count(under("k_proj", stored)).tally.total == K_PROJ


def test_old_tiles_with_rows_too_many_give_a_range() -> None:
    stored = dict(eight_bit(1024, 4096)) | {"SCB": ("F32", [1020])}
    low, high = count(under("k_proj", stored)).span
    assert (low, high) == (1020 * 4065, 1020 * 4096)


def test_scales_of_other_rows_leave_the_count_unknown() -> None:
    stored = dict(eight_bit(1024, 4096)) | {"SCB": ("F32", [17])}
    assert count(under("k_proj", stored)).tally.total is None


def test_a_plain_layer_beside_a_packed_one_keeps_its_weights() -> None:
    stored = dict(under("q_proj", eight_bit(64, 64))) | {
        "lm_head.weight": ("BF16", [100, 64]),
        "q_proj.bias": ("F16", [64]),
    }
    assert count(stored).tally.total == 64 * 64 + 100 * 64 + 64


# -- an 8B whole


def test_a_whole_llama_3_8b_in_nf4() -> None:
    stored: dict[str, Any] = {
        "model.embed_tokens.weight": ("BF16", [128256, 4096]),
        "lm_head.weight": ("BF16", [128256, 4096]),
        "model.norm.weight": ("BF16", [4096]),
    }
    for number in range(32):
        layer = f"model.layers.{number}"
        stored[f"{layer}.input_layernorm.weight"] = ("BF16", [4096])
        stored[f"{layer}.post_attention_layernorm.weight"] = ("BF16", [4096])
        for module, weights in (
            ("self_attn.q_proj", Q_PROJ),
            ("self_attn.k_proj", K_PROJ),
            ("self_attn.v_proj", K_PROJ),
            ("self_attn.o_proj", Q_PROJ),
            ("mlp.gate_proj", 14336 * 4096),
            ("mlp.up_proj", 14336 * 4096),
            ("mlp.down_proj", 4096 * 14336),
        ):
            stored |= under(f"{layer}.{module}", four_bit(weights))
    config = {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336}
    counted = count(stored, config=config)
    assert counted.tally.total == 8_030_261_248
    assert not counted.recovery.wanted


# -- the real packer


@pytest.mark.packers
@pytest.mark.parametrize("quant_type", ["nf4", "fp4"])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("storage", ["uint8", "bfloat16", "float16", "float32", "int8", "float64"])
@pytest.mark.parametrize(("out", "inputs"), [(64, 128), (24, 64), (7, 9), (33, 31)])
def test_what_bitsandbytes_packs_is_counted(
    tmp_path: Any, quant_type: str, storage: str, out: int, inputs: int, *, nested: bool
) -> None:
    torch = pytest.importorskip("torch")
    nn = pytest.importorskip("bitsandbytes").nn
    from safetensors.torch import save_file  # noqa: PLC0415

    from builders import read  # noqa: PLC0415

    layer = nn.Linear4bit(
        inputs,
        out,
        bias=False,
        compress_statistics=nested,
        quant_type=quant_type,
        quant_storage=getattr(torch, storage),
    ).to("cpu")
    path = tmp_path / "layer.safetensors"
    save_file({f"m.{k}": v.contiguous() for k, v in layer.state_dict().items()}, path)
    data = path.read_bytes()
    header = read(data)
    stored = {t.name: (t.dtype.name, list(t.shape)) for t in header.tensors}
    first = count(stored)
    assert first.span[0] <= out * inputs <= first.span[1]
    begin = 8 + int.from_bytes(data[:8], "little")
    contents = {
        t.name: data[begin + t.begin : begin + t.end]
        for t in header.tensors
        if t.name in first.recovery.wanted
    }
    assert count(stored, contents=contents).tally.total == out * inputs


@pytest.mark.packers
def test_what_bitsandbytes_packs_to_int8_is_counted() -> None:
    pytest.importorskip("torch")
    nn = pytest.importorskip("bitsandbytes").nn
    names = {"torch.int8": "I8", "torch.float32": "F32", "torch.uint8": "U8"}
    layer = nn.Linear8bitLt(64, 24, has_fp16_weights=False).to("cpu")
    stored = {f"m.{k}": (names[str(v.dtype)], list(v.shape)) for k, v in layer.state_dict().items()}
    assert stored.keys() == {"m.weight", "m.bias", "m.SCB", "m.weight_format"}
    assert count(stored).tally.total == 24 * 64 + 24

"""What a GGUF header says is read as it stands there, in few reads and without the vocabulary."""

import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.config import ModelConfig
from auditor.core.dtypes import DTYPES, Kind
from auditor.core.role_rules import RULES
from auditor.core.roles import assign
from auditor.core.tally import tally
from auditor.core.tensors import Span
from auditor.core.weight_files import format_of
from auditor.formats import FORMATS
from auditor.formats.gguf import FIRST_READ_BYTES, LATER_READ_BYTES, read_header
from builders import drive
from gguf_files import TYPES, Gguf, Keys, Number, Stored, Tensors, Zeros, read

GGUF = Gguf()
ONE: Tensors = {"a": ("F32", (2, 3))}
MODEL: Tensors = {
    "token_embd.weight": ("Q4_K", (32_000, 4_096)),
    "blk.0.attn_norm.weight": ("F32", (4_096,)),
    "blk.0.ffn_down.weight": ("Q6_K", (4_096, 14_336)),
}


def words(count: int, *, first: float = 3.0, growth: float = 4.3) -> list[str]:
    """Strings as long as the tokens of a large vocabulary: the later ones longer."""
    chance = random.Random(count)  # noqa: S311 - no secret
    mean = (first + growth * (at / count) ** 0.3 for at in range(count))
    return ["x" * max(1, round(chance.gauss(each, 2.0))) for each in mean]


# -- what is asked for


def test_a_small_file_is_read_whole_in_one_read() -> None:
    data = GGUF.file(ONE)
    assert drive(read_header("a.gguf", len(data)), data).spans == (Span(0, len(data)),)


def test_a_large_file_with_a_short_header_is_read_once_and_not_further() -> None:
    head, size_bytes = GGUF.head(MODEL)
    assert drive(read_header("a.gguf", size_bytes), head).spans == (Span(0, FIRST_READ_BYTES),)


def test_the_vocabulary_of_250_000_tokens_takes_few_reads_of_little_more_than_its_strings() -> None:
    keys: Keys = {
        "general.architecture": "llama",
        "tokenizer.ggml.tokens": words(250_000),
        "tokenizer.ggml.token_type": Zeros(5, 250_000),
        "tokenizer.ggml.merges": words(250_000, first=4.5, growth=5.0),
        "llama.block_count": 2,
    }
    head, size_bytes = GGUF.head(MODEL, keys)
    header, spans = drive(read_header("a.gguf", size_bytes), head)
    asked = sum(span.length for span in spans)
    needed = len(head) - 4 * 250_000  # the token types are numbers and jumped over
    assert len(spans) <= 5
    assert needed < asked < needed + needed // 4
    assert header.metadata["llama.block_count"] == "2"
    assert header.metadata["length(tokenizer.ggml.tokens)"] == "250000"
    assert len(header.tensors) == 3


def test_arrays_of_numbers_and_long_texts_are_jumped_over_and_never_asked_for() -> None:
    keys: Keys = {
        "numbers": Zeros(12, 1_000_000),  # 8,000,000 bytes
        "text": "x" * 5_000_000,
        "last": 7,
    }
    data = GGUF.file(ONE, keys)
    header, spans = drive(read_header("a.gguf", len(data)), data)
    assert header.metadata == {"length(numbers)": "1000000", "last": "7"}
    assert [span.length for span in spans[:1]] == [FIRST_READ_BYTES]
    assert sum(span.length for span in spans) < 3 * FIRST_READ_BYTES
    asked = [n for span in spans for n in (span.begin, span.end)]
    assert asked == sorted(asked)
    assert asked[2] > 8_000_000


@pytest.mark.parametrize(
    ("path", "first_read"),
    [
        ("model-Q4_K_M-00001-of-00003.gguf", FIRST_READ_BYTES),
        ("Q4/model-Q4_K_M-00002-of-00003.gguf", LATER_READ_BYTES),
        ("model-00011-of-00012.GGUF", LATER_READ_BYTES),
        ("model-00002-of-00003-Q4_K_M.gguf", FIRST_READ_BYTES),
    ],
)
def test_numbered_files_but_the_first_have_no_vocabulary_to_ask_for(
    path: str, first_read: int
) -> None:
    assert next(read_header(path, 10**9)) == Span(0, first_read)


def test_more_tensors_than_the_first_read_holds_are_asked_for_at_once() -> None:
    names = [f"blk.{at // 10}.ffn_{at % 10}_{'x' * 20}.weight" for at in range(20_000)]
    head, size_bytes = GGUF.head(dict.fromkeys(names, ("F32", (8,))))
    assert len(head) > FIRST_READ_BYTES
    header, spans = drive(read_header("a.gguf", size_bytes), head)
    assert [tensor.name for tensor in header.tensors] == names
    assert len(spans) == 2


# -- what is read


def test_the_tensors_of_a_model_are_read_with_torchs_shapes() -> None:
    head, size_bytes = GGUF.head(MODEL)
    header = read(head, size_bytes)
    table, norm, down = header.tensors
    assert (table.name, table.dtype, table.shape) == (
        "token_embd.weight",
        DTYPES["Q4_K"],
        (32_000, 4_096),
    )
    assert table.elements == 131_072_000
    assert (table.begin, table.end) == (0, 73_728_000)  # 131,072,000 / 256 x 144
    assert (norm.begin, norm.end) == (73_728_000, 73_744_384)  # 4,096 x 4 more
    assert down.shape == (4_096, 14_336)
    assert down.stored_bytes == 48_168_960  # 4,096 x 14,336 / 256 x 210
    assert header.data_begin == len(head)
    assert (header.format, header.warnings, header.gaps) == ("GGUF", (), ())


@pytest.mark.parametrize("name", TYPES)
def test_every_type_of_ggml_is_read(name: str) -> None:
    _, block_elements, block_bytes = TYPES[name]
    (tensor,) = read(GGUF.file({"a": (name, (3, 512))})).tensors
    assert (tensor.dtype, tensor.elements) == (DTYPES[name], 1_536)
    assert tensor.stored_bytes == 1_536 // block_elements * block_bytes


def test_a_scalar_and_an_empty_tensor_are_read() -> None:
    scalar, empty, last = read(
        GGUF.file({"a": ("F32", ()), "b": ("Q8_0", (0, 32)), "c": ("F16", (1,))})
    ).tensors
    assert (scalar.shape, scalar.elements, scalar.stored_bytes) == ((), 1, 4)
    assert (empty.shape, empty.elements, empty.stored_bytes) == ((0, 32), 0, 0)
    assert last.begin == 32


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_all_versions_in_both_byte_orders_say_the_same(version: int, order: str) -> None:
    keys: Keys = {
        "general.architecture": "llama",
        "tokenizer.ggml.tokens": ["a", "bc", ""],
        "llama.rope.scaling.factor": 0.5,
    }
    written = Gguf(version=version, order=order)
    header = read(written.file(MODEL_OF_BYTES, keys))
    assert header.tensors == read(GGUF.file(MODEL_OF_BYTES, keys)).tensors
    assert header.metadata == {
        "general.architecture": "llama",
        "length(tokenizer.ggml.tokens)": "3",
        "llama.rope.scaling.factor": "0.5",
    }
    assert any("version 1" in note for note in header.notes) == (version == 1)
    assert any("big-endian" in note for note in header.notes) == (order == ">")


MODEL_OF_BYTES: Tensors = {"a": ("I8", (5, 3)), "b": ("Q4_0", (2, 64)), "c": ("BF16", (7,))}


def test_numbers_and_short_texts_are_metadata_and_the_rest_is_left_out() -> None:
    keys: Keys = {
        "general.architecture": "llama",
        "general.name": "Größe",
        "llama.expert_count": 8,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "split.count": Number(2, 3),
        "general.is_new": True,
        "general.is_old": False,
        "big": Number(10, (1 << 64) - 1),
        "negative": Number(11, -5),
        "exact": Number(12, 0.1),
        "tokenizer.chat_template": "{{ messages }}" * 100,
        "tokenizer.ggml.token_type": Zeros(5, 4),
        "empty": "",
        "none": [],
    }
    assert read(GGUF.file(ONE, keys)).metadata == {
        "general.architecture": "llama",
        "general.name": "Größe",
        "llama.expert_count": "8",
        "llama.attention.layer_norm_rms_epsilon": "1e-05",
        "split.count": "3",
        "general.is_new": "true",
        "general.is_old": "false",
        "big": "18446744073709551615",
        "negative": "-5",
        "exact": "0.1",
        "length(tokenizer.ggml.token_type)": "4",
        "empty": "",
        "length(none)": "0",
    }


@pytest.mark.parametrize("alignment", [1, 8, 64, 4_096])
def test_tensors_lie_on_multiples_of_the_files_own_alignment(alignment: int) -> None:
    written = Gguf(alignment=alignment)
    header = read(written.file({"a": ("I8", (3,)), "b": ("F32", (2,))}))
    assert header.tensors[1].begin == max(alignment, 3)
    assert header.data_begin is not None
    assert header.data_begin % alignment == 0


@pytest.mark.parametrize("kind", ["model", "adapter", "mmproj", "imatrix"])
def test_the_kind_of_file_is_in_its_metadata(kind: str) -> None:
    assert read(GGUF.file(ONE, {"general.type": kind})).metadata["general.type"] == kind


def test_a_file_may_have_no_tensors() -> None:
    keys: Keys = {"general.architecture": "llama", "split.count": 3, "split.no": 0}
    header = read(GGUF.file({}, keys), path="model-00001-of-00003.gguf")
    assert (header.tensors, header.data_begin) == ((), None)
    assert header.metadata["split.count"] == "3"
    assert header.notes == ("no tensors: a vocabulary alone, or the first of several files",)


def test_a_file_without_padding_behind_its_last_tensor_is_whole() -> None:
    data = GGUF.file(ONE)
    assert read(data[:-8]).tensors == read(data).tensors  # 24 bytes, padded to 32


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (GGUF.file(ONE) + b"more", "4 bytes after the last tensor belong to none"),
        (
            GGUF.file({"x" * 64: ("F32", (2,))}),
            f"names of 64 bytes or more, which ggml refuses: `{'x' * 64}`",
        ),
    ],
)
def test_an_oddity_that_readers_let_pass_is_a_warning(data: bytes, warning: str) -> None:
    assert read(data).warnings == (warning,)


@pytest.mark.parametrize("path", ["a.gguf", "B/Model-Q4_K_M-00001-of-00002.GGUF"])
def test_the_format_is_found_by_the_files_name(path: str) -> None:
    assert FORMATS[format_of(path) or ""] == "auditor.formats.gguf"


# -- types that ggml does not know


def test_a_forks_type_has_the_bytes_up_to_the_next_tensor() -> None:
    # ik_llama.cpp's IQ4_K: 144 bytes for 256 weights, its IQ4_KS 136 and 4 more for each row
    header = read(
        GGUF.file(
            {
                "a": Stored(139, (64, 512), 64 * 2 * 144),
                "b": Stored(144, (64, 512), 64 * (2 * 136 + 4)),
                "c": ("F32", (64,)),
            }
        )
    )
    a, b, c = header.tensors
    assert (a.dtype.name, b.dtype.name, c.dtype.name) == ("IQ4_K", "IQ4_KS", "F32")
    assert (a.elements, b.elements) == (32_768, 32_768)
    assert (a.stored_bytes, b.stored_bytes) == (18_432, 17_664)
    assert a.dtype.bytes_for(a.elements) == 18_432
    assert a.dtype.kind is Kind.FLOAT
    assert len(header.warnings) == 2
    assert header.warnings[0].startswith("1 tensors are of IQ4_K (number 139)")


def test_the_last_tensor_of_a_forks_type_has_the_bytes_up_to_the_end() -> None:
    (tensor,) = read(GGUF.file({"a": Stored(900, (64, 512), 10_000)})).tensors
    assert tensor.dtype.name == "ggml type 900"
    assert tensor.stored_bytes == 10_016  # the padding cannot be told from the tensor


def test_equal_tensors_of_a_forks_type_share_a_dtype_across_files() -> None:
    first = read(GGUF.file({"a": Stored(139, (2, 256), 288)}))
    second = read(GGUF.file({"b": Stored(139, (2, 256), 288), "c": ("F32", (2,))}))
    assert first.tensors[0].dtype is second.tensors[0].dtype


def test_types_of_forks_are_counted_as_the_weights_that_their_shapes_say() -> None:
    tensors = read(
        GGUF.file({"blk.0.ffn_up.weight": Stored(139, (64, 512), 18_432), "a": ("F32", (64,))})
    ).tensors
    counted = tally(assign(tensors, ModelConfig(), {}, RULES))
    assert counted.total == 64 * 512 + 64
    assert counted.stored.stored_bytes == 18_432 + 256
    assert list(counted.by_dtype) == ["IQ4_K", "F32"]


@pytest.mark.parametrize(("name", "block_bytes"), [("Q8_1", 36), ("Q8_1_F32", 40)])
@pytest.mark.parametrize("last", [False, True])
def test_q8_1_is_told_by_its_room(name: str, block_bytes: int, *, last: bool) -> None:
    tensors: dict[str, Stored] = {"a": Stored(9, (4, 64), 8 * block_bytes)}
    if not last:
        tensors["b"] = Stored("F32", (1,))
    tensor, *_ = read(GGUF.file(tensors)).tensors
    assert (tensor.dtype, tensor.stored_bytes) == (DTYPES[name], 8 * block_bytes)


def test_a_number_that_a_fork_uses_otherwise_is_told_by_its_room() -> None:
    # bitnet.cpp's I2_S: two bits for each weight and 32 bytes more; ggml's 36 was IQ4_NL_4_4
    i2_s = {
        "a": Stored(36, (64, 128), 64 * 128 // 4 + 32),
        "b": Stored(36, (64, 128), 64 * 128 // 4 + 32),
    }
    first, second = read(GGUF.file(i2_s)).tensors
    assert (first.dtype.name, first.stored_bytes) == ("I2_S", 2_080)
    assert second.dtype is first.dtype
    (ggmls,) = read(GGUF.file({"a": ("IQ4_NL_4_4", (64, 128))})).tensors
    assert ggmls.dtype is DTYPES["IQ4_NL_4_4"]


# -- laws

STORED = st.sampled_from(sorted(TYPES)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.lists(st.integers(0, 3), max_size=3).map(lambda shape: (*shape, 2 * TYPES[name][1])),
    )
)
NAMES = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.dictionaries(NAMES, STORED, max_size=6), st.sampled_from(["<", ">"]))
def test_what_is_written_is_read(tensors: dict[str, Any], order: str) -> None:
    header = read(Gguf(order=order).file(tensors))
    assert {t.name: (t.dtype.name, t.shape) for t in header.tensors} == tensors


@given(st.lists(st.integers(0, 3_000), max_size=40), st.integers(0, 30))
def test_how_the_bytes_come_changes_nothing(lengths: list[int], numbers: int) -> None:
    keys: Keys = {
        "a": ["x" * length for length in lengths],
        "b": Zeros(10, numbers * 100),
        "c": "y" * (numbers * 40),
    }
    data = GGUF.file(ONE, keys)
    whole = read(data)
    driven = drive(read_header("model-00002-of-00003.gguf", len(data)), data)
    assert driven.header.tensors == whole.tensors
    assert driven.header.metadata == whole.metadata


# -- files of the library that writes them


@pytest.fixture(scope="module")
def gguf() -> ModuleType:
    library: ModuleType = pytest.importorskip("gguf")
    return library


@pytest.fixture
def written(gguf: ModuleType, tmp_path: Path) -> Callable[..., bytes]:
    def write(fill: Callable[[Any], None], **options: Any) -> bytes:
        writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama", **options)
        fill(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return (tmp_path / "a.gguf").read_bytes()

    return write


@pytest.mark.packers
def test_the_table_has_the_sizes_of_the_library(gguf: ModuleType) -> None:
    for kind, (block_elements, block_bytes) in gguf.GGML_QUANT_SIZES.items():
        name = "Q8_1_F32" if kind.name == "Q8_1" else kind.name
        dtype = DTYPES[name]
        assert (dtype.block_elements, dtype.block_bytes) == (block_elements, block_bytes), name
        assert TYPES[kind.name][0] == kind.value


@pytest.mark.packers
def test_every_type_that_the_library_writes_is_read(
    gguf: ModuleType, written: Callable[..., bytes]
) -> None:
    matrix = np.linspace(-1, 1, 2 * 512, dtype=np.float32).reshape(2, 512)
    sizes = gguf.GGML_QUANT_SIZES

    def fill(writer: Any) -> None:
        for kind, (block_elements, block_bytes) in sizes.items():
            try:
                packed = gguf.quants.quantize(matrix, kind)
            except NotImplementedError:  # types that only ggml itself quantises
                packed = np.zeros((2, 512 // block_elements * block_bytes), np.uint8)
            writer.add_tensor(kind.name, packed, raw_dtype=kind, raw_shape=packed.shape)

    header = read(written(fill))
    assert {tensor.name for tensor in header.tensors} == {kind.name for kind in sizes}
    for tensor in header.tensors:
        block_elements, block_bytes = sizes[gguf.GGMLQuantizationType[tensor.name]]
        assert tensor.stored_bytes == 2 * 512 // block_elements * block_bytes
        assert tensor.dtype.name == {"Q8_1": "Q8_1_F32"}.get(tensor.name, tensor.name)
        assert tensor.elements == 1_024
    assert header.warnings == ()


@pytest.mark.packers
@pytest.mark.parametrize("big_endian", [False, True])
def test_all_that_the_library_writes_beside_tensors_is_read(
    gguf: ModuleType, written: Callable[..., bytes], *, big_endian: bool
) -> None:
    def fill(writer: Any) -> None:
        writer.add_block_count(2)
        writer.add_expert_count(8)
        writer.add_uint8("u8", 200)
        writer.add_int8("i8", -3)
        writer.add_int16("i16", -300)
        writer.add_float64("f64", 0.1)
        writer.add_bool("yes", val=True)
        writer.add_chat_template("{{ x }}" * 1_000)
        writer.add_token_list(["<s>", "a", "ä"])
        writer.add_token_scores([0.0, 1.0, 2.0])
        writer.add_token_types([1, 1, 1])
        writer.add_token_merges(["a b"])
        writer.add_custom_alignment(64)
        writer.add_tensor("a", np.ones((2, 3), np.float16))
        writer.add_tensor("b", np.ones((5,), np.int8))

    endian = gguf.GGUFEndian.BIG if big_endian else gguf.GGUFEndian.LITTLE
    header = read(written(fill, endianess=endian))
    assert [(t.name, t.dtype.name, t.shape, t.begin) for t in header.tensors] == [
        ("a", "F16", (2, 3), 0),
        ("b", "I8", (5,), 64),
    ]
    assert header.metadata == {
        "general.architecture": "llama",
        "general.alignment": "64",
        "llama.block_count": "2",
        "llama.expert_count": "8",
        "u8": "200",
        "i8": "-3",
        "i16": "-300",
        "f64": "0.1",
        "yes": "true",
        "length(tokenizer.ggml.tokens)": "3",
        "length(tokenizer.ggml.scores)": "3",
        "length(tokenizer.ggml.token_type)": "3",
        "length(tokenizer.ggml.merges)": "1",
    }


@pytest.mark.packers
@pytest.mark.parametrize("small_first", [False, True])
def test_each_file_of_a_split_model_is_read_alone(
    gguf: ModuleType, tmp_path: Path, *, small_first: bool
) -> None:
    writer = gguf.GGUFWriter(
        tmp_path / "m.gguf", "llama", split_max_tensors=2, small_first_shard=small_first
    )
    for at in range(3):
        writer.add_tensor(f"blk.{at}.a", np.ones((4, 8), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    paths = sorted(tmp_path.glob("m-*.gguf"))
    headers = [read(path.read_bytes(), path=path.name) for path in paths]
    counts = [0, 2, 1] if small_first else [2, 1]
    assert [len(header.tensors) for header in headers] == counts
    assert [header.metadata["split.no"] for header in headers] == [
        str(at) for at in range(len(counts))
    ]
    assert headers[0].metadata["split.tensors.count"] == "3"
    assert "general.architecture" not in headers[1].metadata


@pytest.mark.packers
def test_the_librarys_own_reader_finds_the_tensors_in_the_same_places(
    gguf: ModuleType, written: Callable[..., bytes], tmp_path: Path
) -> None:
    def fill(writer: Any) -> None:
        writer.add_tensor("a", np.ones((3, 5), np.float32))
        packed = gguf.quants.quantize(np.ones((4, 256), np.float32), gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor("b", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    header = read(written(fill))
    known = gguf.GGUFReader(tmp_path / "a.gguf")
    assert header.data_begin == known.data_offset
    assert [
        (t.name, t.shape[::-1], t.begin + (header.data_begin or 0), t.stored_bytes)
        for t in header.tensors
    ] == [(t.name, tuple(int(n) for n in t.shape), t.data_offset, t.n_bytes) for t in known.tensors]

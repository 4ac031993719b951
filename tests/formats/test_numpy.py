"""The arrays of .npz and .npy files are read from their heads, as NumPy itself writes them."""

import io
import struct
import zipfile
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auditor.core.dtypes import DTYPES
from auditor.core.roles import Role
from auditor.core.tensors import Header, Span
from auditor.core.weight_files import format_of
from auditor.errors import (
    ContentError,
    HeaderMalformed,
    UnknownDtype,
    UnsupportedFormat,
)
from auditor.formats import FORMATS
from auditor.formats.npy_head import MAX_TEXT_BYTES, NotNpy, read_head
from auditor.formats.npz_entries import TAIL_BYTES
from auditor.formats.numpy_archive import read_header
from counting import assigned, counted
from spread_files import Pieces, feed, joined, size_of

TYPES = {
    "bool": "BOOL",
    **{f"i{size}": f"I{8 * size}" for size in (1, 2, 4, 8)},
    **{f"u{size}": f"U{8 * size}" for size in (1, 2, 4, 8)},
    "f2": "F16",
    "f4": "F32",
    "f8": "F64",
    "c8": "C64",
    "c16": "C128",
}


def npz(arrays: Mapping[str, NDArray[Any]], *, packed: bool = False) -> bytes:
    stream = io.BytesIO()
    write = np.savez_compressed if packed else np.savez
    write(stream, **arrays)  # type: ignore[arg-type] # the stub takes them for its options
    return stream.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def head(text: str, *, version: int = 1) -> bytes:
    """A .npy head of this text."""
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin-1")


def archive(
    entries: Mapping[str, bytes], *, method: int = zipfile.ZIP_STORED, comment: bytes = b""
) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        made.comment = comment
        for name, data in entries.items():
            made.writestr(name, data)
    return stream.getvalue()


def header_of(data: bytes, path: str = "weights.npz") -> Header:
    return feed(read_header, data, path).header


def large_archive(arrays: Mapping[str, tuple[int, ...]]) -> Pieces:
    """A .npz of zeros of any size, of which only headers and directory are written down."""
    parts: list[Pieces] = []
    directory = b""
    begin = 0
    for name, shape in arrays.items():
        described = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
        text = head(described.ljust(117) + "\n")
        size = len(text) + 4 * int(np.prod(shape))
        raw = f"{name}.npy".encode()
        common = struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 0, 0, size, size, len(raw), 0)
        part: Pieces = (b"PK\3\4" + common + raw + text, size - len(text))
        parts.append(part)
        directory += b"PK\1\2" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHLL", 0, 0, 0, 0, begin) + raw
        begin += size_of(part)
    end = struct.pack("<HHHHLLH", 0, 0, len(arrays), len(arrays), len(directory), begin, 0)
    return joined([*parts, (directory + b"PK\5\6" + end,)])


# -- what is asked for


def test_a_small_archive_is_read_whole_in_one_read() -> None:
    data = npz({"a": np.zeros((3, 4)), "b": np.zeros(7)})
    assert feed(read_header, data, "w.npz").spans == (Span(0, len(data)),)


def test_of_a_large_archive_the_tail_and_the_heads_are_read() -> None:
    arrays: dict[str, tuple[int, ...]] = {}
    for at in range(50):
        arrays[f"layers.{at}.weight"] = (1_024, 1_024)
        arrays[f"layers.{at}.bias"] = (1_024,)
    file = large_archive(arrays)
    fed = feed(read_header, file, "w.npz")
    assert size_of(file) > 200_000_000
    # A span for each weight, with the bias before it, and one for the tail.
    assert len(fed.spans) == 51
    assert fed.read_bytes < TAIL_BYTES + 51 * 8_192
    assert sum(each.elements for each in fed.header.tensors) == 50 * (1_024 * 1_024 + 1_024)


def test_more_heads_than_requests_allow_are_refused_before_they_are_asked_for() -> None:
    file = large_archive({str(at): (256, 256) for at in range(2_100)})
    with pytest.raises(UnsupportedFormat, match="its 2,100 arrays lie between their data"):
        feed(read_header, file, "w.npz")


def test_a_single_array_is_read_in_one_read() -> None:
    data = npy(np.zeros((300, 400), "f4"))
    fed = feed(read_header, data, "table.npy")
    (span,) = fed.spans
    assert span.length < len(data) // 40
    assert [(each.name, each.shape) for each in fed.header.tensors] == [("table", (300, 400))]


def test_an_empty_file_is_refused_without_reading() -> None:
    for path in ("a.npz", "a.npy"):
        with pytest.raises(HeaderMalformed):
            next(read_header(path, 0))


# -- what is read


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("type_", TYPES)
def test_every_type_is_read(type_: str, packed: bool) -> None:  # noqa: FBT001 - a case
    header = header_of(npz({"a": np.zeros((3, 5), type_)}, packed=packed))
    (each,) = header.tensors
    assert (each.dtype, each.shape) == (DTYPES[TYPES[type_]], (3, 5))
    assert each.stored_bytes == 15 * np.dtype(type_).itemsize
    assert header.data_begin == (None if packed else 0)


@pytest.mark.parametrize("type_", ["|V2", "<V2", "bfloat16"])
def test_bfloat16_is_read_as_mlx_and_ml_dtypes_write_it(type_: str) -> None:
    data = head(f"{{'descr': '{type_}', 'fortran_order': False, 'shape': (3,), }}\n") + bytes(6)
    assert header_of(archive({"a.npy": data})).tensors[0].dtype is DTYPES["BF16"]


def test_the_order_of_dimensions_and_bytes_changes_no_count() -> None:
    header = header_of(npz({"a": np.asfortranarray(np.zeros((3, 5), ">f4"))}))
    assert (header.tensors[0].shape, header.tensors[0].dtype) == ((3, 5), DTYPES["F32"])


@pytest.mark.parametrize("shape", [(), (7,), (0, 3), (1, 2, 3, 4, 5)])
def test_every_rank_is_read(shape: tuple[int, ...]) -> None:
    assert header_of(npz({"a": np.zeros(shape)})).tensors[0].shape == shape


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_the_head_is_read(version: int) -> None:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
    data = head(text, version=version) + bytes(8)
    assert header_of(archive({"a.npy": data})).tensors[0].shape == (2,)


@pytest.mark.parametrize(
    "text",
    [
        "{'shape': (2L, 3L), 'fortran_order': False, 'descr': '<f4'}",
        "{'descr':'<f4','fortran_order':False,'shape':(2,3)}",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }" + " " * 64 + "\n",
    ],
)
def test_heads_of_other_writers_are_read(text: str) -> None:
    known = read_head(head(text))
    assert known is not None
    assert (known.type, known.shape) == ("<f4", (2, 3))


def test_names_have_dots_for_slashes_and_roles_by_them() -> None:
    arrays = {
        "Transformer/encoderblock_0/LayerNorm_0/scale": np.zeros(8, "f4"),
        "Transformer/encoderblock_0/MlpBlock_3/Dense_0/kernel": np.zeros((8, 32), "f4"),
    }
    header = header_of(npz(arrays))
    assignment, _ = assigned(header)
    assert [(each.name, assignment.rule_of(each).role) for each in header.tensors] == [
        ("Transformer.encoderblock_0.LayerNorm_0.scale", Role.NORM),
        ("Transformer.encoderblock_0.MlpBlock_3.Dense_0.kernel", Role.WEIGHT),
    ]


def test_the_optimizers_state_of_big_vision_is_left_out() -> None:
    arrays = {"params/w": np.zeros((8, 8)), "opt/0/mu/w": np.zeros((8, 8))}
    header = header_of(npz(arrays))
    assert [each.name for each in header.tensors] == ["w"]
    assert header.notes == ("the optimizer's state was left out: 64 numbers in 1 arrays",)


def test_mlx_packs_its_weights_in_numpy_archives_as_in_safetensors() -> None:
    config = {"model_type": "llama", "quantization": {"group_size": 64, "bits": 4}}
    arrays = {
        "layers.0.wq.weight": np.zeros((128, 16), "u4"),  # 8 weights in each: 128 x 128
        "layers.0.wq.scales": np.zeros((128, 2), "f2"),
        "layers.0.wq.biases": np.zeros((128, 2), "f2"),
    }
    assert counted(header_of(npz(arrays)), config).total == 128 * 128


def test_a_longer_head_than_usual_is_asked_for() -> None:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }" + " " * 3_000 + "\n"
    data = archive({"a.npy": head(text) + bytes(8), "b.npy": head(text) + bytes(8)})
    assert [each.shape for each in header_of(data).tensors] == [(2,), (2,)]


# -- what is no array of numbers


def test_objects_are_never_read_and_leave_the_total_open() -> None:
    header = header_of(npz({"w": np.zeros((2, 2)), "o": np.array([{}, None], object)}))
    assert header.gaps == ("arrays of Python objects, which are pickles and never read (1): `o`",)
    assert counted(header).total is None


def test_records_leave_the_total_open() -> None:
    record = np.zeros(3, np.dtype([("x", "f4"), ("y", "i4")]))
    assert header_of(npz({"r": record})).gaps == ("arrays of records, which are not read (1): `r`",)


def test_texts_and_dates_are_passed_over() -> None:
    arrays = {"s": np.array(["abc"]), "b": np.array([b"a"]), "d": np.array(["2020"], "M8[D]")}
    header = header_of(npz({"w": np.zeros(3), **arrays}))
    assert [each.name for each in header.tensors] == ["w"]
    assert header.notes == ("arrays of text or dates, which are no numbers (3): `s`, `b`, `d`",)


def test_small_entries_that_are_no_arrays_are_noted_and_large_ones_leave_the_total_open() -> None:
    header = header_of(archive({"config.json": b"{}", "folder/": b"", "blob": bytes(70_000)}))
    assert header.notes == ("entries that are no arrays (1): `config.json`",)
    assert header.gaps == ("entries that are no arrays and may hold weights (1): `blob`",)


# -- what is refused


@pytest.mark.parametrize(
    ("text", "data_bytes", "reason"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 8, "another number of bytes"),
        (
            f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**60}, {2**60}), }}",
            8,
            "bytes",
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8, "no dict of"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)*9, }", 8, "no dict of"),
        ("{'descr': '<f4', 'fortran_order': False}", 8, "no dict of"),
        ("__import__('os').system('true')", 8, "no dict of"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 65 + "), }", 8, "65 dim"),
        ("{" * 9_000, 8, "no dict of"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }" + " " * 10_000, 8, "10,000"),
    ],
)
def test_a_head_that_lies_is_refused(text: str, data_bytes: int, reason: str) -> None:
    data = head(text, version=2) + bytes(data_bytes)
    for file, path in ((archive({"a.npy": data}), "a.npz"), (data, "a.npy")):
        with pytest.raises(HeaderMalformed, match=reason):
            header_of(file, path)


def test_a_head_of_nested_brackets_takes_no_time() -> None:
    text = "{'descr': [" + "], 'shape': [" * 700 + "\n"
    known = read_head(head(text))
    assert known is not None
    assert known.type == ""  # records, which are not read
    with pytest.raises(NotNpy):
        read_head(head("{'shape': (" + "1," * (MAX_TEXT_BYTES // 2 - 20)))


@pytest.mark.parametrize("type_", ["<f16", "<f3", "<x4", "<V7"])
def test_an_unknown_type_is_named(type_: str) -> None:
    data = head(f"{{'descr': '{type_}', 'fortran_order': False, 'shape': (0,), }}\n")
    with pytest.raises(UnknownDtype, match=type_):
        header_of(archive({"a.npy": data}))


def test_an_entry_that_says_it_inflates_to_more_than_deflate_can_is_refused() -> None:
    data = bytearray(npz({"a": np.zeros(10_000)}, packed=True))
    at = data.index(b"PK\1\2")
    struct.pack_into("<L", data, at + 24, 4_000_000_000)
    with pytest.raises(HeaderMalformed, match="is said to hold 4,000,000,000 bytes"):
        header_of(bytes(data))


def test_a_head_that_inflates_without_end_is_inflated_no_further_than_a_head_goes() -> None:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }" + " " * 60_000
    data = archive({"a.npy": head(text, version=2) + bytes(8)}, method=zipfile.ZIP_DEFLATED)
    with pytest.raises(HeaderMalformed, match="NumPy takes 10,000"):
        header_of(data)


def test_an_encrypted_or_strangely_packed_array_is_refused() -> None:
    data = bytearray(npz({"a": np.zeros(4)}))
    at = data.index(b"PK\1\2")
    data[at + 8] |= 1
    data[6] |= 1
    with pytest.raises(UnsupportedFormat, match=r"`a\.npy` is encrypted"):
        header_of(bytes(data))
    with pytest.raises(UnsupportedFormat, match="packed by method 12"):
        header_of(archive({"a.npy": npy(np.zeros(4))}, method=zipfile.ZIP_BZIP2))


def test_what_cannot_be_inflated_is_refused() -> None:
    data = bytearray(npz({"a": np.zeros(1_000)}, packed=True))
    begin = data.index(b"a.npy") + 5 + 20  # name, and the extra field of zip64
    data[begin : begin + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(HeaderMalformed, match="cannot be inflated"):
        header_of(bytes(data))


def test_another_kind_of_file_is_recognised() -> None:
    with pytest.raises(HeaderMalformed, match="no NumPy file but an HDF5 file"):
        header_of(b"\x89HDF\r\n\x1a\n" + bytes(100))


def test_two_arrays_of_one_name_are_refused() -> None:
    with pytest.raises(HeaderMalformed, match=r"two arrays are called `a\.b`"):
        header_of(npz({"a/b": np.zeros(1), "a.b": np.zeros(1)}))


def test_the_format_is_found_by_its_kind() -> None:
    kind = format_of("weights.npz")
    assert kind is not None
    assert import_module(FORMATS[kind]).read_header is read_header


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_cut_anywhere_is_refused(packed: bool) -> None:  # noqa: FBT001 - a case
    data = npz({"a": np.zeros((3, 4)), "b": np.ones(9, "f2")}, packed=packed)
    for stop in range(len(data)):
        with pytest.raises(ContentError):
            header_of(data[:stop])


def test_the_place_in_the_file_is_where_the_numbers_are() -> None:
    data = npz({"a": np.zeros(3), "b": np.arange(4, dtype="u1")})
    last = header_of(data).tensors[-1]
    assert data[last.begin : last.end] == bytes([0, 1, 2, 3])

"""A `.keras` archive gives the weights of the HDF5 file within it."""

import io
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.tensors import Header
from auditor.errors import ContentError, HeaderMalformed, UnsupportedFormat
from auditor.formats.keras import read_header
from builders import drive
from hdf5_files import Array, hdf5_file, nested

WEIGHTS = hdf5_file(
    nested(
        {
            "layers/dense/vars/0": Array(shape=(3, 4)),
            "layers/dense/vars/1": Array(shape=(4,)),
            "optimizer/vars/0": Array(shape=(3, 4)),
        }
    )
)


def archive(weights: bytes | None = WEIGHTS, *, method: int = zipfile.ZIP_STORED) -> bytes:
    """What Keras 3 saves: metadata, config, weights."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        file.writestr("metadata.json", '{"keras_version": "3.12.0"}')
        file.writestr("config.json", "{}" * 100)
        if weights is not None:
            file.writestr("model.weights.h5", weights)
    return stream.getvalue()


def read(data: bytes) -> Header:
    return drive(read_header("model.keras", len(data)), data).header


def test_the_weights_are_read_from_where_they_are_in_the_archive() -> None:
    data = archive()
    header = read(data)
    assert header.format == "Keras"
    assert header.size_bytes == len(data)
    assert sorted(tensor.name for tensor in header.tensors) == [
        "layers.dense.vars.0",
        "layers.dense.vars.1",
    ]
    assert sum(tensor.elements for tensor in header.tensors) == 3 * 4 + 4
    assert header.data_begin == data.index(WEIGHTS)
    assert header.notes == ("`optimizer` was passed over: the optimizer's state",)


def test_a_large_archive_is_not_read_as_a_whole() -> None:
    data = archive(hdf5_file(nested({"layers/dense/vars/0": Array(shape=(1 << 20,))})))
    spans = drive(read_header("a", len(data)), data).spans
    assert sum(span.length for span in spans) < 400_000  # of 4 MB


def test_compressed_weights_are_not_supported() -> None:
    with pytest.raises(UnsupportedFormat, match="compressed"):
        read(archive(method=zipfile.ZIP_DEFLATED))


def test_an_archive_without_weights_is_not_supported() -> None:
    with pytest.raises(UnsupportedFormat, match=r"without model\.weights\.h5"):
        read(archive(None))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes are no archive"),
        (WEIGHTS, "no Keras archive but an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a git-lfs pointer"),
        (bytes(100), "directory is not in its last bytes"),
    ],
)
def test_another_file_is_told_by_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(HeaderMalformed, match=reason):
        read(data)


def attempt(data: bytes) -> bool:
    """Whether it is read; if not, it is refused with a reason and not a crash."""
    try:
        read(data)
    except ContentError:
        return False
    return True


def test_an_archive_that_is_cut_anywhere_is_refused() -> None:
    data = archive()
    assert attempt(data)
    assert not any(attempt(data[:end]) for end in range(len(data)))


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=4)), max_size=4))
def test_bytes_that_are_wrong_anywhere_break_nothing_else(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(archive())
    for at, new in changes:
        begin = at % (len(data) - 4)
        data[begin : begin + len(new)] = new
    attempt(bytes(data))


@pytest.mark.packers
def test_a_file_of_h5py_in_an_archive_is_read(tmp_path: Any) -> None:
    h5py, numpy = pytest.importorskip("h5py"), pytest.importorskip("numpy")
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = numpy.arange(12, dtype="f4").reshape(3, 4)
    data = archive(path.read_bytes())
    header = read(data)
    (tensor,) = header.tensors
    assert header.data_begin is not None
    begin, end = header.data_begin + tensor.begin, header.data_begin + tensor.end
    assert data[begin:end] == numpy.arange(12, dtype="f4").tobytes()

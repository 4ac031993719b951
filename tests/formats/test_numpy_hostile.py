"""Hostile .npz and .npy files are refused, or read within bounds."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.formats.npy_head import LONGEST_HEAD_BYTES, NotNpy, read_head
from auditor.formats.numpy_archive import read_header
from spread_files import feed, survives


def _saved() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.zeros((3, 4), "f4"), b=np.ones(5, "i8"))
    return stream.getvalue()


def _array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros((3, 4), "f4"))
    return stream.getvalue()


SAVED, ARRAY = _saved(), _array()


@settings(max_examples=200)
@given(at=st.integers(0, len(SAVED) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_breaks_no_more_than_the_archive(at: int, byte: int) -> None:
    changed = SAVED[:at] + bytes([byte]) + SAVED[at + 1 :]
    # The tail, and for each array a second look at its head.
    survives(read_header, changed, most_spans=3, most_bytes=len(SAVED) + 4 * LONGEST_HEAD_BYTES)


@settings(max_examples=200)
@given(at=st.integers(0, len(ARRAY) - 1), byte=st.integers(0, 255), stop=st.integers(0, len(ARRAY)))
def test_a_changed_or_cut_array_is_refused_or_read(at: int, byte: int, stop: int) -> None:
    changed = (ARRAY[:at] + bytes([byte]) + ARRAY[at + 1 :])[:stop]
    survives(read_header, changed, most_spans=1, most_bytes=len(ARRAY), path="file.npy")


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\5\6", b"PK\3\4", b"\x93NUMPY\1\0"]))
def test_random_bytes_are_refused_or_read(data: bytes, before: bytes) -> None:
    survives(read_header, before + data + bytes(22), most_spans=3, most_bytes=1_000)


@settings(max_examples=200)
@given(
    st.text(
        st.sampled_from("{}()[],: '0123456789L<f4descrshapefortran_orderTrueFalse"), max_size=300
    )
)
def test_random_heads_are_refused_or_read(text: str) -> None:
    data = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()
    try:
        head = read_head(data)
    except NotNpy:
        return
    assert head is not None


def test_the_samples_are_sound() -> None:
    assert len(feed(read_header, SAVED, "a.npz").header.tensors) == 2
    assert len(feed(read_header, ARRAY, "a.npy").header.tensors) == 1

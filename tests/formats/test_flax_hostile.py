"""Hostile Flax files are refused, or read within bounds: never a crash, never without end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import ContentError, HeaderMalformed, LimitExceeded
from auditor.formats import cursor, flax_msgpack
from auditor.formats.flax_msgpack import MAX_KEY_BYTES, read_header
from flax_files import Array, chunked, packed
from spread_files import bytes_of, feed, joined, survives

SAMPLE = bytes_of(
    packed(
        {
            "params": {
                "dense": {"kernel": Array("float32", (3, 4)), "bias": Array("bfloat16", (4,))},
                "wte": {"embedding": chunked("float16", (5, 2), (6, 4))},
            },
            "opt_state": {"0": {"count": Array("int32", (), code=3)}},
            "step": 1_000,
            "list": [1, None, True, 0.5, b"abc", "text"],
        }
    )
)


def test_the_sample_is_sound() -> None:
    assert len(feed(read_header, SAMPLE).header.tensors) == 3


def test_a_file_cut_anywhere_is_refused() -> None:
    for stop in range(len(SAMPLE)):
        assert survives(read_header, SAMPLE[:stop], most_spans=3, most_bytes=len(SAMPLE)) is None


@settings(max_examples=200)
@given(at=st.integers(0, len(SAMPLE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_breaks_no_more_than_the_file(at: int, byte: int) -> None:
    changed = SAMPLE[:at] + bytes([byte]) + SAMPLE[at + 1 :]
    survives(read_header, changed, most_spans=3, most_bytes=2 * len(SAMPLE))


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x81\xa1a", b"\x82\xa1a\xc0\xa1b"]))
def test_random_bytes_are_refused_or_read(data: bytes, before: bytes) -> None:
    survives(read_header, before + data, most_spans=3, most_bytes=500)


# -- numbers that lie


@pytest.mark.parametrize(
    "head",
    [
        b"\xdf\xff\xff\xff\xff",  # a map of 2^32 - 1
        b"\xdd\xff\xff\xff\xff",  # an array
        b"\xc6\xff\xff\xff\xff",  # bytes
        b"\xdb\xff\xff\xff\xff",  # text
        b"\xc9\xff\xff\xff\xff\x01",  # an extension
    ],
)
@pytest.mark.parametrize("before", [b"", b"\x81\xa1a"])
def test_a_count_or_length_past_the_end_is_refused(head: bytes, before: bytes) -> None:
    with pytest.raises(HeaderMalformed):
        feed(read_header, joined([(before + head,), (1_000_000,)]))


@pytest.mark.parametrize("size", [1 << 60, (1 << 64) - 1])
def test_absurd_dimensions_are_refused(size: int) -> None:
    for sizes in ((size,), (size, 0), (size,) * 15):
        shape = bytes([0x90 | len(sizes)]) + b"".join(b"\xcf" + each.to_bytes(8) for each in sizes)
        array = b"\x93" + shape + b"\xa5uint8" + b"\xc4\x01\0"
        with pytest.raises(HeaderMalformed, match="given 1 bytes"):
            feed(read_header, b"\x81\xa1a\xc7" + bytes([len(array), 1]) + array)


@pytest.mark.parametrize("byte", [b"\xc1", b""])
def test_the_byte_that_is_never_used_and_none_are_refused(byte: bytes) -> None:
    with pytest.raises(HeaderMalformed, match="no MessagePack at byte 3"):
        feed(read_header, b"\x81\xa1a" + byte)


def test_the_inside_of_an_array_cannot_reach_outside() -> None:
    # The extension has 4 bytes, the text in it says it has 31.
    with pytest.raises(HeaderMalformed, match="ends outside"):
        feed(read_header, joined([(b"\x81\xa1a\xc7\x04\x01\x93\x90\xbf\0",), (1_000,)]))


# -- depth and number


def test_a_key_too_long_is_refused_before_it_is_read() -> None:
    key = b"\xdb" + (MAX_KEY_BYTES + 1).to_bytes(4)
    with pytest.raises(LimitExceeded, match="a key of 4,097 bytes"):
        feed(read_header, joined([(b"\x81" + key,), (MAX_KEY_BYTES + 1,), (b"\xc0",)]))


@pytest.mark.parametrize("key", [b"\xc0", b"\x90", b"\x80", b"\xca\0\0\0\0", b"\xd4\1\0"])
def test_a_key_that_is_no_text_is_refused(key: bytes) -> None:
    with pytest.raises(HeaderMalformed, match="is no text"):
        feed(read_header, b"\x81" + key + b"\xc0\xc0")


def test_too_many_arrays_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flax_msgpack, "MAX_ARRAYS", 3)
    with pytest.raises(LimitExceeded, match="more than 3 arrays"):
        feed(read_header, packed({str(at): Array("int8", (1,)) for at in range(4)}))


def test_too_many_items_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "MAX_ENTRIES", 1_000)
    with pytest.raises(LimitExceeded, match="more than 1,000 entries"):
        feed(read_header, b"\x81\xa1a\xdc\x10\0" + bytes(4_096))


def test_lists_in_lists_are_refused_where_maps_are() -> None:
    with pytest.raises(LimitExceeded, match="deep"):
        feed(read_header, b"\x81\xa1a" + b"\x91" * 5_000)


def test_a_name_that_steers_terminals_is_told_escaped() -> None:
    with pytest.raises(ContentError) as caught:
        feed(read_header, b"\x81\xa5\x1b[31m\xc7\x02\x01\x92\x90")
    assert str(caught.value).isprintable()

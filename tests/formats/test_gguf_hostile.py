"""GGUF files that lie, are broken or cut off: each is refused with a reason, soon and cheaply."""

import struct
from collections.abc import Generator, Iterator
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.core.tensors import Header, Span
from auditor.errors import (
    ContentError,
    HeaderMalformed,
    HeaderTooLarge,
    HfauditError,
    LimitExceeded,
    UnknownDtype,
    UnsupportedFormat,
)
from auditor.formats.gguf import read_header
from auditor.formats.gguf_bytes import MAX_READ_BYTES
from auditor.formats.gguf_infos import MAX_NAME_BYTES, MAX_TENSORS
from auditor.formats.gguf_values import MAX_KEY_BYTES, MAX_KEYS
from gguf_files import ARRAY, STRING, Gguf, Number, Raw, Stored, Zeros

MAX_READS = 40  # by the growth of the reads: 100,000 bytes x 1.25^28 are 50,000,000

GGUF = Gguf()
SOUND = GGUF.file({"a": ("F32", (2, 3)), "b": ("Q4_0", (2, 32))}, {"general.architecture": "x"})


class Outcome(NamedTuple):
    """What came of a file, and what it cost."""

    result: Header | HfauditError
    spans: int
    asked_bytes: int


def outcome(data: bytes, size_bytes: int | None = None, path: str = "a.gguf") -> Outcome:
    """Reads a file that begins with `data`, goes on with zeros, and has `size_bytes`."""
    size_bytes = len(data) if size_bytes is None else size_bytes
    reader: Generator[Span, bytes, Header] = read_header(path, size_bytes)
    spans = asked = 0
    result: Header | HfauditError
    try:
        span = next(reader)
        while True:
            assert 0 <= span.begin < span.end <= size_bytes, "asks past the file"
            spans, asked = spans + 1, asked + span.length
            span = reader.send(data[span.begin : span.end].ljust(span.length, b"\0"))
    except StopIteration as done:
        result = done.value
    except HfauditError as error:
        result = error
    assert spans <= MAX_READS
    assert asked <= MAX_READ_BYTES
    return Outcome(result, spans, asked)


def first_words(tensors: int, keys: int, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def with_info(ending: bytes, name: str = "a") -> bytes:
    """A file whose only tensor's entry goes on with `ending` after the name."""
    head = first_words(1, 0) + GGUF.string(name) + ending
    return head + bytes(256)


def info(dimensions: int, *numbers: int, kind: int = 0, offset: int = 0) -> bytes:
    return struct.pack(f"<I{len(numbers)}QIQ", dimensions, *numbers, kind, offset)


def array(kind: int, count: int, members: bytes = b"") -> Raw:
    return Raw(ARRAY, struct.pack("<IQ", kind, count) + members)


NESTED = array(ARRAY, 1, (struct.pack("<IQ", ARRAY, 1)) * 50_000)

CASES = {
    # -- the first words
    "an empty file": (b"", HeaderMalformed, "0 bytes; the shortest header takes 24"),
    "the magic alone": (b"GGUF", HeaderMalformed, "4 bytes; the shortest"),
    "the first words cut off": (SOUND[:20], HeaderMalformed, "ends at byte 20, within its first"),
    "another magic": (b"GGML" + SOUND[4:], HeaderMalformed, "begins with b'GGML'"),
    "version 0": (first_words(0, 0, 0), UnsupportedFormat, "version 0; versions 1 to 3 are read"),
    "version 4": (first_words(0, 0, 4), UnsupportedFormat, "version 4; versions 1 to 3"),
    "version 2^24, a big-endian 1 of 64-bit lengths": (
        first_words(0, 0, 1 << 24),
        None,  # four words of zeros: no tensors, no key-values, and nothing more is asked
        "",
    ),
    "a git-lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\n",
        HeaderMalformed,
        "no GGUF file but a git-lfs pointer",
    ),
    "an HTML page": (b"<!DOCTYPE html><html>", HeaderMalformed, "no GGUF file but an HTML page"),
    "a zip archive": (b"PK\x03\x04" + bytes(26), HeaderMalformed, "a zip archive"),
    "a llama.cpp file of 2023": (b"tjgg" + bytes(30), UnsupportedFormat, "a ggjt file, from"),
    # -- counts
    "2^60 tensors": (first_words(1 << 60, 0), LimitExceeded, "1,152,921,504,606,846,976 tensors"),
    "2^63 tensors": (first_words(1 << 63, 0), LimitExceeded, "at most 100,000 are read"),
    "2^60 key-values": (first_words(0, 1 << 60), LimitExceeded, "key-values; at most 10,000"),
    "a tensor too many": (
        first_words(MAX_TENSORS + 1, 0),
        LimitExceeded,
        "100,001 tensors; at most 100,000",
    ),
    "a key-value too many": (
        first_words(0, MAX_KEYS + 1),
        LimitExceeded,
        "10,001 key-values; at most 10,000",
    ),
    "one tensor of which nothing is there": (
        first_words(1, 0),
        HeaderMalformed,
        "ends at byte 24, within its list of tensors",
    ),
    # -- key-values
    "a key of 2^63 bytes": (
        first_words(0, 1) + struct.pack("<Q", 1 << 63),
        HeaderMalformed,
        "a key of 9,223,372,036,854,775,808 bytes; keys have 1 to 65,535",
    ),
    "an empty key": (GGUF.file({}, {"": 1}), HeaderMalformed, "a key of 0 bytes"),
    "a key too long": (
        GGUF.file({}, {"x" * (MAX_KEY_BYTES + 1): 1}),
        HeaderMalformed,
        "a key of 65,536 bytes",
    ),
    "a key that is no text": (GGUF.file({}, {"a\udcff": 1}), HeaderMalformed, "no UTF-8 text"),
    "one key twice": (
        first_words(0, 2) + 2 * (GGUF.string("k") + GGUF.value(1)),
        HeaderMalformed,
        "the key `k` stands there twice",
    ),
    "a value of type 13": (GGUF.file({}, {"k": Raw(13, b"")}), HeaderMalformed, "type 13, which"),
    "a text of 2^60 bytes": (
        GGUF.file({}, {"k": Raw(STRING, struct.pack("<Q", 1 << 60))}),
        HeaderMalformed,
        "within its key-values, which go on to byte 1,152,921,504,606,",
    ),
    "a text of 2^64 - 1 bytes": (
        GGUF.file({}, {"k": Raw(STRING, b"\xff" * 8)}),
        HeaderMalformed,
        "which go on to byte 18,446,744,073,709,551,616 at least",
    ),
    "2^60 numbers": (
        GGUF.file({}, {"k": array(4, 1 << 60)}),
        HeaderMalformed,
        "1,152,921,504,606,846,976 members of 4 bytes or more",
    ),
    "2^60 texts": (
        GGUF.file({}, {"k": array(STRING, 1 << 60)}),
        HeaderMalformed,
        "1,152,921,504,606,846,976 members of 8 bytes or more",
    ),
    "an array of type 200": (GGUF.file({}, {"k": array(200, 1)}), HeaderMalformed, "type 200"),
    "a text in an array past the file": (
        GGUF.file({}, {"k": array(STRING, 2, struct.pack("<QQ", 1 << 40, 0)), "l": 1}),
        HeaderMalformed,
        "within its key-values",
    ),
    "the last text in an array past the file": (
        GGUF.file({}, {"k": array(STRING, 1, struct.pack("<Q", 1 << 40))}),
        HeaderMalformed,
        "within its key-values",
    ),
    "50,000 arrays in arrays": (
        GGUF.file({}, {"k": NESTED}),
        HeaderMalformed,
        "an array of arrays, which ggml does not read",
    ),
    "an alignment of 0": (
        GGUF.file({}, {"general.alignment": 0}),
        HeaderMalformed,
        "aligned to 0 bytes, no power of two",
    ),
    "an alignment of 48": (GGUF.file({}, {"general.alignment": 48}), HeaderMalformed, "to 48 byt"),
    "an alignment of 64 bits": (
        GGUF.file({}, {"general.alignment": Number(10, 32)}),
        HeaderMalformed,
        "`general.alignment` is of type 10, and must be a u32",
    ),
    "an alignment in words": (
        GGUF.file({}, {"general.alignment": "32"}),
        HeaderMalformed,
        "is of type 8, and must be a u32",
    ),
    "an alignment of 2^31": (
        first_words(1, 1)
        + GGUF.string("general.alignment")
        + GGUF.value(1 << 31)
        + GGUF.string("a")
        + info(1, 2),
        HeaderMalformed,
        "8 bytes are missing",
    ),
    # -- the list of tensors
    "one tensor twice": (
        first_words(2, 0) + 2 * (GGUF.string("a") + info(1, 0)) + bytes(64),
        HeaderMalformed,
        "the tensor `a` is listed twice",
    ),
    "a name of 2^60 bytes": (
        first_words(1, 0) + struct.pack("<Q", 1 << 60) + bytes(64),
        HeaderMalformed,
        "a tensor's name of 1,152,921,504,606,846,976 bytes",
    ),
    "a name too long": (
        with_info(info(1, 2), "x" * (MAX_NAME_BYTES + 1)),
        HeaderMalformed,
        "a tensor's name of 1,025 bytes; names have under 64",
    ),
    "a name that is no text": (with_info(info(1, 2), "a\udcff"), HeaderMalformed, "no UTF-8 text"),
    "five dimensions": (with_info(info(5, 1, 1, 1, 1, 1)), HeaderMalformed, "5 dimensions; ggml"),
    "2^32 - 1 dimensions": (
        with_info(struct.pack("<I", (1 << 32) - 1)),
        HeaderMalformed,
        "`a` has 4,294,967,295 dimensions",
    ),
    "2^63 elements": (with_info(info(1, 1 << 63)), HeaderMalformed, "overflow 63 bits"),
    "2^32 x 2^32": (with_info(info(2, 1 << 32, 1 << 32)), HeaderMalformed, "overflow 63 bits"),
    "2^40 x 2^40 x 0": (
        with_info(info(3, 1 << 40, 1 << 40, 0)),
        HeaderMalformed,
        "overflow 63 bits",
    ),
    "2^62 elements": (
        with_info(info(2, 1 << 31, 1 << 31)),
        HeaderMalformed,
        # 2^64 but for 225: the list ends at byte 65, the data begin at 96, the file ends at 321
        "18,446,744,073,709,551,391 bytes are missing",
    ),
    "half a block": (
        with_info(info(1, 16, kind=8)),
        HeaderMalformed,
        "a row of `a` has 16 elements, no whole blocks of Q8_0, which have 32",
    ),
    "whole blocks across rows alone": (
        with_info(info(2, 16, 2, kind=8)),
        HeaderMalformed,
        "a row of `a` has 16 elements",
    ),
    "a scalar of a packed type": (with_info(info(0, kind=8)), HeaderMalformed, "has 1 elements"),
    "a first tensor at 32": (
        with_info(info(1, 2, offset=32)),
        HeaderMalformed,
        "`a` begins at byte 32 of the data, and what is before it ends at 0",
    ),
    # -- places
    "two tensors on the same bytes": (
        first_words(2, 0)
        + GGUF.string("a")
        + info(1, 8)
        + GGUF.string("b")
        + info(1, 8)
        + bytes(256),
        HeaderMalformed,
        "`b` begins at byte 0 of the data, and what is before it ends at 32",
    ),
    "a hole": (
        first_words(2, 0)
        + GGUF.string("a")
        + info(1, 8)
        + GGUF.string("b")
        + info(1, 8, offset=64)
        + bytes(256),
        HeaderMalformed,
        "`b` begins at byte 64 of the data, and what is before it ends at 32",
    ),
    "an offset that is no multiple of the alignment": (
        first_words(2, 0)
        + GGUF.string("a")
        + info(1, 2)
        + GGUF.string("b")
        + info(1, 2, offset=8)
        + bytes(256),
        HeaderMalformed,
        "`b` begins at byte 8 of the data, and what is before it ends at 32",
    ),
    "a file without its last bytes": (
        SOUND[:-30],  # of 36 bytes, padded to 64
        HeaderMalformed,
        "2 bytes are missing: the tensors take 68 and the file has 66 for them, enough for 1 of 2",
    ),
    "a file without any data": (
        SOUND[: -(32 + 64)],
        HeaderMalformed,
        "68 bytes are missing: the tensors take 68 and the file has 0 for them",
    ),
    # -- types
    "a type of 2^31": (with_info(info(1, 2, kind=1 << 31)), UnknownDtype, "ggml type 2147483648"),
    "a type of no known fork": (with_info(info(1, 2, kind=1_024)), UnknownDtype, "ggml type 1024"),
    "two weights in 200 bytes": (
        with_info(info(1, 2, kind=77)),
        UnknownDtype,
        "is of ggml type 77, which is not known, and 2 weights in",
    ),
    "2^60 weights in 200 bytes": (
        with_info(info(2, 1 << 30, 1 << 30, kind=77)),
        UnknownDtype,
        "1,152,921,504,606,846,976 weights in",
    ),
    "a removed type": (with_info(info(1, 2, kind=4)), UnknownDtype, "ggml type 4"),
    "an unknown type before what begins earlier": (
        first_words(2, 0)
        + GGUF.string("a")
        + info(1, 64, kind=77)
        + GGUF.string("b")
        + info(1, 64, kind=77)
        + bytes(256),
        UnknownDtype,
        "64 weights in 0 bytes",
    ),
    "an unknown type past the file": (
        first_words(2, 0)
        + GGUF.string("a")
        + info(1, 64)
        + GGUF.string("b")
        + info(1, 64, kind=77, offset=256)
        + bytes(100),
        HeaderMalformed,
        "what follows `b` begins",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_broken_file_is_refused_with_its_reason(name: str) -> None:
    data, kind, reason = CASES[name]
    result = outcome(data).result
    if kind is None:
        assert isinstance(result, Header)
        return
    assert type(result) is kind, result
    assert reason in result.reason
    assert result.subject == "a.gguf"
    assert result.hint


def test_a_key_value_section_without_an_end_is_given_up() -> None:
    # 90,000 bytes of zeros for each text, of which there are many, in a file of 10^12 bytes
    text = struct.pack("<Q", 90_000)
    head = first_words(0, 1) + GGUF.string("k") + GGUF.value(array(STRING, 10**9, text))
    result, spans, asked = outcome(head, 10**12)
    assert isinstance(result, HeaderTooLarge)
    assert "go on past 50,000,000 bytes" in result.reason
    assert spans < 20
    assert asked <= MAX_READ_BYTES


def arrays_to_jump_over(reader: Generator[Span, bytes, Header]) -> Iterator[Span]:
    """The spans of `reader` in a file of arrays of 10^9 numbers each, which is not made."""
    yield next(reader)
    data = first_words(0, 5_000)
    for at in range(5_000):
        data += GGUF.string(f"k{at}") + GGUF.value(array(0, 10**9))
        yield (span := reader.send(data))
        data = b""
        assert span.begin > at * 10**9


@pytest.mark.parametrize("path", ["a.gguf", "a-00002-of-00003.gguf"])
def test_many_jumps_over_large_arrays_are_given_up(path: str) -> None:
    spans: list[Span] = []
    with pytest.raises(HeaderTooLarge, match="go on past 50,000,000 bytes"):
        spans.extend(arrays_to_jump_over(read_header(path, 10**14)))
    assert len(spans) <= MAX_READS


def test_the_counts_that_are_still_read_take_no_more_than_the_limits() -> None:
    keys = {f"k{at}": Zeros(0, 1) for at in range(MAX_KEYS)}
    tensors = {f"t{at}": ("I8", ()) for at in range(MAX_TENSORS)}
    result = outcome(GGUF.file(tensors, keys)).result
    assert isinstance(result, Header)
    assert (len(result.tensors), len(result.metadata)) == (MAX_TENSORS, MAX_KEYS)


# -- fuzz

WHOLE = Gguf(alignment=8).file(
    {
        "token_embd.weight": ("Q4_K", (3, 256)),
        "blk.0.attn_norm.weight": ("F32", (4,)),
        "blk.0.x": Stored(139, (2, 256), 288),
        "output.weight": ("F16", (2, 2)),
    },
    {"general.architecture": "llama", "a": ["x", "yz", ""], "b": Zeros(5, 3), "c": 1.5, "d": True},
)
HEADER_BYTES = len(WHOLE) - (432 + 16 + 288 + 8)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 3])
def test_a_file_cut_off_at_any_byte_is_refused(version: int, order: str) -> None:
    whole = Gguf(version=version, order=order).file(
        {"a": ("F16", (2, 8)), "b": ("F32", (8,))},
        {"general.architecture": "x", "t": ["a", "bc"], "n": Zeros(4, 3), "f": True},
    )
    for length in range(len(whole)):
        result = outcome(whole[:length]).result
        assert isinstance(result, HeaderMalformed), length
        assert type(result) is HeaderMalformed
    assert isinstance(outcome(whole).result, Header)


@given(st.integers(0, HEADER_BYTES - 1), st.integers(0, 255))
def test_a_flipped_byte_gives_a_header_or_a_content_error(at: int, byte: int) -> None:
    data = WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    assert isinstance(outcome(data).result, Header | ContentError)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, HEADER_BYTES - 8), st.binary(min_size=8, max_size=8))),
    st.integers(0, len(WHOLE)),
)
def test_words_overwritten_give_a_header_or_a_content_error(
    changes: list[tuple[int, bytes]], length: int
) -> None:
    data = bytearray(WHOLE)
    for at, word in changes:
        data[at : at + 8] = word
    assert isinstance(outcome(bytes(data[:length])).result, Header | ContentError)


@given(st.sampled_from([b"\1\0\0\0", b"\3\0\0\0", b"\0\0\0\3"]), st.binary(max_size=400))
@example(b"\3\0\0\0", bytes(16))
def test_any_bytes_after_the_magic_give_a_header_or_a_content_error(
    version: bytes, rest: bytes
) -> None:
    assert isinstance(outcome(b"GGUF" + version + rest).result, Header | ContentError)


@given(st.binary(max_size=200), st.integers(0, 1 << 62))
def test_any_bytes_in_a_file_of_any_size_give_a_header_or_a_content_error(
    data: bytes, size_bytes: int
) -> None:
    result = outcome(data[:size_bytes], size_bytes).result
    assert isinstance(result, Header | ContentError)

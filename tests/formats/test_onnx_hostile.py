"""Hostile ONNX files are refused, or read within bounds: never a crash, never without end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import ContentError, HeaderMalformed, LimitExceeded, UnsupportedFormat
from auditor.formats import cursor, onnx_tensor_messages, protobuf_messages
from auditor.formats.cursor import MAX_READ_BYTES, MAX_SPANS
from auditor.formats.onnx import read_header
from auditor.formats.onnx_messages import MAX_GRAPHS_DEEP, MAX_PROPERTIES
from onnx_files import (
    attribute,
    content,
    graph,
    model,
    node,
    number,
    onnx_file,
    pair,
    tensor,
    varint,
)
from spread_files import Pieces, bytes_of, feed, joined, survives


def sample() -> bytes:
    """A small file with something of everything."""
    inner = graph([tensor("inner", "F32", (2, 3))], [node("Identity", ["w"], ["w2"])], ["y"])
    place = {"location": "a.data", "offset": "0", "length": "24"}
    nodes = [
        node("Gather", ["w", "ids"], ["rows"]),
        node(
            "MatMulNBits",
            ["rows", "q", "s"],
            ["y"],
            domain="com.microsoft",
            K=16,
            N=4,
            bits=4,
            block_size=16,
        ),
        node("If", ["c"], ["z"], attributes=[attribute("then_branch", 6, inner)]),
        node("Constant", (), ["k"], attributes=[attribute("value", 5, tensor("", "I64", (2,)))]),
    ]
    initializers = [
        tensor("w", "F32", (4, 16)),
        tensor("q", "U8", (4, 1, 8)),
        tensor("s", "F32", (4,), data=[content(4, bytes(16))]),
        tensor("e", "F32", (2, 3), external=place),
    ]
    return bytes_of(model(graph(initializers, nodes, ["y"]), [content(14, pair("k", "v"))]))


SAMPLE = sample()


def test_the_sample_is_sound() -> None:
    assert len(feed(read_header, SAMPLE).header.tensors) == 6


def test_a_file_cut_anywhere_is_refused_or_lacks_what_was_cut() -> None:
    whole = {each.name for each in feed(read_header, SAMPLE).header.tensors}
    for stop in range(len(SAMPLE)):
        fed = survives(read_header, SAMPLE[:stop], most_spans=3, most_bytes=2 * len(SAMPLE))
        # Fields of the model may end between two; the graph, with its length, may not.
        assert fed is None or {each.name for each in fed.header.tensors} == whole


@settings(max_examples=200)
@given(at=st.integers(0, len(SAMPLE) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_breaks_no_more_than_the_file(at: int, byte: int) -> None:
    changed = SAMPLE[:at] + bytes([byte]) + SAMPLE[at + 1 :]
    survives(read_header, changed, most_spans=3, most_bytes=2 * len(SAMPLE))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_read(data: bytes) -> None:
    survives(read_header, data, most_spans=3, most_bytes=600)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0, 1, 2, 5]), st.binary(max_size=20)))
)
def test_random_fields_are_refused_or_read(fields: list[tuple[int, int, bytes]]) -> None:
    parts: list[Pieces] = []
    for field, kind, data in fields:
        tag = varint(field << 3 | kind)
        value = {0: varint(len(data)), 1: bytes(8), 2: varint(len(data)) + data, 5: bytes(4)}[kind]
        parts.append((tag + value,))
    for file in (joined(parts), model(joined(parts)), onnx_file([joined(parts)], [joined(parts)])):
        survives(read_header, bytes_of(file), most_spans=3, most_bytes=4_000)


# -- numbers that lie


@pytest.mark.parametrize("length", [1 << 32, 1 << 60, (1 << 64) - 1])
@pytest.mark.parametrize("field", [7, 5, 9])
def test_a_length_past_the_end_is_refused_and_not_asked_for(length: int, field: int) -> None:
    lie = (varint(field << 3 | 2) + varint(length),)
    for file in (lie, model(joined([lie])), onnx_file([joined([lie])])):
        with pytest.raises(HeaderMalformed, match="ends outside"):
            feed(read_header, joined([file, (100,)]) if file == lie else file)


@pytest.mark.parametrize("kind", [3, 4])
def test_groups_are_refused(kind: int) -> None:
    with pytest.raises(HeaderMalformed, match="a group, which the format does not have at byte 0"):
        feed(read_header, varint(7 << 3 | kind) + bytes(20))


@pytest.mark.parametrize("tag", [b"\x06", b"\x07", b"\x00\x00", b"\x02\x00"])
def test_tags_of_no_field_are_refused(tag: bytes) -> None:
    with pytest.raises(HeaderMalformed, match="no field at byte 0"):
        feed(read_header, tag + bytes(20))


@pytest.mark.parametrize("data", [b"\xff" * 11, b"\x08" + b"\xff" * 11, b"\x80", b"\x08\x80"])
def test_numbers_without_an_end_are_refused(data: bytes) -> None:
    with pytest.raises(HeaderMalformed, match="no number where one is due"):
        feed(read_header, data)


@pytest.mark.parametrize("dimension", [1 << 60, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_absurd_dimensions_are_refused_whatever_holds_the_numbers(dimension: int) -> None:
    for data in ([], [content(9, bytes(4))], [content(5, bytes(4))], [content(4, bytes(4))]):
        with pytest.raises(HeaderMalformed):
            feed(read_header, onnx_file([tensor("a", "I32", (dimension, 4), data=data)]))


def test_absurd_elements_in_another_file_are_refused() -> None:
    place = {"location": "a.data"}
    with pytest.raises(HeaderMalformed, match="no shape of a tensor"):
        feed(read_header, onnx_file([tensor("a", "F32", (1 << 40, 1 << 40), external=place)]))


# -- depth and number


def test_graphs_too_deep_are_refused() -> None:
    inner = graph([tensor("w", "F32", (1,))])
    for _ in range(MAX_GRAPHS_DEEP + 1):
        inner = graph(nodes=[node("If", ["c"], ["y"], attributes=[attribute("then", 6, inner)])])
    with pytest.raises(LimitExceeded, match="graphs more than 16 deep"):
        feed(read_header, model(inner))


def test_too_many_tensors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_tensor_messages, "MAX_TENSORS", 3)
    with pytest.raises(LimitExceeded, match="more than 3 tensors"):
        feed(read_header, onnx_file([tensor(str(at), "F32", ()) for at in range(4)]))


def test_too_many_fields_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "MAX_ENTRIES", 1_000)
    with pytest.raises(LimitExceeded, match="more than 1,000 entries"):
        feed(read_header, b"\x08\x01" * 1_001)


def test_a_name_too_long_is_refused_before_it_is_read() -> None:
    long = protobuf_messages.MAX_TEXT_BYTES + 1
    file = model(graph([joined([content(8, (long,)), number(2, 1)])]))
    with pytest.raises(LimitExceeded, match="a name or shape of 65,537 bytes"):
        feed(read_header, joined([file, (10_000_000,)]))


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(HeaderMalformed, match="is no UTF-8"):
        feed(read_header, onnx_file([joined([content(8, b"\xff\xfe"), number(2, 1)])]))


def test_of_many_properties_a_thousand_are_kept_and_long_ones_are_not_read() -> None:
    many = [content(14, pair(str(at), "x")) for at in range(MAX_PROPERTIES + 50)]
    header = feed(read_header, model(graph(), many)).header
    assert len(header.metadata) == MAX_PROPERTIES + 1  # and the producer's name
    long = content(14, joined([content(1, "key"), content(2, (1_000_000,))]))
    fed = feed(read_header, model(graph(), [long]))
    assert fed.header.metadata["key"] == ""
    assert fed.read_bytes < 200_000


def test_heads_in_too_many_places_are_refused_after_as_many_requests() -> None:
    file = onnx_file([tensor(str(at), "F32", (512, 512)) for at in range(MAX_SPANS + 10)])
    with pytest.raises(UnsupportedFormat, match="its tensors lie between their data"):
        feed(read_header, file)


def test_a_description_without_end_is_refused_after_as_many_bytes() -> None:
    # Documentation in pieces that are too small to be jumped over.
    piece = content(10, (60_000,))
    count = MAX_READ_BYTES // 60_000 + 100
    with pytest.raises(ContentError, match=r"takes more than 67,108,864 bytes"):
        feed(read_header, (*(part for _ in range(count) for part in piece),))


def test_a_chain_of_identities_is_followed_so_far() -> None:
    steps = [node("Identity", [f"v{at}"], [f"v{at + 1}"]) for at in range(5_000)]
    loop = node("Identity", ["loop"], ["loop"])
    last = node("DequantizeLinear", ["v5000", "loop"], ["y"])
    header = feed(read_header, onnx_file([tensor("v0", "I8", (4, 4))], [*steps, loop, last])).header
    assert header.purposes["v0"].use.value == "constant"


def test_values_that_go_in_a_circle_to_no_logits_are_followed_so_far() -> None:
    nodes = [
        node("Gather", ["t", "ids"], ["rows"]),
        node("MatMul", ["rows", "h"], ["a"]),
        *(node("Add", ["a", "b"], ["a", "b", "c"]) for _ in range(300)),
    ]
    file = onnx_file([tensor("t", "F32", (9, 4)), tensor("h", "F32", (4, 9))], nodes)
    assert not feed(read_header, file).header.purposes

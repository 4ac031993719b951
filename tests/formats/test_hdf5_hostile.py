"""No HDF5 file, whatever its bytes, gives anything but a header or an error of its content."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import ContentError, HeaderMalformed, LimitExceeded
from auditor.formats import hdf5_bytes
from auditor.formats.hdf5 import read_header
from auditor.formats.hdf5_bytes import MAX_ITEMS, MAX_READ_BYTES, MAX_SPANS, MAX_STRUCTURE_BYTES
from auditor.formats.hdf5_tree import MAX_DEPTH, MAX_OBJECTS
from builders import Driven, drive
from hdf5_files import (
    F16,
    STRING,
    UNDEFINED,
    Array,
    Group,
    Hard,
    Node,
    Soft,
    hdf5_file,
    keras_file,
    nested,
)

LAYERS = {
    "dense": {"dense/kernel:0": Array(shape=(3, 4)), "dense/bias:0": Array(shape=(4,))},
    "conv": {"conv/kernel:0": Array(shape=(2, 2, 2, 2), type=F16)},
}
ANY_TREE = Group(
    members={
        "a": Array(shape=(5,), attributes={"dtype": ["bfloat16"]}),
        "b": Hard("a"),
        "c": Soft("/a"),
        "text": Array(type=STRING),
        "deep": nested({"x/y/z": Array(shape=(2, 2))}),
        **{f"w{n}": Array() for n in range(20)},
    }
)
SMALL = {"d": {"d/k:0": Array(shape=(2, 2))}}
SMALL_FILES = [keras_file(SMALL), keras_file(SMALL, newer=True)]
FILES = [
    *SMALL_FILES,
    keras_file(LAYERS),
    keras_file(LAYERS, newer=True),
    hdf5_file(ANY_TREE),
    hdf5_file(ANY_TREE, newer=True),
]
MOST_SPANS = 20  # the files have under 20 kB, which is one read


def attempt(data: bytes, size_bytes: int | None = None) -> Driven | None:
    """What is read, within bounds; None where it is refused, with a reason and not a crash."""
    refusal: ContentError | None = None
    try:
        driven = drive(read_header("a.h5", size_bytes or len(data)), data)
    except ContentError as error:
        refusal = error
    if refusal is not None:
        assert refusal.hint
        assert str(refusal).isprintable()
        assert len(str(refusal)) < 400
        return None
    assert len(driven.spans) <= MOST_SPANS
    return driven


@pytest.mark.parametrize("data", SMALL_FILES)
def test_a_file_that_is_cut_anywhere_is_refused(data: bytes) -> None:
    assert attempt(data) is not None
    for end in range(len(data)):
        assert attempt(data[:end]) is None, end


@pytest.mark.parametrize("data", SMALL_FILES)
def test_a_byte_that_is_wrong_anywhere_breaks_nothing_else(data: bytes) -> None:
    for at, byte in enumerate(data):
        for value in {0, 0xFF, byte ^ 1} if byte else {0xFF}:
            attempt(data[:at] + bytes([value]) + data[at + 1 :])


@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_bytes_that_are_wrong_in_many_places_break_nothing_else(
    data: bytes, changes: list[tuple[int, bytes]]
) -> None:
    changed = bytearray(data)
    for at, new in changes:
        at %= len(data)  # noqa: PLW2901 - wherever it falls
        changed[at : at + len(new)] = new
    attempt(bytes(changed[: len(data)]))


@given(
    st.sampled_from(FILES),
    st.lists(
        st.tuples(
            st.integers(0, 1 << 13),
            st.integers(0, 1 << 13)
            | st.sampled_from([UNDEFINED, 1 << 63, (1 << 63) - 1, 1 << 31, 1 << 16]),
        ),
        max_size=3,
    ),
)
def test_addresses_and_lengths_that_lie_break_nothing_else(
    data: bytes, changes: list[tuple[int, int]]
) -> None:
    changed = bytearray(data)
    for place, value in changes:
        at = 8 * place % (len(data) - 8)
        changed[at : at + 8] = value.to_bytes(8, "little")
    attempt(bytes(changed))


@given(st.binary(max_size=300), st.integers(1, 1 << 40))
def test_any_bytes_after_a_signature_are_read_or_refused(rest: bytes, size_bytes: int) -> None:
    data = b"\x89HDF\r\n\x1a\n" + rest
    attempt(data, max(size_bytes, len(data)))


# -- what is made to take long


def test_groups_too_deep_are_refused() -> None:
    path = "/".join(["g"] * (MAX_DEPTH + 2))
    with pytest.raises(LimitExceeded, match="groups 65 deep"):
        read(hdf5_file(nested({path: Array()})))


def test_a_path_that_is_too_long_is_refused() -> None:
    path = "/".join(["g" * 120] * 10)
    with pytest.raises(LimitExceeded, match="a path of 1,0"):
        read(hdf5_file(nested({path: Array()})))


def read(data: bytes) -> Driven:
    return drive(read_header("a.h5", len(data)), data)


def test_messages_that_go_round_in_a_circle_are_refused() -> None:
    data = bytearray(hdf5_file(Group(attributes={"layer_names": ["a"]})))
    continuation = data.index(pack("<HHB3x", 0x10, 16, 0)) + 8
    place = int.from_bytes(data[continuation : continuation + 8], "little")
    # The attribute that stands elsewhere becomes another continuation, of the same place.
    data[place : place + 24] = pack("<HHB3xQQ", 0x10, 16, 0, place, 24)
    with pytest.raises(HeaderMalformed, match="circle"):
        read(bytes(data))


def tree_of_trees(levels: int, width: int) -> bytes:
    """A group whose B-tree has, at each level, `width` entries that all lead to one node."""
    data = bytearray(hdf5_file(Group()))
    root = int.from_bytes(data[64:72], "little")
    below = 0
    for level in range(levels):
        data += bytes(-len(data) % 8)
        address = len(data)
        data += b"TREE" + pack("<BBHQQ", 0, level, width, UNDEFINED, UNDEFINED)
        data += pack("<QQ", 0, below) * width + bytes(8)
        below = address
    data[root + 24 : root + 32] = below.to_bytes(8, "little")  # its one message: B-tree and heap
    data[40:48] = len(data).to_bytes(8, "little")
    return bytes(data)


def test_a_b_tree_that_grows_at_each_level_is_refused() -> None:
    data = tree_of_trees(levels=20, width=200)  # 200^20 leaves
    with pytest.raises(LimitExceeded, match=f"{MAX_ITEMS:,} objects"):
        read(data)


def test_an_attribute_of_more_strings_than_there_are_bytes_is_refused() -> None:
    data = bytearray(keras_file(LAYERS))
    # The space of the list at the root, which is written last: one dimension, two names.
    space = data.rindex(pack("<BBB5xQ", 1, 1, 0, 2)) + 8
    data[space : space + 8] = (1 << 40).to_bytes(8, "little")
    with pytest.raises(LimitExceeded):
        read(bytes(data))


def test_a_structure_that_is_too_large_is_not_asked_for() -> None:
    data = bytearray(hdf5_file(Group(members={"a": Array()})))
    heap = data.index(b"HEAP")
    data[heap + 8 : heap + 16] = (MAX_STRUCTURE_BYTES + 1).to_bytes(8, "little")
    with pytest.raises(LimitExceeded, match="a structure of 16,777,217 bytes"):
        drive(read_header("a.h5", 1 << 40), bytes(data))


def test_a_shape_whose_elements_overflow_is_refused() -> None:
    huge = Array(shape=(1 << 40, 1 << 40), address=0, stored_bytes=0)
    with pytest.raises(HeaderMalformed, match="overflow"):
        read(hdf5_file(Group(members={"a": huge})))


def test_too_many_dimensions_are_refused() -> None:
    with pytest.raises(HeaderMalformed, match="33 dimensions"):
        read(hdf5_file(Group(members={"a": Array(shape=[1] * 33)})))


def test_data_past_the_end_of_the_file_are_refused() -> None:
    with pytest.raises(HeaderMalformed, match="ends at byte 40,100"):
        read(hdf5_file(Group(members={"a": Array(shape=(25,), address=40_000)})))


def test_data_that_overlap_are_refused() -> None:
    members: dict[str, Node] = {
        "a": Array(shape=(25,)),
        "b": Array(shape=(25,), address=150),
    }
    with pytest.raises(HeaderMalformed, match="`a` and `b` overlap"):
        read(hdf5_file(Group(members=members)))


def test_data_that_do_not_fit_their_place_are_refused() -> None:
    with pytest.raises(HeaderMalformed, match="do not fit"):
        read(hdf5_file(Group(members={"a": Array(shape=(25,), stored_bytes=99)})))


def test_a_name_with_a_slash_is_refused() -> None:
    data = hdf5_file(Group(members={"ab": Array(), "x": Array()}))
    with pytest.raises(HeaderMalformed, match="a link with the name `a/`"):
        read(data.replace(b"ab\0", b"a/\0"))


def test_no_more_spans_and_bytes_than_the_limits_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hdf5_bytes, "MAX_SPANS", 3)
    layers = {name: {f"{name}/kernel:0": Array(shape=(1 << 19,))} for name in "abcdef"}
    with pytest.raises(LimitExceeded, match="more than 3 places"):
        read(keras_file(layers))


def test_the_limits_leave_room_for_the_largest_models_known() -> None:
    assert MAX_SPANS > 2_000
    assert MAX_READ_BYTES > 2_000 * hdf5_bytes.PAGE_BYTES
    assert MAX_OBJECTS > 20 * 2_000

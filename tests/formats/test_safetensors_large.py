"""A large header is read as a small one is: what is taken in one go says the same."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.core.strict_json import LARGE_BYTES, NotJson, Object, parse
from auditor.errors import ContentError, HeaderMalformed
from auditor.formats.safetensors_entries import Contents, contents, entry_or_pairs
from auditor.formats.safetensors_large import large_contents
from builders import entries, read, virtual_header, with_length
from strategies import tensors

TWO = {"a": ("F32", (2, 2)), "b": ("BF16", (3,))}
ENTRY = b'{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}'


def looked_at_closely(raw: bytes) -> Contents | None:
    """What the other reader says; None where it refuses."""
    try:
        root = parse(raw, entry_or_pairs)
        return contents("a", root) if isinstance(root, Object) else None
    except (ContentError, NotJson):
        return None


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", "\t:\r")])
@pytest.mark.parametrize("metadata", [{}, {"__metadata__": {"format": "pt", "at": "12:30"}}])
def test_what_writers_write_is_taken(separators: tuple[str, str], metadata: dict[str, Any]) -> None:
    raw = json.dumps(metadata | entries(TWO), separators=separators).encode() + b"   "
    found = large_contents(raw)
    assert found == looked_at_closely(raw)
    assert found is not None
    assert [tensor.end for tensor in found[0]] == [16, 22]  # 4 x 4 bytes, 3 x 2 more
    assert found[1] == metadata.get("__metadata__", {})


@pytest.mark.parametrize(
    "raw",
    [
        *("", "{}", "[]", "7", '{"a":null}', '{"a":ENTRY'),
        '{"a":ENTRY,"a":ENTRY}',
        '{"a":{"dtype":"F16","dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}',
        '{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16],"more":1}}',
        '{"a":{"dtype":"F128","shape":[2,2],"data_offsets":[0,16]}}',
        '{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,17]}}',
        '{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[1,17]}}',
        '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
        '{"a":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}}',
        '{"a":{"dtype":"F32","shape":[true,4],"data_offsets":[0,16]}}',
        '{"a":{"dtype":"F32","shape":[-2,-2],"data_offsets":[0,16]}}',
        '{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,16]}}',
        '{"a":{"dtype":"F32","shape":[' + "9" * 5_000 + '],"data_offsets":[0,16]}}',
        '{"a":["F32",[2,2],[0,16]]}',
        '{"a:b":ENTRY}',
        '{"\\u0061":ENTRY}',
        '{"a":ENTRY,"__metadata__":{"format":"pt"}}',
        '{"__metadata__":ENTRY}',
        '{"__metadata__":{"n":1},"a":ENTRY}',
        '{"__metadata__":{"n":"1","n":"2"},"a":ENTRY}',
        '{"__metadata__":{"n":"1"},"__metadata__":{"n":"1"},"a":ENTRY}',
        '{"__metadata__":{"n":"1"},"__metadata__":ENTRY}',
    ],
)
def test_what_is_odd_in_any_way_is_left_for_a_closer_look(raw: str) -> None:
    assert large_contents(raw.encode().replace(b"ENTRY", ENTRY)) is None


def test_bytes_that_are_no_text_are_left_for_a_closer_look() -> None:
    assert large_contents(b'{"\xff":%s}' % ENTRY) is None


@given(tensors(min_size=1), st.dictionaries(st.text(), st.text(), max_size=3))
def test_both_ways_of_reading_say_the_same(
    stored: dict[str, tuple[str, tuple[int, ...]]], metadata: dict[str, str]
) -> None:
    raw = json.dumps({"__metadata__": metadata} | entries(stored), ensure_ascii=False).encode()
    found = large_contents(raw)
    assert found is None or found == looked_at_closely(raw)


@given(tensors(min_size=1), st.data())
@example(TWO, None)
def test_with_a_changed_byte_nothing_is_taken_that_is_read_otherwise(
    stored: dict[str, tuple[str, tuple[int, ...]]], data: st.DataObject | None
) -> None:
    changed = bytearray(json.dumps(entries(stored)).encode())
    if data is not None:
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    found = large_contents(bytes(changed))
    assert found is None or found == looked_at_closely(bytes(changed))


def test_a_large_file_is_held_against_the_same_rules() -> None:
    many = {f"layers.{at}.weight": ("F8_E4M3", (4, 4)) for at in range(1_000)}
    head, size_bytes = virtual_header(many)
    assert len(head) > LARGE_BYTES
    assert [tensor.name for tensor in read(head, size_bytes).tensors] == list(many)
    doubled = head[8:].rstrip().replace(b"layers.999.", b"layers.998.")
    with pytest.raises(HeaderMalformed, match=r"`layers\.998\.weight` more than once"):
        read(with_length(doubled), 8 + len(doubled) + 16_000)

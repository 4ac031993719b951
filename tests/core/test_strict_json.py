"""Strict JSON is what RFC 8259 says it is, and leaves by one door only."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.strict_json import NotJson, Object, parse, value_bound

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON: expecting value at character 0"),
        (b"{} {}", "not JSON: extra data at character 3"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b"[NaN]", "not JSON: NaN for a number"),
        (b"[-Infinity]", "not JSON: -Infinity for a number"),
        (b"[1e309]", "a number past the largest double"),
        (b"9" * 5_000, "a number of too many digits"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":[' * 64 + b"]}" * 64, "nested too deeply"),
        (rb'"\ud800"', "half a surrogate pair at byte 1"),
        (rb'"\uDFFF"', "half a surrogate pair at byte 1"),
        (rb'"\ud83d\ud83d"', "half a surrogate pair at byte 1"),
        (rb'{"a":"\n\u0041\ud83d\ude00\ud83d "}', "half a surrogate pair at byte 26"),
    ],
)
def test_what_is_no_json_is_refused_with_its_reason(text: bytes, reason: str) -> None:
    with pytest.raises(NotJson) as caught:
        parse(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        (rb'"\\ud800"', r"\ud800"),
        (rb'"\\\ud83d\ude00"', "\\\N{GRINNING FACE}"),
        (rb'"\u0041"', "A"),
        (b"1e308", 1e308),
        (b" [18446744073709551616] ", [2**64]),
    ],
)
def test_what_is_json_is_read(text: bytes, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("hook", [Object, dict])
def test_as_many_levels_as_serde_json_reads_are_read(
    hook: Callable[[list[tuple[str, object]]], object],
) -> None:
    assert parse(b'{"a":[' * 63 + b"[]" + b"]}" * 63, hook)  # 2 x 63 + 1 = 127
    with pytest.raises(NotJson, match="nested too deeply"):
        parse(b'{"a":[' * 63 + b"[[]]" + b"]}" * 63, hook)


def test_an_object_keeps_its_doubled_keys() -> None:
    assert parse(b'{"a":1,"a":2}') == Object([("a", 1), ("a", 2)])


def test_a_hook_makes_of_objects_what_it_likes() -> None:
    assert parse(b'{"a":{"b":1}}', hook=dict) == {"a": {"b": 1}}


@given(JSON_VALUES, st.booleans())
def test_what_python_writes_is_read_back(value: object, ascii_only: bool) -> None:  # noqa: FBT001
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode(), hook=dict) == value


@given(st.binary())
def test_nothing_but_not_json_is_raised(raw: bytes) -> None:
    try:
        parse(raw)
    except NotJson:
        return


def count(value: object) -> int:
    if isinstance(value, list):
        return 1 + sum(count(item) for item in value)
    if isinstance(value, dict):
        return 1 + sum(count(item) for item in value.values())
    return 1


@given(JSON_VALUES)
def test_no_text_holds_more_values_than_the_bound_and_one(value: object) -> None:
    # One for each value but the first in its list or object: a comma; that one: the bracket.
    assert count(value) <= value_bound(json.dumps(value).encode()) + 1

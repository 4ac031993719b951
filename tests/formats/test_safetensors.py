"""What a safetensors header says is read as it stands there, in the fewest reads."""

import json
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from math import prod
from random import Random
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.core.dtypes import DTYPES, Dtype
from auditor.core.strict_json import Object
from auditor.core.tensors import Header, Span
from auditor.core.weight_files import format_of
from auditor.errors import (
    ContentError,
    HeaderMalformed,
    HeaderTooLarge,
    HfauditError,
    LimitExceeded,
    UnknownDtype,
)
from auditor.formats import FORMATS
from auditor.formats.safetensors import (
    FIRST_READ_BYTES,
    MAX_HEADER_BYTES,
    MAX_JSON_VALUES,
    header_from_json,
    read_header,
)
from auditor.formats.safetensors_entries import MAX_TENSORS, contents
from builders import drive, entries, read, safetensors_file, virtual_header, with_length
from strategies import DTYPES_OF_FILES, tensors

# The dtypes that numpy has under the name of their kind and bits: F16 is float16.
NUMPY_KINDS = {"F": "float", "I": "int", "U": "uint"}
NUMPY_DTYPES = tuple(
    dtype for dtype in DTYPES_OF_FILES if re.fullmatch(r"[FIU](8|16|32|64)", dtype.name)
)
REFERENCE_DTYPES = tuple(  # safetensors 0.5 knew fewer
    dtype
    for dtype in DTYPES_OF_FILES
    if dtype.block_elements == 1
    and dtype.name not in {"C64", "F8_E8M0"}
    and "FNUZ" not in dtype.name
)
ONE = {"a": ("F32", (2, 2))}


def json_of(data: bytes) -> dict[str, Any]:
    """The header of a file, parsed as a server would."""
    length = int.from_bytes(data[:8], "little")
    parsed: dict[str, Any] = json.loads(data[8 : 8 + length])
    return parsed


def handed_out(size_bytes: int, parsed: Mapping[str, Any]) -> Header:
    """The header of a file of `size_bytes` that a server has parsed and writes as JSON."""
    return header_from_json("a", size_bytes, json.dumps(parsed).encode())


# -- what is asked for


def test_a_small_file_is_read_whole_in_one_read() -> None:
    data = safetensors_file(ONE)
    assert drive(read_header("a", len(data)), data).spans == (Span(0, len(data)),)


def test_a_large_file_with_a_short_header_is_read_once_and_not_further() -> None:
    head, size_bytes = virtual_header({"wte.weight": ("F32", (50_257, 768))})
    assert size_bytes == len(head) + 50_257 * 768 * 4
    driven = drive(read_header("a", size_bytes), head)
    assert driven.spans == (Span(0, FIRST_READ_BYTES),)


def test_of_a_long_header_only_the_rest_is_asked_for() -> None:
    head, size_bytes = virtual_header(
        {f"layer.{at}.weight": ("BF16", (8, 8)) for at in range(2_000)}
    )
    assert len(head) > FIRST_READ_BYTES
    driven = drive(read_header("a", size_bytes), head)
    assert driven.spans == (Span(0, FIRST_READ_BYTES), Span(FIRST_READ_BYTES, len(head)))
    assert len(driven.header.tensors) == 2_000


@pytest.mark.parametrize(("longer", "reads"), [(0, 1), (1, 2)])
def test_a_header_that_ends_with_the_first_read_takes_one(longer: int, reads: int) -> None:
    padded = with_length(b"{}" + b" " * (FIRST_READ_BYTES - 8 - 2 + longer))
    assert len(drive(read_header("a", len(padded)), padded).spans) == reads


def test_a_header_over_the_limit_is_refused_before_it_is_asked_for() -> None:
    reader = read_header("a", 10**12)
    assert next(reader) == Span(0, FIRST_READ_BYTES)
    with pytest.raises(HeaderTooLarge, match="100,000,001 bytes; the format allows 100,000,000"):
        reader.send((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + bytes(FIRST_READ_BYTES - 8))


def test_an_empty_file_is_refused_without_reading() -> None:
    with pytest.raises(HeaderMalformed, match="0 bytes"):
        next(read_header("a", 0))


# -- what is read


def test_the_first_embedding_of_gpt2_is_read() -> None:
    head, size_bytes = virtual_header(
        {"wte.weight": ("F32", (50_257, 768)), "wpe.weight": ("F32", (1_024, 768))},
        metadata={"format": "pt"},
    )
    header = read(head, size_bytes)
    wte, wpe = header.tensors
    assert (wte.name, wte.dtype, wte.shape) == ("wte.weight", DTYPES["F32"], (50_257, 768))
    assert wte.elements == 38_597_376  # 50,257 x 768
    assert (wte.begin, wte.end) == (0, 154_389_504)  # 4 bytes each
    assert (wpe.begin, wpe.end) == (154_389_504, 157_535_232)  # 1,024 x 768 x 4 = 3,145,728 more
    assert header.metadata == {"format": "pt"}
    assert (header.format, header.size_bytes, header.warnings) == ("safetensors", size_bytes, ())


@pytest.mark.parametrize("dtype", DTYPES_OF_FILES, ids=lambda dtype: dtype.name)
def test_every_dtype_of_the_format_is_read(dtype: Dtype) -> None:
    (tensor,) = read(*virtual_header({"a": (dtype.name, (3, 8))})).tensors
    assert tensor.dtype is dtype
    assert tensor.stored_bytes == 24 * dtype.block_bytes // dtype.block_elements


def test_a_scalar_is_one_element() -> None:
    (tensor,) = read(safetensors_file({"logit_scale": ("F32", ())})).tensors
    assert (tensor.shape, tensor.elements, tensor.stored_bytes) == ((), 1, 4)


def test_a_tensor_without_elements_takes_no_bytes() -> None:
    (tensor,) = read(safetensors_file({"a": ("F32", (2, 0))})).tensors
    assert (tensor.elements, tensor.stored_bytes) == (0, 0)


def test_tensors_come_in_the_order_of_their_data() -> None:
    late, early = entries({"z": ("U8", (4,)), "a": ("U8", (4,))}).values()
    header = json.dumps({"late": early, "early": late}).encode()
    assert [tensor.name for tensor in read(with_length(header) + bytes(8)).tensors] == [
        "early",
        "late",
    ]


def test_an_entry_with_its_keys_in_another_order_is_read() -> None:
    header = b'{"a":{"data_offsets":[0,16],"shape":[2,2],"dtype":"F32"}}'
    assert read(with_length(header) + bytes(16)).tensors == read(safetensors_file(ONE)).tensors


@pytest.mark.parametrize(
    ("header", "warning"),
    [
        (' {"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', "white space before the header"),
        (
            '{"__metadata__":null,"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
            "`__metadata__` is null",
        ),
        (
            '{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"strides":[1]}}',
            "keys that the format does not know: `strides` in `a`",
        ),
    ],
)
def test_an_oddity_that_readers_let_pass_is_a_warning(header: str, warning: str) -> None:
    read_back = read(with_length(header.encode()) + b"\0")
    assert [tensor.name for tensor in read_back.tensors] == ["a"]
    assert len(read_back.warnings) == 1
    assert warning in read_back.warnings[0]


def test_an_unknown_dtype_is_named_with_its_tensor() -> None:
    header = b'{"a":{"dtype":"F2_E1M0","shape":[8],"data_offsets":[0,2]}}'
    with pytest.raises(UnknownDtype, match="`a` has the dtype `F2_E1M0`"):
        read(with_length(header) + bytes(2))


def test_a_header_of_brackets_is_refused_before_it_is_parsed() -> None:
    bomb = b'{"a":[' + b"[]," * (MAX_JSON_VALUES // 2) + b"[]]}"
    bomb += b" " * max(0, 2 * MAX_JSON_VALUES - len(bomb) + 1)
    with pytest.raises(LimitExceeded, match="more than 12,000,000 values"):
        read(with_length(bomb))


def test_more_tensors_than_any_model_has_are_refused() -> None:
    with pytest.raises(LimitExceeded, match="1,000,001 tensors; at most 1,000,000"):
        contents("a", Object((str(at), None) for at in range(MAX_TENSORS + 1)))


def test_the_format_is_found_by_the_kind_of_a_file() -> None:
    found = import_module(FORMATS[format_of("model.safetensors") or ""])
    data = safetensors_file(ONE)
    assert found.name == "safetensors"
    assert drive(found.read_header("a", len(data)), data).header == read(data, path="a")


# -- a header that a server hands out


def test_a_served_header_gives_what_the_file_gives() -> None:
    data = safetensors_file(
        {"a": ("F32", (2, 2)), "b": ("BF16", ()), "c": ("F4", (2, 2))}, metadata={"format": "pt"}
    )
    assert handed_out(len(data), json_of(data)) == read(data)


def test_a_served_header_of_no_tensors_is_read() -> None:
    assert handed_out(10, {}) == read(with_length(b"{}"))


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        (lambda a: a.update(dtype="F128"), UnknownDtype, "`F128`"),
        (lambda a: a.update(dtype=5), HeaderMalformed, "`dtype` is no string"),
        (lambda a: a.update(shape=[2.0, 2]), HeaderMalformed, "`shape` is no list of whole"),
        (lambda a: a.update(shape=[True, 4]), HeaderMalformed, "`shape` is no list of whole"),
        (lambda a: a.update(shape=[2, 3]), HeaderMalformed, "takes 24 bytes and is given 16"),
        (lambda a: a.update(data_offsets=[1, 17]), HeaderMalformed, "1 bytes before `a`"),
        (lambda a: a.update(data_offsets=[0, 16, 16]), HeaderMalformed, "`data_offsets` are not"),
        (lambda a: a.pop("shape"), HeaderMalformed, "no `shape`"),
    ],
)
def test_a_served_header_is_held_against_the_same_rules(
    change: Callable[[dict[str, Any]], object], error: type[ContentError], reason: str
) -> None:
    data = safetensors_file(ONE)
    parsed = json_of(data)
    change(parsed["a"])
    with pytest.raises(error, match=re.escape(reason)):
        handed_out(len(data), parsed)


@pytest.mark.parametrize(
    "parsed", [{"a": None}, {"a": []}, {"__metadata__": {"n": 1}}, {"__metadata__": []}]
)
def test_a_served_header_that_is_no_header_is_refused(parsed: Mapping[str, Any]) -> None:
    with pytest.raises(HeaderMalformed):
        handed_out(1_000, parsed)


@pytest.mark.parametrize(
    "parsed",
    [
        {"\ud800": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}},
        {"__metadata__": {"format": "\udc00"}},
    ],
)
def test_a_served_header_with_half_a_surrogate_pair_is_refused(parsed: Mapping[str, Any]) -> None:
    with pytest.raises(HeaderMalformed, match="half a surrogate pair"):
        handed_out(1_000, parsed)


# {"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}} are 57 bytes. At least 52 are asked for,
# those of {"a":{"dtype":"F4","shape":[],"data_offsets":[0,0]}}.
@pytest.mark.parametrize("header_bytes", [52, 57, 64, MAX_HEADER_BYTES])
def test_a_served_header_fits_a_file_that_leaves_room_for_it(header_bytes: int) -> None:
    parsed = entries(ONE)
    assert handed_out(8 + header_bytes + 16, parsed).tensors


@pytest.mark.parametrize("header_bytes", [-24, 0, 10, 51, MAX_HEADER_BYTES + 1])
def test_a_served_header_does_not_fit_a_file_of_another_size(header_bytes: int) -> None:
    with pytest.raises(HeaderMalformed, match="for the header of 1 tensors"):
        handed_out(8 + header_bytes + 16, entries(ONE))


def test_a_key_that_a_server_hands_out_twice_is_refused() -> None:
    entry = json.dumps(entries(ONE)["a"])
    with pytest.raises(HeaderMalformed, match="`a` more than once"):
        header_from_json("a", 1_000, f'{{"a":{entry},"a":{entry}}}'.encode())


# -- laws


# (safetensors 0.8.0 writes broken JSON where there is neither a tensor nor a key of the metadata.)
@given(
    tensors(NUMPY_DTYPES, min_size=1), st.none() | st.dictionaries(st.text(), st.text(), max_size=3)
)
def test_what_safetensors_saves_is_read_with_equal_names_dtypes_and_shapes(
    stored: dict[str, tuple[str, tuple[int, ...]]], metadata: dict[str, str] | None
) -> None:
    arrays = {
        name: np.zeros(shape, NUMPY_KINDS[dtype[0]] + dtype[1:])
        for name, (dtype, shape) in stored.items()
    }
    header = read(safetensors.numpy.save(arrays, metadata))
    assert {tensor.name: (tensor.dtype.name, tensor.shape) for tensor in header.tensors} == stored
    assert header.metadata == (metadata or {})


@given(tensors(REFERENCE_DTYPES))
def test_what_is_read_is_what_safetensors_reads(
    stored: dict[str, tuple[str, tuple[int, ...]]],
) -> None:
    data = safetensors_file(stored)
    reference = {
        name: (entry["dtype"], tuple(entry["shape"]), len(entry["data"]))
        for name, entry in safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    }
    assert reference == {
        tensor.name: (tensor.dtype.name, tensor.shape, tensor.stored_bytes)
        for tensor in read(data).tensors
    }


@given(tensors())
def test_elements_and_bytes_are_the_sums_of_the_parts(
    stored: dict[str, tuple[str, tuple[int, ...]]],
) -> None:
    header = read(safetensors_file(stored))
    assert sum(tensor.elements for tensor in header.tensors) == sum(
        prod(shape) for _, shape in stored.values()
    )


@given(tensors(), st.text(" \t\r\n", max_size=20))
def test_padding_a_header_changes_nothing(
    stored: dict[str, tuple[str, tuple[int, ...]]], padding: str
) -> None:
    head, size_bytes = virtual_header(stored)
    padded = with_length(head[8:] + padding.encode())
    assert read(padded, size_bytes + len(padding)).tensors == read(head, size_bytes).tensors


@given(tensors(), st.randoms(use_true_random=False))
def test_the_order_of_the_entries_changes_nothing(
    stored: dict[str, tuple[str, tuple[int, ...]]], random: Random
) -> None:
    made = list(entries(stored).items())
    in_order = json.dumps(dict(made)).encode()
    random.shuffle(made)
    shuffled = json.dumps(dict(made)).encode()
    data_bytes = sum(DTYPES[dtype].bytes_for(prod(shape)) for dtype, shape in stored.values())
    size_bytes = 8 + len(in_order) + data_bytes
    assert read(with_length(shuffled), size_bytes) == read(with_length(in_order), size_bytes)


@given(tensors())
def test_a_served_header_is_the_same_header(
    stored: dict[str, tuple[str, tuple[int, ...]]],
) -> None:
    head, size_bytes = virtual_header(stored)
    assert handed_out(size_bytes, json_of(head)) == read(head, size_bytes)


@given(tensors(REFERENCE_DTYPES, min_size=1), st.data())
@example({"a": ("F32", (2, 2))}, None)
def test_a_changed_byte_is_judged_as_the_reference_judges_it(
    stored: dict[str, tuple[str, tuple[int, ...]]], data: st.DataObject | None
) -> None:
    changed = bytearray(safetensors_file(stored))
    if data is not None:
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    assert_judged_alike(bytes(changed))


@given(st.binary(max_size=200))
def test_any_bytes_are_judged_as_the_reference_judges_them(header: bytes) -> None:
    assert_judged_alike(header)
    assert_judged_alike(with_length(header))


def assert_judged_alike(data: bytes) -> None:
    """That nothing but an HfauditError is raised, and where the reference refuses, too.

    NOTE: a changed letter can make one name of two, and a `0` a `-0`: the two known differences.
    """
    reason = ""
    try:
        read(data)
    except HfauditError as error:
        reason = error.reason
    try:
        safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError:
        assert reason or b"-0" in data
    else:
        assert not reason or "more than once" in reason

"""What an ONNX file says of its tensors is read as it stands there, and its data are skipped."""

from importlib import import_module

import pytest

from architectures import bert
from auditor.core.dtypes import DTYPES, Dtype
from auditor.core.tensors import Header, Span
from auditor.core.weight_files import format_of
from auditor.errors import HeaderMalformed, UnknownDtype
from auditor.formats import FORMATS
from auditor.formats.cursor import FIRST_READ_BYTES
from auditor.formats.onnx import read_header
from auditor.formats.onnx_tensors import DTYPES_BY_NUMBER
from onnx_files import (
    attribute,
    constant,
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
from spread_files import Pieces, bytes_of, feed, joined, size_of

FLOATS, INT32S, INT64S, DOUBLES, UINT64S = 4, 5, 7, 10, 11  # fields of numbers by their type


def header_of(pieces: Pieces) -> Header:
    return feed(read_header, pieces).header


def names_of(pieces: Pieces) -> list[str]:
    return [each.name for each in header_of(pieces).tensors]


def bert_base() -> Pieces:
    """110M parameters as PyTorch's exporter writes them: 1,500 nodes, then what has kept its name,
    then the matrices, turned over and numbered."""
    kept, turned, nodes = [], [], []
    for at, each in enumerate(bert(heads=False, old_norms=False)):
        if len(each.shape) == 2 and "embeddings" not in each.name:
            turned.append(tensor(f"onnx::MatMul_{at}", "F32", each.shape[::-1]))
            nodes.append(node("MatMul", ["x", f"onnx::MatMul_{at}"], [f"/{each.name}/output_0"]))
        else:
            kept.append(tensor(each.name, "F32", each.shape))
    for at in range(1_500 - len(nodes)):
        layer = f"/encoder/layer.{at % 12}/attention/self"
        nodes.append(node("Add", [f"{layer}/x_{at}", "y"], [f"{layer}/Add_{at}_output_0"]))
    return onnx_file([*kept, *turned], nodes, ["last_hidden_state"])


# -- what is asked for


def test_a_small_file_is_read_whole_in_one_read() -> None:
    file = onnx_file([tensor("w", "F32", (2, 2))])
    assert feed(read_header, file).spans == (Span(0, size_of(file)),)


def test_of_a_bert_without_its_data_a_hundredth_is_read_in_a_span_for_each_matrix() -> None:
    fed = feed(read_header, bert_base())
    # 12 x 6 matrices, the pooler's, the table of tokens and that of positions are each jumped over.
    assert 75 <= len(fed.spans) <= 90
    assert fed.read_bytes < 438_000_000 // 100
    assert sum(each.elements for each in fed.header.tensors) == 109_482_240


def test_with_its_data_elsewhere_nothing_but_the_graph_is_read() -> None:
    place = {"location": "model.onnx_data", "offset": "4096"}
    file = onnx_file([tensor(f"w.{at}", "F32", (4096, 4096), external=place) for at in range(224)])
    fed = feed(read_header, file)
    assert fed.read_bytes == size_of(file) < FIRST_READ_BYTES
    assert sum(each.elements for each in fed.header.tensors) == 224 * 4096 * 4096


def test_an_empty_file_is_refused_without_reading() -> None:
    with pytest.raises(HeaderMalformed, match="no graph"):
        next(read_header("a", 0))


# -- what is read


def test_a_tensor_is_read_with_the_place_of_its_numbers() -> None:
    file = onnx_file([tensor("encoder.weight", "F32", (30_522, 768))])
    header = header_of(file)
    (weight,) = header.tensors
    assert (weight.name, weight.dtype, weight.shape) == (
        "encoder.weight",
        DTYPES["F32"],
        (30_522, 768),
    )
    assert weight.elements == 23_440_896  # 30,522 x 768
    assert (weight.stored_bytes, weight.end) == (93_763_584, size_of(file))  # 4 bytes each, last
    assert header.data_begin == 0
    assert (header.format, header.metadata) == ("ONNX", {"producer_name": "hand"})


@pytest.mark.parametrize("dtype", DTYPES_BY_NUMBER.values(), ids=lambda dtype: dtype.name)
def test_every_dtype_is_read(dtype: Dtype) -> None:
    (each,) = header_of(onnx_file([tensor("a", dtype.name, (3, 8))])).tensors
    assert each.dtype is dtype
    assert each.stored_bytes == 24 * dtype.block_bytes // dtype.block_elements


def test_the_last_byte_of_4_bit_numbers_is_filled_up() -> None:
    (each,) = header_of(onnx_file([tensor("a", "I4", (3, 3))])).tensors
    assert (each.elements, each.stored_bytes) == (9, 5)


def test_a_scalar_is_one_element() -> None:
    (each,) = header_of(onnx_file([tensor("a", "F32", ())])).tensors
    assert (each.shape, each.elements) == ((), 1)


def test_packed_dimensions_are_those_that_are_not_packed() -> None:
    (each,) = header_of(onnx_file([tensor("a", "F32", (3, 300), packed_dims=True)])).tensors
    assert each.shape == (3, 300)


@pytest.mark.parametrize(
    ("dtype", "shape", "field", "data"),
    [
        ("F32", (3,), FLOATS, bytes(12)),
        ("C64", (3,), FLOATS, bytes(24)),  # two floats each
        ("F64", (3,), DOUBLES, bytes(24)),
        ("F16", (3,), INT32S, bytes(3)),  # a varint of one byte each
        ("I64", (3,), INT64S, varint(-1) * 3),  # of ten bytes each
        ("U4", (5,), INT32S, bytes(3)),  # two in each
        ("U2", (5,), INT32S, bytes(2)),  # four in each
        ("U64", (2,), UINT64S, bytes(2)),
    ],
)
def test_numbers_in_fields_of_their_type_are_counted(
    dtype: str, shape: tuple[int, ...], field: int, data: bytes
) -> None:
    packed = [content(field, data)]
    header = header_of(onnx_file([tensor("a", dtype, shape, data=packed)]))
    (each,) = header.tensors
    assert each.elements == shape[0]
    assert each.stored_bytes == DTYPES[dtype].bytes_up_to(shape[0])
    assert header.data_begin is None  # the numbers lie nowhere as they are


def test_numbers_may_come_one_field_each() -> None:
    one_by_one = [number(5, 7), number(5, 8)]
    (each,) = header_of(onnx_file([tensor("a", "I32", (2,), data=one_by_one)])).tensors
    assert each.elements == 2


def test_fields_in_another_order_are_read_alike() -> None:
    turned = joined([content(9, (24,)), content(8, "a"), number(2, 1), number(1, 2), number(1, 3)])
    (each,) = header_of(model(graph([turned]))).tensors
    assert (each.name, each.shape, each.stored_bytes) == ("a", (2, 3), 24)


def test_unknown_fields_are_passed_over() -> None:
    fields = [number(99, 5), content(98, "x" * 300), (varint(97 << 3 | 1) + bytes(8),)]
    file = joined(
        [onnx_file([tensor("a", "F32", (2,))]), *fields, (varint(96 << 3 | 5) + bytes(4),)]
    )
    assert names_of(file) == ["a"]


def test_names_have_dots_for_slashes() -> None:
    file = onnx_file(
        [tensor("bert/encoder/kernel:0", "F32", (20, 2))],
        [constant("/pooler/Constant_output_0", tensor("", "F32", (20, 2)))],
    )
    assert names_of(file) == ["bert.encoder.kernel", "pooler.Constant_output_0"]


def test_metadata_is_that_of_the_file() -> None:
    file = joined([onnx_file(), content(14, pair("task", "fill-mask")), content(3, "2.1")])
    assert header_of(file).metadata == {
        "producer_name": "hand",
        "producer_version": "2.1",
        "task": "fill-mask",
    }


# -- where tensors are


def test_tensors_in_nodes_subgraphs_and_functions_are_read() -> None:
    inner = graph([tensor("decoder.weight", "F32", (8, 8))], outputs=["logits"])
    branch = node("If", ["use_cache"], ["logits"], attributes=[attribute("then_branch", 6, inner)])
    function = joined(
        [content(1, "block"), content(7, constant("w", tensor("", "F32", (4, 4)))), content(5, "y")]
    )
    main = graph(
        [tensor("embed.weight", "F32", (9, 8))],
        [branch, constant("norm", tensor("", "F32", (8, 3)))],
    )
    header = header_of(model(main, [content(25, function)]))
    sizes = {each.name: each.elements for each in header.tensors}
    assert sizes == {"embed.weight": 72, "norm": 24, "decoder.weight": 64, "w": 16}


def test_one_name_in_two_graphs_is_two_names_here() -> None:
    branches = [
        attribute(place, 6, graph([tensor("onnx::MatMul_1", "F32", (8, 8))]))
        for place in ("else_branch", "then_branch")
    ]
    file = onnx_file(nodes=[node("If", ["c"], ["y"], attributes=branches)])
    assert names_of(file) == ["onnx::MatMul_1", "then_branch.onnx::MatMul_1"]


def test_the_floats_of_a_constant_are_a_tensor() -> None:
    floats = attribute("value_floats", 7, (bytes(4 * 40),))
    (each,) = header_of(onnx_file(nodes=[node("Constant", (), ["w"], attributes=[floats])])).tensors
    assert (each.name, each.dtype, each.shape) == ("w", DTYPES["F32"], (40,))


def test_of_a_sparse_tensor_the_values_are_read() -> None:
    sparse = joined(
        [
            content(1, tensor("w", "F32", (7,))),
            content(2, tensor("", "I64", (7,))),
            number(3, 100),
            number(3, 100),
        ]
    )
    header = header_of(model(graph(more=[content(15, sparse)])))
    assert [(each.name, each.shape) for each in header.tensors] == [("w", (7,))]
    assert any("zeros were not counted (1)" in note for note in header.notes)


def test_text_is_no_tensor() -> None:
    text = joined([number(1, 1), number(2, 8), content(6, "hello"), content(8, "vocabulary")])
    assert names_of(model(graph([text, tensor("w", "F32", (2,))]))) == ["w"]


def test_graphs_for_training_are_left_out_and_told() -> None:
    training = content(1, graph([tensor("momentum", "F32", (8, 8))]))
    header = header_of(model(graph([tensor("w", "F32", (8, 8))]), [content(20, training)]))
    assert [each.name for each in header.tensors] == ["w"]
    assert "the graphs for its own training were left out" in header.notes


# -- data in other files


def test_data_in_another_file_are_as_many_bytes_as_the_shape_takes() -> None:
    place = {"location": "data/model.onnx_data", "offset": "4096", "length": "96"}
    header = header_of(onnx_file([tensor("a", "F32", (4, 6), external=place)]))
    assert (header.tensors[0].stored_bytes, header.data_begin) == (96, None)
    assert header.warnings == ()
    assert "tensors whose numbers lie in another file (1): `data/model.onnx_data`" in header.notes


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../model.data", "a/../../b", "C:\\weights", "\\\\host\\x", ""]
)
def test_a_location_outside_the_folder_is_told(location: str) -> None:
    header = header_of(onnx_file([tensor("a", "F32", (4,), external={"location": location})]))
    assert header.tensors[0].elements == 4
    assert "no file beside this one" in header.warnings[0]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"length": "95"}, "takes 96 bytes and is said to have 95"),
        ({"length": "9" * 30}, "no number"),
        ({"offset": "-1"}, "no number"),
        ({"offset": "٣"}, "no number"),
    ],
)
def test_odd_places_of_data_are_told(place: dict[str, str], said: str) -> None:
    whole = {"location": "model.data", **place}
    header = header_of(onnx_file([tensor("a", "F32", (4, 6), external=whole)]))
    assert header.tensors[0].stored_bytes == 96
    assert said in header.warnings[0]


def test_of_many_odd_places_three_are_told_and_the_rest_counted() -> None:
    file = onnx_file([tensor(f"w{at}", "F32", (4,), external={}) for at in range(10)])
    assert len(header_of(file).warnings) == 4
    assert header_of(file).warnings[-1] == "7 more of the kind"


# -- what is refused


@pytest.mark.parametrize(
    ("initializer", "reason"),
    [
        (tensor("a", "F32", (4,), data=[content(9, bytes(15))]), "takes 16 bytes and is given 15"),
        (tensor("a", "F32", (4,), data=[]), "has 4 elements and is given 0"),
        (tensor("a", "F32", (4,), data=[content(4, bytes(12))]), "has 4 elements and is given 3"),
        (tensor("a", "I64", (1 << 40,), data=[content(7, b"\0")]), "and is given 1"),
        (tensor("a", "F32", (-4,), data=[content(9, b"")]), "is no shape of a tensor"),
        (tensor("a", "F32", (1 << 40, 1 << 40), data=[content(9, b"")]), "is no shape of a tensor"),
        (tensor("a", "F32", (1,) * 65), "has 65 dimensions"),
        (tensor("", "F32", (1,)), "a tensor without a name"),
    ],
)
def test_a_tensor_that_contradicts_itself_is_refused(initializer: Pieces, reason: str) -> None:
    with pytest.raises(HeaderMalformed, match=reason):
        header_of(onnx_file([initializer]))


def test_two_tensors_of_one_name_in_one_graph_are_refused() -> None:
    with pytest.raises(HeaderMalformed, match="two tensors `a` in one graph"):
        header_of(onnx_file([tensor("a", "F32", (1,)), tensor("a", "F32", (2,))]))


@pytest.mark.parametrize("data_type", [0, 29, 2**40])
def test_an_unknown_data_type_is_named(data_type: int) -> None:
    strange = joined([number(2, data_type), content(8, "a"), content(9, b"")])
    with pytest.raises(UnknownDtype, match=f"data type {data_type}"):
        header_of(onnx_file([strange]))


def test_another_kind_of_file_is_recognised() -> None:
    zipped = b"PK\x03\x04" + bytes(60)
    with pytest.raises(HeaderMalformed, match="no ONNX file but a zip archive"):
        feed(read_header, zipped)


def test_the_format_is_found_by_its_kind() -> None:
    kind = format_of("onnx/model.onnx")
    assert kind is not None
    assert import_module(FORMATS[kind]).read_header is read_header


def test_the_place_in_the_file_is_where_the_numbers_are() -> None:
    raw = [content(9, b"\1\2\3\4")]
    file = onnx_file([tensor("a", "U8", (4,), data=raw), tensor("b", "F32", (1,))])
    first = header_of(file).tensors[0]
    assert bytes_of(file)[first.begin : first.end] == b"\1\2\3\4"

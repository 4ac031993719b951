"""Arrays of a Flax file are read from their heads, and what is beside the model is told apart."""

from importlib import import_module

import pytest

from architectures import bert
from auditor.core.dtypes import DTYPES
from auditor.core.roles import Role
from auditor.core.tensors import Header, Span
from auditor.core.weight_files import format_of
from auditor.errors import HeaderMalformed, LimitExceeded, UnknownDtype, UnsupportedFormat
from auditor.formats import FORMATS
from auditor.formats.cursor import MAX_SPANS
from auditor.formats.flax_msgpack import MAX_DEPTH, read_header
from auditor.formats.numpy_dtypes import BY_NAME
from counting import assigned, counted
from flax_files import Array, Raw, Tree, array, chunked, extension, packed, text
from spread_files import Pieces, bytes_of, feed, joined, size_of

F32 = "float32"


def header_of(tree: Tree) -> Header:
    return feed(read_header, packed(tree)).header


def shapes_of(header: Header) -> dict[str, tuple[int, ...]]:
    return {each.name: each.shape for each in header.tensors}


def nested(names: dict[str, Tree]) -> Tree:
    """The tree whose paths are dotted names."""
    tree: dict[str, Tree] = {}
    for name, value in names.items():
        *path, last = name.split(".")
        place = tree
        for key in path:
            inner = place.setdefault(key, {})
            assert isinstance(inner, dict)
            place = inner
        place[last] = value
    return tree


# -- what is asked for


def test_a_small_file_is_read_whole_in_one_read() -> None:
    file = packed({"dense": {"kernel": Array(F32, (2, 2))}})
    assert feed(read_header, file).spans == (Span(0, size_of(file)),)


def test_of_a_bert_a_hundredth_is_read_in_a_span_for_each_matrix() -> None:
    arrays: dict[str, Tree] = {
        each.name: Array(F32, each.shape) for each in bert(heads=False, old_norms=False)
    }
    fed = feed(read_header, packed(nested(arrays)))
    assert 75 <= len(fed.spans) <= 90
    assert fed.read_bytes < 438_000_000 // 100
    assert sum(each.elements for each in fed.header.tensors) == 109_482_240


def test_more_heads_than_requests_allow_are_refused_with_the_reason() -> None:
    # 2 MB each, so that every head is jumped to.
    many: Tree = {str(at): Array("float32", (512, 1_024)) for at in range(MAX_SPANS + 1)}
    with pytest.raises(UnsupportedFormat, match="takes more than 2,000 requests"):
        feed(read_header, packed(many))


# -- what is read


def test_an_array_is_read_with_the_place_of_its_numbers() -> None:
    file = packed({"encoder": {"layer": {"0": {"kernel": Array("bfloat16", (768, 3_072))}}}})
    header = feed(read_header, file).header
    (kernel,) = header.tensors
    assert (kernel.name, kernel.dtype) == ("encoder.layer.0.kernel", DTYPES["BF16"])
    assert (kernel.shape, kernel.elements) == ((768, 3_072), 2_359_296)  # 768 x 3,072
    assert (kernel.stored_bytes, kernel.end) == (4_718_592, size_of(file))
    assert (header.format, header.data_begin) == ("Flax", 0)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_dtype_is_read_under_its_numpy_name(name: str) -> None:
    (each,) = header_of({"a": Array(name, (3, 2))}).tensors
    assert each.dtype is BY_NAME[name]
    assert each.stored_bytes == 6 * BY_NAME[name].block_bytes


def test_two_bytes_of_no_kind_are_bfloat16() -> None:
    file = packed({"a": Raw(extension(1, array("V2", (3,), size_bytes=6)))})
    assert feed(read_header, file).header.tensors[0].dtype is DTYPES["BF16"]


def test_scalars_and_empty_arrays_are_arrays() -> None:
    header = header_of({"scale": Array(F32, (), code=3), "none": Array(F32, (0, 4))})
    assert [(each.shape, each.elements) for each in header.tensors] == [((), 1), ((0, 4), 0)]


def test_numbers_texts_and_lists_beside_arrays_are_passed_over() -> None:
    header = header_of(
        {
            "step": 1_000,
            "rate": 0.1,
            "name": "x" * 40,
            "none": None,
            "on": True,
            "w": [Array(F32, (2,))],
        }
    )
    assert shapes_of(header) == {"w.0": (2,)}
    assert (header.notes, header.gaps) == ((), ())


def test_an_array_in_chunks_is_one_array() -> None:
    header = header_of({"wte": {"embedding": chunked(F32, (50, 8), (150, 150, 100))}})
    assert shapes_of(header) == {"wte.embedding": (50, 8)}
    assert (header.tensors[0].stored_bytes, header.data_begin) == (1_600, None)


def test_an_array_alone_is_a_file_too() -> None:
    assert shapes_of(header_of(Array(F32, (7,)))) == {"array": (7,)}


def test_keys_of_numbers_and_bytes_are_names() -> None:
    file = joined(
        [(b"\x82\x05",), packed(Array(F32, (1,))), (b"\xc4\x01k",), packed(Array(F32, (2,)))]
    )
    assert shapes_of(feed(read_header, file).header) == {"5": (1,), "k": (2,)}


def test_slashes_in_keys_are_dots() -> None:
    assert shapes_of(header_of({"a/b": Array(F32, (1,))})) == {"a.b": (1,)}


# -- the model and what is beside it


def test_the_place_of_the_parameters_is_no_part_of_their_names() -> None:
    tree: Tree = {
        "params": {"bn": {"scale": Array(F32, (8,)), "bias": Array(F32, (8,))}},
        "batch_stats": {"bn": {"mean": Array(F32, (8,)), "var": Array(F32, (8,))}},
    }
    header = header_of(tree)
    assert set(shapes_of(header)) == {
        "bn.scale",
        "bn.bias",
        "batch_stats.bn.mean",
        "batch_stats.bn.var",
    }
    tally = counted(header)
    assert (tally.total, tally.buffers) == (16, 16)


@pytest.mark.parametrize(
    "tree",
    [
        {
            "step": 7,
            "params": {"params": {"w": Array(F32, (8, 8))}},
            "opt_state": {"0": {"mu": {"w": Array(F32, (8, 8))}, "nu": {"w": Array(F32, (8, 8))}}},
        },
        {
            "optimizer": {
                "target": {"w": Array(F32, (8, 8))},
                "state": {"step": 7, "m": Array(F32, (8, 16))},
            }
        },
    ],
    ids=["TrainState", "flax.optim"],
)
def test_the_optimizers_state_is_left_out_and_told(tree: Tree) -> None:
    header = header_of(tree)
    assert shapes_of(header) == {"w": (8, 8)}
    (note,) = header.notes
    assert note.startswith("the optimizer's state was left out: 128 numbers")


def test_a_module_called_like_an_optimizer_is_a_module() -> None:
    assert shapes_of(header_of({"opt": {"w": Array(F32, (8,))}})) == {"opt.w": (8,)}


def test_names_of_flax_have_the_roles_of_their_torch_twins() -> None:
    header = header_of(
        {
            "model": {
                "embed_tokens": {"embedding": Array(F32, (100, 8))},
                "layers": {"0": {"input_layernorm": {"scale": Array(F32, (8,))}}},
                "dense": {"kernel": Array(F32, (8, 8)), "bias": Array(F32, (8,))},
            },
            "lm_head": {"kernel": Array(F32, (8, 100))},
        }
    )
    assignment, _ = assigned(header)
    assert [assignment.rule_of(each).role for each in header.tensors] == [
        Role.EMBEDDING,
        Role.NORM,
        Role.WEIGHT,
        Role.BIAS,
        Role.HEAD,
    ]
    assert counted(header).embedding == 2 * 800


# -- what is not known


def test_arrays_that_may_be_pickles_leave_the_total_open() -> None:
    foreign: Tree = {"nd": True, "type": "|O", "kind": "O", "shape": [2], "data": b"cos\nsystem\n."}
    header = header_of({"w": foreign, "b": Array(F32, (8,))})
    assert header.gaps == ("arrays as msgpack-numpy writes them, perhaps pickles: `w`",)
    assert counted(header).total is None


def test_many_bytes_of_an_unknown_kind_leave_the_total_open() -> None:
    header = header_of({"blob": bytes(2_000), "rng": bytes(8), "x": Raw(extension(9, (3_000,)))})
    assert header.gaps == ("bytes of an unknown kind: `blob` (2,000), `x` (3,000)",)


# -- what is refused


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"a": Raw(extension(1, array(F32, (4,), size_bytes=15)))}, "given 15 bytes"),
        ({"a": Raw(extension(1, array(F32, (1 << 62, 1 << 62), size_bytes=0)))}, "given 0 bytes"),
        ({"a": Raw(extension(1, array(F32, (-1, -4), size_bytes=16)))}, "is no size"),
        ({"a": Raw(extension(1, array(F32, (1,) * 65)))}, "has 65 dimensions"),
        ({"a": Raw(extension(1, (b"\x92\x90\xa1f",)))}, "is no array of shape, dtype and bytes"),
        ({"a": Raw(extension(1, joined([array(F32, (1,)), (b"\0",)])))}, "does not end with its"),
        ({"a": chunked(F32, (50, 8), (150, 150))}, "the chunks of `a` make no array"),
        ({"a": chunked(F32, (50, 8), ())}, "the chunks of `a` make no array"),
        ([Array(F32, (1,))], "no map of arrays"),
        (5, "no map of arrays"),
    ],
)
def test_what_contradicts_itself_is_refused(tree: Tree, reason: str) -> None:
    with pytest.raises(HeaderMalformed, match=reason):
        header_of(tree)


def test_a_path_that_is_there_twice_is_refused() -> None:
    entry = joined([(text("w"),), packed(Array(F32, (1,)))])
    with pytest.raises(HeaderMalformed, match="`w` is there more than once"):
        feed(read_header, joined([(b"\x82",), entry, entry]))


def test_two_paths_of_one_name_are_refused() -> None:
    with pytest.raises(HeaderMalformed, match=r"two arrays are called `a\.b`"):
        header_of({"a": {"b": Array(F32, (1,))}, "a.b": Array(F32, (1,))})


def test_bytes_behind_the_map_are_refused() -> None:
    with pytest.raises(HeaderMalformed, match="3 bytes after the map"):
        feed(read_header, joined([packed({"a": Array(F32, (1,))}), (3,)]))


def test_an_unknown_dtype_is_named() -> None:
    with pytest.raises(UnknownDtype, match="`float128`"):
        header_of({"a": Raw(extension(1, array("float128", (1,), size_bytes=16)))})


def test_maps_too_deep_are_refused() -> None:
    deep = b"\x81\xa1a" * (MAX_DEPTH + 1) + b"\xc0"
    with pytest.raises(LimitExceeded, match="maps more than 64 deep"):
        feed(read_header, deep)


def test_another_kind_of_file_is_recognised() -> None:
    with pytest.raises(HeaderMalformed, match="no Flax file but a git-lfs pointer"):
        feed(read_header, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")


def test_the_format_is_found_by_its_kind() -> None:
    kind = format_of("flax_model.msgpack")
    assert kind is not None
    assert import_module(FORMATS[kind]).read_header is read_header


def test_the_place_in_the_file_is_where_the_numbers_are() -> None:
    tree: Pieces = joined([(b"\x81\xa1a",), extension(1, (b"\x93\x91\x03\xa5uint8\xc4\x03xyz",))])
    (each,) = feed(read_header, tree).header.tensors
    assert bytes_of(tree)[each.begin : each.end] == b"xyz"

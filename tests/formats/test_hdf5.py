"""HDF5 files give their weights by name, shape and place, from the pages of their structures alone.

The files of `hdf5_files` follow the specification; those of the tests marked `packers` are written
by h5py.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from math import prod
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from auditor.core.dtypes import DTYPES
from auditor.core.tensors import Header, Span, Use
from auditor.errors import HeaderMalformed, UnsupportedFormat
from auditor.formats.hdf5 import read_header
from auditor.formats.hdf5_bytes import PAGE_BYTES, SMALL_FILE_BYTES
from builders import Driven, drive
from hdf5_files import (
    BF16,
    F16,
    F64,
    I64,
    LONG_DOUBLE,
    OPAQUE_PAIR,
    STRING,
    U8,
    UNDEFINED,
    Array,
    Group,
    Hard,
    Node,
    Soft,
    hdf5_file,
    keras_file,
    nested,
    with_attributes,
)

DENSE = {"dense/kernel:0": Array(shape=(3, 4)), "dense/bias:0": Array(shape=(4,))}


def read(data: bytes) -> Header:
    return drive(read_header("model.h5", len(data)), data).header


def names(header: Header) -> list[str]:
    return [tensor.name for tensor in header.tensors]


def one(array: Array, **beside: Node) -> Header:
    """The header of a file that holds `array` as `a`."""
    return read(hdf5_file(Group(members={"a": array, **beside})))


# -- what is asked for


def test_a_small_file_is_read_whole_in_one_read() -> None:
    data = keras_file({"dense": DENSE})
    assert drive(read_header("a", len(data)), data).spans == (Span(0, len(data)),)


def test_of_a_large_file_no_weights_are_read_but_those_beside_its_structures() -> None:
    layers = {name: {f"{name}/kernel:0": Array(shape=(1024, 256))} for name in ("a", "b", "c", "d")}
    data = keras_file(layers)  # each kernel has 1,024 x 256 x 4 = 1,048,576 bytes
    assert len(data) > SMALL_FILE_BYTES
    spans = drive(read_header("a", len(data)), data).spans
    assert 5 <= len(spans) <= 10  # around each kernel, and the beginning
    assert sum(span.length for span in spans) <= 10 * PAGE_BYTES


def test_spans_do_not_overlap_and_end_within_the_file() -> None:
    data = keras_file({f"l{n}": {f"l{n}/kernel:0": Array(shape=(n, 999))} for n in range(40)})
    spans = sorted(drive(read_header("a", len(data)), data).spans)
    assert all(left.end <= right.begin for left, right in pairwise(spans))
    assert spans[-1].end <= len(data)


# -- what is read


@pytest.mark.parametrize("newer", [False, True])
def test_keras_lists_give_the_weights_in_their_order(newer: bool) -> None:  # noqa: FBT001 - a case
    data = keras_file({"out": {"out/kernel:0": Array(shape=(4, 2))}, "dense": DENSE}, newer=newer)
    header = read(data)
    assert header.format == "TensorFlow"
    assert names(header) == ["out.kernel", "dense.kernel", "dense.bias"]
    assert [tensor.shape for tensor in header.tensors] == [(4, 2), (3, 4), (4,)]
    assert [tensor.elements for tensor in header.tensors] == [8, 12, 4]
    assert [tensor.stored_bytes for tensor in header.tensors] == [32, 48, 16]
    assert (header.gaps, header.notes, header.warnings) == ((), (), ())


def test_begin_and_end_are_places_in_the_file() -> None:
    data = hdf5_file(Group(members={"a": Array(shape=(2, 3), type=F64)}))
    header = read(data)
    (tensor,) = header.tensors
    assert header.data_begin == 0
    assert tensor.begin == 96  # right after the superblock
    assert tensor.end == 96 + 2 * 3 * 8


@pytest.mark.parametrize(
    ("datatype", "dtype"), [(F16, "F16"), (BF16, "BF16"), (F64, "F64"), (I64, "I64"), (U8, "U8")]
)
def test_a_dtype_is_told_by_its_fields(datatype: bytes, dtype: str) -> None:
    (tensor,) = one(Array(shape=(5,), type=datatype)).tensors
    assert tensor.dtype is DTYPES[dtype]


def test_opaque_pairs_are_bfloat16_where_keras_says_so() -> None:
    (tensor,) = one(Array(type=OPAQUE_PAIR, attributes={"dtype": ["bfloat16"]})).tensors
    assert tensor.dtype is DTYPES["BF16"]


def test_opaque_pairs_of_which_nothing_is_said_are_a_gap() -> None:
    header = one(Array(shape=(7,), type=OPAQUE_PAIR))
    assert header.tensors == ()
    assert header.gaps == ("opaque elements of 2 bytes: `a` (7 elements)",)


def test_numbers_of_an_unknown_width_are_a_gap() -> None:
    header = one(Array(shape=(3,), type=LONG_DOUBLE), b=Array())
    assert names(header) == ["b"]
    assert header.gaps == ("floating-point numbers of 16 bytes: `a` (3 elements)",)


def test_strings_are_no_weights() -> None:
    header = one(Array(type=STRING), b=Array())
    assert names(header) == ["b"]
    assert header.notes == ("strings, which are no weights: `a` (1 elements)",)
    assert header.gaps == ()


def test_a_dataset_that_was_never_written_is_a_gap() -> None:
    header = one(Array(shape=(10, 10), address=UNDEFINED))
    assert header.tensors == ()
    assert header.gaps == ("never written, but for a value that fills it: `a` (100 elements)",)


def test_an_empty_dataset_is_a_tensor_without_elements() -> None:
    header = one(Array(shape=(0, 4)), b=Array())
    assert [(tensor.shape, tensor.elements) for tensor in header.tensors] == [
        ((0, 4), 0),
        ((1,), 1),
    ]
    assert header.data_begin == 0


def test_pieces_have_no_place_and_the_bytes_that_they_are_read_as() -> None:
    chunks = pack("<BBBQIII", 3, 2, 3, UNDEFINED, 2, 2, 4)
    header = one(Array(shape=(4, 4), layout=chunks), b=Array(shape=(3,)))
    assert header.data_begin is None
    assert [(t.name, t.begin, t.end) for t in header.tensors] == [("a", 0, 64), ("b", 64, 76)]


def test_more_than_the_file_can_hold_is_a_gap() -> None:
    chunks = pack("<BBBQIII", 3, 2, 3, UNDEFINED, 2, 2, 4)
    header = one(Array(shape=(1 << 20, 1 << 20), layout=chunks, address=0, stored_bytes=0))
    assert header.tensors == ()
    assert header.gaps == ("more than the file can hold: `a` (1,099,511,627,776 elements)",)


def test_data_put_together_from_other_files_are_a_gap() -> None:
    header = one(Array(shape=(4,), layout=pack("<BBQI", 4, 3, 0, 0)))
    assert header.gaps == ("put together from other datasets: `a` (4 elements)",)


# -- links


def test_further_links_to_a_dataset_are_aliases() -> None:
    header = one(Array(), g=Group(members={"b": Hard("a"), "c": Soft("/a"), "d": Soft("b")}))
    assert names(header) == ["a"]
    assert header.aliases == {"g.b": "a", "g.c": "a", "g.d": "a"}


def test_links_in_a_circle_are_followed_once_and_named() -> None:
    header = one(Array(), x=Soft("y"), y=Soft("x"), up=Soft("/"))
    assert names(header) == ["a"]
    assert header.warnings == (
        "`x` is a link that leads nowhere",
        "`y` is a link that leads nowhere",
    )


def test_a_group_within_itself_is_read_once() -> None:
    data = bytearray(hdf5_file(Group(members={"a": Array(), "g": Group(members={"b": Hard(0)})})))
    root = int.from_bytes(data[64:72], "little")
    # The entry of `b` is the only one that leads to address 0.
    entry = data.index(b"SNOD") + 8
    data[entry + 8 : entry + 16] = root.to_bytes(8, "little")
    assert names(read(bytes(data))) == ["a"]


def test_a_group_of_many_names_is_read_from_all_its_nodes() -> None:
    members: dict[str, Node] = {f"w{n:03}": Array(shape=(n,)) for n in range(200)}
    header = read(hdf5_file(Group(members=members)))
    assert sum(tensor.elements for tensor in header.tensors) == 199 * 200 // 2
    assert sorted(names(header)) == sorted(members)


# -- which are weights


def test_what_no_layer_lists_is_passed_over() -> None:
    members: dict[str, Node] = {
        "dense": with_attributes(nested({**DENSE, "seen": Array()}), weight_names=list(DENSE)),
        "history": Array(shape=(100,)),
    }
    header = read(hdf5_file(Group(members=members, attributes={"layer_names": ["dense"]})))
    assert names(header) == ["dense.kernel", "dense.bias"]
    assert header.notes == ("passed over, for no layer lists it: `dense/seen`, `history`",)


def test_a_weight_that_is_listed_and_not_there_is_a_gap() -> None:
    group = with_attributes(nested(DENSE), weight_names=[*DENSE, "dense/lost:0"])
    root = Group(members={"dense": group}, attributes={"layer_names": ["dense"]})
    assert read(hdf5_file(root)).gaps == (
        "weights that are listed and not there: `dense/dense/lost:0`",
    )


def test_a_list_that_is_too_long_for_one_attribute_goes_on_in_the_next() -> None:
    parts = {f"weight_names{n}": [name] for n, name in enumerate(DENSE)}
    group = Group(members=nested(DENSE).members, attributes=parts)
    root = Group(members={"dense": group}, attributes={"layer_names0": ["dense"]})
    assert names(read(hdf5_file(root))) == ["dense.kernel", "dense.bias"]


def test_a_saved_model_gives_its_weights_without_the_optimizer_state() -> None:
    layer = with_attributes(nested(DENSE), weight_names=list(DENSE))
    weights = Group(members={"dense": layer}, attributes={"layer_names": ["dense"]})
    state = nested({"Adam/m/dense/kernel:0": Array(shape=(3, 4))})
    root = Group(
        members={"model_weights": weights, "optimizer_weights": state},
        attributes={"keras_version": ["2.15.0"], "backend": ["tensorflow"]},
    )
    header = read(hdf5_file(root))
    assert names(header) == ["dense.kernel", "dense.bias"]
    assert header.metadata == {"keras_version": "2.15.0", "backend": "tensorflow"}
    assert header.notes == ("`optimizer_weights` was passed over: the optimizer's state",)


def test_keras_3_has_no_lists_and_numbers_its_variables() -> None:
    arrays = {
        "layers/dense/vars/0": Array(shape=(3, 4)),
        "layers/dense/vars/1": Array(shape=(4,)),
        "optimizer/vars/0": Array(type=I64),
        "_layer_checkpoint_dependencies/norm/vars/0": Array(shape=(4,)),
    }
    header = read(hdf5_file(nested(arrays)))
    assert sorted(names(header)) == [
        "_layer_checkpoint_dependencies.norm.vars.0",
        "layers.dense.vars.0",
        "layers.dense.vars.1",
    ]
    assert header.notes == ("`optimizer` was passed over: the optimizer's state",)


def test_a_layer_that_is_called_optimizer_is_a_layer() -> None:
    header = read(keras_file({"optimizer": {"optimizer/kernel:0": Array(shape=(2, 2))}}))
    assert names(header) == ["optimizer.kernel"]


def test_weights_of_the_model_itself_follow_those_of_its_layers() -> None:
    top = with_attributes(nested({"bias:0": Array(shape=(9,))}), weight_names=["bias:0"])
    layer = with_attributes(nested(DENSE), weight_names=list(DENSE))
    root = Group(
        members={"dense": layer, "top_level_model_weights": top},
        attributes={"layer_names": ["dense"]},
    )
    assert names(read(hdf5_file(root))) == ["dense.kernel", "dense.bias", "bias"]


def test_a_layer_that_is_a_model_gives_its_name_to_its_weights() -> None:
    inner = {"dense/kernel:0": Array(shape=(3, 4))}
    header = read(keras_file({"encoder": inner, "dense": {"dense/kernel:0": Array(shape=(3, 4))}}))
    assert names(header) == ["encoder.dense.kernel", "dense.kernel"]
    assert header.purposes == {}


# What transformers 4 writes: <layer>/<model>/<path>. 10 x 4 + 4 x 4 + 10 + 4 x 4.
TRANSFORMERS = {
    "bert": {
        "tf_bert/bert/embeddings/word_embeddings/weight:0": Array(shape=(10, 4)),
        "tf_bert/bert/encoder/layer_._11/output/dense/kernel:0": Array(shape=(4, 4)),
    },
    "mlm___cls": {
        "tf_bert/bert/embeddings/word_embeddings/weight:0": Array(shape=(10, 4)),
        "tf_bert/mlm___cls/predictions/bias:0": Array(shape=(10,)),
        "tf_bert/mlm___cls/predictions/transform/dense/kernel:0": Array(shape=(4, 4)),
    },
}


def test_transformers_names_are_those_of_its_other_frameworks() -> None:
    assert names(read(keras_file(TRANSFORMERS))) == [
        "bert.embeddings.word_embeddings.weight",
        "bert.encoder.layer.11.output.dense.kernel",
        "cls.bert.embeddings.word_embeddings.weight",
        "cls.predictions.bias",
        "cls.predictions.transform.dense.kernel",
    ]


def test_a_variable_that_two_layers_share_is_stored_twice_and_a_copy() -> None:
    header = read(keras_file(TRANSFORMERS))
    ((name, purpose),) = header.purposes.items()
    assert name == "cls.bert.embeddings.word_embeddings.weight"
    assert purpose.use is Use.COPY
    assert purpose.original == "bert.embeddings.word_embeddings.weight"
    assert purpose.parameters == 40


def test_one_name_for_two_shapes_is_two_variables() -> None:
    layers = {**TRANSFORMERS, "mlm___cls": {**TRANSFORMERS["mlm___cls"]}}
    layers["mlm___cls"]["tf_bert/bert/embeddings/word_embeddings/weight:0"] = Array(shape=(9, 4))
    assert read(keras_file(layers)).purposes == {}


def test_of_a_shard_the_layers_are_the_weights() -> None:
    paths = ["bert/pooler/dense/kernel:0", "bert/encoder/layer_._0/output/dense/bias:0"]
    group = nested({path: Array(shape=(2, 2)) for path in paths})
    header = read(hdf5_file(with_attributes(group, layer_names=paths)))
    assert names(header) == ["bert.pooler.dense.kernel", "bert.encoder.layer.0.output.dense.bias"]


def test_weights_whose_names_would_be_one_go_by_their_paths() -> None:
    header = read(hdf5_file(nested({"a.b/c": Array(), "a/b.c": Array(), "d/e": Array()})))
    assert sorted(names(header)) == ["a.b/c", "a/b.c", "d.e"]


# -- what cannot be read


def test_a_superblock_of_a_later_version_is_not_supported() -> None:
    data = bytearray(hdf5_file(Group()))
    data[8] = 9
    with pytest.raises(UnsupportedFormat, match="superblock of version 9"):
        read(bytes(data))


def test_short_addresses_are_not_supported() -> None:
    data = bytearray(hdf5_file(Group()))
    data[13] = 4
    with pytest.raises(UnsupportedFormat, match="addresses of 4 bytes"):
        read(bytes(data))


def test_a_file_that_was_cut_off_is_refused_with_what_is_missing() -> None:
    data = keras_file({"dense": DENSE})
    with pytest.raises(HeaderMalformed, match="100 are missing"):
        read(data[:-100])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a git-lfs pointer"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"PK\x03\x04" + bytes(200), "a zip archive"),
        (bytes(5_000), "no HDF5 file"),
        (b"", "no HDF5 file"),
    ],
)
def test_another_file_is_told_by_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(HeaderMalformed, match=reason) as caught:
        read(data)
    assert caught.value.hint


# -- files of h5py


@pytest.fixture
def h5py() -> Any:
    return pytest.importorskip("h5py")


Build = Callable[[Any], None]


def written(h5py: Any, path: Path, build: Build, **options: Any) -> Driven:
    """What is read of the file that `build` fills through h5py."""
    with h5py.File(path, "w", **options) as file:
        build(file)
    return read_file(path)


@contextmanager
def _bytes_of(path: Path) -> Iterator[Callable[[Span], bytes]]:
    with path.open("rb") as stream:

        def read_span(span: Span) -> bytes:
            stream.seek(span.begin)
            return stream.read(span.length)

        yield read_span


def read_file(path: Path) -> Driven:
    """What is read of a file that may be too large to be held."""
    spans = []
    reader = read_header(path.name, path.stat().st_size)
    with _bytes_of(path) as read_span:
        try:
            span = next(reader)
            while True:
                spans.append(span)
                span = reader.send(read_span(span))
        except StopIteration as done:
            return Driven(done.value, tuple(spans))


LIBVERS = ["earliest", "v108", "v110", "v112", "v114", "latest"]


@pytest.mark.packers
def test_the_builder_writes_what_h5py_reads(h5py: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    layers = {f"l{n}": {f"l{n}/kernel:0": Array(shape=(n, 2), type=F16)} for n in range(20)}
    path.write_bytes(keras_file(layers))
    with h5py.File(path) as file:
        assert len(file) == 20
        assert file["l7/l7/kernel:0"].shape == (7, 2)
        assert file["l7/l7/kernel:0"].dtype == "float16"
        assert list(file["l7"].attrs["weight_names"]) == [b"l7/kernel:0"]


@pytest.mark.packers
@pytest.mark.parametrize("libver", LIBVERS)
def test_every_dtype_layout_and_link_of_h5py_is_read(
    h5py: Any, tmp_path: Path, libver: str
) -> None:
    numpy = pytest.importorskip("numpy")
    dtypes = "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 >f4 >i8 c8 c16 bool".split()

    def build(file: Any) -> None:
        for at, dtype in enumerate(dtypes):
            file[f"plain/{at}"] = numpy.zeros((3, at), dtype)
        zeros = numpy.zeros((100, 10), "f4")
        file.create_dataset("z/chunked", data=zeros, chunks=(7, 7))
        file.create_dataset("z/gzip", data=zeros, compression="gzip", shuffle=True)
        file.create_dataset("z/grows", data=zeros, maxshape=(None, None))
        file["z/scalar"] = numpy.float32(1)
        file["z/text"] = "text"
        file["z/texts"] = numpy.array([b"a", b"b"])
        file["z/records"] = numpy.zeros(3, [("a", "i4"), ("b", "f8")])
        file["z/nothing"] = h5py.Empty("f4")
        file["z/hard"] = file["z/gzip"]
        file["z/soft"] = h5py.SoftLink("/z/gzip")
        file["named"] = numpy.dtype("f8")
        file.create_dataset("z/of_named", data=numpy.ones(5), dtype=file["named"])

    header = written(h5py, tmp_path / "a.h5", build, libver=libver).header
    found = {tensor.name: (tensor.dtype.name, tensor.shape) for tensor in header.tensors}
    expected = "F16 F32 F64 I8 I16 I32 I64 U8 U16 U32 U64 F32 I64 C64 C128 BOOL".split()
    for at, dtype in enumerate(expected):
        assert found.pop(f"plain.{at}") == (dtype, (3, at))
    assert found == {
        "z.chunked": ("F32", (100, 10)),
        "z.gzip": ("F32", (100, 10)),
        "z.grows": ("F32", (100, 10)),
        "z.scalar": ("F32", ()),
        "z.of_named": ("F64", (5,)),
    }
    assert header.aliases == {"z.hard": "z.gzip", "z.soft": "z.gzip"}
    assert header.gaps == ()


@pytest.mark.packers
@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("track_order", [False, True])
def test_thousands_of_groups_are_read(
    h5py: Any,
    tmp_path: Path,
    libver: str,
    track_order: bool,  # noqa: FBT001 - a case
) -> None:
    numpy = pytest.importorskip("numpy")

    def build(file: Any) -> None:
        for n in range(2_000):
            file.create_group(f"layer_{n}", track_order=track_order)
        for n in range(500):
            file[f"layer_{n}/kernel:0"] = numpy.zeros((n, 2), "f4")

    options = {"libver": libver, "track_order": track_order}
    driven = written(h5py, tmp_path / "a.h5", build, **options)
    assert len(driven.header.tensors) == 500
    assert sum(t.elements for t in driven.header.tensors) == 499 * 500  # 2 x the sum of 0 to 499
    assert len(driven.spans) < 60


@pytest.mark.packers
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_long_and_many_attributes_are_read(h5py: Any, tmp_path: Path, libver: str) -> None:
    numpy = pytest.importorskip("numpy")
    layers = [f"a_layer_with_a_long_name_{n:05}" for n in range(3_000)]

    def build(file: Any) -> None:
        for n in range(50):
            file.attrs[f"other_{n}"] = [b"x" * n] * 100
        if libver == "latest":  # 3,000 x 30 bytes in one: more than the 64 kB of an older header
            file.attrs["layer_names"] = numpy.array([name.encode() for name in layers])
        else:  # Keras' way
            file.attrs["layer_names0"] = numpy.array([name.encode() for name in layers[:2_000]])
            file.attrs["layer_names1"] = layers[2_000:]
        for name in layers:
            group = file.create_group(name)
            group.attrs["weight_names"] = [] if name != layers[-1] else [f"{name}/kernel:0"]
        file[f"{layers[-1]}/{layers[-1]}/kernel:0"] = numpy.zeros((2, 3), "f4")

    header = written(h5py, tmp_path / "a.h5", build, libver=libver).header
    assert names(header) == ["a_layer_with_a_long_name_02999.kernel"]
    assert header.gaps == ()


@pytest.mark.packers
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_data_of_other_files_are_gaps(h5py: Any, tmp_path: Path, libver: str) -> None:
    def build(file: Any) -> None:
        file["a"] = [1.0, 2.0]
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/a")
        file.create_dataset("raw", (10,), "f4", external=[(str(tmp_path / "raw.bin"), 0, 40)])
        if libver == "latest":
            layout = h5py.VirtualLayout((10,), "f4")
            layout[:] = h5py.VirtualSource("other.h5", "d", (10,))
            file.create_virtual_dataset("virtual", layout)

    header = written(h5py, tmp_path / "a.h5", build, libver=libver).header
    assert names(header) == ["a"]
    assert "`elsewhere` is a link to the file `other.h5`" in header.gaps
    assert "data in another file: `raw` (10 elements)" in header.gaps
    virtual = "put together from other datasets: `virtual` (10 elements)"
    assert (virtual in header.gaps) == (libver == "latest")


@pytest.mark.packers
def test_a_user_block_before_the_file_moves_all_its_places(h5py: Any, tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "a.h5"

    def build(file: Any) -> None:
        file["a"] = numpy.arange(1_000, dtype="f8")

    header = written(h5py, path, build, userblock_size=2048).header
    (tensor,) = header.tensors
    assert path.read_bytes()[tensor.begin : tensor.end] == numpy.arange(1_000, dtype="f8").tobytes()


Variables = list[tuple[str, tuple[int, ...]]]


def _bert_base() -> Iterator[tuple[str, tuple[int, ...]]]:
    """The variables of transformers' TFBertModel, bert-base-uncased, in the order it saves them."""
    bert = "tf_bert_model/bert"
    yield f"{bert}/embeddings/word_embeddings/weight:0", (30_522, 768)
    yield f"{bert}/embeddings/token_type_embeddings/embeddings:0", (2, 768)
    yield f"{bert}/embeddings/position_embeddings/embeddings:0", (512, 768)
    norm: Variables = [("gamma", (768,)), ("beta", (768,))]
    square: Variables = [("kernel", (768, 768)), ("bias", (768,))]
    parts: list[tuple[str, Variables]] = [
        ("attention/self/query", square),
        ("attention/self/key", square),
        ("attention/self/value", square),
        ("attention/output/dense", square),
        ("attention/output/LayerNorm", norm),
        ("intermediate/dense", [("kernel", (768, 3072)), ("bias", (3072,))]),
        ("output/dense", [("kernel", (3072, 768)), ("bias", (768,))]),
        ("output/LayerNorm", norm),
    ]
    yield from ((f"{bert}/embeddings/LayerNorm/{name}:0", shape) for name, shape in norm)
    for layer in range(12):
        for part, variables in parts:
            for name, shape in variables:
                yield f"{bert}/encoder/layer_._{layer}/{part}/{name}:0", shape
    yield from ((f"{bert}/pooler/dense/{name}:0", shape) for name, shape in square)


@pytest.mark.packers
def test_bert_takes_about_as_many_reads_as_it_has_matrices(h5py: Any, tmp_path: Path) -> None:
    """438 MB of holes: the places are given out, nothing is written to them."""

    def build(file: Any) -> None:
        file.attrs["layer_names"] = [b"bert"]
        group = file.create_group("bert")
        group.attrs["weight_names"] = [name.encode() for name, _ in _bert_base()]
        place = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        place.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        place.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        link = h5py.h5p.create(h5py.h5p.LINK_CREATE)
        link.set_create_intermediate_group(True)
        for name, shape in _bert_base():
            space = h5py.h5s.create_simple(shape)
            type_ = h5py.h5t.IEEE_F32LE
            h5py.h5d.create(group.id, name.encode(), type_, space, dcpl=place, lcpl=link)

    driven = written(h5py, tmp_path / "tf_model.h5", build)
    header = driven.header
    assert sum(tensor.elements for tensor in header.tensors) == 109_482_240  # Devlin et al.: 110M
    assert header.size_bytes > 4 * 109_482_240
    matrices = sum(1 for tensor in header.tensors if len(tensor.shape) == 2)
    assert matrices == 3 + 12 * 6 + 1
    assert len(driven.spans) < 100
    assert sum(span.length for span in driven.spans) < 4_000_000
    assert sum(prod(tensor.shape) for tensor in header.tensors if ".layer.11." in tensor.name) == (
        4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    )

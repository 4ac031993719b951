"""ONNX files as the libraries write them: onnx itself and PyTorch's exporter."""

import io
import warnings
from pathlib import Path
from typing import Any

import pytest

from auditor.core.dtypes import DTYPES
from auditor.core.tensors import Header
from auditor.formats.onnx import read_header
from auditor.formats.onnx_tensors import DTYPES_BY_NUMBER, STRINGS
from counting import counted
from spread_files import feed

pytestmark = pytest.mark.packers


def header_of(model: Any) -> Header:
    return feed(read_header, model.SerializeToString()).header


def onnx_model(initializers: list[Any], nodes: list[Any] | None = None, **more: Any) -> Any:
    helper = pytest.importorskip("onnx").helper
    graph = helper.make_graph(nodes or [], "g", [], [], initializer=initializers, **more)
    return helper.make_model(graph)


def test_every_data_type_of_the_library_is_known() -> None:
    onnx = pytest.importorskip("onnx")
    known = set(onnx.TensorProto.DataType.values())
    assert set(DTYPES_BY_NUMBER) | {0, STRINGS} >= known


@pytest.mark.parametrize("number", DTYPES_BY_NUMBER)
@pytest.mark.parametrize("raw", [False, True])
def test_every_data_type_is_read_as_the_library_writes_it(
    number: int,
    raw: bool,  # noqa: FBT001 - a case
) -> None:
    onnx = pytest.importorskip("onnx")
    np = pytest.importorskip("numpy")
    if number not in onnx.TensorProto.DataType.values():
        pytest.skip("this release of onnx does not have it")
    kind = onnx.helper.tensor_dtype_to_np_dtype(number)
    # An odd number, so that the last byte of small ones is filled up.
    values = np.ones((3, 5)).astype(kind)
    if raw:
        made = onnx.numpy_helper.from_array(values, "a")
    else:
        made = onnx.helper.make_tensor("a", number, (3, 5), values.flatten())
    (each,) = header_of(onnx_model([made])).tensors
    assert (each.dtype, each.shape) == (DTYPES_BY_NUMBER[number], (3, 5))
    if raw:
        assert each.stored_bytes == len(made.raw_data)


def test_data_in_another_file_are_told_as_the_library_writes_them(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    np = pytest.importorskip("numpy")
    arrays = [onnx.numpy_helper.from_array(np.ones((64, 64), "f4"), f"w{at}") for at in range(5)]
    path = tmp_path / "model.onnx"
    onnx.save(onnx_model(arrays), path, save_as_external_data=True, location="model.onnx_data")
    header = feed(read_header, path.read_bytes()).header
    assert [each.shape for each in header.tensors] == [(64, 64)] * 5
    assert header.tensors[-1].end == (tmp_path / "model.onnx_data").stat().st_size
    assert (header.data_begin, header.warnings) == (None, ())


def test_constants_subgraphs_and_sparse_tensors_are_read_as_the_library_writes_them() -> None:
    onnx = pytest.importorskip("onnx")
    np = pytest.importorskip("numpy")
    make = onnx.helper.make_node
    value = onnx.numpy_helper.from_array(np.ones((8, 8), "f4"))
    branch = onnx.helper.make_graph([make("Constant", [], ["inner"], value=value)], "b", [], [])
    nodes = [
        make("Constant", [], ["list"], value_floats=[0.5] * 20),
        make("Constant", [], ["one"], value_float=0.5),
        make(
            "If", ["c"], [], then_branch=branch, else_branch=onnx.helper.make_graph([], "e", [], [])
        ),
    ]
    values = onnx.numpy_helper.from_array(np.ones(3, "f4"), "sparse")
    places = onnx.numpy_helper.from_array(np.arange(3), "places")
    sparse = onnx.helper.make_sparse_tensor(values, places, [100])
    header = header_of(onnx_model([], nodes, sparse_initializer=[sparse]))
    assert {each.name: each.shape for each in header.tensors} == {
        "sparse": (3,),
        "list": (20,),
        "inner": (8, 8),
    }


def exported(module: Any, example: Any, **options: Any) -> Header:
    """What PyTorch's exporter makes of `module`."""
    torch = pytest.importorskip("torch")
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that another exporter is the default
        torch.onnx.export(module.eval(), (example,), stream, dynamo=False, **options)
    return feed(read_header, stream.getvalue()).header


def parameters_of(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_an_exported_encoder_has_the_parameters_of_its_module() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    block = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    encoder = nn.Sequential(nn.Embedding(100, 32), block, nn.Linear(32, 7))
    # PyTorch's exporter writes equal parameters once: no two are equal here.
    for parameter in encoder.parameters():
        nn.init.normal_(parameter)
    header = exported(encoder, torch.zeros(2, 5, dtype=torch.long))
    assert header.gaps == ()
    assert counted(header).total == parameters_of(encoder)


def test_equal_parameters_are_written_once_and_named_each() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    norms = nn.Sequential(nn.LayerNorm(16), nn.GELU(), nn.LayerNorm(16))
    header = exported(norms, torch.zeros(2, 16))
    assert counted(header).total == parameters_of(norms) - 2 * 16
    assert header.aliases == {"2.weight": "0.weight", "2.bias": "0.bias"}


def test_running_statistics_of_an_exported_batch_norm_are_no_parameters() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(8)
    for numbers in (norm.weight, norm.bias):
        nn.init.normal_(numbers)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 1.5)
    header = exported(nn.Sequential(nn.ReLU(), norm), torch.zeros(2, 8))
    assert (counted(header).total, counted(header).buffers) == (16, 16)


class _Language:
    """A language model of the smallest kind; its head is tied on request."""

    @staticmethod
    def build(*, tied: bool) -> Any:
        torch = pytest.importorskip("torch")
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Embedding(50, 16), torch.nn.Linear(16, 16), torch.nn.Linear(16, 50, bias=False)
        )
        if tied:
            model[2].weight = model[0].weight
        return model


@pytest.mark.parametrize("tied", [False, True])
def test_a_tied_head_is_written_twice_and_counted_once(tied: bool) -> None:  # noqa: FBT001 - a case
    torch = pytest.importorskip("torch")
    model = _Language.build(tied=tied)
    header = exported(model, torch.zeros(1, 3, dtype=torch.long))
    config = {"model_type": "llama", "tie_word_embeddings": tied}
    assert counted(header, config).total == parameters_of(model)
    assert counted(header).total is None  # without a config nobody knows
    assert counted(header).total_range == (800 + 272, 1_600 + 272)


def test_the_dtypes_of_the_table_are_wide_enough() -> None:
    assert {DTYPES[name].bytes_up_to(3) for name in ("I4", "U4", "F4")} == {2}
    assert {DTYPES[name].bytes_up_to(5) for name in ("I2", "U2")} == {2}

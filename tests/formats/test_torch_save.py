"""What torch itself saves is read as torch itself loads it, and what our tests make is torch's."""

import io
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest

from auditor.core.dtypes import DTYPES
from auditor.core.tensors import Header
from spread_files import Pieces, bytes_of
from torch_files import fed, read, saved, saved_legacy, saved_tar
from torch_pickles import Call, Name, Outside, Storage, Tensors, ordered, parameter, view, view_as

# torch warns of what it deprecates or tries out: old layouts, quantised and sparse tensors.
pytestmark = [pytest.mark.packers, pytest.mark.filterwarnings("ignore")]

NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "bool": "BOOL",
    "complex32": "C32",
    "complex64": "C64",
    "complex128": "C128",
}
LAYOUTS = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


def save(torch: Any, value: Any, *, is_zip: bool = True, **options: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=is_zip, **options)
    return out.getvalue()


def tensors_of(torch: Any, value: Any, way: str = "") -> Iterator[tuple[str, Any]]:
    """All tensors of what torch has loaded, by the way to them."""
    if isinstance(value, torch.nn.Module):
        value = value.state_dict()
    if isinstance(value, torch.Tensor):
        yield way, value
    elif isinstance(value, dict | list | tuple):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from tensors_of(torch, part, f"{way}.{name}" if way else str(name))


def assert_as_torch(torch: Any, data: bytes) -> Header:
    """Names, shapes and sizes are those that torch loads; names of one tensor are aliases."""
    header = read(data)
    loaded = dict(tensors_of(torch, torch.load(io.BytesIO(data), weights_only=False)))
    by_name = {tensor.name: tensor for tensor in header.tensors}
    assert by_name.keys() | header.aliases.keys() == loaded.keys()
    for name, tensor in loaded.items():
        ours = by_name.get(name)
        if ours is not None:
            assert ours.shape == tuple(tensor.shape)
            assert ours.elements == tensor.numel()
        else:
            other = loaded[header.aliases[name]]
            assert tensor.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
    return header


@LAYOUTS
@pytest.mark.parametrize("dtype", NAMES)
def test_every_dtype_is_read_as_torch_saves_it(torch: Any, dtype: str, *, is_zip: bool) -> None:
    value = torch.zeros(3, 4).to(getattr(torch, dtype))
    header = read(save(torch, {"w": value}, is_zip=is_zip))
    (tensor,) = header.tensors
    assert (tensor.dtype.name, tensor.shape) == (NAMES[dtype], (3, 4))
    assert tensor.stored_bytes == value.nbytes == DTYPES[NAMES[dtype]].bytes_for(12)


@LAYOUTS
def test_4_bit_floats_are_counted_one_by_one(torch: Any, *, is_zip: bool) -> None:
    value = torch.zeros(3, 4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    (tensor,) = read(save(torch, {"w": value}, is_zip=is_zip)).tensors
    assert (tensor.dtype.name, tensor.shape, tensor.stored_bytes) == ("F4", (3, 8), 12)


@LAYOUTS
def test_quantised_tensors_are_read_without_their_scales(torch: Any, *, is_zip: bool) -> None:
    ones, zeros = torch.ones(3), torch.zeros(3)
    value = {
        "q8": torch.quantize_per_tensor(torch.zeros(3, 4), 0.1, 0, torch.qint8),
        "q32": torch.quantize_per_tensor(torch.zeros(3, 4), 0.1, 0, torch.qint32),
        "qu8": torch.quantize_per_channel(torch.zeros(3, 4), ones, zeros, 0, torch.quint8),
        "qu4": torch.quantize_per_channel(torch.zeros(3, 4), ones, zeros, 0, torch.quint4x2),
    }
    header = read(save(torch, value, is_zip=is_zip))
    assert {t.name: (t.dtype.name, t.elements, t.stored_bytes) for t in header.tensors} == {
        "q8": ("QI8", 12, 12),
        "q32": ("QI32", 12, 48),
        "qu8": ("QU8", 12, 12),
        "qu4": ("QU4", 12, 6),
    }
    assert header.gaps == ()


@LAYOUTS
def test_ties_views_and_strides_are_read_as_torch_loads_them(torch: Any, *, is_zip: bool) -> None:
    x = torch.arange(40.0).view(4, 10)
    value = {
        "w": x,
        "tied": x,
        "t": x.T,
        "columns": x[:, 2:5],
        "row": x[1],
        "expanded": torch.ones(5).expand(3, 5),
        "q, k, v": list(torch.zeros(4, 12).chunk(3, dim=1)),
        "scalar": torch.tensor(3.0),
        "empty": torch.ones(0, 3),
    }
    header = assert_as_torch(torch, save(torch, value, is_zip=is_zip))
    assert header.aliases == dict.fromkeys(("tied", "t", "columns", "row"), "w")
    assert sum(tensor.elements for tensor in header.tensors) == 40 + 15 + 48 + 1
    assert header.gaps == ()


@LAYOUTS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_is_read(torch: Any, protocol: int, *, is_zip: bool) -> None:
    model = torch.nn.Sequential(OrderedDict(fc=torch.nn.Linear(2, 3), bn=torch.nn.BatchNorm1d(3)))
    data = save(torch, model.state_dict(), is_zip=is_zip, pickle_protocol=protocol)
    assert len(assert_as_torch(torch, data).tensors) == 7


@LAYOUTS
def test_a_whole_module_is_read_as_its_state_dict(torch: Any, *, is_zip: bool) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    header = assert_as_torch(torch, save(torch, model, is_zip=is_zip))
    assert header.purposes.keys() == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    state = {tensor.name for tensor in read(save(torch, model.state_dict(), is_zip=is_zip)).tensors}
    assert {tensor.name for tensor in header.tensors} == state


@LAYOUTS
def test_parameters_buffers_and_all_kinds_of_containers_are_read(
    torch: Any, *, is_zip: bool
) -> None:
    tagged = torch.nn.Parameter(torch.ones(2))
    tagged.tag = 1
    value = {
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "buffer": torch.nn.Buffer(torch.ones(3)),
        "tagged": tagged,
        "conjugate": torch.ones(3, dtype=torch.complex64).conj(),
        "deep": {"er": [(torch.ones(1), None, 1j, b"raw", {1, 2}, torch.Size([1]))]},
        "device": torch.device("cpu"),
        "dtype": torch.float16,
    }
    header = assert_as_torch(torch, save(torch, value, is_zip=is_zip))
    assert (header.gaps, header.warnings) == ((), ())


@LAYOUTS
def test_a_trainers_checkpoint_counts_its_model_once(torch: Any, *, is_zip: bool) -> None:
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    value = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}
    header = read(save(torch, value, is_zip=is_zip))
    assert {t.name: t.shape for t in header.tensors} == {"weight": (3, 4), "bias": (3,)}
    # Of each of two parameters a step, and two moments of 12 and of 3 elements.
    assert header.notes[1].endswith("`optimizer` (32 elements in 6 tensors)")


@LAYOUTS
def test_what_has_no_count_is_a_gap(torch: Any, *, is_zip: bool) -> None:
    value = {
        "sparse": torch.eye(4).to_sparse(),
        "csr": torch.eye(4).to_sparse_csr(),
        "meta": torch.empty(5, 5, device="meta"),
        "storage": torch.ones(3).untyped_storage(),
    }
    assert len(read(save(torch, value, is_zip=is_zip)).gaps) == 3  # two of them sparse


def test_torchscript_is_read_and_frozen_torchscript_is_a_gap(torch: Any) -> None:
    model = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 2)).eval())
    out = io.BytesIO()
    torch.jit.save(model, out)
    assert {t.name: t.shape for t in read(out.getvalue()).tensors} == {
        "0.weight": (2, 3),
        "0.bias": (2,),
    }
    out = io.BytesIO()
    torch.jit.save(torch.jit.freeze(model), out)
    assert len(read(out.getvalue()).gaps) == 1


def test_a_file_written_without_its_data_is_read_alike(torch: Any) -> None:
    with torch.serialization.skip_data():
        data = save(torch, {"w": torch.ones(1_000)})
    assert [tensor.shape for tensor in read(data).tensors] == [(1_000,)]


def test_thousands_of_tensors_take_two_spans_more(torch: Any) -> None:
    data = save(torch, {f"model.layers.{at}.weight": torch.zeros(300) for at in range(3_000)})
    got = fed(data)
    assert len(got.header.tensors) == 3_000
    assert len(got.spans) <= 4
    assert got.read_bytes < 2_000_000


# -- what our own tests make


def made() -> Any:
    t = Tensors()
    shared = t.storage(12, "float32")
    return ordered(
        {
            "plain": t(3, 4, dtype="bfloat16"),
            "view": view(shared, (2, 3), (6, 2), 1),
            "tied": view(shared, (3, 4)),
            "again": view(shared, (3, 4)),
            "parameter": parameter(t(2)),
            "inner": {"list": [t(1, dtype="int64"), t(0, 5)]},
        },
        state={"_metadata": ordered({"": {"version": 1}})},
    )


@pytest.mark.parametrize("file", [saved(made()), saved_legacy(made())], ids=["zip", "legacy"])
def test_the_files_of_our_tests_are_loaded_by_torch(torch: Any, file: Pieces) -> None:
    data = bytes_of(file)
    assert torch.load(io.BytesIO(data), weights_only=True)["plain"].shape == (3, 4)
    header = assert_as_torch(torch, data)
    assert header.aliases == {"again": "tied", "view": "tied"}


def test_untyped_storages_of_our_tests_are_loaded_by_torch(torch: Any) -> None:
    value = {"w": view_as("float8_e4m3fn", Storage("0", 12), (3, 4))}
    assert_as_torch(torch, bytes_of(saved(value)))


def test_the_tar_archives_of_our_tests_are_loaded_by_torch(torch: Any, tmp_path: Any) -> None:
    storage = Storage("10", 12, "float32")
    tensors = {1: (storage, 0, (3, 4), (4, 1)), 2: (storage, 4, (2, 4), (4, 1))}
    data = saved_tar(ordered({"w": Outside("1"), "rows": Outside("2")}), tensors)
    path = tmp_path / "old.pt"
    path.write_bytes(data)
    loaded = torch.load(path, weights_only=False)
    assert {name: tuple(each.shape) for name, each in loaded.items()} == {
        "w": (3, 4),
        "rows": (2, 4),
    }
    header = read(data)
    assert ({t.name: t.shape for t in header.tensors}, header.aliases) == (
        {"w": (3, 4)},
        {"rows": "w"},
    )


def test_the_pickles_of_our_tests_are_loaded_by_torch(torch: Any) -> None:
    reduced = Call(Name("torch", "Size"), ((1, 2),))
    value = {"size": reduced, "name": Name("torch", "float16"), "t": (1, -300, 2.5, b"x", None)}
    loaded = torch.load(io.BytesIO(bytes_of(saved(value))), weights_only=False)
    assert loaded == {
        "size": torch.Size([1, 2]),
        "name": torch.float16,
        "t": (1, -300, 2.5, b"x", None),
    }

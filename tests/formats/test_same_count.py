"""One model, its sizes worked out by hand, has one count in whatever format it is stored."""

import io
from collections.abc import Callable

import numpy as np
import pytest

from auditor.core.tensors import Header
from auditor.formats import flax_msgpack, numpy_archive, onnx
from builders import read, safetensors_file
from counting import counted
from flax_files import Array, Tree, packed
from onnx_files import node, onnx_file, tensor
from spread_files import feed

Shape = tuple[int, ...]

WIDTH, INNER, WORDS, POSITIONS, LAYERS = 16, 64, 50, 12, 2

LINEARS = {
    "attention.self.query": (WIDTH, WIDTH),
    "attention.self.key": (WIDTH, WIDTH),
    "attention.self.value": (WIDTH, WIDTH),
    "attention.output.dense": (WIDTH, WIDTH),
    "intermediate.dense": (INNER, WIDTH),
    "output.dense": (WIDTH, INNER),
}
NORMS = ("attention.output.LayerNorm", "output.LayerNorm")
TABLES = {"word": WORDS, "position": POSITIONS, "token_type": 2}

TOTAL = (
    (50 + 12 + 2) * 16  # words, positions and types: 1,024
    + 2 * 16  # their norm: 32
    # A layer: 4 x (256 + 16) = 1,088, 1,024 + 64 = 1,088, 1,024 + 16 = 1,040, norms 2 x 32 = 64
    + 2 * (1_088 + 1_088 + 1_040 + 64)
    + 16 * 16 + 16  # the pooler: 272
)  # fmt: skip
assert TOTAL == 1_024 + 32 + 6_560 + 272 == 7_888


def torch_names() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {
        f"embeddings.{name}_embeddings.weight": (rows, WIDTH) for name, rows in TABLES.items()
    }
    norms = ["embeddings.LayerNorm"]
    linears: dict[str, Shape] = {"pooler.dense": (WIDTH, WIDTH)}
    for at in range(LAYERS):
        norms += [f"encoder.layer.{at}.{name}" for name in NORMS]
        linears |= {f"encoder.layer.{at}.{name}": shape for name, shape in LINEARS.items()}
    for name in norms:
        shapes |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
    for name, shape in linears.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def flax_name(name: str, shape: Shape) -> str:
    """As transformers renames its weights for Flax."""
    module = name.removesuffix(".weight")
    if module == name:
        return name
    if "embeddings." in name and len(shape) == 2:
        return f"{module}.embedding"
    return f"{module}.scale" if len(shape) == 1 else f"{module}.kernel"


def as_safetensors() -> Header:
    stored = {name: ("F32", shape) for name, shape in torch_names().items()}
    stored["embeddings.position_ids"] = ("I64", (1, POSITIONS))
    return read(safetensors_file(stored))


def as_onnx() -> Header:
    """As PyTorch's exporter writes it: matrices turned over and numbered, shapes among them."""
    initializers = [tensor("/Constant_output_0", "I64", (3,)), tensor("onnx::Div_1", "F32", ())]
    nodes = [node("Reshape", ["x", "/Constant_output_0"], ["y"])]
    for at, (name, shape) in enumerate(torch_names().items()):
        if len(shape) == 2 and "embeddings." not in name:
            initializers.append(tensor(f"onnx::MatMul_{at}", "F32", shape[::-1]))
            nodes.append(node("MatMul", ["x", f"onnx::MatMul_{at}"], [f"/{name}/MatMul_output_0"]))
        else:
            initializers.append(tensor(name, "F32", shape))
    return feed(onnx.read_header, onnx_file(initializers, nodes, ["last_hidden_state"])).header


def as_quantised_onnx() -> Header:
    """As onnxruntime's static quantiser writes it, every matrix and table in 8 bits."""
    initializers, nodes = [], []
    for name, shape in torch_names().items():
        if len(shape) == 1:
            initializers.append(tensor(name, "F32", shape))
            continue
        parts = [f"{name}_quantized", f"{name}_scale", f"{name}_zero_point"]
        kinds = [("I8", shape), ("F32", ()), ("I8", ())]
        pairs = zip(parts, kinds, strict=True)
        initializers += [tensor(part, dtype, sides) for part, (dtype, sides) in pairs]
        nodes.append(node("DequantizeLinear", parts, [f"{name}_DequantizeLinear_Output"]))
    return feed(onnx.read_header, onnx_file(initializers, nodes, ["last_hidden_state"])).header


def as_flax() -> Header:
    tree: dict[str, Tree] = {}
    for name, shape in torch_names().items():
        *path, last = flax_name(name, shape).split(".")
        place = tree
        for key in path:
            inner = place.setdefault(key, {})
            assert isinstance(inner, dict)
            place = inner
        place[last] = Array("float32", shape[::-1] if last == "kernel" else shape)
    return feed(flax_msgpack.read_header, packed(tree)).header


def as_numpy() -> Header:
    stream = io.BytesIO()
    arrays = {name: np.zeros(shape, "f4") for name, shape in torch_names().items()}
    np.savez(stream, **arrays)  # type: ignore[arg-type] # the stub takes them for its options
    return feed(numpy_archive.read_header, stream.getvalue()).header


@pytest.mark.parametrize("stored", [as_safetensors, as_onnx, as_quantised_onnx, as_flax, as_numpy])
def test_a_small_bert_has_as_many_parameters_in_every_format(
    stored: Callable[[], Header],
) -> None:
    tally = counted(stored(), {"model_type": "bert"})
    assert (tally.total, tally.trainable) == (TOTAL, TOTAL)
    assert tally.embedding == 1_024

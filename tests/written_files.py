"""Whole models as the libraries of each format write them, from arrays in PyTorch's manner.

Names are those of a state dict, matrices are [out, in]. The libraries are imported when they are
called: the default environment of the tests has none of them.
"""

import io
import re
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


class Sink(Protocol):
    """Where a file is written to."""

    def write(self, data: Any, /) -> int: ...


def safetensors_file(arrays: Arrays) -> bytes:
    made: bytes = import_module("safetensors.numpy").save(dict(arrays), metadata={"format": "pt"})
    return made


def npz_file(arrays: Arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type] # numpy's stub takes them for its options
    return stream.getvalue()


def write_torch(arrays: Arrays, stream: Sink, *, tied: Mapping[str, str], legacy: bool) -> None:
    """torch.save of a state dict; `tied` names share the tensor that they are given."""
    torch = import_module("torch")
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    state |= {name: state[other] for name, other in tied.items()}
    torch.save(state, stream, _use_new_zipfile_serialization=not legacy)


def gguf_file(arrays: Arrays, *, layers: int) -> bytes:
    """A Llama in F16, its norms in F32, under llama.cpp's names; a tied head is not stored."""
    gguf = import_module("gguf")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_block_count(layers)
        writer.add_vocab_size(len(arrays["model.embed_tokens.weight"]))
        for name, array in arrays.items():
            dtype = np.float32 if array.ndim == 1 else np.float16
            writer.add_tensor(names.get_name(name, (".weight",)) + ".weight", array.astype(dtype))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


# -- frameworks that call things by other names


def leaf_of(name: str, array: NDArray[Any]) -> str:
    """What the tensor is to its module: norm, embedding, matrix or vector."""
    if "norm" in name.lower():
        return "norm"
    if array.ndim == 1:
        return "vector"
    return "embedding" if "embed" in name else "matrix"


def h5_file(arrays: Arrays) -> bytes:
    """As transformers' TF classes saved it by Keras 2: groups of layers that list their weights."""
    h5py = import_module("h5py")
    stream = io.BytesIO()
    layers: dict[str, list[str]] = {}
    with h5py.File(stream, "w") as file:
        for name, array in arrays.items():
            path = _keras_path(name, leaf_of(name, array))
            layer = path.partition("/")[0]
            stored = array.T if leaf_of(name, array) == "matrix" else array
            file[f"{layer}/tf_model/{path}"] = stored
            layers.setdefault(layer, []).append(f"tf_model/{path}")
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.15.0"
        for layer, names in layers.items():
            file[layer].attrs["weight_names"] = [name.encode() for name in names]
    return stream.getvalue()


def _keras_path(name: str, leaf: str) -> str:
    module, _, last = name.rpartition(".")
    path = re.sub(r"/layer/(\d+)", r"/layer_._\1", module.replace(".", "/"))
    path = re.sub(r"^cls/", "mlm___cls/", path)
    kept = "weight" if "word_embeddings" in name else "embeddings"
    weight = {"norm": "gamma", "embedding": kept, "matrix": "kernel"}.get(leaf, "weight")
    bias = "beta" if leaf == "norm" else "bias"
    return f"{path}/{weight if last == 'weight' else bias}:0"


def msgpack_file(arrays: Arrays) -> bytes:
    """As flax.serialization writes a nest of parameters."""
    nest: dict[str, Any] = {}
    for name, array in arrays.items():
        leaf = leaf_of(name, array)
        *modules, last = name.split(".")
        weight = {"norm": "scale", "embedding": "embedding"}.get(leaf, "kernel")
        inner = nest
        for module in modules:
            inner = inner.setdefault(module, {})
        inner[weight if last == "weight" else last] = array.T if leaf == "matrix" else array
    made: bytes = import_module("flax.serialization").to_bytes(nest)
    return made


# -- ONNX


def onnx_files(
    arrays: Arrays, *, head: tuple[str, str] | None = None, external: bool = False
) -> dict[str, bytes]:
    """A graph that takes the modules of a BERT one after another, as exporters write one.

    Matrices are transposed and have numbers for names. `head` is the table that the last matrix is,
    turned in the graph, and the bias behind it. With `external` the data are in a file beside.
    """
    onnx = import_module("onnx")
    value, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        graph = _Graph(arrays, head)
        made = onnx.helper.make_graph(
            graph.nodes,
            "model",
            [value("input_ids", types.INT64, [1, "n"])],
            [value(graph.last, types.FLOAT, [1, "n", None])],
            initializer=graph.initializers,
        )
        model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)])
        options = {"save_as_external_data": True, "location": "model.onnx_data"} if external else {}
        onnx.save_model(model, path, **options)
        onnx.checker.check_model(path, full_check=True)
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


class _Graph:
    """Nodes of which each is fed by the one before, and the tensors that they hold."""

    def __init__(self, arrays: Arrays, head: tuple[str, str] | None) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.last = ""
        self._onnx = import_module("onnx")
        rest = {name: array for name, array in arrays.items() if not head or name != head[1]}
        for name, array in rest.items():
            self._add(name, array, rest)
        if head is not None:
            table, bias = head
            before, turned = self.last, self._node("Transpose", table, perm=[1, 0])
            self._node("MatMul", before, turned)
            self._node("Add", self.last, self._held(bias, arrays[bias]))

    def _add(self, name: str, array: NDArray[Any], arrays: Arrays) -> None:
        leaf = leaf_of(name, array)
        if array.dtype.kind != "f":
            self._held(name, array)  # position ids, which the positions' table is asked for
        elif leaf == "embedding":
            self._embed(name, array)
        elif leaf == "matrix":
            number = f"onnx::MatMul_{len(self.initializers)}"
            self._node("MatMul", self.last, self._held(number, array.T))
        elif leaf == "norm" and name.endswith(".weight"):
            bias = name.removesuffix("weight") + "bias"
            held = self._held(name, array), self._held(bias, arrays[bias])
            self._node("LayerNormalization", self.last, *held, axis=-1)
        elif leaf == "vector":
            self._node("Add", self.last, self._held(name, array))

    def _embed(self, name: str, array: NDArray[Any]) -> None:
        ids = next((each.name for each in self.initializers if "_ids" in each.name), "input_ids")
        before = self.last
        found = self._node(
            "Gather", self._held(name, array), ids if "position" in name else "input_ids"
        )
        if before:
            self._node("Add", before, found)

    def _held(self, name: str, array: NDArray[Any]) -> str:
        made = self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        self.initializers.append(made)
        return name

    def _node(self, operation: str, *inputs: str, **attributes: object) -> str:
        self.last = f"out_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(operation, inputs, [self.last], **attributes))
        return self.last

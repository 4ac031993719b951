"""Files of gigabytes as the libraries of each format write them, their zeros left out.

The libraries are torch, gguf, onnx, h5py and flax; only what is no zero is kept.
"""

import re
import tempfile
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hub import Virtual
from written_files import Arrays, write_torch

_HOLE_BYTES: Final = 4_096  # zeros of less are kept


class Holes:
    """A stream to write to that keeps what is no run of zeros."""

    def __init__(self) -> None:
        self._size_bytes = 0
        self._islands: list[tuple[int, bytearray]] = []

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever has bytes
        found = np.frombuffer(data, np.uint8)
        begin = self._size_bytes
        self._size_bytes += found.size
        if found.size >= _HOLE_BYTES and not found.any():
            return found.size
        last = self._islands[-1] if self._islands else None
        if last is not None and last[0] + len(last[1]) == begin:
            last[1].extend(found.tobytes())
        else:
            self._islands.append((begin, bytearray(found.tobytes())))
        return found.size

    def flush(self) -> None:
        """All is here."""

    @property
    def file(self) -> Virtual:
        return Virtual(
            b"", self._size_bytes, tuple((at, bytes(data)) for at, data in self._islands)
        )


def without_zeros(data: bytes) -> Virtual:
    """The file that holds `data`."""
    islands = []
    begin = 0
    for hole in re.finditer(rb"\0{%d,}" % _HOLE_BYTES, data):
        islands.append((begin, data[begin : hole.start()]))
        begin = hole.end()
    return Virtual(b"", len(data), (*islands, (begin, data[begin:])))


def torch_file(arrays: Arrays, tied: Mapping[str, str], *, legacy: bool) -> Virtual:
    stream = Holes()
    write_torch(arrays, stream, tied=tied, legacy=legacy)
    return stream.file


def gguf_file(arrays: Arrays, *, tokens: int, layers: int) -> Virtual:
    """A Gemma in Q4_K, its table of tokens in Q6_K and its norms in F32, with a vocabulary."""
    gguf = import_module("gguf")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA, layers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.gguf")
        writer = gguf.GGUFWriter(path, "gemma")
        writer.add_block_count(layers)
        writer.add_tokenizer_model("llama")
        writer.add_token_list([f"▁word{number}" for number in range(tokens)])
        writer.add_token_scores([-float(number) for number in range(tokens)])
        writer.add_token_types([1] * tokens)
        data_bytes = 0
        for name, array in arrays.items():
            known = names.get_name(name, (".weight",)) + ".weight"
            kind = _kind_of(known, array, gguf.GGMLQuantizationType)
            elements, block_bytes = gguf.GGML_QUANT_SIZES[kind]
            size_bytes = array.size // elements * block_bytes
            writer.add_tensor_info(known, array.shape, np.dtype(np.float32), size_bytes, kind)
            data_bytes += writer.ggml_pad(size_bytes, writer.data_alignment)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        writer.close()
        head = path.read_bytes()
    head = head.ljust(writer.ggml_pad(len(head), writer.data_alignment), b"\0")
    return Virtual(head, len(head) + data_bytes)


def _kind_of(name: str, array: NDArray[Any], kinds: Any) -> Any:  # noqa: ANN401 - gguf's enum
    if array.ndim == 1:
        return kinds.F32
    return kinds.Q6_K if name.startswith("token_embd") else kinds.Q4_K


def zeros(rows: Iterable[tuple[str, tuple[str, Any]]], dtype: type) -> dict[str, NDArray[Any]]:
    """Arrays of the names and shapes of `rows`; the system gives zeros for nothing."""
    return {name: np.zeros(shape, dtype) for name, (_, shape) in rows}

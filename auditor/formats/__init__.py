"""The weight files that are read: the module of each kind, imported when such a file is read.

The kinds are those of `core.checkpoints.format_of`.
"""

from collections.abc import Mapping
from typing import Final

FORMATS: Final[Mapping[str, str]] = {
    "safetensors": "auditor.formats.safetensors",
    "PyTorch": "auditor.formats.pytorch",
    "GGUF": "auditor.formats.gguf",
    "TensorFlow": "auditor.formats.hdf5",
    "Keras": "auditor.formats.keras",
    "ONNX": "auditor.formats.onnx",
    "Flax": "auditor.formats.flax_msgpack",
    "NumPy": "auditor.formats.numpy_archive",
}

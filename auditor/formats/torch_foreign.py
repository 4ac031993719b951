"""Files that are called like PyTorch's and are something else."""

import re
from typing import Final

from auditor.errors import ContentError, HeaderMalformed, UnsupportedFormat
from auditor.formats.foreign import Foreign, recognise
from auditor.formats.torch_tensors import DAMAGED

_RENAMED: Final = "rename it after what it is"
_OTHER_LIBRARY: Final = "it belongs to another library; audit a checkpoint of torch or safetensors"

_ROWS: Final = (
    # first bytes, what it is, what to do
    (rb".{8}\s*\{\s*\"", "a safetensors file", f"{_RENAMED}: .safetensors"),
    (
        rb"lmgg|fmgg|tjgg|algg",
        "a ggml file, which came before GGUF",
        "convert it with llama.cpp's convert_llama_ggml_to_gguf.py",
    ),
    (rb"\xba\x16\x4f\x2f", "a model of fastText", _OTHER_LIBRARY),
    (rb"[\1-\x0f]\0\0\0[\4-\x40]\0[A-Z]\w+Spec\0", "a model of CTranslate2", _OTHER_LIBRARY),
    (rb"\d{1,9} \d{1,5}\n", "word vectors in word2vec's format", _OTHER_LIBRARY),
    (rb"\x1f\x8b\x08", "a gzip archive", "unpack it"),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it"),
    (rb"BZh\d", "a bzip2 archive", "unpack it"),
    (rb"\xfd7zXZ", "an xz archive", "unpack it"),
    (rb"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (rb"Rar!", "a RAR archive", "unpack it"),
    (rb".{4}TFL3", "a TensorFlow Lite model", f"{_RENAMED}: .tflite"),
)
_OTHERS: Final = tuple(
    (re.compile(magic, re.DOTALL), Foreign(what, hint)) for magic, what, hint in _ROWS
)


def refusal(path: str, first_bytes: bytes, reason: str) -> ContentError:
    """The error for a file that is not PyTorch's: what it is instead, or else the `reason`."""
    other = next((kind for magic, kind in _OTHERS if magic.match(first_bytes)), None)
    if other is not None:
        return UnsupportedFormat(path, f"no PyTorch file but {other.what}", hint=other.hint)
    foreign = recognise(first_bytes)
    if foreign and not first_bytes.startswith(b"\x80"):  # a pickle is what was looked for
        return HeaderMalformed(path, f"no PyTorch file but {foreign.what}", hint=foreign.hint)
    return HeaderMalformed(path, reason, hint=DAMAGED)

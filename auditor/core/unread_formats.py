"""Kinds of weight files that are known and not read, each with the reason."""

from collections.abc import Mapping
from typing import Final

UNREAD: Final[Mapping[str, str]] = {
    "CTranslate2": (
        "a list of arrays without a directory, in which a converter has merged and quantised layers"
    ),
    "Core ML": "a compiled program, in which parameters are not told from constants",
    "GGML": "the predecessor of GGUF, with another head for each family of models",
    "NeMo": "a tar archive, often compressed, whose contents can only be found by reading it whole",
    "OpenVINO": "numbers without a head; an XML file beside them describes a graph, not parameters",
    "Paddle": (
        "a pickle with the numbers inside it: its heads cannot be read without the whole file"
    ),
    "PyTorch distributed": "pieces of tensors, which a pickle beside them puts together",
    "Rust": "a TorchScript archive of tch-rs, in which a compiled object holds the tensors",
    "TensorFlow Lite": "a converted graph, in which parameters are not told from constants",
    "TensorRT": "an engine compiled for one kind of GPU, in which layers are merged",
}


def reason_unread(kind: str) -> str:
    """Why weight files of `kind` are not read, as it reads behind a colon."""
    return UNREAD.get(kind, "no reader of this kind of file is built in")

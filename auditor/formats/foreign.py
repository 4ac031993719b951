"""What a file is that is not what its name says, told by its first bytes."""

import re
from typing import Final, NamedTuple


class Foreign(NamedTuple):
    """A kind of file, and what to do about it."""

    what: str
    hint: str


_RENAMED: Final = "rename it after what it is"
_SAVED_PAGE: Final = "a server's answer was saved in the file's place; download the file again"

_ROWS: Final = (
    # first bytes, what it is, what to do
    (
        rb"version https://git-lfs",
        "a git-lfs pointer, which stands where the file should be",
        "fetch the file with `git lfs pull`, or audit the model on the Hub by its id",
    ),
    (rb"(?i:\s*<!doctype html|\s*<html)", "an HTML page", _SAVED_PAGE),
    (rb"\s*<(?:\?xml|Error>)", "an XML document", _SAVED_PAGE),
    (rb"\s*[\[{]\s*\"[\s -~]{6}", "JSON text", _SAVED_PAGE),
    (rb"PK\x03\x04", "a zip archive, the container of torch.save", f"{_RENAMED}: .bin or .pt"),
    # NOTE: a length of 640 begins with 80 02, too, but goes on with zeros.
    (
        rb"\x80[\x04\x05]\x95|\x80[\x02-\x05](?!..\0{4})",
        "a pickle",
        f"{_RENAMED}: .bin, .pt or .pkl",
    ),
    (rb"GGUF", "a GGUF file", f"{_RENAMED}: .gguf"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", f"{_RENAMED}: .h5"),
    (rb"\x93NUMPY", "a NumPy array", f"{_RENAMED}: .npy"),
)

_FOREIGN: Final = tuple(
    (re.compile(magic, re.DOTALL), Foreign(what, hint)) for magic, what, hint in _ROWS
)


def recognise(first_bytes: bytes) -> Foreign | None:
    """What a file that begins with `first_bytes` looks like, or None.

    A hint for the message once the file has been refused, no ground for refusing: any eight bytes
    can be the length that a sound safetensors file begins with.
    """
    return next((kind for magic, kind in _FOREIGN if magic.match(first_bytes)), None)

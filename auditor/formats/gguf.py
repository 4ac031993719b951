r"""GGUF: a header of key-values and tensors, the data.

    magic        "GGUF"
    version      u32, 1 to 3; its byte order is that of the whole file
    tensors      u64, how many; likewise key-values. Version 1 has u32 for all lengths and counts
    key-values   see `gguf_values`: what the model is, and its vocabulary
    tensor list  see `gguf_infos`: name, shape, type, offset
    padding      to a multiple of `general.alignment`, 32 where nothing is said
    data         every tensor, padded to the same

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and ggml/src/gguf.cpp of llama.cpp, whose
checks these are: no key and no tensor twice, no array of arrays, at most 4 dimensions, whole blocks
in a row, every offset exactly where the tensor before it ends.

Where this reader differs from ggml:

- Version 1 and big-endian files are read; ggml reads those of its own machine, from version 2.
- A name of 64 bytes and more is a warning: forks allow more.
- A type that ggml does not know is taken for one of a fork's, see `gguf_types`.
- Keys and names that are no UTF-8 text are refused, as gguf-py does.

A file may have no tensors: the vocabulary alone, or the first of several numbered files. Each of
those is a file like any other, with a list of its own tensors; only the first has the key-values.
"""

import re
from collections.abc import Generator, Iterator
from struct import Struct
from typing import Final

from auditor.core.tensors import Header, Span
from auditor.errors import ContentError, HeaderMalformed, UnsupportedFormat
from auditor.formats.foreign import recognise
from auditor.formats.gguf_bytes import DAMAGED, Window
from auditor.formats.gguf_infos import read_infos
from auditor.formats.gguf_places import Data
from auditor.formats.gguf_values import read_key_values

name: Final = "GGUF"

# With a vocabulary of 32,000 tokens, as Llama's, a header takes 0.7 MB; larger ones take more
# than one reading in any case.
FIRST_READ_BYTES: Final = 1_000_000
# Of numbered files all but the first have a list of tensors alone, seldom more than 10,000 bytes.
LATER_READ_BYTES: Final = 100_000
_LATER: Final = re.compile(r"-(?!0*1-)\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)

_MAGIC: Final = b"GGUF"
_OLD: Final = {b"lmgg": "ggml", b"fmgg": "ggmf", b"tjgg": "ggjt", b"algg": "ggla"}
_FIRST_BYTES: Final = 8  # magic and version
_VERSIONS: Final = (1, 2, 3)


def read_header(path: str, size_bytes: int) -> Generator[Span, bytes, Header]:
    """The header of a GGUF file of `size_bytes`; its tensors in the order of the file.

    Asks for FIRST_READ_BYTES, and on from there for what the key-values take by the strings read so
    far; arrays of numbers and long strings are jumped over. Short key-values are its metadata, each
    under its own key, and the length of an array under `length(...)` of its key.

    Raises HeaderMalformed, HeaderTooLarge, UnknownDtype, UnsupportedFormat, LimitExceeded.
    """
    floor = LATER_READ_BYTES if _LATER.search(path) else FIRST_READ_BYTES
    window = Window(path=path, size_bytes=size_bytes, floor_bytes=floor)
    version = yield from _version(window)
    tensors: int = yield from window.unpack(window.length)
    keys: int = yield from window.unpack(window.length)
    window.place = "its key-values"
    metadata, alignment = yield from read_key_values(window, keys)
    window.place = "its list of tensors"
    infos = yield from read_infos(window, tensors)
    data_begin = -(-window.at // alignment) * alignment
    data = Data(path=path, size_bytes=max(0, size_bytes - data_begin), alignment=alignment)
    placed = data.place(infos)
    return Header(
        format=name,
        size_bytes=size_bytes,
        tensors=placed.tensors,
        data_begin=data_begin if infos else None,
        metadata=metadata,
        warnings=placed.warnings,
        notes=tuple(_notes(window, version, tensors)),
    )


def _version(window: Window) -> Generator[Span, bytes, int]:
    """The version; sets the byte order and the width of lengths."""
    if window.size_bytes < _FIRST_BYTES:
        raise window.malformed(f"{window.size_bytes:,} bytes; the shortest header takes 24")
    magic = yield from window.take(len(_MAGIC))
    if magic != _MAGIC:
        raise _no_gguf(window.path, window.data)
    version: int = yield from window.unpack("I")
    if version & 0xFFFF == 0:
        window.order = ">"
        version = int.from_bytes(version.to_bytes(4, "little"), "big")
    if version not in _VERSIONS:
        raise UnsupportedFormat(
            window.path,
            f"GGUF of version {version:,}; versions {_VERSIONS[0]} to {_VERSIONS[-1]} are read",
            hint="a newer version of hfaudit may read it",
        )
    window.length = Struct(window.order + ("I" if version == 1 else "Q"))
    return version


def _no_gguf(path: str, first: bytes) -> ContentError:
    """What a file is that does not begin as GGUF does."""
    if old := _OLD.get(first[:4]):
        reason = f"a {old} file, from before GGUF: its tensors have no fixed places"
        hint = "llama.cpp's convert_llama_ggml_to_gguf.py converts it"
        return UnsupportedFormat(path, reason, hint=hint)
    if foreign := recognise(first):
        return HeaderMalformed(path, f"no GGUF file but {foreign.what}", hint=foreign.hint)
    reason = f"begins with {first[:4]!r} and not with {_MAGIC!r}"
    return HeaderMalformed(path, reason, hint=DAMAGED)


def _notes(window: Window, version: int, tensors: int) -> Iterator[str]:
    if version == 1:
        yield "GGUF of version 1, which llama.cpp no longer reads"
    if window.order == ">":
        yield "big-endian: for machines of that byte order alone"
    if not tensors:
        yield "no tensors: a vocabulary alone, or the first of several files"

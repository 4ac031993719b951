r"""safetensors: eight bytes of length, a JSON header, the data.

    N        u64, little-endian, at most 100,000,000
    header   N bytes of JSON, often padded with spaces to a multiple of 8
             {"__metadata__": {"format": "pt"},
              "wte.weight": {"dtype": "F32", "shape": [50257, 768], "data_offsets": [0, 154389504]},
              ...}
    data     every tensor's bytes end to end, `data_offsets` counted from here

https://github.com/huggingface/safetensors#format. The rules, in the order of the reference reader
(safetensors/src/tensor.rs, `read_metadata` and `validate`), which need the header and the file's
size and nothing of the data:

     1  eight bytes at least
     2  N at most 100,000,000
     3  8 + N within the file
     4  the header is UTF-8
     5  JSON: an object of entries, each a dtype, a shape and two offsets, whole numbers of 64 bits;
        `__metadata__` an object of strings
     6  sorted by their offsets, the tensors leave no gap and do not overlap
     7  elements and bits of a tensor do not overflow 64 bits, on the way neither
     8  4-bit and 6-bit elements fill whole bytes
     9  the bytes between the offsets are those of dtype and shape
    10  the last tensor ends where the file does

Where this reader differs:

- A doubled key is refused wherever it is read, as the README of the format demands. The reference
  keeps the last of two tensors of one name, and of two equal metadata keys: such a file says
  different things to different readers, and no count of it would be the count.
- An entry must be an object and its dtype a string, as the README has it. The reference also takes
  `["F32", [2], [0, 8]]` and `{"dtype": {"F32": null}}`, which its JSON library reads alike.
- A dtype that is not known is an error of its own, UnknownDtype: new ones will come.
- `-0` is the whole number 0; to the reference's JSON library it is a fraction.

Accepted as the reference does, with a warning: white space before the `{`, `__metadata__: null`,
unknown keys in an entry.
"""

from collections.abc import Generator
from typing import Final

from auditor.core.strict_json import LARGE_BYTES, NotJson, Object, parse, value_bound
from auditor.core.tensors import Header, Span
from auditor.errors import HeaderMalformed, HeaderTooLarge, LimitExceeded
from auditor.formats.foreign import recognise
from auditor.formats.safetensors_entries import (
    DAMAGED,
    MAX_TENSORS,
    Contents,
    contents,
    entry_or_pairs,
)

name: Final = "safetensors"

# 97 % of the headers of the Hub's top 1,000 models are shorter (huggingface_hub hf_api.py,
# `parse_safetensors_file_metadata`): one request is enough for them.
FIRST_READ_BYTES: Final = 100_000
LENGTH_BYTES: Final = 8
MAX_HEADER_BYTES: Final = 100_000_000  # safetensors/src/tensor.rs, MAX_HEADER_SIZE
# An entry has three brackets and braces, and for D dimensions 3 + D commas. Bounds the memory of
# parsing, 64 bytes for each: `[[],[],[],...` would take twenty times the header.
MAX_JSON_VALUES: Final = 12 * MAX_TENSORS

_SHORTEST_ENTRY_BYTES: Final = len('"":{"dtype":"F4","shape":[],"data_offsets":[0,0]},')
_SPACED: Final = "white space before the header, which the format forbids"


def read_header(path: str, size_bytes: int) -> Generator[Span, bytes, Header]:
    """The header of a safetensors file of `size_bytes`; its tensors in the order of their data.

    Asks for the first FIRST_READ_BYTES, and once more where the header is longer, for the rest.

    NOTE: this makes many small tuples, over which the cyclic garbage collector walks again and
    again. It belongs to the process and is left alone here: a caller that pauses it (`gc.disable`)
    while it reads the largest models saves a third of the time.

    Raises HeaderTooLarge before asking for the rest; HeaderMalformed, UnknownDtype, LimitExceeded.
    """
    first = (yield Span(0, min(size_bytes, FIRST_READ_BYTES))) if size_bytes else b""
    stop = _header_stop(path, size_bytes, first)
    rest = (yield Span(len(first), stop)) if stop > len(first) else b""
    raw = first[LENGTH_BYTES:stop] + rest
    tensors, metadata, warnings = _contents(path, raw, first)
    end = stop + (tensors[-1].end if tensors else 0)
    if end > size_bytes:
        raise HeaderMalformed(
            path,
            f"{end - size_bytes:,} bytes are missing: the tensors end at byte {end:,} and the file"
            f" at {size_bytes:,}",
            hint="the file was cut off, or its header lies; compare its sha256 with the Hub's",
        )
    if end < size_bytes:
        raise HeaderMalformed(
            path, f"{size_bytes - end:,} bytes after the last tensor belong to none", hint=DAMAGED
        )
    return Header(
        format=name,
        size_bytes=size_bytes,
        tensors=tensors,
        data_begin=stop,
        metadata=metadata,
        warnings=(_SPACED, *warnings) if raw[:1].isspace() else warnings,
    )


def header_from_json(path: str, size_bytes: int, text: bytes) -> Header:
    """The header of the file of `size_bytes` whose JSON header a server has handed out as `text`.

    The rules of `read_header`, but for what may be lost on the way: white space, and the length of
    the header, of which only the bounds are held against the file's size.

    Raises HeaderMalformed, UnknownDtype, LimitExceeded.
    """
    tensors, metadata, warnings = _contents(path, text, b"")
    header_bytes = size_bytes - LENGTH_BYTES - (tensors[-1].end if tensors else 0)
    shortest = sum(len(tensor.name) + _SHORTEST_ENTRY_BYTES for tensor in tensors)
    if not shortest < header_bytes <= MAX_HEADER_BYTES:
        raise HeaderMalformed(
            path,
            f"a file of {size_bytes:,} bytes leaves {header_bytes:,} for the header"
            f" of {len(tensors):,} tensors",
            hint=DAMAGED,
        )
    return Header(
        format=name,
        size_bytes=size_bytes,
        tensors=tensors,
        data_begin=LENGTH_BYTES + header_bytes,
        metadata=metadata,
        warnings=warnings,
    )


def _header_stop(path: str, size_bytes: int, first: bytes) -> int:
    """Where the header ends and the data begins, by the length in the `first` bytes."""
    if size_bytes < LENGTH_BYTES:
        reason = f"{size_bytes:,} bytes; the length of a header alone takes {LENGTH_BYTES}"
        raise _refusal(HeaderMalformed, path, reason, first)
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        reason = f"header of {length:,} bytes; the format allows {MAX_HEADER_BYTES:,}"
        raise _refusal(HeaderTooLarge, path, reason, first)
    if LENGTH_BYTES + length > size_bytes:
        reason = f"header of {length:,} bytes in a file of {size_bytes:,}"
        raise _refusal(HeaderMalformed, path, reason, first)
    return LENGTH_BYTES + length


def _contents(path: str, raw: bytes, first: bytes) -> Contents:
    """What the JSON header `raw` of a file says, which begins with the bytes `first`."""
    if len(raw) > 2 * MAX_JSON_VALUES and value_bound(raw) > MAX_JSON_VALUES:
        raise LimitExceeded(path, f"a header of more than {MAX_JSON_VALUES:,} values")
    if len(raw) >= LARGE_BYTES:
        from auditor.formats.safetensors_large import large_contents  # noqa: PLC0415 - see there

        if found := large_contents(raw):
            return found
    return contents(path, _parse(path, raw, first))


def _parse(path: str, raw: bytes, first: bytes) -> Object:
    try:
        root = parse(raw, entry_or_pairs)
    except NotJson as error:
        raise _refusal(HeaderMalformed, path, f"the header is {error}", first) from error
    if not isinstance(root, Object):
        raise _refusal(HeaderMalformed, path, "the header is no object of entries", first)
    return root


def _refusal(kind: type[HeaderMalformed], path: str, reason: str, first: bytes) -> HeaderMalformed:
    """The error to raise: `kind`, or what the file is instead where its `first` bytes tell."""
    if foreign := recognise(first):
        reason = f"no safetensors file but {foreign.what}"
        return HeaderMalformed(path, reason, hint=foreign.hint)
    return kind(path, reason, hint=DAMAGED)

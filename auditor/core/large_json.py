"""JSON of megabytes, read straight into the types that it should have.

Three times as fast as `strict_json` and as strict, but it does not say what is wrong with a text:
whoever reads with it has `strict_json` look at what it does not take. The decoder is imported with
this module, which costs as much as to read some thousand tensors in the other way.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

# Its own, bytes that are no UTF-8, and lists in lists without end.
_REFUSALS: Final = (msgspec.DecodeError, ValueError, RecursionError)


def read_large(raw: bytes, kind: type[T], keys: Callable[[T], int], most_keys: int) -> T | None:
    """The JSON value of `raw` as a `kind`; None where the text is odd in any way.

    `keys` counts the keys of a value, of which there may be `most_keys`. Where a key comes twice,
    the text has more colons than the value has keys; where a string holds a colon too, and that is
    odd enough. So is an escape.
    """
    colons = raw.count(b":")
    if colons > most_keys or b"\\" in raw:
        return None
    try:
        value = msgspec.json.decode(raw, type=kind)
    except _REFUSALS:
        return None
    return value if keys(value) == colons else None


def texts_in(raw: bytes | memoryview) -> dict[str, memoryview] | None:
    """The text of each member of the JSON object `raw`; None where a key comes twice."""
    try:
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except _REFUSALS:
        return None
    texts = {key: memoryview(text) for key, text in members.items()}
    return texts if _is_all(raw, texts) else None


def text_of(members: Mapping[str, memoryview]) -> bytes:
    """The JSON object of `members`, each of which is the text of a value."""
    pairs = (b"%s:%s" % (msgspec.json.encode(key), text) for key, text in members.items())
    return b"{%s}" % b",".join(pairs)


def _is_all(raw: bytes | memoryview, members: Mapping[str, memoryview]) -> bool:
    """Whether the object `raw` has no other members: of two equal keys the decoder keeps the last.

    Without white space there is no room for others. Else the colons are counted: a text that no
    member holds has one, after its key.
    """
    compact_bytes = sum(len(f'"{key}":,'.encode()) + len(text) for key, text in members.items())
    if len(raw) == len("{") + compact_bytes:
        return True
    within = sum(bytes(text).count(b":") for text in members.values())
    return bytes(raw).count(b":") == len(members) + within

r"""The text that stands in place of a large file where git-lfs has not fetched it.

    version https://git-lfs.github.com/spec/v1\n
    oid sha256:68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3\n
    size 440449768\n

https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: smaller than 1,024 bytes, `version`
first, the other keys in the order of the alphabet (an extension's key may stand between).
"""

import re
from dataclasses import dataclass
from typing import Final

MIN_POINTER_BYTES: Final = 100  # the three lines with a size of one digit have 127
MAX_POINTER_BYTES: Final = 1_023

_START: Final = b"version https://git-lfs.github.com/spec/v1\n"
_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_SIZE = re.compile(rb"^size ([0-9]{1,18})$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LfsPointer:
    """What a pointer says of the file that is not there: its sha256 and its size."""

    oid: str
    size_bytes: int


def lfs_pointer(data: bytes) -> LfsPointer | None:
    """The pointer in `data`, or None where it is any other file."""
    if not data.startswith(_START) or len(data) > MAX_POINTER_BYTES:
        return None
    oid, size = _OID.search(data), _SIZE.search(data)
    if oid is None or size is None:
        return None
    return LfsPointer(oid=oid[1].decode(), size_bytes=int(size[1]))

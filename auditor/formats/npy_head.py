r"""The head of a .npy file, one NumPy array.

    \x93NUMPY  major  minor
    length     2 bytes in version 1, 4 in versions 2 and 3
    a Python dict as text, padded with spaces:
        {'descr': '<f4', 'fortran_order': False, 'shape': (768, 3072), }
    data

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. `descr` is a type string of
the array interface, or a list of them for records. `|O` stands for Python objects in a pickle,
which is never read. The text is matched against its form, not evaluated.
"""

import re
from typing import Final, NamedTuple

MAGIC: Final = b"\x93NUMPY"
# NumPy itself refuses more: numpy.lib.format, _MAX_HEADER_SIZE.
MAX_TEXT_BYTES: Final = 10_000
LONGEST_HEAD_BYTES: Final = 12 + MAX_TEXT_BYTES

_MAX_RANK: Final = 64
_LENGTH_BYTES: Final = {1: 2, 2: 4, 3: 4}
_SIZE: Final = r"[0-9]{1,19}L?"  # Python 2 wrote an L
_SHAPE: Final = rf"\((?:{_SIZE}(?:, ?{_SIZE})*,?)? ?\)"
_PAIR: Final = rf"'(?:descr|fortran_order|shape)' ?: ?(?:'[^'\\]*'|True|False|{_SHAPE})"
_TEXT: Final = re.compile(rf"\{{ *{_PAIR}, ?{_PAIR}, ?{_PAIR},? *\}} *\n?")
_FIND_TYPE: Final = re.compile(r"'descr' ?: ?'([^'\\]*)'")
_FIND_SHAPE: Final = re.compile(rf"'shape' ?: ?({_SHAPE})")
_RECORD: Final = re.compile(r"\{ *(?:'fortran_order' ?: ?(?:True|False), ?)?'descr' ?: ?\[")


class NotNpy(ValueError):
    """What is wrong with a head, in words."""


class Head(NamedTuple):
    """`type` is the array interface's type string; empty for records, whose shape is not told."""

    type: str
    shape: tuple[int, ...]
    data_begin: int


def read_head(data: bytes) -> Head | None:
    """The head that `data` begin with; None where they end before it. Raises NotNpy."""
    if not data.startswith(MAGIC[: len(data)]):
        raise NotNpy("it does not begin as a NumPy array")
    if len(data) < len(MAGIC) + 2:
        return None
    size = _LENGTH_BYTES.get(data[6])
    if size is None:
        raise NotNpy(f"version {data[6]} of the format is not known")
    begin = len(MAGIC) + 2 + size
    length = int.from_bytes(data[8:begin], "little")
    if length > MAX_TEXT_BYTES:
        raise NotNpy(f"a head of {length:,} bytes; NumPy takes {MAX_TEXT_BYTES:,}")
    if len(data) < begin + length:
        return None
    return _parsed(data[begin : begin + length].decode("latin-1"), begin + length)


def _parsed(text: str, data_begin: int) -> Head:
    if _RECORD.match(text):
        return Head("", (), data_begin)
    type_, shape = _FIND_TYPE.search(text), _FIND_SHAPE.search(text)
    if not _TEXT.fullmatch(text) or type_ is None or shape is None:
        raise NotNpy("its head is no dict of `descr`, `fortran_order` and `shape`")
    sizes = tuple(int(size.rstrip("L")) for size in re.findall(_SIZE, shape[1]))
    if len(sizes) > _MAX_RANK:
        raise NotNpy(f"{len(sizes):,} dimensions")
    return Head(type_[1], sizes, data_begin)

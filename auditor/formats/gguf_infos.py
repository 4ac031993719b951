"""The list of the tensors in a GGUF file, as it stands there.

name     string
n        u32, at most 4
ne       n dimensions, the one whose numbers lie side by side first: a torch shape, reversed
type     u32, see `gguf_types`
offset   u64, from the beginning of the data
"""

from collections.abc import Generator
from itertools import pairwise
from math import prod
from typing import Final, NamedTuple

from auditor.core.findings import quoted
from auditor.core.tensors import Span
from auditor.errors import LimitExceeded
from auditor.formats.gguf_bytes import DAMAGED, Window
from auditor.formats.gguf_values import decoded

MAX_TENSORS: Final = 100_000  # models have under 3,000: ggml keeps all experts of a layer in one
MAX_DIMENSIONS: Final = 4  # ggml/include/ggml.h, GGML_MAX_DIMS
MAX_NAME_BYTES: Final = 1_024  # forks of ggml allow 160
MAX_ELEMENTS: Final = (1 << 63) - 1  # ggml counts in signed numbers of 64 bits

_USUAL_INFO_BYTES: Final = 80  # a name of 25 bytes, two dimensions


class Info(NamedTuple):
    """One entry of the list. `row` is its first dimension, along which blocks lie."""

    name: str
    shape: tuple[int, ...]  # as torch has it
    elements: int
    type: int
    offset: int

    @property
    def row(self) -> int:
        return self.shape[-1] if self.shape else 1


def read_infos(window: Window, count: int) -> Generator[Span, bytes, list[Info]]:
    """The `count` entries at the window's place.

    Raises HeaderMalformed, HeaderTooLarge, LimitExceeded.
    """
    if count > MAX_TENSORS:
        raise LimitExceeded(
            window.path, f"{count:,} tensors; at most {MAX_TENSORS:,} are read", hint=DAMAGED
        )
    infos = []
    for left in range(count, 0, -1):
        info = yield from _info(window, left * _USUAL_INFO_BYTES)
        infos.append(info)
    if len({info.name for info in infos}) < count:
        names = sorted(info.name for info in infos)
        twice = next(name for name, following in pairwise(names) if name == following)
        raise window.malformed(f"the tensor {quoted(twice)} is listed twice")
    return infos


def _info(window: Window, ahead: int) -> Generator[Span, bytes, Info]:
    length = yield from window.unpack(window.length, ahead)
    if length > MAX_NAME_BYTES:
        raise window.malformed(f"a tensor's name of {length:,} bytes; names have under 64")
    name = decoded(window, (yield from window.take(length, ahead)), "a tensor's name")
    dimensions = yield from window.unpack("I", ahead)
    if dimensions > MAX_DIMENSIONS:
        raise window.malformed(f"{quoted(name)} has {dimensions:,} dimensions; ggml has 4")
    width = window.length.format[-1:]
    *ne, number, offset = yield from window.unpack(f"{width * dimensions}IQ", ahead)
    # Looked at without the zeros: a 0 at the end does not undo an absurd product.
    if prod(dimension or 1 for dimension in ne) > MAX_ELEMENTS:
        raise window.malformed(f"the elements of {quoted(name)} {ne} overflow 63 bits")
    return Info(name, tuple(reversed(ne)), prod(ne), number, offset)

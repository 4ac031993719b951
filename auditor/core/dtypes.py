"""One table of dtypes: how many elements a block holds and how many bytes it fills.

A plain dtype is a block of one element; F4 and F6 are blocks of whole bytes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What the numbers are; only `float` and `complex` can be trained."""

    FLOAT = "float"
    COMPLEX = "complex"
    INTEGER = "integer"
    BOOL = "bool"
    SCALE = "scale"  # an exponent without a mantissa: only ever the scale of something else


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dtype:
    """A dtype by its name in the file; `block_bytes` hold `block_elements` elements.

    NOTE: there is one object for each, in the table; they are compared and hashed by identity,
    which counts when a checkpoint has half a million tensors.
    """

    name: str
    kind: Kind
    block_elements: int
    block_bytes: int
    source: str

    @property
    def trainable(self) -> bool:
        """Whether a gradient can be taken of such numbers at all."""
        return self.kind in {Kind.FLOAT, Kind.COMPLEX}

    def bytes_for(self, elements: int) -> int:
        """Bytes that `elements` elements fill. Raises ValueError if they fill no whole bytes."""
        if self.block_elements == 1:
            return elements * self.block_bytes
        bits = elements * 8 * self.block_bytes
        quotient, rest = divmod(bits, 8 * self.block_elements)
        if rest:
            raise ValueError(f"{elements:,} elements of {self.name} do not fill whole bytes")
        return quotient


_SAFETENSORS: Final = "safetensors/src/tensor.rs, Dtype::bitsize"

_ROWS: Final = (
    # name, kind, elements, bytes
    ("BOOL", Kind.BOOL, 1, 1),
    ("F4", Kind.FLOAT, 2, 1),
    ("F6_E2M3", Kind.FLOAT, 4, 3),
    ("F6_E3M2", Kind.FLOAT, 4, 3),
    ("U8", Kind.INTEGER, 1, 1),
    ("I8", Kind.INTEGER, 1, 1),
    ("F8_E5M2", Kind.FLOAT, 1, 1),
    ("F8_E4M3", Kind.FLOAT, 1, 1),
    ("F8_E8M0", Kind.SCALE, 1, 1),
    ("F8_E4M3FNUZ", Kind.FLOAT, 1, 1),
    ("F8_E5M2FNUZ", Kind.FLOAT, 1, 1),
    ("I16", Kind.INTEGER, 1, 2),
    ("U16", Kind.INTEGER, 1, 2),
    ("F16", Kind.FLOAT, 1, 2),
    ("BF16", Kind.FLOAT, 1, 2),
    ("I32", Kind.INTEGER, 1, 4),
    ("U32", Kind.INTEGER, 1, 4),
    ("F32", Kind.FLOAT, 1, 4),
    ("C64", Kind.COMPLEX, 1, 8),
    ("F64", Kind.FLOAT, 1, 8),
    ("I64", Kind.INTEGER, 1, 8),
    ("U64", Kind.INTEGER, 1, 8),
)

DTYPES: Final = {
    name: Dtype(
        name=name, kind=kind, block_elements=elements, block_bytes=bytes_, source=_SAFETENSORS
    )
    for name, kind, elements, bytes_ in _ROWS
}

"""One table of dtypes: how many elements a block holds and how many bytes it fills.

A plain dtype is a block of one element; F4 and F6 are blocks of whole bytes. Formats that know the
same dtype by other names look it up by safetensors' name; those that safetensors does not have
stand below its own, each with the source of its numbers.
"""

from collections.abc import Iterable, Iterator
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

    def bytes_up_to(self, elements: int) -> int:
        """As `bytes_for`, the last byte or block filled up where the elements end within it."""
        if self.block_elements == 1:
            return elements * self.block_bytes
        return -(-elements * self.block_bytes // self.block_elements)


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

_TORCH: Final = "torch 2.13.0, torch/storage.py and c10/core/ScalarType.h"

_TORCH_ROWS: Final = (
    ("C32", Kind.COMPLEX, 1, 4),
    ("C128", Kind.COMPLEX, 1, 16),
    ("QI8", Kind.FLOAT, 1, 1),  # torch's quantised tensors: a real number for each, scaled
    ("QU8", Kind.FLOAT, 1, 1),
    ("QI32", Kind.FLOAT, 1, 4),
    ("QU4", Kind.FLOAT, 2, 1),
    ("QU2", Kind.FLOAT, 4, 1),
)

_ONNX: Final = "onnx 1.19, onnx/onnx.in.proto, TensorProto.DataType"

_ONNX_ROWS: Final = (
    ("I4", Kind.INTEGER, 2, 1),
    ("U4", Kind.INTEGER, 2, 1),
    ("I2", Kind.INTEGER, 4, 1),
    ("U2", Kind.INTEGER, 4, 1),
)

_GGML: Final = "gguf 0.19.0, gguf/constants.py, GGML_QUANT_SIZES"
_GGML_COMMON: Final = "llama.cpp, ggml/src/ggml-common.h"
_GGML_REMOVED: Final = "llama.cpp before November 2024, ggml.h: removed types that old files have"

# Blocks of quantised numbers, each with its own scale: every element is one weight.
_GGML_ROWS: Final = (
    ("Q4_0", 32, 18),
    ("Q4_1", 32, 20),
    ("Q5_0", 32, 22),
    ("Q5_1", 32, 24),
    ("Q8_0", 32, 34),
    ("Q2_K", 256, 84),
    ("Q3_K", 256, 110),
    ("Q4_K", 256, 144),
    ("Q5_K", 256, 176),
    ("Q6_K", 256, 210),
    ("Q8_K", 256, 292),
    ("IQ2_XXS", 256, 66),
    ("IQ2_XS", 256, 74),
    ("IQ3_XXS", 256, 98),
    ("IQ1_S", 256, 50),
    ("IQ4_NL", 32, 18),
    ("IQ3_S", 256, 110),
    ("IQ2_S", 256, 82),
    ("IQ4_XS", 256, 136),
    ("IQ1_M", 256, 56),
    ("TQ1_0", 256, 54),
    ("TQ2_0", 256, 66),
    ("MXFP4", 32, 17),
    ("NVFP4", 64, 36),
    ("Q1_0", 128, 18),
    ("Q8_1_F32", 32, 40),  # gguf-py's Q8_1, with two scales of 32 bits each
)
_GGML_COMMON_ROWS: Final = (
    ("Q8_1", 32, 36),  # with two scales of 16 bits
    ("Q2_0", 64, 18),
)
_GGML_REMOVED_ROWS: Final = (
    ("Q4_0_4_4", 32, 18),
    ("Q4_0_4_8", 32, 18),
    ("Q4_0_8_8", 32, 18),
    ("IQ4_NL_4_4", 32, 18),
    ("IQ4_NL_4_8", 32, 18),
    ("IQ4_NL_8_8", 32, 18),
)


def _dtypes(rows: Iterable[tuple[str, Kind, int, int]], source: str) -> Iterator[tuple[str, Dtype]]:
    for name, kind, elements, bytes_ in rows:
        yield (
            name,
            Dtype(name=name, kind=kind, block_elements=elements, block_bytes=bytes_, source=source),
        )


DTYPES: Final = {
    **dict(_dtypes(_ROWS, _SAFETENSORS)),
    **dict(_dtypes(_TORCH_ROWS, _TORCH)),
    **dict(_dtypes(_ONNX_ROWS, _ONNX)),
    **dict(_dtypes(((n, Kind.FLOAT, e, b) for n, e, b in _GGML_ROWS), _GGML)),
    **dict(_dtypes(((n, Kind.FLOAT, e, b) for n, e, b in _GGML_COMMON_ROWS), _GGML_COMMON)),
    **dict(_dtypes(((n, Kind.FLOAT, e, b) for n, e, b in _GGML_REMOVED_ROWS), _GGML_REMOVED)),
}

"""What ONNX's operators do with their inputs: which hold weights, and which only help.

Operators of the standard are described in onnx/docs/Operators.md, those of `com.microsoft` in
onnxruntime/docs/ContribOperators.md; inputs are numbered as they are there.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from auditor.core.dtypes import Kind
from auditor.core.tensors import Tensor
from auditor.formats.onnx_messages import NodeMessage

_WHOLE_BYTE: Final = 8


class Weights(NamedTuple):
    """An input of quantised weights.

    `rows` and `columns` are attributes that give the matrix that is meant. Where `bits` names an
    attribute, a byte holds 8 / bits weights, and 8 / `otherwise` where that is not set.
    """

    at: int
    rows: str = ""
    columns: str = ""
    bits: str = ""
    otherwise: int = 8

    def shape(self, node: NodeMessage, tensor: Tensor) -> tuple[int, ...] | None:
        """The shape that is meant; None where the node and the stored bytes disagree."""
        bits = node.ints.get(self.bits, self.otherwise)
        if self.rows:
            return self._matrix(node, tensor, bits)
        if tensor.dtype.kind is not Kind.INTEGER or tensor.dtype.block_elements > 1:
            return tensor.shape
        if bits == _WHOLE_BYTE or not tensor.shape:
            return tensor.shape
        if not 0 < bits < _WHOLE_BYTE:
            return None
        return (*tensor.shape[:-1], tensor.shape[-1] * _WHOLE_BYTE // bits)

    def _matrix(self, node: NodeMessage, tensor: Tensor, bits: int) -> tuple[int, ...] | None:
        rows, columns = node.ints.get(self.rows, 0), node.ints.get(self.columns, 0)
        block = node.ints.get("block_size", 0)
        if min(rows, columns, block) <= 0 or not 0 < bits <= _WHOLE_BYTE:
            return None
        blocks = rows * -(-columns // block) * -(-block * bits // _WHOLE_BYTE)
        flat = -(-rows * columns * bits // _WHOLE_BYTE)
        fits = tensor.stored_bytes in {blocks, flat}  # each row's last block may be filled up
        return (rows, columns) if fits else None


class Quantised(NamedTuple):
    """An operator that takes quantised weights, and the scales and zero points beside them."""

    weights: tuple[Weights, ...]
    bookkeeping: tuple[int, ...]


def _plain(weights: Iterable[int], bookkeeping: Iterable[int]) -> Quantised:
    return Quantised(tuple(Weights(at) for at in weights), tuple(bookkeeping))


def _n_bits(*inputs: tuple[int, str], bookkeeping: Iterable[int]) -> Quantised:
    """Blocks of each row in whole bytes: [N, ceil(K / block_size), block_size * bits / 8]."""
    weights = tuple(Weights(at, rows, "K", "bits", 4) for at, rows in inputs)
    return Quantised(weights, tuple(bookkeeping))


_EXPERTS: Final = tuple(Weights(at, bits="expert_weight_bits", otherwise=4) for at in (2, 5, 8))
_TABLES_AND_NORM: Final = range(2, 7)  # words, positions, segments, gamma, beta

QUANTISED: Final[Mapping[str, Quantised]] = {
    "DequantizeLinear": _plain([0], [1, 2]),
    "QuantizeLinear": _plain([], [1, 2]),
    "MatMulInteger": _plain([0, 1], [2, 3]),
    "MatMulInteger16": _plain([0, 1], []),
    "ConvInteger": _plain([1], [2, 3]),
    "QLinearMatMul": _plain([0, 3], [1, 2, 4, 5, 6, 7]),
    "QLinearConv": _plain([3, 8], [1, 2, 4, 5, 6, 7]),
    "QLinearAdd": _plain([0, 3], [1, 2, 4, 5, 6, 7]),
    "QLinearMul": _plain([0, 3], [1, 2, 4, 5, 6, 7]),
    "QLinearSigmoid": _plain([], [1, 2, 3, 4]),
    "QLinearLeakyRelu": _plain([], [1, 2, 3, 4]),
    "QLinearSoftmax": _plain([], [1, 2, 3, 4]),
    "QLinearAveragePool": _plain([], [1, 2, 3, 4]),
    "QLinearGlobalAveragePool": _plain([], [1, 2, 3, 4]),
    "QLinearReduceMean": _plain([], [1, 2, 3, 4]),
    "QLinearWhere": _plain([1, 4], [2, 3, 5, 6, 7, 8]),
    # Each input of the concatenation is followed by its scale and its zero point.
    "QLinearConcat": _plain([], [0, 1, *(at for at in range(2, 200) if (at - 2) % 3)]),
    "QGemm": _plain([3, 6], [1, 2, 4, 5, 7, 8]),
    "DynamicQuantizeMatMul": _plain([1], [2, 3]),
    "MatMulIntegerToFloat": _plain([1], [2, 3, 4, 5]),
    "DynamicQuantizeLSTM": _plain([1, 2], [8, 9, 10, 11]),
    "QAttention": _plain([1], [3, 4, 6, 7]),
    "QEmbedLayerNormalization": _plain(_TABLES_AND_NORM, range(8, 18)),
    "MatMulNBits": _n_bits((1, "N"), bookkeeping=[2, 3, 4]),
    "MatMulNBitsMlp": _n_bits((3, "N"), (6, "N"), bookkeeping=[4, 7]),
    "MatMulNBitsQkv": _n_bits((3, "Nq"), (6, "Nkv"), (9, "Nkv"), bookkeeping=[4, 7, 10]),
    "MatMulBnb4": Quantised((Weights(1, "N", "K", otherwise=4),), (2,)),
    "MatMulBlockQuantizedFp4Weight": Quantised((Weights(1, otherwise=4),), (2, 3, 4)),
    "MatMulBlockQuantizedFp8Weight": _plain([1], [2, 3]),
    "GatherBlockQuantized": Quantised((Weights(0, bits="bits", otherwise=4),), (2, 3)),
    "QMoE": Quantised(_EXPERTS, (3, 6, 9, 11, 12, 13, 15, 16, 17, 18, 19, 20)),
}


class Fixed(NamedTuple):
    """Inputs of an operator that are computed or kept, and never trained."""

    inputs: tuple[int, ...]
    name: str
    reason: str


_ROTARY: Final = "cosines and sines of the positions, computed from the config"
_KEPT: Final = "running mean and variance of the data, never trained"

CONSTANTS: Final[Mapping[tuple[str, str], Fixed]] = {
    # domain, operator
    ("", "BatchNormalization"): Fixed((3, 4), "batch-norm statistics", _KEPT),
    ("", "RotaryEmbedding"): Fixed((1, 2), "rotary tables", _ROTARY),
    ("com.microsoft", "RotaryEmbedding"): Fixed((2, 3), "rotary tables", _ROTARY),
    ("com.microsoft", "MRotaryEmbedding"): Fixed((2, 3), "rotary tables", _ROTARY),
    ("com.microsoft", "GroupQueryAttention"): Fixed((7, 8), "rotary tables", _ROTARY),
    ("", "Resize"): Fixed((1, 2, 3), "sizes", "regions and sizes of a resampling"),
    ("", "Upsample"): Fixed((1,), "sizes", "the sizes of a resampling"),
    ("", "STFT"): Fixed((2,), "spectrogram constants", "the window of a Fourier transform"),
}

# Operators that look up rows of a table, and the input that is the table.
TABLES: Final[Mapping[str, int]] = {
    "Gather": 0,
    "GatherBlockQuantized": 0,
    "EmbedLayerNormalization": 2,
    "QEmbedLayerNormalization": 2,
}

# Operators that multiply with a matrix, and the input that is the matrix.
PRODUCTS: Final[Mapping[str, int]] = {
    "MatMul": 1,
    "Gemm": 1,
    "FusedMatMul": 1,
    "MatMulInteger": 1,
    "MatMulIntegerToFloat": 1,
    "DynamicQuantizeMatMul": 1,
    "QLinearMatMul": 3,
    "QGemm": 3,
    "MatMulNBits": 1,
    "MatMulBnb4": 1,
    "MatMulBlockQuantizedFp4Weight": 1,
    "MatMulBlockQuantizedFp8Weight": 1,
}

# Operators whose first input goes through as the same numbers, placed or written otherwise.
THROUGH: Final = frozenset(
    """Cast DequantizeLinear Flatten Gather Identity QuantizeLinear Reshape Slice Squeeze Transpose
    Unsqueeze""".split()
)

# What may stand between the product with the output matrix and the logits that the graph gives.
BEFORE_LOGITS: Final = THROUGH | frozenset(
    """Add Clip Div LogSoftmax Mul QLinearAdd QLinearMul QLinearSoftmax Softmax Sub Tanh
    Where""".split()
)

FLOATS: Final = frozenset({1, 10, 11, 16})  # `to` of a Cast: float, float16, double, bfloat16

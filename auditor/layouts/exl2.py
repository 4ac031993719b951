"""EXL2: groups of input rows with 2 to 8 bits each, the best bits where they count most.

    q_weight      I32 [sum of rows * bits / 32 over the groups, out]   out filled up to 32
    q_scale       I32 [groups, out / 8]
    q_scale_max   F16 [groups]
    q_groups      I16 [2 groups]                                       bits and first row of each
    q_invperm     I32 [in]                                             (q_perm in some)

Sources: exllamav2 `conversion/adaptivegptq.py`, `linear.py`.
"""

from typing import Final

from auditor.core.packing import Hints, Module, Recovered, Suffix
from auditor.layouts.padding import Matrix, counted, matrix_of

name: Final = "EXL2"
by_path: Final = True  # the config's sizes are the second witness
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final[tuple[Suffix, ...]] = (
    "q_scale",
    "q_scale_max",
    "q_groups",
    "q_invperm",
    "q_perm",
    "q_group_map",
)
suffixes: Final[tuple[Suffix, ...]] = ("q_weight", *_HELPERS)

_FILLED_TO: Final = 32
_SCALES_OF_A_WORD: Final = 8
_LEAST_BITS, _MOST_BITS = 2, 8


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Inputs by the permutation, outputs by the weight and the scales, less what was filled up."""
    weight, scales = module.tensors.get("q_weight"), module.shape("q_scale")
    order = module.shape("q_invperm") or module.shape("q_perm")
    if weight is None or weight.dtype.name != "I32" or len(weight.shape) != 2 or not order:  # noqa: PLR2004 - a matrix
        return None
    words, rows = weight.shape
    columns = order[0]
    if not weight.elements or len(order) != 1 or not _can_hold(words, columns):
        return None
    if not scales or scales[-1] * _SCALES_OF_A_WORD != rows or rows % _FILLED_TO:
        return None
    known = _by_bias(module, rows, columns) or matrix_of(module.prefix, hints)
    return Recovered(
        layout=name,
        weights={"q_weight": counted(Matrix(rows, columns), (_FILLED_TO, 1), known)},
        bookkeeping=tuple(suffix for suffix in _HELPERS if suffix in module.tensors),
        reason="inputs by the permutation, outputs by the scales and by the config or the bias",
    )


def _can_hold(words: int, columns: int) -> bool:
    """Whether so many words can hold a column of weights of 2 to 8 bits."""
    return columns * _LEAST_BITS <= words * 32 <= (columns + _FILLED_TO) * _MOST_BITS


def _by_bias(module: Module, rows: int, columns: int) -> Matrix | None:
    """By a bias that was not filled up; one that has the stored rows may have been."""
    bias = module.shape("bias")
    return Matrix(bias[0], columns) if bias and bias[0] < rows else None

"""VPTQ: vectors of v weights along the outputs, as indices into centroids and residual centroids.

    indices                    I32 [groups, ceil(out / v), ceil(group * bits / 32)]   bits of both
                               indices together; or I16 [groups, ceil(out / v), group], not packed
                               (in older files the same bits seen as F16)
    centroids.weight           F16 [groups, C v]
    res_centroids.weight       F16 [groups, R v]
    outlier_centroids.weight   F16 [1, C' v'],  outlier_indices I16 [1, ceil(out / v'), outliers]
    perm                       I16 [in]
    weight_scale, weight_bias  F16 [in]

`out` is filled up to whole vectors: its exact size is in the config's `config_for_layers`, by path,
or in a stored bias. Source: VPTQ `vptq/layers/vqlinear.py`, VQuantLinear.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from auditor.core.packing import Hints, Module, Recovered, Suffix
from auditor.layouts.padding import Matrix, counted, matrix_of

name: Final = "VPTQ"
by_path: Final = True  # the config has an entry for each layer
appended: Final[tuple[Suffix, ...]] = ()
_HELPERS: Final[tuple[Suffix, ...]] = (
    "centroids.weight",
    "res_centroids.weight",
    "res_indices",
    "outlier_centroids.weight",
    "outlier_indices",
    "perm",
    "weight_scale",
    "weight_bias",
)
suffixes: Final[tuple[Suffix, ...]] = ("indices", *_HELPERS)

_INDEX_DTYPES: Final = frozenset({"I32", "I16", "U16", "F16"})
_WORD_BITS: Final = 32
_MAX_INDEX_BITS: Final = 24
_MAX_SIZE: Final = 1 << 32
_INDICES_RANK: Final = 3


def recover(module: Module, hints: Hints) -> Recovered | None:
    """Inputs by the permutation or the norm, outputs by the config or the number of vectors."""
    indices, centroids = module.tensors.get("indices"), module.shape("centroids.weight")
    if indices is None or len(indices.shape) != _INDICES_RANK or not indices.elements:
        return None
    if indices.dtype.name not in _INDEX_DTYPES or not centroids or len(centroids) != 2:  # noqa: PLR2004 - a table
        return None
    layer = _layer(module.prefix.removesuffix("."), hints.quantization)
    columns = _columns(module, layer)
    vector = _vector(module, layer, columns)
    if columns is None or vector is None:
        return None
    stored = Matrix(indices.shape[1] * vector, columns)
    known = _matrix(layer) or _by_bias(module, columns) or matrix_of(module.prefix, hints)
    return Recovered(
        layout=name,
        weights={"indices": counted(stored, (vector, 1), known)},
        bookkeeping=tuple(suffix for suffix in _HELPERS if suffix in module.tensors),
        reason=f"{columns:,} inputs, and vectors of {vector} along the outputs",
    )


def _columns(module: Module, layer: Mapping[str, Any]) -> int | None:
    """The inputs, where all who tell them agree."""
    told = {shape[0] for s in ("perm", "weight_scale", "weight_bias") if (shape := module.shape(s))}
    if not told and (size := _size(layer.get("in_features"))):
        told = {size}
    return told.pop() if len(told) == 1 else None


def _vector(module: Module, layer: Mapping[str, Any], columns: int | None) -> int | None:
    """The length of a vector: the config's where it divides the centroids, or by the index bits."""
    _, all_centroids = module.tensors["centroids.weight"].shape
    found = set(_by_index_bits(module, columns)) if columns else set()
    lengths = layer.get("vector_lens")
    if isinstance(lengths, list) and len(lengths) > 1 and (length := _size(lengths[1])):
        fits = length in found if found else all_centroids % length == 0
        return length if fits else None
    return found.pop() if len(found) == 1 else None


def _by_index_bits(module: Module, columns: int) -> Iterator[int]:
    """Every length whose numbers of centroids have as many index bits as are stored."""
    indices = module.tensors["indices"]
    if indices.dtype.name != "I32":
        return
    _, all_centroids = module.tensors["centroids.weight"].shape
    residual = module.shape("res_centroids.weight")
    all_residuals = residual[1] if residual and len(residual) == 2 else 0  # noqa: PLR2004 - a table
    outliers = shape[-1] if (shape := module.shape("outlier_indices")) else 0
    groups, _, words = indices.shape
    group, rest = divmod(columns - outliers, groups)
    if rest or group < 1:
        return
    for bits in range(1, _MAX_INDEX_BITS):
        vector, left = divmod(all_centroids, 1 << bits)
        if left or not vector or all_residuals % vector:
            continue
        count = all_residuals // vector
        residual_bits = count.bit_length() - 1 if count else 0
        if count.bit_count() <= 1 and -(-group * (bits + residual_bits) // _WORD_BITS) == words:
            yield vector


def _by_bias(module: Module, columns: int) -> Matrix | None:
    bias = module.shape("bias")
    return Matrix(bias[0], columns) if bias and len(bias) == 1 else None


# -- the config


def _layer(path: str, quantization: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entry of the layer at `path`, or of all layers of its name; empty where there is none."""
    for key, entry in (
        ("config_for_layers", path),
        ("shared_layer_config", path.rpartition(".")[2]),
    ):
        section = quantization.get(key)
        found = section.get(entry) if isinstance(section, Mapping) else None
        if isinstance(found, Mapping):
            return found
    return {}


def _matrix(layer: Mapping[str, Any]) -> Matrix | None:
    rows, columns = _size(layer.get("out_features")), _size(layer.get("in_features"))
    return Matrix(rows, columns) if rows and columns else None


def _size(value: object) -> int | None:
    return value if type(value) is int and 0 < value < _MAX_SIZE else None

"""Bytes of the weights once they are loaded, in the dtype that they have or in another.

    quantised weights, their scales and zero points   stay what they are: nothing unpacks them
    a GGUF file                                       stays as it is; llama.cpp casts nothing
    tied copies                                       once: the second is the first
    buffers                                           as stored
    all other parameters                              cast, where a dtype is asked for

FP8, INT8 and INT4 stand for a quantisation while loading, as bitsandbytes and torchao do it:
matrices of layers are quantised, embeddings, the output matrix, norms and biases stay in 16 bits
(transformers 5.23.0, quantizers/base.py, get_modules_to_not_convert). Scales come on top.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Final

from auditor.core.dtypes import DTYPES, Dtype, Kind
from auditor.core.roles import PARAMETER_ROLES, Assignment, Bucket, Role, Rule, bucket_of
from auditor.core.tensors import Tensor

# What weights can be loaded as: the dtype of the matrices, and that of all other parameters.
LOADED_AS: Final = {
    "F32": ("F32", "F32"),
    "F16": ("F16", "F16"),
    "BF16": ("BF16", "BF16"),
    "FP8": ("F8_E4M3", "BF16"),
    "INT8": ("I8", "BF16"),
    "INT4": ("I4", "BF16"),
}
AS_STORED: Final = "as stored"
_MATRIX: Final = 2
_QUANTISED_ROLES: Final = frozenset({Role.WEIGHT, Role.EXPERT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """The module that takes most: what has to be there at once where weights are offloaded."""

    name: str
    stored_bytes: int
    loaded_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Bytes as stored and once loaded. `packed_bytes` are those that no cast touches."""

    stored_bytes: int
    loaded_as: str
    loaded_bytes: int
    packed_bytes: int
    largest: Largest | None


def weights_of(
    tensors: Iterable[Tensor], assignment: Assignment, *, loaded_as: str, castable: bool = True
) -> Weights:
    """The weights of one checkpoint. `castable` is false for a GGUF file."""
    loading = _Loading(loaded_as=loaded_as if castable else AS_STORED)
    sizes = {
        bucket: loading.bytes_of(bucket, assignment.rules[bucket]) for bucket in assignment.counts
    }
    counts = assignment.counts
    return Weights(
        stored_bytes=sum(n * _stored(bucket) for bucket, n in counts.items()),
        loaded_as=loaded_as,
        loaded_bytes=sum(n * sizes[bucket] for bucket, n in counts.items()),
        packed_bytes=sum(
            n * _stored(bucket)
            for bucket, n in counts.items()
            if not castable or _stays(bucket, assignment.rules[bucket])
        ),
        largest=_largest(tensors, assignment, sizes),
    )


def _stored(bucket: Bucket) -> int:
    return bucket.dtype.bytes_up_to(prod(bucket.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loading:
    loaded_as: str

    def bytes_of(self, bucket: Bucket, rule: Rule) -> int:
        """Bytes of one tensor of the bucket once it is loaded."""
        if rule.role is Role.TIED_COPY:
            return 0
        if self.loaded_as == AS_STORED or _stays(bucket, rule):
            return _stored(bucket)
        matrices, others = LOADED_AS[self.loaded_as]
        return self._dtype(bucket, rule, matrices, others).bytes_up_to(prod(bucket.shape))

    def _dtype(self, bucket: Bucket, rule: Rule, matrices: str, others: str) -> Dtype:
        of_layer = rule.role in _QUANTISED_ROLES and len(bucket.shape) >= _MATRIX
        return DTYPES[matrices if of_layer and not rule.output else others]


def _stays(bucket: Bucket, rule: Rule) -> bool:
    """Whether nothing casts the tensor: it is packed, bookkeeping, or no number of the model."""
    if bucket.mark is not None and bucket.mark.layout:
        return True
    if rule.role not in PARAMETER_ROLES:
        return True
    return bucket.dtype.kind is not Kind.FLOAT or bucket.dtype.block_elements > 1


def _largest(
    tensors: Iterable[Tensor], assignment: Assignment, sizes: dict[Bucket, int]
) -> Largest | None:
    stored: defaultdict[str, int] = defaultdict(int)
    loaded: defaultdict[str, int] = defaultdict(int)
    for tensor in tensors:
        module = _module(tensor.name)
        stored[module] += tensor.stored_bytes
        loaded[module] += sizes[bucket_of(tensor, assignment.marks, assignment.mtp_prefixes)]
    if not loaded:
        return None
    name = max(loaded, key=lambda module: (loaded[module], module))
    return Largest(name=name, stored_bytes=stored[name], loaded_bytes=loaded[name])


def _module(name: str) -> str:
    """The layer that a tensor belongs to, up to its number; else the module that holds it.

    What the frameworks move as one: `model.layers.3`, `model.embed_tokens`.
    """
    parts = name.split(".")
    for index, part in enumerate(parts[:-1]):
        if index and part.isdigit():
            return ".".join(parts[: index + 1])
    return ".".join(parts[:-1]) or name

"""Bytes that training takes beside the activations: weights, gradients, the optimizer's states.

    precision   weights                       gradients   states
    fp32        4 bytes a parameter           4           in F32
    mixed       6: F32, and a 16-bit copy     4           in F32
    bf16        2                             2           in BF16, as torch.optim makes them

With AdamW these are 16, 18 and 8 bytes a parameter. Sources stand beside each row. Activations are
not counted: they depend on the batch, the sequence, the attention's code and on what is recomputed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final, NamedTuple

from auditor.core.memory_sections import (
    HEAD_WIDTH,
    HEADS,
    KV_HEADS,
    WIDTH,
    NotSaidError,
    Section,
    section_of,
)
from auditor.core.roles import PARAMETER_ROLES, Assignment, Bucket, Role, Rule

Shape = tuple[int, ...]


class Precision(NamedTuple):
    """Bytes of a parameter as weight and as gradient, and of one number of a state."""

    weight: int
    gradient: int
    state: int
    source: str


_ANATOMY: Final = "transformers docs, model_memory_anatomy"
PRECISIONS: Final = {
    "fp32": Precision(4, 4, 4, _ANATOMY),
    "mixed": Precision(6, 4, 4, _ANATOMY),
    "bf16": Precision(2, 2, 2, "torch.optim: zeros_like(parameter)"),
}


class Optimizer(NamedTuple):
    """`state_bytes` gives the bytes of the states of one tensor, a number taking so many bytes."""

    state_bytes: Callable[[Shape, int], int]
    rule: str
    source: str


def _numbers(each: int) -> Callable[[Shape, int], int]:
    def state_bytes(shape: Shape, number_bytes: int) -> int:
        return each * number_bytes * prod(shape)

    return state_bytes


_BLOCK: Final = 256  # numbers that share a scale (bitsandbytes, functional.py, 8-bit optimizers)
_SMALL: Final = 4_096  # tensors below keep states in F32 (optim/optimizer.py, min_8bit_size)


def _two_in_8_bits(shape: Shape, number_bytes: int) -> int:  # noqa: ARG001 - one for all precisions
    numbers = prod(shape)
    if numbers < _SMALL:
        return 2 * 4 * numbers
    return 2 * (numbers + 4 * -(-numbers // _BLOCK))


_FACTORED_RANK: Final = 2


def _rows_and_columns(shape: Shape, number_bytes: int) -> int:
    if len(shape) < _FACTORED_RANK:
        return number_bytes * prod(shape)
    matrices = prod(shape[:-2])
    return number_bytes * matrices * (shape[-2] + shape[-1])


OPTIMIZERS: Final = {
    "adamw": Optimizer(_numbers(2), "two numbers a parameter", "Loshchilov & Hutter 2019"),
    "adamw-8bit": Optimizer(
        _two_in_8_bits,
        "two numbers of 8 bits a parameter and an F32 scale for each 256",
        "Dettmers et al. 2022, bitsandbytes",
    ),
    "sgd": Optimizer(_numbers(0), "nothing a parameter", "torch.optim.SGD without momentum"),
    "sgd-momentum": Optimizer(_numbers(1), "one number a parameter", "torch.optim.SGD"),
    "lion": Optimizer(_numbers(1), "one number a parameter", "Chen et al. 2023"),
    "adafactor": Optimizer(
        _rows_and_columns,
        "a number for each row and each column of a matrix",
        "Shazeer & Stern 2018, without momentum",
    ),
}

ALL_LINEAR: Final = "all-linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model is trained. `rank` and `targets` are those of LoRA."""

    precision: str = "mixed"
    optimizer: str = "adamw"
    rank: int = 16
    targets: tuple[str, ...] = (ALL_LINEAR,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Bytes of the training of `trained` parameters; `rule` says how they come about."""

    name: str
    trained: int
    weight_bytes: int
    gradient_bytes: int
    state_bytes: int
    rule: str
    sources: tuple[str, ...]

    @property
    def total_bytes(self) -> int:
        return self.weight_bytes + self.gradient_bytes + self.state_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTrainable:
    """Why it cannot be said what training takes."""

    name: str
    reason: str


# -- all parameters


def full_training(assignment: Assignment, recipe: Recipe) -> Training | NotTrainable:
    """Every parameter that a gradient may move; the others are there as weights alone."""
    name = f"full, {recipe.precision}, {recipe.optimizer}"
    parameters = [
        (bucket, rule, count)
        for bucket, count in assignment.counts.items()
        if (rule := assignment.rules[bucket]).role in PARAMETER_ROLES or rule.role is Role.PACKED
    ]
    packed = sum(count for bucket, rule, count in parameters if _is_packed(bucket, rule))
    if packed:
        reason = f"{packed:,} tensors are quantised and take no gradient; an adapter can be trained"
        return NotTrainable(name=name, reason=reason)
    precision, optimizer = PRECISIONS[recipe.precision], OPTIMIZERS[recipe.optimizer]
    trained = [(b, n) for b, rule, n in parameters if rule.trainable]
    numbers = sum(n * prod(bucket.shape) for bucket, n in trained)
    everything = sum(n * prod(bucket.shape) for bucket, _, n in parameters)
    return Training(
        name=name,
        trained=numbers,
        weight_bytes=precision.weight * everything,
        gradient_bytes=precision.gradient * numbers,
        state_bytes=sum(
            n * optimizer.state_bytes(bucket.shape, precision.state) for bucket, n in trained
        ),
        rule=(
            f"{precision.weight} bytes a parameter as weight, {precision.gradient} as gradient,"
            f" and of the optimizer {optimizer.rule}"
        ),
        sources=(precision.source, optimizer.source),
    )


def _is_packed(bucket: Bucket, rule: Rule) -> bool:
    marked = bucket.mark is not None and bool(bucket.mark.layout)
    return marked or rule.role is Role.PACKED or not bucket.dtype.trainable or _in_blocks(bucket)


def _in_blocks(bucket: Bucket) -> bool:
    return bucket.dtype.block_elements > 1


# -- LoRA

_ADAPTER: Final = PRECISIONS["fp32"]
_MATRIX: Final = 2
_ROUTERS: Final = frozenset({"gate", "router"})  # no linear layers in transformers 5
_LINEAR_ROLES: Final = frozenset({Role.WEIGHT, Role.EXPERT})


def lora_training(
    assignment: Assignment, config: Mapping[str, Any], recipe: Recipe, *, base_bytes: int
) -> Training | NotTrainable:
    """An adapter of two matrices [rank, in] and [out, rank] on each target; the base stays frozen.

    `base_bytes` is what the base takes as it is loaded. PEFT makes the adapter's matrices in F32
    (`autocast_adapter_dtype`), with gradients and states in F32.
    """
    name = f"LoRA of rank {recipe.rank:,} on {', '.join(recipe.targets)}, {recipe.optimizer}"
    optimizer = OPTIMIZERS[recipe.optimizer]
    try:
        pairs = list(_pairs(assignment, section_of(config), recipe.targets))
    except NotSaidError as missing:
        return NotTrainable(name=name, reason=str(missing))
    if not pairs:
        return NotTrainable(name=name, reason="no matrix of the model has such a name")
    trained = sum(n * recipe.rank * (rows + columns) for rows, columns, n in pairs)
    states = sum(
        n * optimizer.state_bytes(shape, _ADAPTER.state)
        for rows, columns, n in pairs
        for shape in ((rows, recipe.rank), (recipe.rank, columns))
    )
    return Training(
        name=name,
        trained=trained,
        weight_bytes=base_bytes + _ADAPTER.weight * trained,
        gradient_bytes=_ADAPTER.gradient * trained,
        state_bytes=states,
        rule=(
            f"the base as loaded; rank x (in + out) parameters a matrix, {_ADAPTER.weight} bytes"
            f" each as weight, {_ADAPTER.gradient} as gradient, and of the optimizer"
            f" {optimizer.rule}"
        ),
        sources=("Hu et al. 2021, section 4.1", "peft, autocast_adapter_dtype", optimizer.source),
    )


def _pairs(
    assignment: Assignment, section: Section, targets: tuple[str, ...]
) -> Iterable[tuple[int, int, int]]:
    """Rows, columns and number of the matrices that an adapter goes to."""
    for bucket, count in assignment.counts.items():
        rule = assignment.rules[bucket]
        name = _logical(bucket)
        module = name.removesuffix(".weight").rpartition(".")[2]
        if ALL_LINEAR in targets:
            linear = rule.role in _LINEAR_ROLES and module not in _ROUTERS
            wanted = linear and not rule.output and not bucket.mtp
        else:
            wanted = module in targets
        holds = rule.role in PARAMETER_ROLES and name.endswith(".weight")
        if not wanted or not holds:
            continue
        packed = bucket.mark is not None and bucket.mark.role is None
        shape = _unpacked(bucket, module, section) if packed else bucket.shape
        if len(shape) == _MATRIX:
            yield shape[0], shape[1], count


def _logical(bucket: Bucket) -> str:
    mark = bucket.mark
    if mark is None or mark.role is not None:
        return bucket.pattern
    return bucket.pattern.removesuffix(mark.stored) + mark.logical


def _unpacked(bucket: Bucket, module: str, section: Section) -> Shape:
    """The shape of a packed matrix: of those that the config names, the one of as many weights."""
    weights = bucket.mark.high if bucket.mark is not None else 0
    for shape in _shapes(module, section):
        if prod(shape) == weights:
            return shape
    raise NotSaidError(f"the shape of the packed matrices {module[:40]!r} is not known")


def _shapes(module: str, section: Section) -> Iterable[Shape]:
    width, heads = section.need(*WIDTH), section.need(*HEADS)
    head_width = section.number(*HEAD_WIDTH) or width // heads
    queries = heads * head_width
    keys = (section.number(*KV_HEADS) or heads) * head_width
    match module:
        case "q_proj":
            yield (queries, width)
        case "k_proj" | "v_proj":
            yield (keys, width)
        case "o_proj":
            yield (width, queries)
        case "qkv_proj":
            yield (queries + 2 * keys, width)
        case _:
            for key in ("intermediate_size", "moe_intermediate_size", "ffn_dim"):
                inner = section.number(key)
                if inner:
                    yield (inner, width)
                    yield (2 * inner, width)

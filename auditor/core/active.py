"""Active parameters of a mixture of experts: what one token passes through.

    active = all - routed + routed x k / E

where a router picks k of E experts in a layer. There is no single convention for the rest, so
each is counted: with everything (Mixtral's 12.9B), without the input embedding, of which a token
reads one row (gpt-oss's 3.6B), and without the output matrix as well (MiniMax-01's 45.9B). Modules
for multi-token prediction stand beside the model and are left out of all three.

Expert numbers are read from the tensors first: pruned models have fewer than their config says.
Names of config keys: the configuration classes of transformers 5.23.0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any, Final

from auditor.core.gguf_rules import NUMBERED_EXPERTS
from auditor.core.role_rules import EXPERT_PLACES
from auditor.core.roles import Assignment, Role
from auditor.core.tally import Count, Group, Tally
from auditor.core.tensors import Tensor

_EXPERTS: Final = (
    "num_local_experts",
    "n_routed_experts",
    "num_experts",
    "moe_num_experts",
    "num_routed_experts",
)
_PICKED: Final = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "num_selected_experts",
    "experts_per_token",
    "moe_topk",
    "moe_top_k",
    "moe_k",
    "top_k_experts",
)
_IDENTITY: Final = ("zero_expert_num",)  # experts that pass a token through, without parameters
_NESTED: Final = ("text_config", "llm_config", "language_config", "thinker_config", "ffn_config")
_PICKED_BY_TYPE: Final = {"switch_transformers": 1, "nllb-moe": 2}  # written in their code
_EXPERTS_PLACE: Final = ".experts."
_NUMBERED: Final = ".experts.*."
_GGUF: Final = "_exps."  # after each projection: `blk.3.ffn_gate_exps.weight` is of layer `blk.3`
_GGUF_PLACES: Final = (_GGUF, *NUMBERED_EXPERTS)  # norms, scales and dense layers are there, too
_PLACES: Final = (*EXPERT_PLACES, *NUMBERED_EXPERTS)
_FUSED_RANK: Final = 3  # [experts, rows, columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Active:
    """Active parameters. `low` and `high` differ where experts without parameters may be picked."""

    experts: tuple[int, int]  # the fewest and the most of a layer
    picked: int
    routed: int
    low: int
    high: int
    input_embedding: int
    output: int

    @property
    def counts(self) -> tuple[Count, ...]:
        """Each convention as a count of its own; none where the number is a range."""
        if self.low != self.high:
            return ()
        without_input = self.high - self.input_embedding
        rows = (
            ("active", "active parameters", self.high),
            (
                "active_without_input_embedding",
                "active parameters without the input embedding",
                without_input,
            ),
            (
                "active_without_embeddings",
                "active parameters without input embedding and output matrix",
                without_input - self.output,
            ),
        )
        return tuple(Count(key=key, name=name, value=value) for key, name, value in rows)


@dataclass(slots=True, kw_only=True)
class _Layer:
    """The routed experts of one layer."""

    numbers: set[str] = field(default_factory=set)
    fused: int = 0
    parameters: int = 0

    def experts(self, said: int | None) -> int | None:
        return len(self.numbers) or self.fused or said


def active_of(
    tensors: Sequence[Tensor], assignment: Assignment, tally: Tally, config: Mapping[str, Any]
) -> Active | None:
    """The active parameters; None for a model without routed experts or with an unknown count."""
    if tally.total is None or Role.EXPERT not in {group.role for group in tally.groups}:
        return None
    picked = _number(config, _PICKED) or _PICKED_BY_TYPE.get(str(config.get("model_type")))
    said = _number(config, _EXPERTS)
    layers = _alike(tensors, assignment, said) or _layers(tensors, assignment)
    experts = [layer.experts(said) for layer in layers]
    known = [number for number in experts if number]
    if not picked or not layers or len(known) < len(layers) or picked > min(known):
        return None
    routed = sum(layer.parameters for layer in layers)
    passed = sum(
        Fraction(layer.parameters * picked, number)
        for layer, number in zip(layers, known, strict=True)
    )
    main = tally.total - _count(tally, lambda group: group.mtp)
    spared = min(_number(config, _IDENTITY) or 0, picked)
    return Active(
        experts=(min(known), max(known)),
        picked=picked,
        routed=routed,
        low=main - routed + int(passed * (picked - spared) / picked),
        high=main - routed + int(passed),
        input_embedding=_count(tally, lambda g: g.role is Role.EMBEDDING and not g.mtp),
        output=_count(tally, lambda g: g.output and not g.mtp),
    )


def _alike(
    tensors: Sequence[Tensor], assignment: Assignment, said: int | None
) -> list[_Layer] | None:
    """All layers as one, where each has as many numbered experts as the config says.

    None where that is not so, or not sure: then each layer is looked at.
    """
    buckets = [
        (bucket, count)
        for bucket, count in assignment.counts.items()
        if assignment.rules[bucket].role is Role.EXPERT and not bucket.mtp
    ]
    numbered = all(_NUMBERED in bucket.pattern for bucket, _ in buckets)
    if not (said and buckets and numbered) or any(count % said for _, count in buckets):
        return None
    beside = assignment.mtp_prefixes or ("\n",)
    first = next(
        t.name for t in tensors if _EXPERTS_PLACE in t.name and not t.name.startswith(beside)
    )
    prefix = first[: first.index(_EXPERTS_PLACE) + len(_EXPERTS_PLACE)]
    own = [tensor.name for tensor in tensors if tensor.name.startswith(prefix)]
    numbers = {name[len(prefix) :].partition(".")[0] for name in own}
    if numbers != {str(number) for number in range(said)}:
        return None
    whole = _Layer(numbers=numbers)
    for bucket, count in buckets:
        mark = bucket.mark
        if mark is None or mark.role is None:
            whole.parameters += count * (prod(bucket.shape) if mark is None else mark.low)
    return [whole]


def _layers(tensors: Sequence[Tensor], assignment: Assignment) -> list[_Layer]:
    """The layers with routed experts outside of multi-token-prediction modules."""
    layers: dict[str, _Layer] = {}
    beside = assignment.mtp_prefixes
    for tensor in tensors:
        name, _, shape, elements, *_ = tensor
        place = next((place for place in _PLACES if place in name), None)
        if place is None or (beside and name.startswith(beside)):
            continue
        if place in _GGUF_PLACES and assignment.rule_of(tensor).role is not Role.EXPERT:
            continue
        mark = assignment.marks.get(name)
        if mark is not None and mark.role is not None:
            continue
        prefix, _, rest = name.partition(place)
        key = prefix.rpartition(".")[0] if place == _GGUF else prefix
        layer = layers.get(key)
        if layer is None:
            layer = layers[key] = _Layer()
        number = rest[: rest.find(".")].removeprefix("expert_")
        if number.isdigit():
            layer.numbers.add(number)
        elif len(shape) >= _FUSED_RANK:
            layer.fused = max(layer.fused, shape[0])
        layer.parameters += elements if mark is None else mark.low
    return list(layers.values())


def _count(tally: Tally, belongs: Callable[[Group], bool]) -> int:
    return sum(group.count for group in tally.groups if group.amount.high and belongs(group))


def _number(config: Mapping[str, Any], keys: Sequence[str]) -> int | None:
    """The first of `keys` that is a whole positive number, in the config or one inside it.

    A list has a number for each layer (Hunyuan); they are taken where all are the same.
    """
    for values in (config, *(config.get(key) for key in _NESTED)):
        if not isinstance(values, Mapping):
            continue
        for key in keys:
            value = values.get(key)
            if isinstance(value, list) and value and all(each == value[0] for each in value):
                value = value[0]
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None

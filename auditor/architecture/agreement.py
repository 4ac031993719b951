"""How well the table of rules agrees with the classes, over all of transformers.

Each class is built from its own default config, what it saves is taken for a checkpoint, and the
rules are asked what each tensor is. They know its names, shapes and config; the class knows the
truth.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Any, Final, NamedTuple

from auditor.architecture.architect import Architect
from auditor.core.blueprint import Blueprint, NoBlueprint
from auditor.core.config import read_config
from auditor.core.dtypes import DTYPES
from auditor.core.findings import listed, quoted
from auditor.core.role_rules import RULES
from auditor.core.roles import PARAMETER_ROLES, Rule, assign
from auditor.core.tensors import Tensor
from auditor.core.ties import tied_copies


class Kind(StrEnum):
    """What a stored tensor is, as far as a count goes."""

    TRAINED = "trained parameters"
    FROZEN = "frozen parameters"
    NONE = "buffers or further copies"  # no parameters of their own


class Difference(NamedTuple):
    """A tensor that the rules take for something else than the class has."""

    name: str
    truth: Kind
    told: Kind


# Why the rules and a class of transformers 5.23.0 differ, where that is no fault of the rules.
REASONS: Final = {
    "BigBirdPegasusForCausalLM": (
        "its config ties the head and transformers 4 did; the class of version 5 lists no tied"
        " weights"
    ),
    "LukeForMaskedLM": (
        "its config ties the head and transformers 4 did; the class of version 5 ties the entities'"
        " alone"
    ),
    "Pop2PianoForConditionalGeneration": (
        "its config class says that checkpoints store the shared table alone and that the head is"
        " always tied; the model class lists no head among its tied weights"
    ),
    "BarkModel": "a head of the fine model repeats the table one number further on",
    "UdopForConditionalGeneration": "it shares relative biases that UdopModel has apart",
    **dict.fromkeys(
        """ZambaModel ZambaForCausalLM ZambaForSequenceClassification
        Zamba2Model Zamba2ForCausalLM Zamba2ForSequenceClassification""".split(),
        "one block serves many layers; stored in each, it passes for as many by name",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One class. `differing` are the tensors that the rules take for something else.

    `reason` says why, where that is known.
    """

    model_type: str
    class_name: str
    parameters: int  # by the class
    by_rules: int
    differing: tuple[Difference, ...]
    reason: str = ""
    refused: NoBlueprint | None = None

    @property
    def agrees(self) -> bool:
        return self.refused is None and not self.differing

    @property
    def difference(self) -> str:
        """What the rules take for what: "1 trained parameters taken for frozen parameters: `a`"."""
        kinds = Counter((each.truth, each.told) for each in self.differing)
        return "; ".join(
            f"{many:,} {truth.value} taken for {told.value}:"
            f" {listed([quoted(d.name) for d in self.differing if d[1:] == (truth, told)])}"
            for (truth, told), many in kinds.items()
        )


async def agreement(
    architect: Architect,
    classes: Iterable[tuple[str, str]] | None = None,
    *,
    copies: bool = False,
) -> AsyncIterator[Row]:
    """A row for each of `classes`, which are (model type, class name) pairs, by default all.

    With `copies`, every tied matrix is stored under each of its names, as old checkpoints do.
    """
    for model_type, class_name in await architect.classes() if classes is None else classes:
        config = await architect.default_config(model_type)
        named = {**(config or {"model_type": model_type}), "architectures": [class_name]}
        drawing = await architect.draw(named)
        if isinstance(drawing, Blueprint):
            yield _row(model_type, drawing, named, copies=copies)
        else:
            yield Row(
                model_type=model_type,
                class_name=class_name,
                parameters=0,
                by_rules=0,
                differing=(),
                refused=drawing,
            )


def _row(model_type: str, blueprint: Blueprint, config: Mapping[str, Any], *, copies: bool) -> Row:
    truth = _truth(blueprint, copies=copies)
    tensors = [tensor for tensor, _ in truth]
    read = read_config(config)
    ties, _ = tied_copies(tensors, read, has_config=True)
    assignment = assign(tensors, read, ties, RULES)
    told = {tensor.name: _kind(assignment.rule_of(tensor)) for tensor in tensors}
    return Row(
        model_type=model_type,
        class_name=blueprint.class_name,
        parameters=blueprint.total,
        by_rules=sum(each.elements for each in tensors if told[each.name] is not Kind.NONE),
        differing=tuple(_differing({tensor.name: kind for tensor, kind in truth}, told, blueprint)),
        reason=REASONS.get(blueprint.class_name, ""),
    )


def _differing(
    truth: Mapping[str, Kind], told: Mapping[str, Kind], blueprint: Blueprint
) -> Iterator[Difference]:
    """The tensors that the rules take for something else.

    Which name of a tied matrix counts as its own is a matter of taste: one of them does.
    """
    matrices: dict[str, list[str]] = {}
    for name in truth:
        matrices.setdefault(blueprint.ties.get(name, name), []).append(name)
    for names in matrices.values():
        if sorted(truth[name] for name in names) != sorted(told[name] for name in names):
            yield from (
                Difference(name, truth[name], told[name])
                for name in names
                if truth[name] is not told[name]
            )


def _truth(blueprint: Blueprint, *, copies: bool) -> list[tuple[Tensor, Kind]]:
    """What the class saves, each tensor with what it is."""
    shapes = {parameter.name: parameter.shape for parameter in blueprint.parameters}
    found = [
        (_tensor(name, shape, "F32"), Kind.TRAINED if trainable else Kind.FROZEN)
        for name, shape, trainable in blueprint.parameters
    ]
    found += [(_tensor(name, shape, dtype), Kind.NONE) for name, shape, dtype in blueprint.buffers]
    if copies:
        found += [
            (_tensor(name, shapes[original], "F32"), Kind.NONE)
            for name, original in blueprint.ties.items()
        ]
    return found


def _tensor(name: str, shape: tuple[int, ...], dtype: str) -> Tensor:
    elements = prod(shape)
    kind = DTYPES[dtype]
    return Tensor(name, kind, shape, elements, 0, kind.bytes_for(elements))


def _kind(rule: Rule) -> Kind:
    if rule.role not in PARAMETER_ROLES:
        return Kind.NONE
    return Kind.TRAINED if rule.trainable else Kind.FROZEN

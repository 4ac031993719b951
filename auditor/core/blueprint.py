"""What a model's class would build from its config: a second opinion on what a checkpoint holds.

The header says what is stored, the blueprint what would be trained. It knows nothing of any file.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from typing import Any, Final, NamedTuple

SCHEMA: Final = 1


class Parameter(NamedTuple):
    """A parameter by the name that the class saves it under; frozen if not `trainable`."""

    name: str
    shape: tuple[int, ...]
    trainable: bool

    @property
    def elements(self) -> int:
        return prod(self.shape)


class Buffer(NamedTuple):
    """A number or table that is saved with the weights and is no parameter."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # by its safetensors name

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """One model as its class builds it. A tied matrix is one parameter with further names.

    `parameters` and `buffers` have the names that the class saves them under, which are the Hub's:
    the experts of a layer, which transformers holds in one tensor, stand there one by one.
    `passed_over` are regular expressions of the library: names that the class leaves aside when it
    loads a checkpoint.
    """

    class_name: str
    library: str  # with its version: "transformers 5.23.0"
    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...] = ()
    ties: Mapping[str, str] = field(default_factory=dict)  # further name -> the parameter's
    names_in_memory: Mapping[str, str] = field(default_factory=dict)  # where they differ -> saved
    passed_over: tuple[str, ...] = ()
    base_prefix: str = ""  # what holds the backbone in a class with a head: "model", "bert"
    note: str = ""  # how the class was chosen, where the config does not simply name it

    @property
    def total(self) -> int:
        return _elements(parameter.shape for parameter in self.parameters)

    @property
    def trainable(self) -> int:
        return _elements(each.shape for each in self.parameters if each.trainable)

    @property
    def backbone(self) -> int | None:
        """Parameters of the part that a head stands on; None where the class has no such part."""
        inside = f"{self.base_prefix}."
        shapes = [each.shape for each in self.parameters if each.name.startswith(inside)]
        return _elements(shapes) if shapes else None


def _elements(shapes: Iterable[tuple[int, ...]]) -> int:
    """The elements of all shapes; a model of 90,000 tensors has a few dozen of them."""
    return sum(prod(shape) * count for shape, count in Counter(shapes).items())


class Refusal(StrEnum):
    """Why there is no blueprint."""

    NOT_INSTALLED = "not-installed"  # torch, transformers or accelerate
    REMOTE_CODE = "remote-code"
    UNKNOWN_CLASS = "unknown-class"
    NO_CLASS = "names-no-class"
    MISSING_LIBRARY = "missing-library"  # one that a single class needs
    REJECTED = "config-rejected"
    OVER_LIMIT = "over-limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBlueprint:
    """Why nothing was built. `reason` goes on where "no blueprint:" leaves off."""

    refusal: Refusal
    reason: str


Drawing = Blueprint | NoBlueprint


# -- as JSON


def to_json(drawing: Drawing) -> dict[str, Any]:
    """`drawing` as dicts, lists, strings and numbers; `from_json` reads it back."""
    if isinstance(drawing, NoBlueprint):
        return {"schema": SCHEMA, "refusal": drawing.refusal.value, "reason": drawing.reason}
    return {
        "schema": SCHEMA,
        "class_name": drawing.class_name,
        "library": drawing.library,
        "parameters": [list(parameter) for parameter in drawing.parameters],
        "buffers": [list(buffer) for buffer in drawing.buffers],
        "ties": dict(drawing.ties),
        "names_in_memory": dict(drawing.names_in_memory),
        "passed_over": list(drawing.passed_over),
        "base_prefix": drawing.base_prefix,
        "note": drawing.note,
    }


def from_json(value: Mapping[str, Any]) -> Drawing:
    """What `to_json` wrote. Raises ValueError for anything else."""
    try:
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema {value['schema']!r}; this version reads {SCHEMA}")
        if "refusal" in value:
            return NoBlueprint(refusal=Refusal(value["refusal"]), reason=value["reason"])
        return Blueprint(
            class_name=value["class_name"],
            library=value["library"],
            parameters=tuple(
                Parameter(name, _shape(shape), bool(trainable))
                for name, shape, trainable in value["parameters"]
            ),
            buffers=tuple(
                Buffer(name, _shape(shape), dtype) for name, shape, dtype in value["buffers"]
            ),
            ties=dict(value["ties"]),
            names_in_memory=dict(value["names_in_memory"]),
            passed_over=tuple(value["passed_over"]),
            base_prefix=value["base_prefix"],
            note=value["note"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no blueprint: {error!r}") from error


def _shape(value: Sequence[int]) -> tuple[int, ...]:
    if not all(type(size) is int for size in value):
        raise TypeError(f"no shape: {value!r}")
    return tuple(value)

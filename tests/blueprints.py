"""Blueprints by hand: what a class would build, without a library that builds it."""

from collections.abc import Collection, Mapping, Sequence

from architectures import Shape, Stored, judged, tensors_of
from auditor.core.blueprint import Blueprint, Buffer, Parameter
from auditor.core.config import read_config
from auditor.core.second_opinion import SecondOpinion, second_opinion
from auditor.core.tensors import Checkpoint


def blueprint(
    shapes: Mapping[str, Shape],
    *,
    class_name: str = "ToyForCausalLM",
    frozen: Collection[str] = (),
    buffers: Mapping[str, Shape] | None = None,
    ties: Mapping[str, str] | None = None,
    names_in_memory: Mapping[str, str] | None = None,
    passed_over: Sequence[str] = (),
    note: str = "",
) -> Blueprint:
    """A class with parameters of these shapes, trained unless they are among the `frozen`."""
    return Blueprint(
        class_name=class_name,
        library="transformers 5.23.0",
        parameters=tuple(
            Parameter(name, shape, name not in frozen) for name, shape in shapes.items()
        ),
        buffers=tuple(Buffer(name, shape, "F32") for name, shape in (buffers or {}).items()),
        ties=ties or {},
        names_in_memory=names_in_memory or {},
        passed_over=tuple(passed_over),
        base_prefix="model",
        note=note,
    )


def opinion(
    built: Blueprint,
    stored: Stored,
    config: Mapping[str, object] | None = None,
    *,
    aliases: Mapping[str, str] | None = None,
    equal: Mapping[str, bool] | None = None,
) -> SecondOpinion:
    """What the class says of a checkpoint of these tensors."""
    tensors = tensors_of(stored)
    values = {"model_type": "toy"} if config is None else config
    assignment, _ = judged(tensors, values)
    checkpoint = Checkpoint(files=(), tensors=tensors, aliases=aliases or {})
    return second_opinion(built, checkpoint, assignment, read_config(values), equal=equal)

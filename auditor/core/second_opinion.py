"""The second opinion: what is stored, held against what the model's class would build.

Either is counted without the other. Where they agree, the roles of the tensors are confirmed; where
they do not, it is said how many elements are on one side alone, and what they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from auditor.core.blueprint import Blueprint
from auditor.core.config import ModelConfig
from auditor.core.findings import Finding
from auditor.core.opinion_findings import other_model, sides_apart
from auditor.core.pairing import pair
from auditor.core.role_rules import RULES
from auditor.core.roles import Assignment, Context
from auditor.core.settling import Settler, first_names
from auditor.core.tally import Count
from auditor.core.tensors import Checkpoint


class Standing(StrEnum):
    """How a checkpoint stands to what its class would build."""

    CONFIRMED = "confirmed"  # every parameter of the class is stored, and no other
    DIFFERS = "differs"  # some are on one side alone
    OTHER_MODEL = "other-model"  # the config builds something else than the files hold


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOpinion:
    """What the class says of a checkpoint.

    `assignment` are the roles that hold: the class's word where it has one, else the rules'.
    `built` and `trained` are parameters of the class, `backbone` those that its head stands on,
    `unbuilt` those that are stored and no part of it, `unstored` those of the class that are not
    stored. `settled` counts the tensors whose role, or whose number of parameters, the rules had
    otherwise or did not know.
    """

    class_name: str
    library: str
    standing: Standing
    assignment: Assignment
    built: int
    trained: int
    backbone: int | None
    unbuilt: int
    unstored: int
    settled: int
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> tuple[Count, ...]:
        """What the class has by the config, beside what the files hold; none of another model."""
        if self.standing is Standing.OTHER_MODEL:
            return ()
        name = self.class_name
        rows = (
            ("class", f"the parameters of {name} as the config builds it", self.built),
            ("class_trainable", f"the parameters that {name} trains", self.trained),
            ("class_backbone", f"the backbone of {name} alone, without its head", self.backbone),
        )
        return tuple(
            Count(key=key, name=text, value=value) for key, text, value in rows if value is not None
        )

    @property
    def roles_by(self) -> str:
        """On whose word the roles stand, for the proof."""
        by = f"{self.class_name} ({self.library})"
        match self.standing:
            case Standing.CONFIRMED:
                return f"rules, confirmed by {by}"
            case Standing.DIFFERS:
                return f"rules, confirmed by {by} for the tensors that it has"
            case Standing.OTHER_MODEL:
                return f"rules; {by} builds another model from this config"
            case _:
                assert_never(self.standing)


def copies_by_class(
    blueprint: Blueprint, checkpoint: Checkpoint, assignment: Assignment
) -> Mapping[str, str]:
    """Stored tensors that are further names of another by the class, each with that other."""
    pairs = pair(blueprint, checkpoint, assignment).pairs
    first = first_names(built for _, built in pairs)
    stored_as = {built.name: stored.tensor.name for stored, built in pairs}
    matrices = [
        (stored.tensor.name, first[built.original or built.name]) for stored, built in pairs
    ]
    return {name: stored_as[own] for name, own in matrices if stored_as[own] != name}


def second_opinion(
    blueprint: Blueprint,
    checkpoint: Checkpoint,
    assignment: Assignment,
    config: ModelConfig,
    *,
    equal: Mapping[str, bool] | None = None,
) -> SecondOpinion:
    """`checkpoint`, whose roles by the rules are `assignment`, held against the class.

    `equal` says of tensors that may repeat another whether their bytes are the same, as far as they
    were compared; it outranks config and class.
    """
    pairing = pair(blueprint, checkpoint, assignment)
    if 2 * pairing.agreed < blueprint.total:
        standing, settled = Standing.OTHER_MODEL, 0
        findings = other_model(blueprint, pairing)
    else:
        patterns = frozenset(bucket.pattern for bucket in assignment.counts)
        result = Settler(
            authority=blueprint.class_name,
            assignment=assignment,
            context=Context(config=config, patterns=patterns),
            rules=RULES,
            equal=equal or {},
        ).settle(pairing)
        apart = (
            pairing.misshapen
            or pairing.unstored
            or pairing.unbuilt_parameters
            or result.disputed
            or result.untied
        )
        standing = Standing.DIFFERS if apart else Standing.CONFIRMED
        assignment, settled = result.assignment, len(result.changes)
        findings = sides_apart(blueprint, pairing, result)
    return SecondOpinion(
        class_name=blueprint.class_name,
        library=blueprint.library,
        standing=standing,
        assignment=assignment,
        built=blueprint.total,
        trained=blueprint.trainable,
        backbone=blueprint.backbone,
        unbuilt=sum(each.known for each in pairing.unbuilt_parameters),
        unstored=sum(each.elements for each in pairing.unstored),
        settled=settled,
        findings=findings,
    )

"""The parts of a model that a figure may count alone: an encoder, a U-Net, an adapter."""

from typing import Final

from auditor.claims.beside import WINDOW
from auditor.claims.figures import Figure
from auditor.claims.patterns import any_case
from auditor.claims.vocabulary import COMPONENTS, PARAMETERS, component_name

LOOK_AROUND: Final = 240  # characters in which an encoder makes the rest a part

PART_AFTER: Final = any_case(
    rf"[\s-]*(?:{PARAMETERS})?[\s-]*(?:(?:of|for|in|on)\s+)?(?:the\s+)?"
    r"(?:(?!models?|with|and|that|plus|using|on|in|for)[\w-]+\s+){0,2}?"
    rf"(?P<component>{COMPONENTS}"
    r"|(?<=for )embedding(?![A-Za-z])|(?<=the )embedding layer)"
)
_PART_BEFORE: Final = any_case(
    rf"(?P<component>{COMPONENTS})s?(?:\s+(?:of|in)\s+[\w.-]+)?[\s:=()~-]*"
    r"(?:(?:with|has|have|of|is|a|an|about|approximately|roughly|contains|adds|alone)\s+)*[~≈]?\s*$"
)
# Beside an encoder, these are parts; alone, they are the model.
_ENCODER: Final = any_case(
    r"(?<![A-Za-z])(?:(?:vision|visual|image|audio|speech|text|video) (?:encoder|tower)|projector"
    r"|connector|siglip|internvit)"
)
_MODEL: Final = (
    r"(?P<component>language model|llm|(?:multimodal|language|text|llm) (?:decoder|backbone))"
)
_MODEL_BEFORE: Final = any_case(
    rf"{_MODEL}[\s:=(~-]*(?:(?:with|has|of|is|a|an|about|approximately|contains)\s+)*[~≈]?\s*$"
)
_MODEL_AFTER: Final = any_case(rf"[\s-]*(?:{PARAMETERS})?[\s-]*(?:\w+\s+)?{_MODEL}(?![A-Za-z])")


def part_at(line: str, figure: Figure) -> str:
    """The part of a model that a figure right beside it counts; empty where it is none."""
    before = line[max(0, figure.begin - WINDOW) : figure.begin]
    after = line[figure.end : figure.end + WINDOW]
    found = PART_AFTER.match(after) or _PART_BEFORE.search(before)
    around = line[max(0, figure.begin - LOOK_AROUND) : figure.end + LOOK_AROUND]
    if found is None and _ENCODER.search(around):
        found = _MODEL_AFTER.match(after) or _MODEL_BEFORE.search(before)
    return component_name(found["component"]) if found else ""


def is_adapter(part: str) -> bool:
    """Whether a part is one that is trained beside a model."""
    return part.lower().startswith(("lora", "adapter"))

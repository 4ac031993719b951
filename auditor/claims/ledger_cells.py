"""What the cells of a list mean. Each function raises ValueError, which says what is wrong."""

from fractions import Fraction
from typing import Final

from auditor.claims.figures import plain_digits, read_figure
from auditor.claims.patterns import Pattern
from auditor.core.claims import Quantity, Scope, Tolerance
from auditor.core.identity import DEFAULT_REVISION, FolderRef, ModelRef, parse_model_ref
from auditor.errors import InvalidModel

MOST_SHOWN: Final = 40  # characters of a cell in a message

_SCOPES: Final = tuple(scope for scope in Scope if scope is not Scope.OTHER_MODEL)
_PERCENT: Final = Pattern(r"(?P<share>[0-9]{1,3}(?:[.,][0-9]{1,6})?)\s*%")


def model_in(text: str, revision: str) -> tuple[ModelRef, str]:
    """The model of a row, and the revision that it is bound to; empty where it is to none."""
    try:
        model = parse_model_ref(text, revision=revision or None)
    except InvalidModel as error:
        raise ValueError(f"model {shown(text)}: {error.reason}") from error
    if isinstance(model, FolderRef):
        return model, ""
    given = revision or model.revision != DEFAULT_REVISION or text.endswith(f"@{DEFAULT_REVISION}")
    return model, model.revision if given else ""


def figure_in(text: str) -> Quantity:
    try:
        return read_figure(text)
    except ValueError as error:
        message = f"figure {shown(text)}: write it as 340M, 1.5 billion or 6,053,381,344"
        raise ValueError(message) from error


def scope_in(text: str, detail: str) -> tuple[Scope, str]:
    """The scope and the component: `component:unet`, or a cell for each. The default is total."""
    word, _, named = text.partition(":")
    plain = plain_word(word) or (Scope.COMPONENT if detail else Scope.TOTAL)
    scope = next((each for each in _SCOPES if each == plain), None)
    if scope is None:
        raise ValueError(f"scope {shown(text)}: it is one of {', '.join(_SCOPES)}")
    named = named.strip() or detail
    if (scope is Scope.COMPONENT) != bool(named):
        raise ValueError(f"scope {shown(text)}: a component is named, as in `component:unet`")
    return scope, named.lower()


def tolerance_in(text: str, figure: Quantity) -> Tolerance | None:
    """A share of the figure or a number of parameters; None for an empty cell."""
    if not text:
        return None
    if percent := _PERCENT.fullmatch(text):
        share = Fraction(plain_digits(percent["share"])) / 100
        return Tolerance(parameters=int(share * figure.value), written=text)
    if text == "0":
        return Tolerance(parameters=0, written=text)
    try:
        return Tolerance(parameters=read_figure(text).value, written=text)
    except ValueError as error:
        raise ValueError(f"tolerance {shown(text)}: write it as 2%, 1M or 0") from error


def plain_word(word: str) -> str:
    """A column's or a scope's name as people may write it: `Non-Embedding` is non_embedding."""
    return "_".join(word.strip().lower().replace("-", " ").replace("_", " ").split())


def shown(text: str) -> str:
    """A cell as a message shows it: quoted, printable and cut."""
    return ascii(text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "...")

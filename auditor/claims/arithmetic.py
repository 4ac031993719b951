"""Systems whose weights are not public, computed from their published hyperparameters.

`systems.csv` has one row for each: layers, width, heads and so on, with the paper and its table.
Those are hyperparameters; what they multiply out to are the parameters, step by step:

    gpt      V d + c d + L (12 d^2 + 13 d) + 2 d
             biases everywhere, two LayerNorms for each layer and one at the end, a tied head
             (Radford et al. 2019; Brown et al. 2020, section 2.1)
    gopher   V d + V + L (5 d a + 2 d f + f + 4 d + 2 a) + d,  a = heads x their width
             relative positions with a projection of their own, RMSNorm, a tied head with a bias
             (Rae et al. 2021, section 3.1; Dai et al. 2019)

No row was copied without a check: each computes to the size that its paper prints. Which of the
small vectors of `gopher` make up its 8 d + 2 a for each layer, no published figure can tell.
"""

import csv
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from auditor.claims.figures import read_figure
from auditor.claims.model_names import name_tokens
from auditor.core.claims import Quantity
from auditor.core.comparison import agreement
from auditor.core.verdict import DEFAULT_POLICY, Policy, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The hyperparameters of one system, and the figure that its paper gives for it."""

    name: str
    formula: str
    layers: int
    width: int
    heads: int
    head_width: int
    feed_forward: int
    vocabulary: int
    context: int
    figure: Quantity
    note: str
    source: str

    @property
    def attention_width(self) -> int:
        return self.heads * self.head_width

    @property
    def hyperparameters(self) -> Mapping[str, int]:
        """What the paper prints, by name; none of it is learned."""
        return {
            "layers": self.layers,
            "width": self.width,
            "heads": self.heads,
            "width of a head": self.head_width,
            "feed-forward width": self.feed_forward,
            "vocabulary": self.vocabulary,
            "context": self.context,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Parameters of one kind: `factors` is how they multiply out, in digits."""

    what: str
    factors: str
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A system, computed. `verdict` is how its published figure stands to the sum of the steps."""

    system: System
    steps: tuple[Step, ...]
    verdict: Verdict

    @property
    def parameters(self) -> int:
        return sum(step.parameters for step in self.steps)


def compute(system: System, policy: Policy = DEFAULT_POLICY) -> Computed:
    """The parameters of `system`, step by step, held against its published figure."""
    steps = tuple(_FORMULAS[system.formula](system))
    total = sum(step.parameters for step in steps)
    verdict = agreement(system.figure, total, policy)
    if verdict is None:
        near = abs(total - system.figure.value) <= policy.near * system.figure.value
        verdict = Verdict.NEAR if near else Verdict.MISMATCH
    return Computed(system=system, steps=steps, verdict=verdict)


def _gpt(system: System) -> Iterable[Step]:
    layers, d, f = system.layers, system.width, system.feed_forward
    yield _step("token embeddings", (system.vocabulary, d))
    yield _step("position embeddings", (system.context, d))
    yield _step("attention", (layers, 4, d, d), (layers, 4, d))
    yield _step("feed-forward", (layers, 2, d, f), (layers, f), (layers, d))
    yield _step("LayerNorm", (layers, 4, d), (2, d))


def _gopher(system: System) -> Iterable[Step]:
    layers, d, f, a = system.layers, system.width, system.feed_forward, system.attention_width
    yield _step("token embeddings", (system.vocabulary, d))
    yield _step("bias of the head", (system.vocabulary,))
    yield _step("attention", (layers, 4, d, a), (layers, d))
    yield _step("relative positions", (layers, d, a), (layers, 2, a))
    yield _step("feed-forward", (layers, 2, d, f), (layers, f), (layers, d))
    yield _step("RMSNorm", (layers, 2, d), (d,))


_FORMULAS: Final[Mapping[str, Callable[[System], Iterable[Step]]]] = {
    "gpt": _gpt,
    "gopher": _gopher,
}


def _step(what: str, *products: tuple[int, ...]) -> Step:
    parameters = 0
    for product in products:
        amount = 1
        for factor in product:
            amount *= factor
        parameters += amount
    factors = " + ".join(" x ".join(f"{each:,}" for each in product) for product in products)
    return Step(what=what, factors=factors, parameters=parameters)


def parse_systems(lines: Iterable[str]) -> tuple[System, ...]:
    """The rows of a table of systems. Raises ValueError with the line of a row that is none."""
    rows = csv.DictReader(lines)
    parsed = []
    for row in rows:
        try:
            parsed.append(_system(row))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"systems.csv, line {rows.line_num}: {error}") from error
    return tuple(parsed)


def _system(row: Mapping[str, str]) -> System:
    if row["formula"] not in _FORMULAS:
        raise ValueError(f"no formula {row['formula']!r}")
    return System(
        name=row["system"],
        formula=row["formula"],
        layers=int(row["layers"]),
        width=int(row["width"]),
        heads=int(row["heads"]),
        head_width=int(row["head_width"]),
        feed_forward=int(row["feed_forward"]),
        vocabulary=int(row["vocabulary"]),
        context=int(row["context"]),
        figure=read_figure(row["figure"]),
        note=row["note"],
        source=row["source"],
    )


@cache
def published_systems() -> tuple[System, ...]:
    """Every row of the table that ships with the package."""
    content = pkgutil.get_data("auditor.claims", "systems.csv") or b""
    return parse_systems(content.decode("utf-8").splitlines())


def systems_of(query: str) -> tuple[System, ...]:
    """The systems whose names have the words of `query`: `gpt-3` has eight sizes."""
    words = set(name_tokens(query))
    return tuple(
        system for system in published_systems() if words and words <= set(name_tokens(system.name))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpublished:
    """A system whose makers published neither a size nor what one could be computed from."""

    name: str
    statement: str
    source: str


UNPUBLISHED: Final = (
    Unpublished(
        name="GPT-4",
        statement=(
            "this report contains no further details about the architecture (including model size),"
            " hardware, training compute, dataset construction, training method, or similar"
        ),
        source="OpenAI 2023 (arXiv 2303.08774), section 2",
    ),
)


def unpublished(query: str) -> Unpublished | None:
    """The row of a system of which no figure can be checked: every one of them is unverifiable."""
    words = name_tokens(query)
    return next((each for each in UNPUBLISHED if words and words == name_tokens(each.name)), None)

"""Reviewed explanations of figures that are wrong: changing one known thing gives them.

They are looked up, never searched for: among enough changes there is always one that fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditor.claims.aliases import ids_of
from auditor.claims.figures import read_figure
from auditor.core.claims import Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """Why `model` is said to have `figure`: `because`, which gives `count`. Nobody has said so."""

    model: str
    figure: str
    because: str
    count: int
    source: str


_GPT1_VOCABULARY: Final = (
    "with GPT-1's vocabulary of 40,478 tokens, and not 50,257, that is the count"
)
_GPT2_SOURCE: Final = (
    "openai/gpt-2 README.md says that the first counts were wrong, and not why;"
    " openai-gpt config.json has 40,478 tokens"
)

HYPOTHESES: Final[Sequence[Hypothesis]] = (
    # V d + c d + L (12 d^2 + 13 d) + 2 d with V = 40,478 and c = 1,024
    Hypothesis(
        model="openai-community/gpt2",
        figure="117M",
        because=_GPT1_VOCABULARY,
        count=116_929_536,
        source=_GPT2_SOURCE,
    ),
    Hypothesis(
        model="openai-community/gpt2-medium",
        figure="345M",
        because=_GPT1_VOCABULARY,
        count=344_809_472,
        source=_GPT2_SOURCE,
    ),
    Hypothesis(
        model="openai-community/gpt2-large",
        figure="762M",
        because=_GPT1_VOCABULARY,
        count=761_512_960,
        source=_GPT2_SOURCE,
    ),
    Hypothesis(
        model="openai-community/gpt2-xl",
        figure="1542M",
        because=_GPT1_VOCABULARY,
        count=1_541_964_800,
        source=_GPT2_SOURCE,
    ),
    Hypothesis(
        model="mistralai/Mixtral-8x7B-v0.1",
        figure="56B",
        because="8 x 7 = 56: the experts share attention, embeddings and norms, which count once",
        count=56_000_000_000,
        source="Jiang et al. 2024 (arXiv 2401.04088)",
    ),
    Hypothesis(
        model="mistralai/Mixtral-8x22B-v0.1",
        figure="176B",
        because="8 x 22 = 176: the experts share attention, embeddings and norms, which count once",
        count=176_000_000_000,
        source="Jiang et al. 2024 (arXiv 2401.04088)",
    ),
    # 24 (12 d^2 + 13 d) + (32 x 32 x 3 + 1) d + 50 d + d + 2 d + 1,000 (d + 1) with d = 1,024
    Hypothesis(
        model="google/vit-large-patch16-224",
        figure="307M",
        because="ViT-L/32 with its ImageNet head has that count, and not ViT-L/16",
        count=306_535_400,
        source="Dosovitskiy et al. 2021 (arXiv 2010.11929), Table 1, which names no patch size",
    ),
)


def hypothesis_of(repo_id: str, quantity: Quantity) -> Hypothesis | None:
    """The reviewed reason for a figure of a model, if there is one."""
    wanted = repo_id.lower()
    return next(
        (
            each
            for each in HYPOTHESES
            if wanted in ids_of(each.model) and read_figure(each.figure).value == quantity.value
        ),
        None,
    )

"""Training compute and balance, from a documented number of tokens: what follows and no more.

    training FLOPs        6 N D      (Kaplan et al. 2020, arXiv 2001.08361, section 2.1: 2 N D
                                     forward, 4 N D backward; attention and recomputation left out)
    tokens for each one   D / N      about 20 where compute is spent best (Hoffmann et al. 2022,
                                     arXiv 2203.15556, section 3.4), for dense language models that
                                     are trained once and from scratch
    utilisation           FLOPs / (hours x peak)
    cost                  hours x a stated price: compute alone, of the one run

Of a mixture of experts, N is what is active for a token. Many models of today are trained far past
20 on purpose, so that they are cheaper to run: that is neither wrong nor too much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import pow as power
from typing import Final

FLOPS_PER_PARAMETER_AND_TOKEN: Final = 6
COMPUTE_OPTIMAL_TOKENS_PER_PARAMETER: Final = 20  # "about": the fits of section 3 give 15 to 25
SECONDS_PER_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """A device and its dense peak in FLOP/s, at the precision that models are trained in."""

    name: str
    peak_flops: int
    precision: str
    source: str


ACCELERATORS: Final[Mapping[str, Accelerator]] = {
    each.name: each
    for each in (
        Accelerator(
            name="V100",
            peak_flops=125 * 10**12,
            precision="FP16",
            source="NVIDIA V100 Tensor Core GPU datasheet",
        ),
        Accelerator(
            name="A100",
            peak_flops=312 * 10**12,
            precision="BF16",
            source="NVIDIA A100 Tensor Core GPU datasheet",
        ),
        Accelerator(
            name="H100",
            peak_flops=989 * 10**12,
            precision="BF16",
            source="NVIDIA H100 Tensor Core GPU datasheet, without sparsity",
        ),
        Accelerator(
            name="H800",
            peak_flops=989 * 10**12,
            precision="BF16",
            source="as the H100: the H800 differs in its links",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What somebody stated for an hour of an accelerator, in US cents."""

    cents_per_hour: int
    source: str


PRICES: Final = (
    Price(cents_per_hour=150, source="Lambda Labs 2020, for a V100 in a cloud"),
    Price(cents_per_hour=200, source="DeepSeek-AI 2024 (arXiv 2412.19437), Table 1, for an H800"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFit:
    """A fit of the loss: E + A / N^alpha + B / D^beta. An estimate, and in no way a measurement."""

    irreducible: float
    a: float
    alpha: float
    b: float
    beta: float
    source: str

    def loss(self, parameters: int, tokens: int) -> float:
        """The fitted loss in nats for each token."""
        of_size = self.a / power(parameters, self.alpha)
        of_data = self.b / power(tokens, self.beta)
        return self.irreducible + of_size + of_data


LOSS_FITS: Final = (
    LossFit(
        irreducible=1.69,
        a=406.4,
        alpha=0.34,
        b=410.7,
        beta=0.28,
        source="Hoffmann et al. 2022 (arXiv 2203.15556), section 3.3",
    ),
    LossFit(
        irreducible=1.8172,
        a=482.01,
        alpha=0.3478,
        b=2085.43,
        beta=0.3658,
        source="Besiroglu et al. 2024 (arXiv 2404.10102), a refit of the same runs",
    ),
)


def training_flops(parameters: int, tokens: int) -> int:
    """6 N D. Published figures lie above it where attention or recomputation is counted too."""
    return FLOPS_PER_PARAMETER_AND_TOKEN * parameters * tokens


def tokens_per_parameter(parameters: int, tokens: int) -> Fraction:
    """Raises ValueError where there are no parameters."""
    if parameters <= 0:
        raise ValueError("a ratio to no parameters")
    return Fraction(tokens, parameters)


def compute_optimal_tokens(parameters: int) -> int:
    """About how many tokens a dense language model of this size is best trained on, once."""
    return COMPUTE_OPTIMAL_TOKENS_PER_PARAMETER * parameters


def utilisation(flops: int, hours: int, accelerator: Accelerator) -> Fraction:
    """The share of the peak that `hours` of accelerators were used for; past 1 an input is wrong.

    Raises ValueError for no hours.
    """
    if hours <= 0:
        raise ValueError("utilisation of no hours")
    return Fraction(flops, hours * SECONDS_PER_HOUR * accelerator.peak_flops)


def cost_cents(hours: int) -> tuple[int, int]:
    """The least and the most that `hours` cost at PRICES, in US cents."""
    prices = [price.cents_per_hour for price in PRICES]
    return hours * min(prices), hours * max(prices)

"""What is shipped: models reconstructed from what is published of them, one module per family."""

from typing import Final

from reconstructed.bert import BERTS
from reconstructed.gpt2 import GPT2
from reconstructed.mistral import MISTRAL
from reconstructed.model import Model
from reconstructed.roberta import ROBERTA
from reconstructed.stable_diffusion import STABLE_DIFFUSION

MODELS: Final[tuple[Model, ...]] = (*BERTS, GPT2, ROBERTA, MISTRAL, STABLE_DIFFUSION)

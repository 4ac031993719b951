"""Whether what draws blueprints is there. Cheap to import: every call of the program asks it."""

from importlib.util import find_spec
from typing import Final

NEEDED: Final = ("torch", "transformers", "accelerate")


def is_installed() -> bool:
    """Whether torch, transformers and accelerate can be imported; imports none of them."""
    return all(find_spec(name) is not None for name in NEEDED)

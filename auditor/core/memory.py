"""Bytes of the weights: as stored, and as they would be with every parameter in another dtype.

Estimates of the parameters alone: activations, caches and a loader's overhead are not in them.
"""

from collections.abc import Mapping
from typing import Final

from auditor.core.tally import Tally

# Bits that one parameter takes when a model is loaded in a dtype.
LOADED_BITS: Final = {"F32": 32, "F16": 16, "BF16": 16, "INT8": 8, "INT4": 4}


def memory_of(tally: Tally) -> Mapping[str, int]:
    """Bytes by dtype name, `stored` first. Only `stored` where the count is not known."""
    figures = {"stored": tally.stored.stored_bytes}
    if tally.total is not None:
        for name, bits in LOADED_BITS.items():
            figures[name] = -(-tally.total * bits // 8)
    return figures

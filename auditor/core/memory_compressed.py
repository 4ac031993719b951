"""DeepSeek-V4's attention: a window, and beside it one compressed entry for several tokens.

    every layer                        window x head width, keys and values in one
    compressed sparse attention        and head width + index_head_dim for every 4 tokens
    heavily compressed attention       and head width for every 128 tokens

From transformers 5.23.0, models/deepseek_v4 (its caches point to section 2.3 of the paper). What
waits until it makes a whole entry, fewer than 128 tokens, is left out.
"""

from collections import Counter
from typing import Final

from auditor.core.memory_cache import Part
from auditor.core.memory_sections import NotSaidError, Section, at

_RATES: Final = {
    "sliding_attention": 0,
    "compressed_sparse_attention": 4,
    "heavily_compressed_attention": 128,
}
_INDEXED: Final = 4  # the rate of the layers that look tokens up by an index


def compressed_parts(section: Section) -> tuple[Part, ...]:
    """Raises NotSaidError."""
    width, window = section.need("head_dim"), section.need("sliding_window")
    rates = _rates(section)
    parts = [
        Part(
            name=f"window of {window:,}",
            layers=len(rates),
            elements=width,
            rule=f"{width} for key and value together",
            most=window,
        )
    ]
    for rate, layers in sorted(Counter(rates).items()):
        if not rate:
            continue
        index = section.need("index_head_dim") if rate == _INDEXED else 0
        parts.append(
            Part(
                name=f"one for every {rate} tokens",
                layers=layers,
                elements=width + index,
                rule=f"{width} + {index} of the indexer" if index else f"{width}",
                per=rate,
            )
        )
    return tuple(parts)


def _rates(section: Section) -> tuple[int, ...]:
    """Tokens that make one entry in each layer; 0 where a layer has the window alone."""
    words = section.words("layer_types")
    if words is not None:
        if unknown := set(words) - set(_RATES):
            raise NotSaidError(f"what a layer of the type {min(unknown)[:40]!r} keeps is not known")
        return tuple(_RATES[word] for word in words[: section.layers])
    listed = section.numbers("compress_ratios")
    if listed is None:
        raise NotSaidError("the config does not say compress_ratios")
    rates = tuple(at(listed, index) for index in range(section.layers))
    if set(rates) - set(_RATES.values()):
        raise NotSaidError(f"compress_ratios of {max(rates):,} are not known")
    return rates

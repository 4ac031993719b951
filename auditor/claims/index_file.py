"""What the weight files say of themselves: `total_parameters` beside the tensors.

transformers writes it into the `metadata` of a shard index (modeling_utils.py, save_pretrained);
some tools write it into the `__metadata__` of a safetensors header, where every value is a string.
"""

from collections.abc import Mapping
from typing import Any, Final

from auditor.claims.patterns import Pattern
from auditor.core.claims import Claim, ClaimSource, Published, Scope, exact_quantity

name: Final = "index"
KEY: Final = "total_parameters"
MAX_PARAMETERS: Final = 10**15  # what is larger is no count

_DIGITS: Final = Pattern(r"[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,16}")


def read(published: Published) -> tuple[Claim, ...]:
    """At most one claim of the index, and one of the headers if they do not contradict another."""
    claims = []
    indexed = _count(published.index_metadata)
    if indexed is not None:
        index = published.index_path or "the shard index"
        claims.append(_claim(indexed, ClaimSource.INDEX, f"{index}, metadata.{KEY}"))
    # NOTE: shards that each tell another number tell of themselves, and not of the model.
    in_headers = {_count(data): path for path, data in published.header_metadata.items()}
    in_headers.pop(None, None)
    if len(in_headers) == 1:
        ((count, path),) = in_headers.items()
        if count is not None:
            claims.append(_claim(count, ClaimSource.HEADER, f"{path}, __metadata__.{KEY}"))
    return tuple(claims)


def _claim(count: int, source: ClaimSource, where: str) -> Claim:
    return Claim(
        text=f"{KEY}: {count}",
        quantity=exact_quantity(count),
        scope=Scope.TOTAL,
        source=source,
        where=where,
    )


def _count(metadata: Mapping[str, Any]) -> int | None:
    """The count under KEY: an integer, or a string of one. Anything else is junk."""
    value = metadata.get(KEY)
    if isinstance(value, str):
        digits = value.strip()
        value = int(digits.replace(",", "")) if _DIGITS.fullmatch(digits) else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value <= MAX_PARAMETERS else None

"""Matrices that are stored twice though the model holds them once.

A safetensors file cannot alias, so a tied matrix is either stored once (nothing to do here) or
twice. Stored twice, it is one parameter where the config or the class ties it; and where its bytes
were compared, only if they are the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from auditor.core.config import ModelConfig
from auditor.core.findings import Finding, Severity
from auditor.core.roles import Mark, Role, mtp_prefixes, names_of, patterns_of
from auditor.core.tensors import Tensor
from auditor.core.tie_rules import PAIRS, TWINS, Pair

MAX_PAIRINGS: Final = 10_000  # known models have under 100; each costs a look at two names
_COMPARED: Final = 512  # characters of two names that are held against each other

_COPIES: Final = tuple(pair.copy for pair in PAIRS)
_ORIGINALS: Final = tuple({original for pair in PAIRS for original in pair.originals})
_ENDINGS: Final = (*_COPIES, *_ORIGINALS)


class _Repeat(NamedTuple):
    """A tensor that the table takes for a copy of another, if anything ties the two."""

    tensor: Tensor
    original: str
    always: bool  # the class shares them, whatever the config says

    def tied_by(self, config: ModelConfig) -> str:
        """Why the two are one; empty where neither class nor config says so."""
        if self.always:
            return "the class shares it"
        return config.tie.reason if config.tie.tied else ""


def tied_copies(
    tensors: Sequence[Tensor],
    config: ModelConfig,
    *,
    has_config: bool,
    equal: Mapping[str, bool] | None = None,
) -> tuple[Mapping[str, Mark], tuple[Finding, ...]]:
    """Marks for the tensors that repeat another one, and what is to be said about them.

    Without a config (`has_config` false) nothing says whether a head is tied: it counts for nothing
    at the least and for itself at the most, so that the total is a range, and a finding says so.
    `equal` says of tensors whose bytes were compared whether they are the original's; it outranks
    config and class.
    """
    repeats, findings = _repeats(tensors, config)
    said = list(findings)
    marks: dict[str, Mark] = {}
    for repeat in repeats:
        name, original = repeat.tensor.name, repeat.original
        known = (equal or {}).get(name)
        reason = repeat.tied_by(config) or ("their bytes are the same" if known else "")
        if known is False:
            continue
        if reason:
            marks[name] = _mark(original, reason)
            said.append(_stored_twice(name, original, repeat.tensor, reason))
        elif not has_config or not config.tie.settled:
            marks[name] = _perhaps(original, repeat.tensor)
            said.append(_not_settled(name, original, repeat.tensor))
    return marks, tuple(said)


def possible_copies(
    tensors: Sequence[Tensor], config: ModelConfig, *, has_config: bool
) -> Mapping[str, str]:
    """Tensors that repeat another as far as names tell, each with that other.

    Those that the config says are matrices of their own are not among them.
    """
    unsettled = not has_config or not config.tie.settled
    return {
        repeat.tensor.name: repeat.original
        for repeat in _repeats(tensors, config)[0]
        if unsettled or repeat.tied_by(config)
    }


def _repeats(
    tensors: Sequence[Tensor], config: ModelConfig
) -> tuple[Sequence[_Repeat], tuple[Finding, ...]]:
    """What the tables take for copies, and what is said where there is too much to look at."""
    pairs, findings = _by_endings(tensors)
    known = {repeat.tensor.name for repeat in pairs}
    twins = [repeat for repeat in _twins(tensors, config) if repeat.tensor.name not in known]
    return (*pairs, *twins), findings


def _twins(tensors: Sequence[Tensor], config: ModelConfig) -> Iterator[_Repeat]:
    """Copies under another module, in the few model types that have them."""
    rows = [
        twin
        for twin in TWINS
        if twin.types & config.model_types and config.values.get(twin.flag) is not False
    ]
    if not rows:
        return
    named = {tensor.name: tensor for tensor in tensors}
    for tensor in tensors:
        for twin in rows:
            found = re.fullmatch(twin.copy, tensor.name)
            other = named.get(found.expand(twin.original)) if found else None
            if other is not None and other is not tensor and other.shape == tensor.shape:
                yield _Repeat(tensor, other.name, always=True)
                break


def _by_endings(tensors: Sequence[Tensor]) -> tuple[Sequence[_Repeat], tuple[Finding, ...]]:
    """What repeats a tensor by the endings of both names."""
    names = names_of(tensors)
    patterns = patterns_of(names)
    near = {pattern for pattern in set(patterns) if f".{pattern}".endswith(_ENDINGS)}
    if not any(f".{pattern}".endswith(_COPIES) for pattern in near):
        return (), ()
    beside = mtp_prefixes(names)
    named = {
        f".{tensor.name}": tensor
        for pattern, tensor in zip(patterns, tensors, strict=True)
        if pattern in near
        and tensor.dtype.trainable
        and not (beside and tensor.name.startswith(beside))
    }
    copies = [name for name in named if name.endswith(_COPIES)]
    originals = [name for name in named if name.endswith(_ORIGINALS)]
    if len(copies) * len(originals) > MAX_PAIRINGS:
        return (), (_too_many(len(copies), len(originals)),)
    repeats = []
    for name in copies:
        pair = next(pair for pair in PAIRS if name.endswith(pair.copy))
        original = _original_of(name, pair, originals, named)
        if original is not None:
            repeats.append(_Repeat(named[name], original[1:], pair.always))
    return repeats, ()


def _original_of(
    name: str, pair: Pair, originals: Sequence[str], named: Mapping[str, Tensor]
) -> str | None:
    """The tensor that `name` repeats: same shape, and the longest common beginning of names."""
    shape = named[name].shape
    fitting = [
        other
        for other in originals
        if other != name and other.endswith(pair.originals) and named[other].shape == shape
    ]
    return max(fitting, key=lambda other: _common_prefix(name, other), default=None)


def _common_prefix(left: str, right: str) -> int:
    same = 0
    for a, b in zip(left[:_COMPARED], right[:_COMPARED], strict=False):
        if a != b:
            break
        same += 1
    return same


def _mark(original: str, reason: str) -> Mark:
    return Mark(Role.TIED_COPY, f"a second copy of {original}", reason)


def _perhaps(original: str, tensor: Tensor) -> Mark:
    """Counts for nothing at the least, for itself at the most."""
    reason = "nothing says whether the two are one matrix"
    return Mark(None, f"perhaps a second copy of {original}", reason, high=tensor.elements)


def _too_many(copies: int, originals: int) -> Finding:
    return Finding(
        code="tie-not-settled",
        severity=Severity.WARNING,
        message=(
            f"{copies:,} matrices may repeat one of {originals:,}; no model has so many, and all"
            " are counted"
        ),
    )


def _stored_twice(name: str, original: str, tensor: Tensor, reason: str) -> Finding:
    return Finding(
        code="tied-copy-stored",
        severity=Severity.NOTICE,
        message=(
            f"{name} ({tensor.elements:,} elements) repeats {original} and is counted once:"
            f" {reason}"
        ),
    )


def _not_settled(name: str, original: str, tensor: Tensor) -> Finding:
    return Finding(
        code="tie-not-settled",
        severity=Severity.ERROR,
        message=(
            f"{name} has the shape of {original} ({tensor.elements:,} elements), and no readable"
            " config.json says whether they are one matrix, so the total is not known"
        ),
    )

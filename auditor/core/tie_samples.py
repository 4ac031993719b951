"""Whether a matrix repeats another, told by the same few bytes of both.

    begin   4,096 bytes      middle   4,096 bytes      end   4,096 bytes

Two trained matrices differ almost everywhere, so a few kilobytes tell as surely as all of them.
That they are the same is a finding about what was compared, and says how much that was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.core.findings import Finding, Severity, quoted
from auditor.core.tensors import Span, Tensor

SAMPLE_BYTES: Final = 4_096  # a row or two of a large matrix
SAMPLES: Final = 3
MAX_SAMPLED: Final = 32  # tensors of a checkpoint, three requests each; Florence-2 has four to read


@dataclass(frozen=True, slots=True, kw_only=True)
class TieCheck:
    """What the bytes say of a tensor that may repeat another. `equal` is None where they do not."""

    copy: str
    original: str
    equal: bool | None
    compared_bytes: int = 0
    stored_bytes: int = 0
    reason: str = ""  # why they do not tell

    @property
    def finding(self) -> Finding:
        names = f"{quoted(self.copy)} and {quoted(self.original)}"
        share = f"{self.compared_bytes:,} of {self.stored_bytes:,} bytes compared"
        if self.equal is None:
            code, severity = "tie-not-verified", Severity.NOTICE
            message = f"whether {names} are one matrix was not told by their bytes: {self.reason}"
        elif self.equal:
            code, severity = "tie-verified", Severity.INFO
            message = f"{names} are the same in all of the {share}"
        else:
            code, severity = "tie-differs", Severity.WARNING
            message = (
                f"{names} differ in the {share}: they are two matrices, and each counts for itself"
            )
        return Finding(code=code, severity=severity, message=message)


def sample_spans(stored_bytes: int) -> tuple[Span, ...]:
    """Which bytes of a tensor of that size are compared; all of a small one."""
    if stored_bytes <= SAMPLES * SAMPLE_BYTES:
        return (Span(0, stored_bytes),) if stored_bytes else ()
    last = stored_bytes - SAMPLE_BYTES
    begins = [last * number // (SAMPLES - 1) for number in range(SAMPLES)]
    return tuple(Span(begin, begin + SAMPLE_BYTES) for begin in begins)


def to_sample(copies: Mapping[str, str], tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The names whose bytes settle `copies`, each once and no more than are read."""
    pairs = (
        pair
        for pair in copies.items()
        if all(name in tensors for name in pair) and _alike(*(tensors[name] for name in pair))
    )
    wanted: dict[str, None] = {}
    for pair in pairs:
        if len(wanted.keys() | set(pair)) <= MAX_SAMPLED:
            wanted.update(dict.fromkeys(pair))
    return tuple(wanted)


def checked(
    copies: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    samples: Mapping[str, Sequence[bytes]],
    *,
    problem: str = "",
) -> tuple[TieCheck, ...]:
    """What `samples`, bytes of `sample_spans` by name, say of each of `copies`.

    `problem` is why bytes that were wanted are not there.
    """
    return tuple(_checks(copies, tensors, samples, problem or "their place in a file is not known"))


def _checks(
    copies: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    samples: Mapping[str, Sequence[bytes]],
    problem: str,
) -> Iterator[TieCheck]:
    for copy, original in copies.items():
        if copy not in tensors or original not in tensors:
            continue
        equal, reason = None, problem
        if not _alike(tensors[copy], tensors[original]):
            reason = "they are stored in different dtypes or sizes"
        elif copy in samples and original in samples:
            equal, reason = _same(samples[copy], samples[original])
        yield TieCheck(
            copy=copy,
            original=original,
            equal=equal,
            compared_bytes=sum(map(len, samples.get(copy, ()))),
            stored_bytes=tensors[copy].stored_bytes,
            reason=reason,
        )


def _alike(one: Tensor, other: Tensor) -> bool:
    return (one.dtype, one.stored_bytes) == (other.dtype, other.stored_bytes)


def _same(one: Sequence[bytes], other: Sequence[bytes]) -> tuple[bool | None, str]:
    """Whether both have the same bytes; None where they would have them by chance."""
    if list(one) != list(other):
        return False, ""
    if all(len(set(sample)) <= 1 for sample in one):
        return None, "the bytes compared are one value all over, as in weights never written"
    return True, ""


def equal_by_name(checks: Iterable[TieCheck]) -> Mapping[str, bool]:
    """Of each tensor whose bytes tell whether it repeats the other."""
    return {check.copy: check.equal for check in checks if check.equal is not None}

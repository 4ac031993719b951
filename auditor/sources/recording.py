"""What an audit read, as data: a recorder fills these nouns, a file keeps them, a replay serves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from auditor.core.repository import Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import BadAnswer, HfauditError
from auditor.sources.contents import ZeroTailed


class Provenance(StrEnum):
    """How a snapshot came to be."""

    FETCHED = "fetched"  # recorded from a real repository
    RECONSTRUCTED = "reconstructed"  # built from a published architecture; its weights are zeros


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error that a source raised, to be raised again."""

    kind: str
    subject: str
    reason: str
    hint: str = ""

    @classmethod
    def of(cls, error: HfauditError) -> "Refusal":
        return cls(kind=error.kind, subject=error.subject, reason=error.reason, hint=error.hint)

    def error(self) -> HfauditError:
        """The error, of its own class. Raises KeyError for a kind that does not exist."""
        return error_kinds()[self.kind](self.subject, self.reason, hint=self.hint)


def error_kinds() -> Mapping[str, type[HfauditError]]:
    """Every class of errors by its stable name."""
    kinds: dict[str, type[HfauditError]] = {}
    waiting = [HfauditError]
    while waiting:
        cls = waiting.pop()
        kinds.setdefault(cls.kind, cls)
        waiting.extend(cls.__subclasses__())
    return kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Extents:
    """The parts of a file that were read, in order and apart from one another.

    `refusals` are what the source said to the spans that it did not serve.
    """

    parts: tuple[tuple[int, bytes], ...]  # where each begins, and its bytes
    refusals: Mapping[Span, Refusal] = field(default_factory=dict)

    def read(self, span: Span) -> bytes | None:
        """The bytes of `span`, or None where they were not read."""
        for begin, data in self.parts:
            if begin <= span.begin and span.end <= begin + len(data):
                return data[span.begin - begin : span.end - begin]
        return None


def joined(path: str, reads: Iterable[tuple[int, bytes]]) -> tuple[tuple[int, bytes], ...]:
    """The parts of a file that were read, joined where they touch or overlap.

    Raises BadAnswer where two reads of the same bytes differ: the file changed in between.
    """
    parts: list[tuple[int, bytes]] = []
    for begin, data in sorted(reads):
        if not parts or begin > parts[-1][0] + len(parts[-1][1]):
            parts.append((begin, data))
            continue
        at, before = parts[-1]
        shared = before[begin - at :]
        if shared[: len(data)] != data[: len(shared)]:
            raise BadAnswer(
                path,
                f"bytes from {begin:,} were read twice and differ",
                hint="the file changed while it was recorded; record it again",
            )
        parts[-1] = (at, before + data[len(shared) :])
    return tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One model, opened and read.

    `names` are the ids (or the folder) under which it is found again, `revision` the one that was
    asked for. `headers` are all shard headers by the path of their index, as JSON text; None where
    the source could not give them at once. `traffic` is None where nothing was ever fetched.
    """

    names: tuple[str, ...]
    revision: str | None
    repository: Repository
    files: Mapping[str, bytes | Refusal] = field(default_factory=dict)
    weights: Mapping[str, Extents | ZeroTailed] = field(default_factory=dict)
    headers: Mapping[str, bytes | Refusal | None] = field(default_factory=dict)
    traffic: Traffic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedOpen:
    """One model that could not be opened."""

    names: tuple[str, ...]
    revision: str | None
    refusal: Refusal


RecordedModel = Recording | FailedOpen


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Recorded models. `created` is the UTC day of the recording (2026-11-22), given by the caller.

    `endpoint` is where it was recorded from; `note` is for a person.
    """

    provenance: Provenance
    models: tuple[RecordedModel, ...]
    endpoint: str = ""
    created: str = ""
    note: str = ""

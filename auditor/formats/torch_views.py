"""Which tensors share bytes: further names of one tensor, and views of parts of another.

torch saves a storage once, however many tensors look into it: the two names of a tied embedding, a
matrix and its transpose, the slices of a fused matrix. Of two views the one lies within the other,
or they lie apart, or neither: then what they hold together is not the sum of the two.

A slice of columns (`x[:, 2:5]`) has holes, where other slices of the same matrix lie. Two views
whose rows begin equally far apart are rectangles of one matrix, and held against each other so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from auditor.formats.torch_tensors import StoredTensor

# Views that interlock are each held against each: query, key and value are three.
MAX_INTERLOCKED: Final = 64

Named = tuple[str, StoredTensor]


class Relation(Enum):
    WITHIN = auto()  # the first in the second
    APART = auto()
    OTHER = auto()  # they overlap, or it cannot be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """`aliases` are names of tensors that lie within one that has another name.

    `views` are those among them that are not the whole of it; `overlapping` the names of tensors
    that share bytes with others and of which none lies within the other.
    """

    aliases: Mapping[str, str]
    views: tuple[str, ...]
    overlapping: tuple[str, ...]


def share(tensors: Mapping[str, StoredTensor]) -> Shared:
    """What `tensors`, in the order of the file, share. Of two that are alike the first holds."""
    first: dict[StoredTensor, str] = {}
    same = {name: first.setdefault(tensor, name) for name, tensor in tensors.items()}
    by_storage: dict[str, list[Named]] = {}
    for tensor, name in first.items():
        by_storage.setdefault(tensor.key, []).append((name, tensor))
    within: dict[str, str] = {}
    overlapping: list[str] = []
    for views in by_storage.values():
        for cluster in _clusters(views):
            _compare(cluster, within, overlapping)
    aliases = {
        name: within.get(other, other)
        for name, other in same.items()
        if name != other or other in within
    }
    return Shared(aliases=aliases, views=tuple(within), overlapping=tuple(overlapping))


def _clusters(views: list[Named]) -> Iterator[list[Named]]:
    """Views whose stretches from first to last byte touch one another."""
    cluster: list[Named] = []
    end = 0
    for view in sorted(views, key=lambda view: view[1].begin):
        if cluster and view[1].begin >= end:
            yield cluster
            cluster = []
        cluster.append(view)
        end = max(end, view[1].end)
    yield cluster


def _compare(cluster: Sequence[Named], within: dict[str, str], overlapping: list[str]) -> None:
    """Sorts the views of a cluster, the largest first, into those that lie in another and not."""
    order = {name: at for at, (name, _) in enumerate(cluster)}
    kept: list[Named] = []
    for name, view in sorted(cluster, key=lambda each: (-each[1].stored_bytes, order[each[0]])):
        if len(kept) >= MAX_INTERLOCKED:
            overlapping.append(name)
            continue
        relations = [(relation(view, other), other_name) for other_name, other in kept]
        holder = next((other for known, other in relations if known is Relation.WITHIN), None)
        if holder is not None:
            within[name] = holder
            continue
        if any(known is Relation.OTHER for known, _ in relations):
            overlapping.append(name)
        kept.append((name, view))


def relation(view: StoredTensor, other: StoredTensor) -> Relation:
    """How `view` lies to `other`, which is not smaller, in the same storage."""
    if view.end <= other.begin or other.end <= view.begin:
        return Relation.APART
    anchor = min(view.begin, other.begin)
    rows, other_rows = _rows(view), _rows(other)
    if rows is None or other_rows is None or (pitch := _pitch(rows, other_rows)) is None:
        return Relation.OTHER
    mine = _rectangle(view.begin - anchor, rows, pitch)
    its = _rectangle(other.begin - anchor, other_rows, pitch)
    return Relation.OTHER if mine is None or its is None else mine.relation(its)


class _Rows(NamedTuple):
    """Runs of bytes without holes: how many, how long, and how far from one to the next."""

    rows: int
    run_bytes: int
    pitch_bytes: int  # 0 where there is only one


class _Rectangle(NamedTuple):
    """Part of a matrix of bytes, the ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    def relation(self, other: "_Rectangle") -> Relation:
        if self.bottom <= other.top or other.bottom <= self.top:
            return Relation.APART
        if self.right <= other.left or other.right <= self.left:
            return Relation.APART
        is_within = other.top <= self.top and self.bottom <= other.bottom
        is_within = is_within and other.left <= self.left and self.right <= other.right
        return Relation.WITHIN if is_within else Relation.OTHER


def _rows(view: StoredTensor) -> _Rows | None:
    """The rows of a view; None where it is no matrix of bytes."""
    run, rows, pitch = view.dtype.block_bytes, 1, 0
    for length, step in reversed(view.axes):
        if not step:
            continue  # the same elements again
        if not pitch and step == run:
            run *= length
        elif step == (pitch * rows or step) and step > run:
            pitch = pitch or step
            rows *= length
        else:
            return None
    return _Rows(rows, run, pitch)


def _pitch(rows: _Rows, other: _Rows) -> int | None:
    """What both are rows of; None where their rows begin unequally far apart."""
    pitches = {rows.pitch_bytes, other.pitch_bytes} - {0}
    if len(pitches) > 1:
        return None
    return pitches.pop() if pitches else max(rows.run_bytes, other.run_bytes)


def _rectangle(begin: int, view: _Rows, pitch: int) -> _Rectangle | None:
    """Rows that begin at byte `begin`, in the matrix whose rows have `pitch` bytes."""
    rows, run = view.rows, view.run_bytes
    top, left = divmod(begin, pitch)
    if rows == 1 and not left and not run % pitch:
        rows, run = run // pitch, pitch  # whole rows, which leave no hole
    return None if left + run > pitch else _Rectangle(top, top + rows, left, left + run)

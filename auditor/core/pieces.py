"""Meta's own layout: `consolidated.00.pth`, `.01.pth`, ... each hold a piece of every tensor.

The model was trained in parallel, and each process saved what it had: matrices are cut along their
rows or columns, vectors are in every piece as a whole (llama/model.py: ColumnParallelLinear,
RowParallelLinear, ParallelEmbedding of fairscale; RMSNorm is not parallel).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from auditor.core.findings import Finding, Severity, about, quoted
from auditor.core.tensors import Checkpoint, Tensor, WeightFile, join

# The matrices that are cut, by the last words of their names, and the axis that is cut.
_CUT: Final = (
    (("attention.wq.weight", "attention.wk.weight", "attention.wv.weight"), 0),
    (("feed_forward.w1.weight", "feed_forward.w3.weight", "output.weight"), 0),
    (("attention.wo.weight", "feed_forward.w2.weight", "tok_embeddings.weight"), 1),
)


def join_pieces(files: Sequence[WeightFile]) -> tuple[Checkpoint, tuple[Finding, ...]]:
    """The checkpoint of `files` that each hold a piece of every tensor.

    Finding `pieces-unclear`: matrices that are in several pieces and of which it is not known
    whether they are cut or repeated; the first is counted and the whole is not known.
    """
    by_name: dict[str, list[Tensor]] = {}
    for file in files:
        for tensor in file.header.tensors:
            by_name.setdefault(tensor.name, []).append(tensor)
    joined, unclear = [], []
    for name, pieces in by_name.items():
        axis = _axis(name)
        if len(pieces) == 1 or len(pieces[0].shape) <= 1:
            joined.append(pieces[0])
        elif axis is not None and len(pieces[0].shape) == 2:  # noqa: PLR2004 - a matrix
            joined.append(_along(axis, pieces))
        else:
            joined.append(pieces[0])
            unclear.append(quoted(name))
    what = "matrices that are in several pieces, cut or repeated"
    findings = about("pieces-unclear", Severity.ERROR, what, unclear)
    if unclear:
        gap = f"{len(unclear):,} matrices are in several pieces, cut or repeated"
        last = files[-1]
        files = [*files[:-1], replace(last, header=replace(last.header, gaps=(gap,)))]
    whole, _ = join(files[:1])
    return replace(whole, files=tuple(files), tensors=tuple(joined)), findings


def _axis(name: str) -> int | None:
    return next((axis for endings, axis in _CUT if name.endswith(endings)), None)


def _along(axis: int, pieces: Sequence[Tensor]) -> Tensor:
    """The matrix whose pieces lie one after another along `axis`."""
    first = pieces[0]
    length = sum(piece.shape[axis] for piece in pieces)
    shape = (length, first.shape[1]) if axis == 0 else (first.shape[0], length)
    return first._replace(
        shape=shape,
        elements=sum(piece.elements for piece in pieces),
        begin=0,
        end=sum(piece.stored_bytes for piece in pieces),
    )

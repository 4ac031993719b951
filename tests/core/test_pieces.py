"""Pieces of every tensor, put together."""

from auditor.core.dtypes import DTYPES
from auditor.core.pieces import join_pieces
from auditor.core.tensors import Header, Tensor, WeightFile

BF16 = DTYPES["BF16"]


def piece(path: str, **shapes: tuple[int, ...]) -> WeightFile:
    tensors, begin = [], 0
    for name, shape in shapes.items():
        elements = 1
        for length in shape:
            elements *= length
        end = begin + 2 * elements
        tensors.append(Tensor(name.replace("__", "."), BF16, shape, elements, begin, end))
        begin = end
    header = Header(format="PyTorch", size_bytes=begin, tensors=tuple(tensors))
    return WeightFile(path=path, oid=None, header=header)


# A model of two processes: width 8, vocabulary 20, inner width 12.
SHAPES: dict[str, tuple[int, ...]] = {
    "tok_embeddings__weight": (20, 4),
    "norm__weight": (8,),
    "output__weight": (10, 8),
    "layers__0__attention__wq__weight": (4, 8),
    "layers__0__attention__wo__weight": (8, 4),
    "layers__0__feed_forward__w2__weight": (8, 6),
    "rope__freqs": (2,),
}


def test_what_is_cut_along_rows_or_columns_is_put_together() -> None:
    checkpoint, findings = join_pieces([piece("0", **SHAPES), piece("1", **SHAPES)])
    shapes = {tensor.name: tensor.shape for tensor in checkpoint.tensors}
    assert shapes == {
        "tok_embeddings.weight": (20, 8),
        "norm.weight": (8,),
        "output.weight": (20, 8),
        "layers.0.attention.wq.weight": (8, 8),
        "layers.0.attention.wo.weight": (8, 8),
        "layers.0.feed_forward.w2.weight": (8, 12),
        "rope.freqs": (2,),
    }
    # 160 + 8 + 160 + 64 + 64 + 96 + 2, in two bytes each
    assert checkpoint.stored_elements == 554
    assert checkpoint.stored_bytes == 1_108
    assert findings == ()
    assert not any(file.header.gaps for file in checkpoint.files)


def test_a_matrix_that_may_be_cut_or_repeated_leaves_the_whole_unknown() -> None:
    shapes = {**SHAPES, "layers__0__feed_forward__gate__weight": (4, 8)}
    checkpoint, (finding,) = join_pieces([piece("0", **shapes), piece("1", **shapes)])
    assert finding.code == "pieces-unclear"
    assert "layers.0.feed_forward.gate.weight" in finding.message
    assert any(file.header.gaps for file in checkpoint.files)


def test_what_is_in_one_piece_alone_is_whole() -> None:
    checkpoint, _ = join_pieces(
        [piece("0", experts__0__w=(3, 3)), piece("1", experts__1__w=(3, 3))]
    )
    assert [tensor.elements for tensor in checkpoint.tensors] == [9, 9]

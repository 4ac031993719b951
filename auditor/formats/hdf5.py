"""HDF5: what Keras, tf.keras and transformers' TensorFlow classes save as `.h5`.

    superblock   where the root group is
    group        attributes, and links by name to groups and datasets
    dataset      messages: shape, type, where its bytes are

https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html

Structures lie wherever there was room when they were written: between the weights. So this format
takes many small reads, where others take one, and the weights themselves are not read.

Read with code of its own. A C library can be crashed by a file that was made for it; and pyfive
1.3.0, which is Python, allocates what an attribute of a few bytes asks for, refuses a whole group
for one external link, takes a bfloat16 for a half, and cannot read the chunks of newer files.

1  The file is as long as its superblock says, or longer.
2  Addresses are of 8 bytes, which is what all writers of weights use.
3  Each object is looked at once, whatever leads to it. Further links to it are aliases.
4  Where lists of Keras tell what is a weight, nothing else is (`auditor.formats.hdf5_names`).
5  An optimizer's state is left out.
6  A dataset has its bytes within the file, all of them, shared with no other. Pieces (chunks) and
   compressed ones are not looked for; their bytes are counted as they are once read.
7  Strings and records are no weights. Numbers of a kind that is not known, data in another file and
   data that were never written are gaps.
"""

from collections.abc import Generator
from itertools import accumulate
from math import prod
from typing import Final, NamedTuple, assert_never

from auditor.core.dtypes import Dtype
from auditor.core.findings import listed, quoted
from auditor.core.tensors import Header, Purpose, Span, Tensor, Use
from auditor.errors import HeaderMalformed, UnsupportedFormat
from auditor.formats.foreign import recognise
from auditor.formats.hdf5_bytes import Broken, Hdf5File, Steps, Unread
from auditor.formats.hdf5_names import MODEL_WEIGHTS, Weight, Weights, weights_of
from auditor.formats.hdf5_objects import SIGNATURE, open_file
from auditor.formats.hdf5_tree import FREE_TEXT, Tree, read_tree
from auditor.formats.hdf5_types import Absent, Contiguous, NoNumbers, Numbers, Strange

name: Final = "TensorFlow"

# Groups at the root with what training keeps beside the weights: Keras 1 and 2; Keras 3; tf.keras
# 2.12 and later.
STATE: Final = {
    "optimizer_weights": "the optimizer's state",
    "optimizer": "the optimizer's state",
    "metrics": "the state of metrics",
}
# Deflate makes 1,032 bytes of one at most: https://zlib.net/zlib_tech.html
MAX_COMPRESSION: Final = 1_032
DAMAGED: Final = "the file is damaged or was cut off; compare its sha256 with the Hub's"


def read_header(path: str, size_bytes: int) -> Generator[Span, bytes, Header]:
    """The header of an HDF5 file of `size_bytes`; its tensors in the order of the file's lists.

    Asks for the pages that its structures lie in, one after another as they come to be known.

    Raises HeaderMalformed, UnsupportedFormat, LimitExceeded.
    """
    file = Hdf5File(path, size_bytes)
    try:
        return (yield from _read(file))
    except Unread as error:
        hint = "load the model and save it anew"
        raise UnsupportedFormat(path, f"HDF5 with {error}, which is not read", hint=hint) from error
    except Broken as error:
        foreign = None if file.beginning.startswith(SIGNATURE) else recognise(file.beginning)
        if foreign is None:
            raise HeaderMalformed(path, str(error), hint=DAMAGED) from error
        reason = f"no HDF5 file but {foreign.what}"
        raise HeaderMalformed(path, reason, hint=foreign.hint) from error


class _Array(NamedTuple):
    """A weight that is an array of numbers, and the byte of the file that it begins at."""

    weight: Weight
    dtype: Dtype
    stored_bytes: int
    begin: int | None  # None where it is in pieces


def _read(file: Hdf5File) -> Steps[Header]:
    root = yield from open_file(file)
    tree = yield from read_tree(file, root, leave_out=STATE)
    found = weights_of(tree)
    arrays = _arrays(file, found)
    _check_places(file, arrays)
    tensors, data_begin = _tensors(arrays)
    names = {tensor.name for tensor in tensors}
    return Header(
        format=name,
        size_bytes=file.size_bytes,
        tensors=tensors,
        data_begin=data_begin,
        aliases={alias: name for alias, name in found.aliases.items() if name in names},
        metadata=_metadata(tree),
        warnings=tuple(found.warnings),
        notes=(
            *found.notes,
            *(f"{quoted(group)} was passed over: {STATE[group]}" for group in tree.left_out),
        ),
        gaps=tuple(found.gaps),
        purposes={
            tensor.name: _copy_of(found.copies[tensor.name], tensor)
            for tensor in tensors
            if found.copies.get(tensor.name) in names
        },
    )


def _copy_of(original: str, tensor: Tensor) -> Purpose:
    return Purpose(
        use=Use.COPY,
        name="copies",
        reason="a variable that two layers share is stored in both",
        parameters=tensor.elements,
        original=original,
    )


def _arrays(file: Hdf5File, found: Weights) -> list[_Array]:
    """The weights that are numbers and in this file; what is said of the others goes to `found`."""
    arrays: list[_Array] = []
    others: dict[str, list[Weight]] = {}
    unread: dict[str, list[Weight]] = {}
    for weight in found.weights:
        shape, elements, storage = weight.dataset
        match elements:
            case NoNumbers(what=what):
                others.setdefault(what, []).append(weight)
            case Strange(what=what, size_bytes=size):
                each = f"{what} of {size:,} bytes" if size else what
                unread.setdefault(each, []).append(weight)
            case Numbers(dtype=dtype):
                stored_bytes = dtype.bytes_for(prod(shape))
                if isinstance(storage, Absent):
                    unread.setdefault(storage.why, []).append(weight)
                elif stored_bytes > MAX_COMPRESSION * file.size_bytes:
                    unread.setdefault("more than the file can hold", []).append(weight)
                else:
                    begin = file.base + storage.begin if isinstance(storage, Contiguous) else None
                    arrays.append(_Array(weight, dtype, stored_bytes, begin))
            case _:
                assert_never(elements)
    found.gaps += [f"{what}: {_told(weights)}" for what, weights in unread.items()]
    found.notes += [f"{what}, which are no weights: {_told(w)}" for what, w in others.items()]
    return arrays


def _told(weights: list[Weight]) -> str:
    elements = sum(prod(weight.dataset.shape) for weight in weights)
    return f"{listed([quoted(weight.path) for weight in weights])} ({elements:,} elements)"


def _check_places(file: Hdf5File, arrays: list[_Array]) -> None:
    """Raises HeaderMalformed where an array goes past the end of the file or into another."""
    placed = [(a.begin, a.begin + a.stored_bytes, a) for a in arrays if a.begin is not None]
    free, before = 0, ""
    for begin, end, array in sorted(placed, key=lambda place: place[:2]):
        path = quoted(array.weight.path)
        if array.stored_bytes and begin < free:
            raise HeaderMalformed(file.path, f"{before} and {path} overlap", hint=DAMAGED)
        if end > file.size_bytes:
            reason = f"{path} ends at byte {end:,} and the file at {file.size_bytes:,}"
            raise HeaderMalformed(file.path, reason, hint=DAMAGED)
        free, before = end, path


def _tensors(arrays: list[_Array]) -> tuple[tuple[Tensor, ...], int | None]:
    """The tensors, and the byte that their places count from.

    Where one is in pieces none has a place, and they are given as if one came after another.
    """
    are_placed = all(array.begin is not None for array in arrays)
    ends = accumulate(array.stored_bytes for array in arrays)
    tensors = []
    for array, end in zip(arrays, ends, strict=True):
        shape = array.weight.dataset.shape
        begin = end - array.stored_bytes
        if are_placed and array.begin is not None:
            begin = array.begin
        tensors.append(
            Tensor(
                name=array.weight.name,
                dtype=array.dtype,
                shape=shape,
                elements=prod(shape),
                begin=begin,
                end=begin + array.stored_bytes,
            )
        )
    return tuple(tensors), 0 if are_placed else None


def _metadata(tree: Tree) -> dict[str, str]:
    """What Keras says of itself: which version wrote the file, over which backend."""
    groups = (tree.group(tree.root), tree.group(tree.find(tree.root, MODEL_WEIGHTS)))
    return {
        key: " ".join(group.attributes[key])
        for group in groups
        if group is not None
        for key in FREE_TEXT
        if key in group.attributes
    }

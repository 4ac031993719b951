"""The header of a checkpoint: what its pickle and its storages say together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.core.findings import listed, quoted
from auditor.core.tensors import Header, Tensor
from auditor.formats.pickle_values import Global, Value
from auditor.formats.torch_globals import safety_warnings
from auditor.formats.torch_names import Naming
from auditor.formats.torch_objects import ObjectReader
from auditor.formats.torch_parts import Opener
from auditor.formats.torch_tensors import StoredTensor, TensorReader
from auditor.formats.torch_views import Shared, share
from auditor.formats.torch_weights import choose_weights

FORMAT: Final = "PyTorch"
BIG_ENDIAN: Final = "the numbers are stored with the high byte first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What a file holds beside its object, and what is to be said of it.

    `begins` are the places of its storages by key, counted from `data_begin`; without one, they are
    laid end to end in thought.
    """

    size_bytes: int
    begins: Mapping[str, int]
    data_begin: int | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


def header_of(
    root: Value, named: Sequence[Global], tensors: TensorReader, archive: Archive
) -> Header:
    """The header of the file whose object is `root` and whose pickle has `named` what it needs.

    `tensors` has read all storages. Raises HeaderMalformed, UnknownDtype, LimitExceeded.
    """
    objects = ObjectReader(tensors, Opener(tensors.path))
    chosen = choose_weights(root, objects)
    naming = Naming(path=tensors.path, objects=objects, skipped=chosen.skipped)
    naming.walk(chosen.root)
    shared = share(naming.tensors)
    return Header(
        format=FORMAT,
        size_bytes=archive.size_bytes,
        tensors=tuple(
            _placed(name, tensor, archive.begins[tensor.key])
            for name, tensor in naming.tensors.items()
            if name not in shared.aliases
        ),
        data_begin=archive.data_begin,
        aliases=shared.aliases,
        purposes={
            name: purpose for name, purpose in naming.purposes.items() if name not in shared.aliases
        },
        warnings=(*archive.warnings, *_whole_module(naming), *safety_warnings(named)),
        notes=(
            *archive.notes,
            *chosen.notes,
            *(f"left out, {what}: {weight.words}" for what, weight in naming.left_out.items()),
            *_sharing(shared),
            *_repeating(naming.tensors),
        ),
        gaps=(*archive.gaps, *_gaps(naming, shared), *_unread(tensors)),
    )


def _placed(name: str, tensor: StoredTensor, begin: int) -> Tensor:
    begin += tensor.begin
    end = begin + tensor.stored_bytes
    return Tensor(name, tensor.dtype, tensor.shape, tensor.elements, begin, end)


def _whole_module(naming: Naming) -> tuple[str, ...]:
    if not naming.module:
        return ()
    return (f"a module was saved as a whole and not its state dict: {quoted(naming.module)}",)


def _gaps(naming: Naming, shared: Shared) -> list[str]:
    gaps = [f"not known, {what}: {listed(names)}" for what, names in naming.gaps.items()]
    if shared.overlapping:
        names = listed([quoted(name) for name in shared.overlapping])
        gaps.append(f"tensors that share some bytes with others, and not all: {names}")
    return gaps


def _sharing(shared: Shared) -> tuple[str, ...]:
    if not shared.views:
        return ()
    names = [f"{quoted(name)} in {quoted(shared.aliases[name])}" for name in shared.views]
    return (f"views of bytes that are another tensor's, counted with it: {listed(names)}",)


def _repeating(tensors: Mapping[str, StoredTensor]) -> tuple[str, ...]:
    """Expanded tensors: each element is stored once and counts as often as the shape has it."""
    names = [
        quoted(name)
        for name, tensor in tensors.items()
        if tensor.stored_bytes < tensor.dtype.bytes_up_to(tensor.elements)
    ]
    what = "tensors that repeat what they store, counted by their shapes"
    return (f"{what}: {listed(names)}",) if names else ()


def _unread(tensors: TensorReader) -> tuple[str, ...]:
    """Storages that the pickle names and that no tensor is known to look into."""
    unread = [size for key, size in tensors.storage_bytes.items() if key not in tensors.used]
    what = "what the pickle makes of some of its storages"
    return (f"not known, {what}: {sum(unread):,} bytes in {len(unread):,}",) if any(unread) else ()

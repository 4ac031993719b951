"""Tensors as they are stored, the headers that list them, and the checkpoint they make up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any, Final, NamedTuple

from auditor.core.dtypes import Dtype
from auditor.core.findings import Finding, Severity, about, quoted

_ABSURD_BYTES: Final = 1 << 64


class Span(NamedTuple):
    """Bytes `begin` to `end` (not included) of a file."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.begin


class Tensor(NamedTuple):
    """One entry of a header. `shape`, `begin` and `end` are as stored, not as meant.

    NOTE: a NamedTuple and not a frozen dataclass: a checkpoint of the largest models has half a
    million of them, and these are made five times as fast.
    """

    name: str
    dtype: Dtype
    shape: tuple[int, ...]
    elements: int  # the product of `shape`; 1 for a scalar
    begin: int  # bytes from the header's `data_begin`
    end: int

    @property
    def stored_bytes(self) -> int:
        return self.end - self.begin


class Use(StrEnum):
    """What the numbers of a tensor are, where a file holds the computation and so shows it."""

    WEIGHTS = "weights"  # quantised or packed
    COPY = "copy"  # a second copy of another tensor
    BOOKKEEPING = "bookkeeping"  # a quantiser's scales and zero points
    CONSTANT = "constant"  # computed or fixed, never trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a tensor is for by the computation in its file, which outranks its name.

    `name` reads in a sentence ("rotary tables"). Weights are `parameters`, whatever the number of
    elements, in the `packing`; `ending` is what their name has beyond that of the plain tensor.
    With an `original` they may be a second copy of that tensor; a copy surely is.
    """

    use: Use
    name: str
    reason: str
    parameters: int = 0
    packing: str = ""
    ending: str = ""
    original: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What one weight file says it holds, validated.

    `tensors` are those that are stored; `aliases` are further names of theirs, each with the name
    that it shares all its bytes with. `metadata` is the file's own free text, claims of whoever
    wrote it. `warnings` are oddities that the format's readers let pass. `gaps` say, a sentence
    each, what the file holds that could not be read as tensors and may hold parameters: with any,
    the count of the whole is not known. `notes` are for a person: what was passed over on purpose
    (an optimizer's state), or by which rule an entry was counted. `purposes` are of those tensors
    of which the file itself shows what they are for, by name.
    """

    format: str
    size_bytes: int
    tensors: tuple[Tensor, ...]
    data_begin: int | None = None  # the byte that `begin` and `end` count from, where there is one
    aliases: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    purposes: Mapping[str, Purpose] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One weight file of a checkpoint with its header."""

    path: str
    oid: str | None  # sha256 of the content where the source knows it, else the git blob's sha1
    header: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The files that hold one copy of the weights.

    `tensors` are those of all files, each name once, in the order of the files. `aliases` are
    further names of theirs, of which the files say that they share the bytes.
    """

    files: tuple[WeightFile, ...]
    tensors: tuple[Tensor, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    component: str = ""  # the part of a pipeline it belongs to; empty for the whole model

    @property
    def stored_bytes(self) -> int:
        """Bytes of tensor data, without the files' headers."""
        return sum(tensor.end - tensor.begin for tensor in self.tensors)

    @property
    def stored_elements(self) -> int:
        return sum(tensor.elements for tensor in self.tensors)


def join(
    files: Sequence[WeightFile], *, component: str = ""
) -> tuple[Checkpoint, tuple[Finding, ...]]:
    """The checkpoint of `files`. A tensor that is in two of them counts once, as the first has it.

    The findings are `tensor-stored-twice`, one for those that are alike and one for those that
    differ, and `tensor-shared` for names that share another's bytes.
    """
    tensors = tuple(chain.from_iterable(file.header.tensors for file in files))
    findings: tuple[Finding, ...] = ()
    if len({tensor.name for tensor in tensors}) < len(tensors):
        tensors, findings = _each_once(files)
    aliases = {name: other for file in files for name, other in file.header.aliases.items()}
    shared = [f"{quoted(name)} is {quoted(other)}" for name, other in aliases.items()]
    what = "names that share another's bytes, counted once"
    checkpoint = Checkpoint(
        files=tuple(files), tensors=tensors, aliases=aliases, component=component
    )
    return checkpoint, (*findings, *about("tensor-shared", Severity.INFO, what, shared))


def header_findings(file: WeightFile) -> tuple[Finding, ...]:
    """What one file's header says of itself: oddities, what was passed over, what is unreadable."""
    rows = (
        ("header-oddity", Severity.NOTICE, file.header.warnings),
        ("header-note", Severity.INFO, file.header.notes),
        ("content-unread", Severity.ERROR, file.header.gaps),
    )
    return tuple(
        Finding(code=code, severity=severity, message=f"{file.path}: {sentence}")
        for code, severity, sentences in rows
        for sentence in sentences
    )


def _each_once(files: Sequence[WeightFile]) -> tuple[tuple[Tensor, ...], tuple[Finding, ...]]:
    kept: dict[str, tuple[Tensor, str]] = {}
    alike: list[str] = []
    unlike: list[str] = []
    for file in files:
        for tensor in file.header.tensors:
            if tensor.name not in kept:
                kept[tensor.name] = tensor, file.path
                continue
            first, path = kept[tensor.name]
            same = (first.dtype, first.shape) == (tensor.dtype, tensor.shape)
            example = f"{quoted(tensor.name)} in {quoted(path)} and {quoted(file.path)}"
            (alike if same else unlike).append(example)
    code = "tensor-stored-twice"
    findings = (
        *about(code, Severity.WARNING, "tensors stored twice, alike, and counted once", alike),
        *about(code, Severity.WARNING, "tensors stored twice, unlike, the first counted", unlike),
    )
    return tuple(tensor for tensor, _ in kept.values()), findings


def check_index(
    weight_map: Mapping[str, str], metadata: Mapping[str, Any], checkpoint: Checkpoint
) -> tuple[Finding, ...]:
    """What a shard index and the headers of its shards say differently.

    `weight_map` gives the path of each tensor's file. Where files are absent, their tensors are not
    told one by one, and nothing is said of the total size.
    """
    files = checkpoint.files
    if _is_followed(weight_map, files):
        return _total_size(metadata, checkpoint, ())
    paths = {file.path for file in files}
    held = {(tensor.name, file.path) for file in files for tensor in file.header.tensors}
    held.update((name, file.path) for file in files for name in file.header.aliases)
    stored = {*(tensor.name for tensor in checkpoint.tensors), *checkpoint.aliases}
    absent = sorted(set(weight_map.values()) - paths)
    astray = [place for place in weight_map.items() if place not in held]
    lost = [name for name, path in astray if name not in stored and path in paths]
    moved = [name for name, _ in astray if name in stored]
    extra = [tensor.name for tensor in checkpoint.tensors if tensor.name not in weight_map]
    return (
        *_index(Severity.ERROR, "shard-missing", "named by the index and absent", absent),
        *_index(Severity.WARNING, "tensor-missing", "in the index and in no file", lost),
        *_index(Severity.WARNING, "tensor-elsewhere", "in another file than the index says", moved),
        *_index(Severity.WARNING, "tensor-extra", "in the files and not in the index", extra),
        *(() if absent else _total_size(metadata, checkpoint, extra)),
    )


def _is_followed(weight_map: Mapping[str, str], files: Sequence[WeightFile]) -> bool:
    """Whether each name lies in the file that `weight_map` says, and there are no others."""
    held = [
        (file.path, [*[tensor.name for tensor in file.header.tensors], *file.header.aliases])
        for file in files
    ]
    return len(weight_map) == sum(len(names) for _, names in held) and all(
        {weight_map.get(name) for name in names} <= {path} for path, names in held
    )


def _index(severity: Severity, code: str, what: str, names: Sequence[str]) -> tuple[Finding, ...]:
    noun = code.partition("-")[0] + "s"  # shards or tensors
    return about(f"index-{code}", severity, f"{noun} {what}", [quoted(name) for name in names])


def _total_size(
    metadata: Mapping[str, Any], checkpoint: Checkpoint, extra: Sequence[str]
) -> tuple[Finding, ...]:
    """`index-total-size` where the index's `total_size` is not the bytes of the tensors."""
    said_bytes = metadata.get("total_size")
    if said_bytes is None or said_bytes == (stored_bytes := checkpoint.stored_bytes):
        return ()
    severity = Severity.WARNING
    if type(said_bytes) is not int or not 0 <= said_bytes < _ABSURD_BYTES:
        message = "the index's `total_size` is no number of bytes"
    else:
        message = (
            f"the index's `total_size` is {said_bytes:,}, the tensors have {stored_bytes:,} bytes"
            f" ({said_bytes - stored_bytes:+,})"
        )
        if reason := _explanation(said_bytes, checkpoint, frozenset(extra)):
            severity = Severity.NOTICE
            message += f": it {reason}"
    return (Finding(code="index-total-size", severity=severity, message=message),)


def _explanation(said_bytes: int, checkpoint: Checkpoint, extra: frozenset[str]) -> str:
    """What `total_size` is or does instead; empty where nothing fits to the last byte."""
    files, tensors = checkpoint.files, checkpoint.tensors
    elements = checkpoint.stored_elements
    all_stored = (tensor for file in files for tensor in file.header.tensors)
    rows = (
        (
            sum(file.header.size_bytes for file in files),
            "is the size of the files, headers included",
        ),
        (sum(tensor.stored_bytes for tensor in all_stored), "counts twice what is stored twice"),
        (
            sum(tensor.stored_bytes for tensor in tensors if tensor.name not in extra),
            "leaves out the tensors that are not in the index",
        ),
        (elements, "is the number of elements"),
        (2 * elements, "is two bytes for each element"),
        (4 * elements, "is four bytes for each element"),
    )
    for number, reason in rows:
        if number == said_bytes:
            return reason
    over = said_bytes - checkpoint.stored_bytes
    of_that_size = [tensor.name for tensor in tensors if tensor.stored_bytes == over]
    # One alone can be meant: most likely it is tied, and was left out of the files as a copy.
    return f"counts {quoted(of_that_size[0])} twice" if len(of_that_size) == 1 else ""

"""All groups and datasets of an HDF5 file, each once, whatever leads to it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import prod
from typing import Final, NamedTuple

from auditor.core.dtypes import DTYPES
from auditor.errors import LimitExceeded
from auditor.formats.hdf5_attributes import Attributes, string_attributes
from auditor.formats.hdf5_bytes import SAVE_ANEW, Broken, Hdf5File, Steps, Unread
from auditor.formats.hdf5_links import HardLink, Link, Links, SoftLink, links_of
from auditor.formats.hdf5_objects import (
    DATASPACE,
    DATATYPE,
    EXTERNAL_FILES,
    GROUP_INFO,
    LAYOUT,
    LINK,
    LINK_INFO,
    SYMBOL_TABLE,
    Message,
    first_of,
    messages_of,
)
from auditor.formats.hdf5_types import (
    Absent,
    Elements,
    Elsewhere,
    NoNumbers,
    Numbers,
    Storage,
    Strange,
    elements_of,
    shape_of,
    storage_of,
)

MAX_OBJECTS: Final = 100_000  # the largest models known have 2,000 tensors in a file of this kind
MAX_DEPTH: Final = 64  # groups within groups; models have up to 15
MAX_PATH_CHARACTERS: Final = 1_024  # names of weights have up to 200
_MAX_HOPS: Final = 16  # links that lead to links, as in HDF5 (H5L_NUM_LINKS)
_GROUP_KINDS: Final = frozenset({SYMBOL_TABLE, LINK_INFO, GROUP_INFO, LINK})

# What Keras says of itself; a list too long for one attribute goes on as `layer_names0`, `...1`.
LISTS: Final = ("layer_names", "weight_names")
FREE_TEXT: Final = ("backend", "keras_version")
DTYPE: Final = "dtype"

_BFLOAT16: Final = DTYPES["BF16"]

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group's links, and the attributes by which Keras lists what is in it."""

    links: Links
    attributes: Attributes


class Dataset(NamedTuple):
    """An array: its shape as it is stored, its elements, and where they are."""

    shape: tuple[int, ...]
    elements: Elements
    storage: Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A named datatype, or what a later version may bring."""


Node = Group | Dataset | Other


@dataclass(slots=True, kw_only=True)
class Tree:
    """The objects of a file by address. `paths` has the first way to each.

    `further` are other ways to objects, and `loose` the links that lead to no address. `left_out`
    are the groups at the root that were not looked into.
    """

    root: int
    objects: dict[int, Node] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)
    further: list[tuple[Path, int]] = field(default_factory=list)
    loose: list[tuple[Path, Link]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def group(self, address: int | None) -> Group | None:
        node = None if address is None else self.objects.get(address)
        return node if isinstance(node, Group) else None

    def dataset(self, address: int | None) -> Dataset | None:
        node = None if address is None else self.objects.get(address)
        return node if isinstance(node, Dataset) else None

    def find(self, begin: int, path: str) -> int | None:
        """The address of what `path` leads to from the group at `begin`; None where nothing is."""
        address: int | None = begin
        waiting = _parts(path)
        hops = 0
        while waiting and address is not None and len(waiting) <= MAX_DEPTH:
            group = self.group(address)
            link = group.links.get(waiting.pop()) if group else None
            match link:
                case HardLink():
                    address = link.address
                case SoftLink() if hops < _MAX_HOPS:
                    hops += 1
                    waiting += _parts(link.path)
                    address = self.root if link.path.startswith("/") else address
                case _:
                    address = None
        return None if waiting else address


def _parts(path: str) -> list[str]:
    """The names of `path`, the first at the end."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def read_tree(file: Hdf5File, root: int, *, leave_out: Collection[str]) -> Steps[Tree]:
    """Everything that links lead to from the root, but for the root's groups in `leave_out`.

    A group whose `layer_names` has a name is not left out for that name.
    """
    tree = Tree(root=root)
    waiting: list[tuple[int, Path]] = [(root, ())]
    while waiting:
        address, path = heappop(waiting)  # the next in the file: the pages are read in order
        if address in tree.objects:
            tree.further.append((path, address))
            continue
        node = yield from _object(file, address)
        tree.objects[address] = node
        tree.paths[address] = path
        if len(tree.objects) > MAX_OBJECTS:
            raise LimitExceeded(
                file.path, f"more than {MAX_OBJECTS:,} groups and datasets", hint=SAVE_ANEW
            )
        if not isinstance(node, Group):
            continue
        if not path:
            tree.left_out = [
                name
                for name in node.links
                if name in leave_out and name not in listed(node.attributes, LISTS[0])
            ]
        below = _below(file, path, node.links, () if path else tree.left_out)
        for child, link in below:
            if isinstance(link, HardLink):
                heappush(waiting, (link.address, child))
            else:
                tree.loose.append((child, link))
    return tree


def _below(
    file: Hdf5File, path: Path, links: Links, left_out: Collection[str]
) -> list[tuple[Path, Link]]:
    """The paths of what a group's links lead to."""
    file.count(len(links))
    longest = max(map(len, links), default=0) + len("/".join(path))
    if links and (len(path) >= MAX_DEPTH or longest > MAX_PATH_CHARACTERS):
        raise LimitExceeded(
            file.path,
            f"groups {len(path) + 1} deep, with a path of {longest:,} characters;"
            f" at most {MAX_DEPTH} and {MAX_PATH_CHARACTERS:,} are read",
            hint=SAVE_ANEW,
        )
    return [((*path, name), link) for name, link in links.items() if name not in left_out]


def listed(attributes: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    """The list that Keras keeps in the attribute `name`, put together where it has several."""
    if name in attributes:
        return attributes[name]
    parts: list[str] = []
    number = 0
    while f"{name}{number}" in attributes:
        parts += attributes[f"{name}{number}"]
        number += 1
    return tuple(parts)


def _object(file: Hdf5File, address: int) -> Steps[Node]:
    messages = yield from messages_of(file, address)
    kinds = {message.kind for message in messages}
    if kinds & _GROUP_KINDS:
        links = yield from links_of(file, messages)
        attributes = yield from string_attributes(file, messages, _is_of_keras)
        return Group(links=links, attributes=attributes)
    if {DATASPACE, DATATYPE, LAYOUT} <= kinds:
        try:
            return (yield from _dataset(file, messages))
        except Unread as error:
            return Dataset(
                shape=(), elements=Strange(what=str(error), size_bytes=0), storage=Elsewhere()
            )
    return Other()


def _is_of_keras(name: str) -> bool:
    return name.startswith(LISTS) or name in FREE_TEXT


def _dataset(file: Hdf5File, messages: tuple[Message, ...]) -> Steps[Dataset]:
    space = yield from first_of(file, messages, DATASPACE)
    datatype = yield from first_of(file, messages, DATATYPE)
    layout = yield from first_of(file, messages, LAYOUT)
    if space is None or datatype is None or layout is None:
        raise Broken("a dataset without a shape, a type or a place")
    shape = shape_of(space)
    if shape is None:
        return Dataset(shape=(), elements=NoNumbers(what="nothing"), storage=Elsewhere())
    elements = elements_of(datatype)
    if isinstance(elements, Strange):
        elements = yield from _as_keras_says(file, messages, elements)
    if not isinstance(elements, Numbers):
        return Dataset(shape=shape, elements=elements, storage=Elsewhere())
    storage = storage_of(layout, elements.dtype.bytes_for(prod(shape)))
    if any(message.kind == EXTERNAL_FILES for message in messages):
        storage = Absent(why="data in another file")
    return Dataset(shape=shape, elements=elements, storage=storage)


def _as_keras_says(
    file: Hdf5File, messages: tuple[Message, ...], strange: Strange
) -> Steps[Elements]:
    """Opaque elements as what Keras 3 writes beside them: bfloat16, which numpy does not know."""
    attributes = yield from string_attributes(file, messages, lambda name: name == DTYPE)
    if strange.size_bytes == _BFLOAT16.block_bytes and attributes.get(DTYPE) == ("bfloat16",):
        return Numbers(dtype=_BFLOAT16)
    return strange

"""Which datasets of an HDF5 file are weights, and what they are called.

    Keras 1, 2     root or `model_weights`: attribute `layer_names`; each layer's group has
                   `weight_names`, paths from the group; `top_level_model_weights` beside them
    transformers   the same; a name is <model>/<layer>/..., and a variable that two layers share is
                   stored in both, under one name; of a shard, `layer_names` are the weights
    Keras 3        layers/<layer>/vars/0, 1, ...; no lists
    others         any tree of datasets

(keras 3.12 and tf_keras 2.21: saving/legacy/hdf5_format.py, saving_lib.py; transformers 4.46:
modeling_tf_utils.py.) A weight's name here is its path with dots for slashes, without `:0`, without
the group of its layer where the name has the layer in it, and without the model's own name. In
transformers' spelling, `layer_._0` is item 0 of a list, and of `mlm___cls` only `cls` is meant
(modeling_tf_pytorch_utils.py).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from auditor.core.findings import listed as examples
from auditor.core.findings import quoted
from auditor.formats.hdf5_links import ForeignLink
from auditor.formats.hdf5_tree import Dataset, Group, Tree, listed

MODEL_WEIGHTS: Final = "model_weights"
TOP_LEVEL: Final = "top_level_model_weights"

_OUTPUT_NUMBER: Final = re.compile(r":[0-9]+$")


class Weight(NamedTuple):
    """A dataset that is a weight: its name here, its path in the file."""

    name: str
    path: str
    dataset: Dataset


@dataclass(slots=True, kw_only=True)
class Weights:
    """The weights of a file, and what is to be said about them."""

    weights: list[Weight] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)  # names, each with that of the original
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


class _Entry(NamedTuple):
    """A weight as the file's lists name it: `name` from the group of the layer, if it is in one."""

    layer: str
    name: str
    address: int | None

    @property
    def path(self) -> str:
        return f"{self.layer}/{self.name}".removeprefix("/")


def weights_of(tree: Tree) -> Weights:
    """The weights that the file's own lists name; without lists, every dataset."""
    for address in (tree.root, tree.find(tree.root, MODEL_WEIGHTS)):
        group = tree.group(address)
        if address is not None and group and listed(group.attributes, "layer_names"):
            return _listed_weights(tree, _entries(tree, address, group))
    return _all_datasets(tree)


# -- with lists


def _entries(tree: Tree, holder: int, group: Group) -> list[_Entry]:
    entries: list[_Entry] = []
    for layer in (*listed(group.attributes, "layer_names"), TOP_LEVEL):
        address = tree.find(holder, layer)
        inside = tree.group(address)
        if inside is not None and address is not None:
            names = listed(inside.attributes, "weight_names")
            entries += [_Entry(layer, name, tree.find(address, name)) for name in names]
        elif layer != TOP_LEVEL:
            entries.append(_Entry("", layer, address))
    return entries


def _listed_weights(tree: Tree, entries: Sequence[_Entry]) -> Weights:
    scope = _scope(entries)
    listing = _each_once(tree, entries, by_name=bool(scope))
    kept = listing.kept
    paths = [entry.path for entry, _ in kept]
    spelled = [_name(entry, scope, in_layer=entry in listing.copies) for entry, _ in kept]
    names = _distinct(spelled, paths)
    name_at = {entry.address: name for (entry, _), name in zip(kept, names, strict=True)}
    found = Weights(
        weights=[Weight(*row) for row in zip(names, paths, [d for _, d in kept], strict=True)],
        aliases=_aliases(
            [(_name(entry, scope, in_layer=True), entry.path) for entry in listing.again],
            [name_at[entry.address] for entry in listing.again],
            set(names),
        ),
        copies={name_at[e.address]: name_at[first.address] for e, first in listing.copies.items()},
    )
    if scope:
        found.notes.append(f"the model's own name, {quoted(scope)}, is left out of the names")
    known = {entry.address for entry in entries}
    unlisted = [
        quoted("/".join(path))
        for address, path in tree.paths.items()
        if address not in known and tree.dataset(address)
    ]
    if unlisted:
        found.notes.append(f"passed over, for no layer lists it: {examples(unlisted)}")
    if listing.missing:
        found.gaps.append(f"weights that are listed and not there: {examples(listing.missing)}")
    return found


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The weights that lists name, each dataset once.

    `copies` are those of the `kept` that hold the same variable as an earlier one; `again` are
    entries that lead to a dataset that was named before; `missing` lead to none.
    """

    kept: list[tuple[_Entry, Dataset]] = field(default_factory=list)
    copies: dict[_Entry, _Entry] = field(default_factory=dict)
    again: list[_Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def _each_once(tree: Tree, entries: Sequence[_Entry], *, by_name: bool) -> _Listing:
    """Told apart by where they lead and, `by_name`, by the variables that are alike."""
    listing = _Listing()
    seen: set[int] = set()
    firsts: dict[object, _Entry] = {}
    for entry in entries:
        dataset = tree.dataset(entry.address)
        if dataset is None or entry.address is None:
            listing.missing.append(quoted(entry.path))
        elif entry.address in seen:
            listing.again.append(entry)
        else:
            seen.add(entry.address)
            listing.kept.append((entry, dataset))
            first = firsts.setdefault((entry.name, dataset.shape, dataset.elements), entry)
            if by_name and first is not entry:
                listing.copies[entry] = first
    return listing


def _scope(entries: Sequence[_Entry]) -> str:
    """The model's own name, where names are <model>/<layer>/...; empty where they are not."""
    layered = [entry for entry in entries if entry.layer not in {"", TOP_LEVEL}]
    models = Counter(entry.name.partition("/")[0] for entry in layered)
    model = next(iter(models.most_common(1)), ("", 0))[0]
    inside = any(entry.name.startswith(f"{model}/{entry.layer}/") for entry in layered)
    return model if inside else ""


def _name(entry: _Entry, scope: str, *, in_layer: bool) -> str:
    """The name of a weight; that of its layer goes first, unless it is in the name already."""
    path = entry.name.removeprefix(f"{scope}/") if scope else entry.name
    is_complete = not in_layer and (
        entry.layer in {"", TOP_LEVEL} or path != entry.name or path.startswith(f"{entry.layer}/")
    )
    return _spelled(path if is_complete else f"{entry.layer}/{path}")


# -- without lists


def _all_datasets(tree: Tree) -> Weights:
    found = Weights()
    places = [
        (address, "/".join(path), dataset)
        for address, path in tree.paths.items()
        if (dataset := tree.dataset(address)) is not None
    ]
    names = _distinct([_spelled(path) for _, path, _ in places], [path for _, path, _ in places])
    name_at: dict[int, str] = {}
    for (address, path, dataset), name in zip(places, names, strict=True):
        found.weights.append(Weight(name, path, dataset))
        name_at[address] = name
    further = [("/".join(way), address) for way, address in tree.further]
    for way, link in tree.loose:
        joined = "/".join(way)
        if isinstance(link, ForeignLink):
            found.gaps.append(f"{quoted(joined)} is a link to {link.what}")
        elif (target := tree.find(tree.root, joined)) is None:
            found.warnings.append(f"{quoted(joined)} is a link that leads nowhere")
        else:
            further.append((joined, target))
    to_weights = [(path, name_at[address]) for path, address in further if address in name_at]
    found.aliases = _aliases(
        [(_spelled(path), path) for path, _ in to_weights],
        [weight for _, weight in to_weights],
        set(names),
    )
    return found


# -- names


def _spelled(path: str) -> str:
    """`path` with dots, without `:0`, and without what only transformers' converter needs."""
    parts = _OUTPUT_NUMBER.sub("", path).replace("_._", "/").split("/")
    parts[:-1] = [part.rpartition("___")[2] for part in parts[:-1]]
    return ".".join(part for part in parts if part)


def _distinct(names: Sequence[str], paths: Sequence[str]) -> list[str]:
    """`names`, and paths in the place of those that two weights would share."""
    counts = Counter(names)
    return [
        name if name and counts[name] == 1 else path
        for name, path in zip(names, paths, strict=True)
    ]


def _aliases(
    named: Iterable[tuple[str, str]], originals: Iterable[str], taken: set[str]
) -> dict[str, str]:
    """Further names, each with the name of the weight; by the path where a name is taken."""
    aliases: dict[str, str] = {}
    for words, original in zip(named, originals, strict=True):
        free = next((word for word in words if word and word not in taken), None)
        if free is not None:
            aliases[free] = original
            taken.add(free)
    return aliases

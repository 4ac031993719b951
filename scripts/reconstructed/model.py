"""The nouns: a model, its parts, the tables of their tensors, and the figures they must meet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from auditor.core.dtypes import DTYPES

# A tensor's name and its shape in the words of the part's dimensions, or in numbers. {layer} in the
# name stands for every layer's number; rows with it that follow one another are one layer's.
Row = tuple[str, str]
Config = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A tensor as it is stored; what it weighs follows."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def stored_bytes(self) -> int:
        return DTYPES[self.dtype].bytes_for(self.elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Weights with their config in one `folder` (`unet/`), or at the root.

    `max_shard_bytes` of 0 is a single file. A header that is not `padded` is of a writer before
    safetensors 0.3.
    """

    table: tuple[Row, ...]
    config: Config
    dimensions: Mapping[str, int] = field(default_factory=dict)
    layers: int = 0
    folder: str = ""
    stem: str = "model"
    dtype: str = "F32"
    dtypes: Mapping[str, str] = field(default_factory=dict)  # of tensors that have another
    max_shard_bytes: int = 0
    padded: bool = True

    @property
    def tensors(self) -> tuple[Stored, ...]:
        """Every tensor, in the order of the table."""
        return tuple(
            Stored(name=name, dtype=self.dtypes.get(name, self.dtype), shape=self._shape(words))
            for name, words in _expanded(self.table, self.layers)
        )

    def _shape(self, words: str) -> tuple[int, ...]:
        return tuple(
            int(word) if word.isdigit() else self.dimensions[word] for word in words.split()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A figure that somebody published, of the tensors whose paths begin with `prefixes`."""

    elements: int
    what: str
    source: str
    prefixes: tuple[str, ...] = ("",)
    without: str = "\0"  # part of a path that the figure leaves out


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model to reconstruct."""

    repo_id: str
    architecture: str
    parts: tuple[Part, ...]
    published: tuple[Published, ...]
    aliases: tuple[str, ...] = ()
    documents: Mapping[str, Config] = field(default_factory=dict)  # JSON files beside the configs
    file_sizes: Mapping[str, int] = field(default_factory=dict)  # published, in bytes
    also_listed: Mapping[str, int] = field(default_factory=dict)  # path and bytes; not held
    hub_says: bool = False  # the first published figure is the Hub's own
    remark: str = ""

    @property
    def tensors(self) -> Iterator[tuple[str, Stored]]:
        """Every tensor with its path, the folder before the name."""
        return ((part.folder + each.name, each) for part in self.parts for each in part.tensors)


def _expanded(table: tuple[Row, ...], layers: int) -> Iterator[Row]:
    """The rows with every layer's number; a layer's rows stand together."""
    block: list[Row] = []
    for name, words in (*table, ("", "")):
        if "{layer}" in name:
            block.append((name, words))
            continue
        for layer in range(layers) if block else ():
            yield from ((part.format(layer=layer), shape) for part, shape in block)
        block = []
        if name:
            yield name, words

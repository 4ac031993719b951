"""Every socket of the house on one page."""

from collections.abc import Generator, Mapping, Sequence
from typing import IO, Any, Protocol

from auditor.core.blueprint import Drawing
from auditor.core.claims import Claim, Published
from auditor.core.identity import ModelRef
from auditor.core.kept import Kept, Piece
from auditor.core.packing import Hints, Module, Recovered, Suffix
from auditor.core.record import Outcome
from auditor.core.repository import Repository, Traffic
from auditor.core.tensors import Header, Span


class OpenRepository(Protocol):
    """A repository that is open for reading, pinned to one commit.

    Any number of reads may be under way at once. Raises SourceError and its kinds.
    """

    @property
    def repository(self) -> Repository: ...

    @property
    def traffic(self) -> Traffic:
        """What the reads have cost so far."""
        ...

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:
        """The whole of a small file. Raises FileTooLarge past `limit_bytes`."""
        ...

    async def read_span(self, path: str, span: Span) -> bytes:
        """Exactly the bytes of `span`, of a weight file."""
        ...

    async def read_headers(self, index_path: str) -> Mapping[str, memoryview] | None:
        """All shard headers at once, by shard path, where the source can; None where it cannot.

        Each is the JSON text of that shard's header, not validated.
        """
        ...


class Source(Protocol):
    """Where bytes are."""

    async def open(self, ref: ModelRef) -> OpenRepository: ...

    async def aclose(self) -> None: ...


class ByteCache(Protocol):
    """Bytes that were read before and never change. Neither call waits for the network."""

    def get(self, oids: Sequence[str]) -> Mapping[Piece, Kept]:
        """Everything that is kept of these blobs."""
        ...

    def put(self, piece: Piece, kept: Kept) -> None:
        """Keeps the bytes. It may be later that they are safe."""
        ...


class HeaderFormat(Protocol):
    """What kind of file it is. Yields the spans it wants, is sent their bytes, returns a Header."""

    @property
    def name(self) -> str: ...

    def read_header(self, path: str, size_bytes: int) -> Generator[Span, bytes, Header]: ...


class Layout(Protocol):
    """How logical weights are packed. `suffixes` are all names that its modules may store.

    Those of `appended` follow a parameter's own name without a dot (`_blocks`). With `by_path`, the
    answer depends on the module's place in the model and not on its tensors alone.
    """

    @property
    def name(self) -> str: ...

    @property
    def by_path(self) -> bool: ...

    @property
    def suffixes(self) -> tuple[Suffix, ...]: ...

    @property
    def appended(self) -> tuple[Suffix, ...]: ...

    def recover(self, module: Module, hints: Hints) -> Recovered | None:
        """What the module holds; None where it is not packed in this way."""
        ...


class Architect(Protocol):
    """What a config's class would build. Raises nothing, whatever the config."""

    async def draw(self, config: Mapping[str, Any], class_name: str | None = None) -> Drawing: ...


class Writer(Protocol):
    """How it is told. Binary streams, so that every writer decides its own encoding."""

    @property
    def name(self) -> str: ...

    @property
    def endings(self) -> tuple[str, ...]: ...

    def write(self, outcomes: Sequence[Outcome], stream: IO[bytes]) -> None: ...


class ClaimReader(Protocol):
    """What is published, as claims. Junk is left out; nothing published raises."""

    @property
    def name(self) -> str: ...

    def read(self, published: Published) -> tuple[Claim, ...]: ...

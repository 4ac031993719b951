"""Several sources, one after another: offline is the cache, then the shipped snapshots."""

from auditor.core.identity import ModelRef
from auditor.core.protocols import OpenRepository, Source
from auditor.errors import NotCached
from auditor.sources.cache import CacheSource
from auditor.sources.snapshot import SnapshotSource, shipped_snapshots


class ChainSource:
    """The first of `sources` that holds a model serves it.

    NotCached ("nothing here holds it") goes on to the next; any other error is the answer. An
    unreachable Hub therefore never turns into old data unnoticed.
    """

    def __init__(self, *sources: Source) -> None:
        self._sources = sources

    async def open(self, ref: ModelRef) -> OpenRepository:
        """The repository of the first source that has it. Raises NotCached with every reason."""
        refused: list[NotCached] = []
        for source in self._sources:
            try:
                return await source.open(ref)
            except NotCached as error:
                refused.append(error)
        raise NotCached(
            str(ref),
            "; ".join(error.reason for error in refused) or "no source to look in",
            hint=refused[0].hint if refused else "",
        ) from (refused[-1] if refused else None)

    async def aclose(self) -> None:
        for source in self._sources:
            await source.aclose()


def offline_source() -> ChainSource:
    """What can be had without a network: the Hugging Face cache, then the shipped snapshots."""
    shipped = SnapshotSource(*shipped_snapshots(), what="the shipped snapshots")
    return ChainSource(CacheSource(), shipped)

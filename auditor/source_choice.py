"""Which source answers for a model: its folder, the Hub, what lies here, or a snapshot.

Each is made when a model first needs it, so that an audit of a folder imports no HTTP client.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from auditor.core.identity import FolderRef, HubRef, ModelRef, parse_model_ref

if TYPE_CHECKING:  # what they mean is loaded while the first answer is on its way
    from asyncio import Task
    from collections.abc import AsyncIterator

    from auditor.core.listing import Listed, ListQuery, Tip
    from auditor.core.protocols import OpenRepository, Source
    from auditor.sources.hub import HubSource

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
OPENED_AHEAD: Final = 8  # as many as are under way at once
_TRUE: Final = frozenset(
    {"1", "true", "yes", "on"}
)  # huggingface_hub constants.py, ENV_VARS_TRUE_VALUES


def endpoint_of_environment() -> str:
    """The Hub's address: `HF_ENDPOINT`, or the public one."""
    return os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT


def offline_by_environment() -> bool:
    """Whether `HF_HUB_OFFLINE` asks for no network."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE


def reference(
    model: str | ModelRef, revision: str | None = None, *, endpoint: str | None = None
) -> ModelRef:
    """The model that a text names; a folder of that name on this machine wins over the Hub.

    Raises InvalidModel.
    """
    if not isinstance(model, str):
        return model
    host = (endpoint or endpoint_of_environment()).partition("://")[2].strip("/").lower()
    return parse_model_ref(
        model, revision=revision, is_folder=os.path.isdir, hub_hosts=(host,) if host else ()
    )


@dataclass(slots=True, kw_only=True)
class Sources:
    """One source that asks the right one. `snapshot` is a file that answers for every model.

    Raises InvalidOption for an endpoint that is no URL, BadSnapshot for a broken file, both when it
    is made.
    """

    endpoint: str | None = None
    offline: bool = field(default_factory=offline_by_environment)
    snapshot: str | None = None
    requests_at_once: int | None = None  # to the Hub; None is its source's own number
    _made: "dict[str, Source]" = field(default_factory=dict, init=False)
    _ahead: "dict[ModelRef, Task[OpenRepository]]" = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.snapshot is not None:
            self._get("snapshot", lambda: _snapshot(self.snapshot or ""))
        elif not self.offline:
            from auditor.sources.hub_endpoint import checked_endpoint  # noqa: PLC0415

            self.endpoint = checked_endpoint(self.endpoint or endpoint_of_environment())

    def open_ahead(self, refs: Sequence[ModelRef]) -> None:
        """Begins to open the first of `refs`; `open` then waits for what was begun."""
        import asyncio  # noqa: PLC0415 - not at start-up

        for ref in refs[:OPENED_AHEAD]:
            if ref not in self._ahead:
                self._ahead[ref] = asyncio.create_task(self._open(ref))

    async def open(self, ref: ModelRef) -> "OpenRepository":
        begun = self._ahead.pop(ref, None)
        return await (begun or self._open(ref))

    async def _open(self, ref: ModelRef) -> "OpenRepository":
        return await self._for(ref).open(ref)

    @property
    def waits(self) -> Mapping[str, float]:
        """Seconds that requests to the Hub wait for its rate limit, by bucket."""
        return getattr(self._made.get("hub"), "waits", {})

    async def tip(self, ref: HubRef) -> "Tip":
        """See HubSource; not for who is offline or reads a snapshot."""
        hub: HubSource = self._for(ref)  # type: ignore[assignment] # of a HubRef, online
        return await hub.tip(ref)

    def list_models(self, query: "ListQuery") -> "AsyncIterator[tuple[Listed, ...]]":
        """See HubSource; likewise."""
        hub: HubSource = self._for(HubRef(repo_id=""))  # type: ignore[assignment] # likewise
        return hub.list_models(query)

    async def aclose(self) -> None:
        for begun in self._ahead.values():
            begun.cancel()
        for source in self._made.values():
            await source.aclose()

    def _for(self, ref: ModelRef) -> "Source":
        if self.snapshot is not None:
            return self._made["snapshot"]
        if isinstance(ref, FolderRef):
            return self._get("folder", _folder)
        if self.offline:
            return self._get("offline", _offline)
        return self._get(
            "hub", lambda: _hub(self.endpoint or DEFAULT_ENDPOINT, self.requests_at_once)
        )

    def _get(self, name: str, make: "Callable[[], Source]") -> "Source":
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]


def _folder() -> "Source":
    from auditor.sources.folder import FolderSource  # noqa: PLC0415

    return FolderSource()


def _hub(endpoint: str, at_once: int | None) -> "Source":
    from auditor.sources.hub import GOOD_MANNERS, HubSource  # noqa: PLC0415 - imports the HTTP client

    manners = GOOD_MANNERS if at_once is None else replace(GOOD_MANNERS, concurrency=at_once)
    return HubSource(endpoint, manners=manners)


def _snapshot(path: str) -> "Source":
    from auditor.sources.snapshot import SnapshotSource, read_snapshot  # noqa: PLC0415

    return SnapshotSource(read_snapshot(path))


def _offline() -> "Source":
    """The Hugging Face cache, then the snapshots in this package."""
    from auditor.sources.chain import offline_source  # noqa: PLC0415

    return offline_source()

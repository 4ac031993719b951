"""The Hugging Face Hub: models as it serves them, pinned to one commit when they are opened.

    info     GET /api/models/{id}[/revision/{rev}]?blobs=true         commit, files, sizes, facts
    files    GET /api/resolve-cache/models/{id}/{commit}/{path}       one request, no redirect
             GET /{id}/resolve/{commit}/{path}                        where that is not served
    spans    GET /{id}/resolve/{commit}/{path}, Range                 302 to the CDN, 206 there
    headers  GET /api/models/{id}/safetensors-metadata/{index path}   all shards at once

As huggingface_hub's `hf_api.py` and `file_download.py` ask it; https://huggingface.co/docs/hub/api.

A signed URL of the CDN is used once: on Xet storage it may be bound to the range that it was asked
for with, and then serves no other.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

from huggingface_hub import constants

from auditor.core.identity import DEFAULT_REVISION, HubRef, ModelRef
from auditor.core.listing import Listed, ListQuery, Tip
from auditor.core.repository import Origin, RepoFile, Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import BadAnswer, InvalidModel, SourceError
from auditor.sources.contents import check_limit, check_span
from auditor.sources.hub_api import Api
from auditor.sources.hub_endpoint import checked_endpoint
from auditor.sources.hub_errors import NotServed, file_not_found
from auditor.sources.hub_files import admit_span, admit_whole
from auditor.sources.hub_limits import MAX_WAIT_SECONDS
from auditor.sources.hub_listing import TIP_FIELDS, list_pages, tip_of
from auditor.sources.hub_retry import Effort, Meter
from auditor.sources.hub_token import checked_token
from auditor.sources.hub_wire import Question, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a server is treated.

    `timeout_seconds` may pass without a single byte; `max_wait_seconds` is the longest wait that a
    server may ask for. Six attempts have pauses of 0.25 to 4 seconds between them, 7.75 in all.
    """

    # Requests under way to the Hub, and as many to its storage. The client keeps 20 connections
    # that are idle: with more at once, most requests would have to open a new one.
    concurrency: int = 20
    timeout_seconds: float = 30.0
    attempts: int = 6
    max_wait_seconds: float = MAX_WAIT_SECONDS


GOOD_MANNERS: Final = Manners()


class HubSource:
    """Models on the Hub at `endpoint`, by default huggingface_hub's own (HF_ENDPOINT).

    `token` is as in huggingface_hub: a token; None for the one of this machine, if there is one;
    True to demand that one; False for none. To be used within one event loop, and closed there.

    Raises InvalidOption for an endpoint that is none, BadToken for a token that can be none.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | bool | None = None,  # noqa: FBT001 - huggingface_hub's own kind of argument
        *,
        manners: Manners = GOOD_MANNERS,
    ) -> None:
        checked = checked_endpoint(constants.ENDPOINT if endpoint is None else endpoint)
        self._api = Api(
            endpoint=checked,
            wire=Wire(
                checked,
                token=checked_token(token),
                concurrency=manners.concurrency,
                timeout_seconds=manners.timeout_seconds,
            ),
            effort=Effort(attempts=manners.attempts, patience_seconds=manners.max_wait_seconds),
        )
        self._habits = _Habits()

    @property
    def waits(self) -> Mapping[str, float]:
        """Seconds that requests wait for the rate limit, by its buckets; empty if none does."""
        return self._api.wire.waits

    async def open(self, ref: ModelRef) -> "HubRepository":
        """The repository at the commit that `ref` means now. Raises SourceError, LimitExceeded."""
        if not isinstance(ref, HubRef):
            raise InvalidModel(str(ref), "a folder is not on the Hub", hint="give `org/name`")
        meter = Meter()
        info = await self._api.info(ref, meter)
        repository = Repository(
            repo_id=info.repo_id,
            requested=str(ref),
            revision=ref.revision,
            commit=info.commit,
            origin=Origin.HUB,
            files=await self._api.files(info, meter),
            hub=info.facts,
        )
        return HubRepository(
            repository=repository,
            commit=info.commit,
            api=self._api,
            meter=meter,
            habits=self._habits,
        )

    def list_models(
        self, query: ListQuery, *, fields: tuple[str, ...] = TIP_FIELDS
    ) -> AsyncIterator[tuple[Listed, ...]]:
        """The models that fit `query`, page by page, at a request for each thousand."""
        return list_pages(self._api, query, Meter(), fields=fields)

    async def tip(self, ref: HubRef) -> Tip:
        """Where `ref` is now, in one small answer. Raises SourceError as `open` does."""
        return await tip_of(self._api, ref, Meter())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.wire.aclose()


_ONCE: Final = Effort(attempts=1, patience_seconds=0.0)


@dataclass(slots=True)
class _Habits:
    """What a server turned out to know, of its repositories alike."""

    serves_directly: bool = True  # /api/resolve-cache/, which mirrors may not have


@dataclass(slots=True, kw_only=True)
class HubRepository:
    """A model that is open for reading at one commit."""

    repository: Repository
    commit: str
    api: Api
    meter: Meter
    habits: _Habits
    _files: dict[str, RepoFile] = field(init=False)
    # Where the Hub redirected to: a signed address serves a file's further spans as well.
    _storage: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._files = {file.path: file for file in self.repository.files}

    @property
    def traffic(self) -> Traffic:
        return self.meter.traffic

    def apart(self) -> "HubRepository":
        """The same repository with a meter of its own, which counts from nothing."""
        return replace(self, meter=Meter())

    async def read_file(self, path: str, *, limit_bytes: int) -> bytes:
        """The whole of a small file. Raises FileTooLarge past `limit_bytes`."""
        file = self._file(path)
        if file.size_bytes is not None:
            check_limit(path, file.size_bytes, limit_bytes)
        if self.habits.serves_directly:
            try:
                return await self._read_whole(file, limit_bytes, directly=True)
            except NotServed:
                pass
        body = await self._read_whole(file, limit_bytes, directly=False)
        self.habits.serves_directly = False
        return body

    async def read_span(self, path: str, span: Span) -> bytes:
        """Exactly the bytes of `span`."""
        file = self._file(path)
        if file.size_bytes is not None:
            check_span(path, file.size_bytes, span)
        if span.length == 0:
            return b""
        if path in self._storage:
            try:
                return await self._read_span(file, span, self._storage[path], _ONCE)
            except SourceError:
                self._storage.pop(path, None)  # signed for a time that is over: the Hub signs anew
        return await self._read_span(file, span, self._resolve_url(path), self.api.effort)

    async def _read_span(self, file: RepoFile, span: Span, url: str, effort: Effort) -> bytes:
        asked = self.api.asked(self.repository.repo_id, self.commit, file.path)
        question = Question(
            url=url,
            asked=asked,
            admit=admit_span(asked, self.commit, file, span),
            effort=effort,
            span=span,
            expected_bytes=span.length,
        )
        answer = await self.api.wire.ask(question, self.meter)
        if answer.is_part and len(answer.body) > span.length:
            raise BadAnswer(asked.subject, f"more than the {span.length:,} bytes asked for")
        if not answer.head.at_hub:
            self._storage[file.path] = answer.url
        return answer.body[: span.length]

    async def read_headers(self, index_path: str) -> Mapping[str, memoryview] | None:
        """All shard headers at once, each as its text; None where they are not to be had.

        The Hub has them for `main` only.
        """
        if self.repository.revision != DEFAULT_REVISION:
            return None
        return await self.api.shard_headers(self.repository, index_path, self.meter)

    async def _read_whole(self, file: RepoFile, limit_bytes: int, *, directly: bool) -> bytes:
        """The file from one of its two addresses. Raises NotServed if the first is none."""
        asked = self.api.asked(self.repository.repo_id, self.commit, file.path)
        size_bytes = file.size_bytes
        wanted_bytes = limit_bytes if size_bytes is None else size_bytes
        question = Question(
            url=self._direct_url(file.path) if directly else self._resolve_url(file.path),
            asked=asked,
            admit=admit_whole(asked, self.commit, wanted_bytes, or_else=directly),
            effort=self.api.effort,
            expected_bytes=size_bytes or 0,
        )
        body = (await self.api.wire.ask(question, self.meter)).body
        if size_bytes is None:
            check_limit(file.path, len(body), limit_bytes)
        elif len(body) > size_bytes:
            raise BadAnswer(asked.subject, f"longer than the {size_bytes:,} bytes that are listed")
        return body

    def _file(self, path: str) -> RepoFile:
        file = self._files.get(path)
        if file is None:
            raise file_not_found(self.api.asked(self.repository.repo_id, self.commit, path))
        return file

    def _direct_url(self, path: str) -> str:
        model = quote(self.repository.repo_id)
        return f"{self.api.endpoint}/api/resolve-cache/models/{model}/{self.commit}/{quote(path)}"

    def _resolve_url(self, path: str) -> str:
        model = quote(self.repository.repo_id)
        return f"{self.api.endpoint}/{model}/resolve/{self.commit}/{quote(path)}"

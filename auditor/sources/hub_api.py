"""What is asked of the Hub's API, and held against what was asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urljoin

from huggingface_hub.utils import (  # type: ignore[attr-defined] # lazily exported
    fix_hf_endpoint_in_url,
)

from auditor.core.identity import DEFAULT_REVISION, HubRef, is_commit
from auditor.core.repository import RepoFile, Repository
from auditor.errors import BadAnswer, LimitExceeded, SourceError
from auditor.sources.hub_errors import Asked, NotServed, disabled, refused
from auditor.sources.hub_facts import (
    MAX_API_BYTES,
    MAX_FILES,
    Info,
    files_of,
    read_info,
    read_json,
    tree_rows,
)
from auditor.sources.hub_retry import Effort, Meter
from auditor.sources.hub_shards import MAX_HEADERS_BYTES, read_shard_headers
from auditor.sources.hub_wire import Answer, Head, Question, Wire

# The Hub's pages have 1,000 entries, 50 where more is told of each: whoever sends fewer sends the
# whole list of a sane repository in this many pages all the same.
MAX_TREE_PAGES: Final = MAX_FILES // 50
# A shorter way to what the shards say: not worth waiting for, they are another bucket's requests.
_BRIEF: Final = Effort(attempts=2, patience_seconds=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The API of the Hub at `endpoint`."""

    endpoint: str
    wire: Wire
    effort: Effort

    def asked(self, repo_id: str, revision: str, path: str = "") -> Asked:
        """The words for errors about it."""
        return Asked(
            endpoint=self.endpoint,
            repo_id=repo_id,
            revision=revision,
            with_token=self.wire.has_token,
            path=path,
        )

    async def info(self, ref: HubRef, meter: Meter) -> Info:
        """The present name, commit, facts and files of what `ref` names.

        Raises NotFound, RevisionNotFound, Disabled, BadAnswer and what the wire raises.
        """
        asked = self.asked(ref.repo_id, ref.revision)
        url = f"{self.endpoint}/api/models/{quote(ref.repo_id)}"
        if ref.revision != DEFAULT_REVISION:
            url += f"/revision/{quote(ref.revision, safe='')}"
        answer = await self.get(f"{url}?blobs=true", asked, meter)
        info = read_info(answer.body, asked)
        if info.disabled:
            raise disabled(asked)
        if is_commit(ref.revision) and info.commit != ref.revision:
            raise BadAnswer(asked.subject, f"the Hub answers with commit {info.commit}")
        return info

    async def files(self, info: Info, meter: Meter) -> tuple[RepoFile, ...]:
        """The files of the commit with their sizes, from the tree where the info has not all.

        Where there is no tree either, the info's own: names without sizes.
        """
        if info.complete:
            return info.files
        try:
            return await self._tree(info, meter)
        except NotServed:
            return info.files

    async def shard_headers(
        self, repository: Repository, index_path: str, meter: Meter
    ) -> Mapping[str, memoryview] | None:
        """The headers of all shards of an index at `main`; None where the Hub does not tell them.

        None as well if `main` has moved on from the repository's commit.
        """
        asked = self.asked(repository.repo_id, DEFAULT_REVISION, index_path)
        url = f"{self._model_url(repository.repo_id)}/safetensors-metadata/{quote(index_path)}"
        try:
            answer = await self.wire.ask(
                Question(url=url, asked=asked, admit=_served(MAX_HEADERS_BYTES), effort=_BRIEF),
                meter,
            )
            if len(answer.body) > MAX_HEADERS_BYTES:
                return None
            commits = answer.head.stated("x-repo-commit")
            if not commits:
                commits = frozenset([await self._main(repository.repo_id, meter)])
        except (NotServed, SourceError):
            return None  # the shards themselves will say what is wrong
        if commits != {repository.commit}:
            return None
        paths = frozenset(file.path for file in repository.files)
        return read_shard_headers(answer.body, index_path, paths)

    async def _main(self, repo_id: str, meter: Meter) -> str:
        """The commit of `main` now."""
        asked = self.asked(repo_id, DEFAULT_REVISION)
        answer = await self.get(f"{self._model_url(repo_id)}?expand=sha", asked, meter)
        return read_info(answer.body, asked).commit

    async def _tree(self, info: Info, meter: Meter) -> tuple[RepoFile, ...]:
        """The files of the commit, from a list in pages. Raises NotServed where there is none."""
        asked = self.asked(info.repo_id, info.commit)
        url: str | None = f"{self._model_url(info.repo_id)}/tree/{info.commit}?recursive=true"
        rows: list[dict[str, Any]] = []
        for _ in range(MAX_TREE_PAGES):
            if url is None:
                return files_of(rows, asked)
            question = Question(
                url=url, asked=asked, admit=_served(MAX_API_BYTES), effort=self.effort
            )
            answer = await self.wire.ask(question, meter)
            page = read_json(answer.body[:MAX_API_BYTES], asked)
            rows += tree_rows(page)
            if len(rows) > MAX_FILES:
                break
            url = self.next_page(url, answer, asked)
        raise LimitExceeded(
            asked.subject,
            f"a list of more than {MAX_FILES:,} files, or in more than {MAX_TREE_PAGES:,} pages",
            hint="this is no repository of one model",
        )

    def next_page(self, url: str, answer: Answer, asked: Asked) -> str | None:
        """The address of the next page. Raises BadAnswer where it is not the Hub's."""
        if answer.next_url is None:
            return None
        # A mirror may hand on the Hub's own absolute links.
        target = fix_hf_endpoint_in_url(urljoin(url, answer.next_url), self.endpoint)
        try:
            if self.wire.is_hub(target):
                return target
        except ValueError:
            pass
        raise BadAnswer(asked.subject, "the list of files goes on at another server")

    async def get(self, url: str, asked: Asked, meter: Meter) -> Answer:
        """An answer of the API that must be there."""

        def admit(head: Head) -> int:
            if head.status != HTTPStatus.OK:
                raise refused(asked, head.status, head.headers)
            return MAX_API_BYTES

        question = Question(url=url, asked=asked, admit=admit, effort=self.effort)
        answer = await self.wire.ask(question, meter)
        if len(answer.body) > MAX_API_BYTES:
            raise BadAnswer(asked.subject, f"an answer of more than {MAX_API_BYTES:,} bytes")
        return answer

    def _model_url(self, repo_id: str) -> str:
        return f"{self.endpoint}/api/models/{quote(repo_id)}"


def _served(limit_bytes: int) -> Callable[[Head], int]:
    """Admits what a server gives that knows this way of asking; raises NotServed for the others."""

    def admit(head: Head) -> int:
        if head.status != HTTPStatus.OK:
            raise NotServed
        return limit_bytes

    return admit

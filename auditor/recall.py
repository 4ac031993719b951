"""One model of a batch: recalled where its commit was audited before, else audited.

An id is led to its repository and commit as cheaply as can be: the list may tell the commit, `tip`
may, or the model is opened. What several ids lead to is audited once, and told of each of them.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from auditor.__about__ import __version__
from auditor.auditing import AuditOptions, failure_of, record_opened
from auditor.core.identity import DEFAULT_REVISION, HubRef, ModelRef
from auditor.core.listing import Tip
from auditor.core.protocols import OpenRepository, Source
from auditor.core.record import outcome_dict
from auditor.errors import ContentError, HfauditError, InvalidModel
from auditor.store.journal import Audit, AuditKey, Done, Journal, Line, Name

Outcome = dict[str, Any]  # by the JSON contract
TipOf = Callable[[HubRef], Awaitable[Tip]]  # in one small answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of a line, and what is to be kept of it. `again`: it was not audited anew."""

    done: Done
    again: bool = False
    audit: tuple[AuditKey, Audit] | None = None
    name: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """What opening a repository took, by the keys of the contract's `proof`."""

    requests: int
    bytes_read: int


class Recall:
    """Audits lines, each commit once. `endpoint` names the Hub; nothing is recalled without one.

    If `fresh`, only the audits made here are used again.
    """

    def __init__(  # noqa: PLR0913 - it joins the rooms
        self,
        *,
        source: Source,
        journal: Journal,
        options: AuditOptions,
        endpoint: str,
        tip: TipOf | None = None,
        fresh: bool = False,
    ) -> None:
        self._source = source
        self._journal = journal
        self._options = options
        self._endpoint = endpoint
        self._tip = tip
        self._own: set[int] | None = set() if fresh else None  # hashes of keys
        self._settings = hashlib.sha256(f"{__version__} {options}".encode()).hexdigest()
        self._under_way: dict[AuditKey, asyncio.Future[Audit]] = {}

    async def tell(self, line: Line, ref: ModelRef | InvalidModel) -> Told:
        """What becomes of a line. Raises nothing of HfauditError but StoreError."""
        if isinstance(ref, InvalidModel):
            return Told(done=_done(line, outcome_dict(failure_of(line.text, ref))))
        try:
            if isinstance(ref, HubRef) and (known := await self._known(line, ref)):
                return Told(done=_done(line, known), again=True)
            opened = await self._source.open(ref)
        except HfauditError as error:
            return Told(done=_done(line, outcome_dict(failure_of(ref, error))))
        return await self._tell_opened(line, ref, opened)

    def forget(self, keys: "list[AuditKey]") -> None:
        """The audits are in the journal: nobody needs them here."""
        for key in keys:
            self._under_way.pop(key, None)

    async def _known(self, line: Line, ref: HubRef) -> Outcome | None:
        """The audit of the commit that `ref` means now, if that can be told without opening it."""
        if not self._endpoint or self._own is not None:
            return None
        name = self._journal.name(self._endpoint, ref.repo_id)
        if line.commit is not None and ref.revision == DEFAULT_REVISION:
            audit = self._recall(self._key(ref.repo_id, line.commit))
        elif self._tip is not None and name is not None:
            tip = await self._tip(ref)
            audit = self._recall(self._key(tip.repo_id, tip.commit))
        else:
            return None
        if audit is None:
            return None
        if name is None:
            return _as_asked(audit.outcome, ref)
        cost = _Cost(requests=name.opening_requests, bytes_read=name.opening_bytes)
        return _as_opened(audit, ref, cost)

    async def _tell_opened(self, line: Line, ref: ModelRef, opened: OpenRepository) -> Told:
        repository = opened.repository
        cost = _Cost(requests=opened.traffic.requests, bytes_read=opened.traffic.bytes_read)
        if not self._endpoint or not isinstance(ref, HubRef) or repository.commit is None:
            audit, _ = await self._audit(ref, opened, cost)
            return Told(done=_done(line, audit.outcome))
        key = self._key(repository.repo_id, repository.commit)
        name = Name(
            endpoint=self._endpoint,
            asked=ref.repo_id,
            repo_id=repository.repo_id,
            opening_requests=cost.requests,
            opening_bytes=cost.bytes_read,
        )
        if before := self._under_way.get(key):
            audit = await asyncio.shield(before)
            return Told(done=_done(line, _as_opened(audit, ref, cost)), again=True, name=name)
        if recalled := self._recall(key):
            return Told(done=_done(line, _as_opened(recalled, ref, cost)), again=True, name=name)
        self._under_way[key] = result = asyncio.get_running_loop().create_future()
        try:
            audit, lasting = await self._audit(ref, opened, cost)
        except BaseException:
            result.cancel()
            raise
        result.set_result(audit)
        if not lasting:
            self._under_way.pop(key, None)
        if not lasting:
            return Told(done=_done(line, audit.outcome))
        if self._own is not None:
            self._own.add(hash(key))
        return Told(done=_done(line, audit.outcome), audit=(key, audit), name=name)

    async def _audit(
        self, ref: ModelRef, opened: OpenRepository, cost: _Cost
    ) -> tuple[Audit, bool]:
        """The audit, and whether it will come to the same as long as the commit does."""
        try:
            record = await record_opened(opened, self._options, self._source)
            # NOTE: with its base model, it changes when that one does.
            outcome, lasting = outcome_dict(record), not self._options.with_base
        except HfauditError as error:
            outcome = outcome_dict(failure_of(ref, error, opened.repository))
            lasting = isinstance(error, ContentError)
        audit = Audit(
            outcome=outcome, opening_requests=cost.requests, opening_bytes=cost.bytes_read
        )
        return audit, lasting

    def _recall(self, key: AuditKey) -> Audit | None:
        if self._own is not None and hash(key) not in self._own:
            return None
        return self._journal.audit(key)

    def _key(self, repo_id: str, commit: str) -> AuditKey:
        return AuditKey(
            endpoint=self._endpoint, repo_id=repo_id, commit=commit, settings=self._settings
        )


def _done(line: Line, outcome: Outcome) -> Done:
    error = outcome["error"]
    return Done(
        model_key=line.model_key,
        verdict=outcome["verdict"],
        error_kind=error["kind"] if error else None,
        outcome=outcome,
    )


def _as_asked(outcome: Outcome, ref: HubRef) -> Outcome:
    return {**outcome, "requested": str(ref), "revision": ref.revision}


def _as_opened(audit: Audit, ref: HubRef, cost: _Cost) -> Outcome:
    """The audit as it would have come of `ref`, whose way to the repository cost `cost`."""
    outcome = _as_asked(audit.outcome, ref)
    proof = outcome["proof"]
    if proof["requests"] is None:
        return outcome
    return {
        **outcome,
        "proof": {
            **proof,
            "requests": proof["requests"] - audit.opening_requests + cost.requests,
            "bytes_read": proof["bytes_read"] - audit.opening_bytes + cost.bytes_read,
        },
    }

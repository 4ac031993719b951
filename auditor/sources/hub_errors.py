"""The Hub's refusals, told as errors of the house.

    status  X-Error-Code      X-Error-Message
    401                       Invalid username or password.   missing or private, and no token sent
    401                       Invalid credentials in ...      the token itself is refused
    401 403 GatedRepo         Access to model ...             files behind a gate
    403                       Access to this resource is disabled.
    404     RepoNotFound      Repository not found            missing, or not visible to the token
    404     RevisionNotFound  Invalid rev id: ...
    404     EntryNotFound     Entry not found

As huggingface_hub's `hf_raise_for_status` (utils/_http.py) reads them. That function itself is not
used: over http it takes the bare 401 for nothing in particular, and its texts are for programmers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from auditor.core.identity import DEFAULT_REVISION
from auditor.errors import (
    BadAnswer,
    BadToken,
    Disabled,
    FileNotFound,
    GatedAccess,
    NotFound,
    RateLimited,
    RevisionNotFound,
    SourceError,
    Unreachable,
)
from auditor.sources.hub_retry import Transient

MAX_SHOWN_CHARACTERS: Final = 200  # of a server's own text: a line or two

_LOG_IN: Final = "log in with `hf auth login` or set HF_TOKEN"
_ANOTHER_HUB: Final = "check the endpoint: this may be no Hub, or a proxy before it"


class NotServed(Exception):
    """The server does not know this way of asking. Another way may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for, as an error has to tell it. An empty `path` is the repository itself."""

    endpoint: str
    repo_id: str
    revision: str
    with_token: bool
    path: str = ""

    @property
    def subject(self) -> str:
        if self.path:
            return f"{self.repo_id}/{self.path}"
        if self.revision == DEFAULT_REVISION:
            return self.repo_id
        return f"{self.repo_id}@{self.revision}"

    @property
    def page(self) -> str:
        """The repository's page, for a browser."""
        return f"{self.endpoint}/{self.repo_id}"


def coded(asked: Asked, headers: Mapping[str, str]) -> SourceError | None:
    """The error that the Hub names in its headers; None if it names none."""
    told = _BY_CODE.get(headers.get("x-error-code", "")) or _BY_MESSAGE.get(
        headers.get("x-error-message", "")
    )
    return told(asked) if told else None


def refused(asked: Asked, status: int, headers: Mapping[str, str]) -> SourceError:
    """The error for an answer of `status` that is not the one hoped for."""
    named = coded(asked, headers)
    if named is not None:
        return named
    if status == HTTPStatus.UNAUTHORIZED:
        return _bad_token(asked) if asked.with_token else _not_found(asked)
    if status == HTTPStatus.NOT_FOUND:
        return file_not_found(asked) if asked.path else _not_found(asked)
    reason = f"the answer is {told(status, headers)}"
    if status == HTTPStatus.FORBIDDEN and asked.with_token:
        return BadToken(asked.subject, reason, hint="give the token the right to read it")
    if status == HTTPStatus.FORBIDDEN:
        return Unreachable(asked.subject, reason, hint=_ANOTHER_HUB)
    return BadAnswer(asked.subject, reason, hint=_ANOTHER_HUB)


def given_up(asked: Asked, failure: Transient, patience_seconds: float) -> SourceError:
    """The error for a failure that did not pass."""
    if failure.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limited(asked, failure, patience_seconds)
    tries = "once" if failure.attempts == 1 else f"{failure.attempts} times"
    return Unreachable(
        asked.subject,
        f"{failure.reason} (tried {tries})",
        hint="check the network, the proxy and the endpoint;"
        " --offline uses cached models and shipped snapshots",
    )


def told(status: int, headers: Mapping[str, str]) -> str:
    """Status and message of an answer, in a form fit to be shown."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "unknown status"
    message = "".join(c if c.isprintable() else "?" for c in headers.get("x-error-message", ""))
    if len(message) > MAX_SHOWN_CHARACTERS:
        message = f"{message[: MAX_SHOWN_CHARACTERS - 1]}…"
    return f"{status} {phrase}: {message}" if message else f"{status} {phrase}"


def _not_found(asked: Asked) -> SourceError:
    if asked.with_token:
        reason = "no such repository, or a private one that this token does not open"
        hint = "check the spelling; a private repository needs a token of one of its owners"
    else:
        reason = "no such repository, or a private one"
        hint = f"check the spelling; if it is private, {_LOG_IN}"
    return NotFound(asked.subject, reason, hint=hint)


def _revision_not_found(asked: Asked) -> SourceError:
    return RevisionNotFound(
        asked.repo_id,
        f"no revision {asked.revision}",
        hint=f"its branches and tags are listed at"
        f" {asked.endpoint}/api/models/{asked.repo_id}/refs",
    )


def file_not_found(asked: Asked) -> SourceError:
    """The error for a path that the revision has not."""
    return FileNotFound(
        asked.subject,
        f"no such file at revision {asked.revision}",
        hint=f"its files are listed at {asked.page}/tree/{asked.revision}",
    )


def _gated(asked: Asked) -> SourceError:
    if asked.with_token:
        reason = "gated, and this token has no access to its files"
        hint = (
            f"ask for access at {asked.page};"
            " a fine-grained token also needs the right to read gated repositories"
        )
    else:
        reason = "gated: its files are for those who accepted its conditions"
        hint = f"accept the conditions at {asked.page}, then {_LOG_IN}"
    return GatedAccess(asked.subject, reason, hint=hint)


def disabled(asked: Asked) -> SourceError:
    """The error for a repository that the Hub has closed."""
    return Disabled(asked.subject, "disabled by the Hub", hint=f"see {asked.page} for the reason")


def _bad_token(asked: Asked) -> SourceError:
    return BadToken(
        asked.subject,
        "the Hub refuses the token",
        hint="log in again with `hf auth login` or correct HF_TOKEN; public models need none",
    )


def _rate_limited(asked: Asked, failure: Transient, patience_seconds: float) -> SourceError:
    wait = failure.wait_seconds
    if wait is None:
        reason = f"too many requests (tried {failure.attempts} times)"
    elif wait > patience_seconds:
        reason = (
            f"too many requests: the Hub asks to wait {wait:,.0f} seconds,"
            f" and at most {patience_seconds:,.0f} are waited"
        )
    else:
        reason = f"too many requests, {failure.attempts} times; the next in {wait:,.0f} seconds"
    hint = "try again later" if asked.with_token else f"{_LOG_IN}, which allows more requests"
    return RateLimited(asked.subject, reason, hint=hint)


_BY_CODE: Final[Mapping[str, Callable[[Asked], SourceError]]] = MappingProxyType(
    {
        "RepoNotFound": _not_found,
        "RevisionNotFound": _revision_not_found,
        "EntryNotFound": file_not_found,
        "GatedRepo": _gated,
    }
)
_BY_MESSAGE: Final[Mapping[str, Callable[[Asked], SourceError]]] = MappingProxyType(
    {
        "Access to this resource is disabled.": disabled,
        "Invalid credentials in Authorization header": _bad_token,
    }
)

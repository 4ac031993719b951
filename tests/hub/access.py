"""Who asks, and what they may see."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from hub import refusals
from hub.messages import Request
from hub.repos import Repo

Ids: TypeAlias = AbstractSet[str] | Literal["all"]
_SCHEME: Final = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The owner of a token. `gated` and `private` are ids of such repositories that are open to it.

    Repositories under its own name are open to it anyway.
    """

    name: str
    plan: str = "free"
    gated: Ids = frozenset()
    private: Ids = frozenset()

    def owns(self, repo: Repo) -> bool:
        """Whether the repository stands under this name."""
        return repo.id.partition("/")[0] == self.name


def identify(request: Request, tokens: Mapping[str, Account]) -> Account | None:
    """The account of the token that `request` carries, None without one.

    Raises Refusal if the token is unknown.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    token = header[len(_SCHEME) :] if header.lower().startswith(_SCHEME) else ""
    if token not in tokens:
        raise refusals.bad_token()
    return tokens[token]


def visible(repo: Repo, account: Account | None) -> bool:
    """Whether `account` may know of the repository."""
    if not repo.private:
        return True
    return account is not None and (account.owns(repo) or _holds(account.private, repo))


def demand_files(repo: Repo, account: Account | None, sha: str) -> None:
    """Raise Refusal unless `account` may read files of the repository."""
    if repo.disabled:
        raise refusals.disabled(sha)
    if repo.gated is None or (
        account is not None and (account.owns(repo) or _holds(account.gated, repo))
    ):
        return
    raise refusals.gated(repo.id, sha, anonymous=account is None)


def _holds(ids: Ids, repo: Repo) -> bool:
    return ids == "all" or repo.id in ids

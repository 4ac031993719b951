"""Which path is answered by whom. A name that is not the repository's own is redirected to it."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypeAlias

from hub import files, histories, models, refusals, trees
from hub.access import Account, visible
from hub.messages import Answer, Request, json_answer, quoted, redirect, unquoted
from hub.refusals import Refusal
from hub.world import Visit, World

Handler: TypeAlias = Callable[[Visit], Answer]

# name, parts that must follow it, who answers
_API: Final = MappingProxyType(
    {
        "revision": (1, models.info),
        "tree": (1, trees.tree),
        "paths-info": (1, trees.paths_info),
        "refs": (0, histories.refs),
        "commits": (1, histories.commits),
        "safetensors-metadata": (1, histories.safetensors_metadata),
        "auth-check": (0, histories.auth_check),
    }
)
_FILES: Final = MappingProxyType({"resolve": (2, files.resolve), "raw": (2, files.raw)})
_METHODS: Final = frozenset({"GET", "HEAD"})


def route(world: World, request: Request, account: Account | None) -> Answer:  # noqa: PLR0911 - one each
    """The answer of the hub to one request. Raises Refusal."""
    posted = request.method == "POST" and "/paths-info/" in request.path
    if request.method not in _METHODS and not posted:
        raise refusals.wrong_method()
    match request.segments:
        case ["api", "models"]:
            return models.models(world, request, account)
        case ["api", "models", *rest]:
            return _api(_Way(world, request, account, "/api/models/"), rest)
        case ["api", "resolve-cache", "models", *rest]:
            return _cached(_Way(world, request, account, "/api/resolve-cache/models/"), rest)
        case ["api", "collections", *slug]:
            return _collection(world, unquoted(slug), account)
        case ["api", "whoami-v2"]:
            return _whoami(account)
        case ["api", "agent-harnesses"]:
            return json_answer({"standardEnvVars": [], "harnesses": {}})
        case ["api" | "datasets" | "spaces", *_]:
            raise refusals.no_such_page()
        case rest:
            return _file(_Way(world, request, account, "/"), rest)


class _Way:
    """From a path to its repository."""

    def __init__(
        self, world: World, request: Request, account: Account | None, prefix: str
    ) -> None:
        self.world, self.request, self.account, self.prefix = world, request, account, prefix

    def lead(self, id_parts: Sequence[str], tail: list[str], handler: Handler, skip: int) -> Answer:
        """What `handler` answers, given what follows `skip` parts of the tail.

        307 instead if the repository has another name now; raises Refusal if there is none.
        """
        repo = self.world.repos.find(unquoted(list(id_parts)))
        if repo is None or not visible(repo, self.account):
            raise refusals.missing_repo(anonymous=self.account is None)
        if repo.id != unquoted(list(id_parts)):
            location = self.prefix + "/".join((quoted(repo.id), *tail))
            if self.request.query_string:
                location += f"?{self.request.query_string}"
            return redirect(HTTPStatus.TEMPORARY_REDIRECT, location)
        return handler(Visit(self.world, self.request, self.account, repo, tail[skip:]))


def _api(way: _Way, rest: list[str]) -> Answer:
    """`{org}/{name}` or a legacy `{name}`, then nothing or the name of a sub-resource."""
    for id_length in (1, 2):
        tail = rest[id_length:]
        if tail and tail[0] in _API and len(tail) > _API[tail[0]][0]:
            return way.lead(rest[:id_length], tail, _API[tail[0]][1], 1)
    if len(rest) > 2:
        raise refusals.no_such_page()
    return way.lead(rest, [], models.info, 0)


def _cached(way: _Way, rest: list[str]) -> Answer:
    id_length = 1 if len(rest) > 1 and files.FULL_SHA.fullmatch(rest[1]) else 2
    if len(rest) < id_length + 2:
        raise refusals.no_such_page()
    return way.lead(rest[:id_length], rest[id_length:], files.resolve_cache, 0)


def _file(way: _Way, rest: list[str]) -> Answer:
    for id_length in (1, 2):
        tail = rest[id_length:]
        if tail and tail[0] in _FILES and len(tail) > _FILES[tail[0]][0]:
            return way.lead(rest[:id_length], tail, _FILES[tail[0]][1], 1)
    raise refusals.no_such_page()


def _collection(world: World, slug: str, account: Account | None) -> Answer:
    """The models of a collection that are visible; the Hub lists other kinds beside them."""
    if slug not in world.settings.collections:
        raise refusals.no_such_page()
    found = [world.repos.find(name) for name in world.settings.collections[slug]]
    items = [{"type": "model", "id": repo.id} for repo in found if repo and visible(repo, account)]
    return json_answer({"slug": slug, "items": [{"type": "dataset", "id": "org/data"}, *items]})


def _whoami(account: Account | None) -> Answer:
    if account is None:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Invalid username or password.")
    return json_answer(
        {
            "type": "user",
            "id": account.name.encode().hex().ljust(24, "0")[:24],
            "name": account.name,
            "isPro": account.plan == "pro",
            "orgs": [],
            "auth": {"type": "access_token", "accessToken": {"role": "read"}},
        }
    )

"""The smaller endpoints of a repository: refs, commits, safetensors-metadata, auth-check."""

from http import HTTPStatus

from hub import facts, refusals
from hub.access import demand_files
from hub.files import commit_at
from hub.messages import Answer, json_answer, json_bytes, unquoted
from hub.pages import page
from hub.repos import Commit
from hub.world import Visit

_PAGE_COMMITS = 50


def refs(visit: Visit) -> Answer:
    """Branches, tags and, with `include_prs`, pull requests."""
    body = {
        "branches": _named(visit, "refs/heads/"),
        "converts": [],
        "tags": _named(visit, "refs/tags/"),
    }
    if visit.request.flag("include_prs"):
        body["pullRequests"] = _named(visit, "refs/pr/")
    return json_answer(body)


def commits(visit: Visit) -> Answer:
    """The history of a revision, the newest first. Closed by a gate."""
    demand_files(visit.repo, visit.account, visit.repo.main.sha)
    history = commit_at(visit, unquoted(visit.tail)).history()
    size = visit.request.number("limit", _PAGE_COMMITS)
    shown, link = page(visit.world.endpoint, visit.request, history, size)
    rows = [_commit_row(commit) for commit in shown]
    return json_answer(rows, (("X-Total-Count", str(len(history))), *link))


def safetensors_metadata(visit: Visit) -> Answer:
    """The headers of all shards of `main` that an index file names."""
    if not visit.world.settings.sharded_metadata:
        raise refusals.no_such_page()
    commit, path = visit.repo.main, unquoted(visit.tail)
    demand_files(visit.repo, visit.account, commit.sha)
    if path not in commit.files:
        raise refusals.missing_entry(commit.sha)
    if path not in commit.bodies:  # many megabytes, so made once
        commit.bodies[path] = json_bytes(facts.sharded_metadata(commit.files, path))
    headers = (*refusals.commit_header(commit.sha), ("Content-Type", "application/json"))
    return Answer(HTTPStatus.OK, headers, commit.bodies[path])


def auth_check(visit: Visit) -> Answer:
    """200 for whoever may read the files."""
    demand_files(visit.repo, visit.account, visit.repo.main.sha)
    return json_answer({})


def _named(visit: Visit, prefix: str) -> list[dict[str, str]]:
    return [
        {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": sha}
        for ref, sha in visit.repo.refs.items()
        if ref.startswith(prefix)
    ]


def _commit_row(commit: Commit) -> dict[str, object]:
    return {
        "id": commit.sha,
        "title": commit.title,
        "message": "",
        "authors": [{"user": "system"}],
        "date": commit.time,
    }

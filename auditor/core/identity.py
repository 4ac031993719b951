"""Which model is meant: an id on the Hub with a revision, or a folder on this machine.

Rules of an id: huggingface_hub `utils/_validators.py`, `validate_repo_id` (at most 96 characters of
`[A-Za-z0-9._-]` in each of one or two parts, no `--` and no `..`, no part that begins or ends
with `-` or `.`, no `.git` at the end).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from auditor.errors import InvalidModel

DEFAULT_REVISION: Final = "main"
MAX_ID_CHARACTERS: Final = 96  # huggingface_hub's own limit, for the whole id
MAX_REVISION_CHARACTERS: Final = 255  # a git ref is a file name at the end of the day

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9][\w./+-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_HOSTS: Final = ("huggingface.co", "hf.co", "www.huggingface.co")
_OTHER_KINDS: Final = ("datasets", "spaces", "collections", "papers", "docs", "blog")
_PATH_WORDS: Final = frozenset({"tree", "blob", "resolve", "raw", "commit", "revision"})
_HINT: Final = "give `name`, `org/name`, `org/name@revision`, a Hub URL, or a folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRef:
    """A repository on the Hub. `revision` is a branch, tag, commit or `refs/pr/N`."""

    repo_id: str
    revision: str = DEFAULT_REVISION
    requested: str = ""

    def __str__(self) -> str:
        return self.requested or self.repo_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRef:
    """A folder on this machine that holds a repository's files."""

    path: str
    requested: str = ""

    def __str__(self) -> str:
        return self.requested or self.path


ModelRef = HubRef | FolderRef


def is_commit(revision: str) -> bool:
    """Whether `revision` is a full commit sha, which no push can move."""
    return _COMMIT.fullmatch(revision) is not None


def parse_model_ref(
    text: str,
    *,
    revision: str | None = None,
    is_folder: Callable[[str], bool] = lambda _: False,
    hub_hosts: tuple[str, ...] = (),
) -> ModelRef:
    """The model that `text` names.

    `is_folder` tells what lies on this machine: a folder of that name wins over the Hub, as it does
    in transformers' `from_pretrained`. `hub_hosts` are further hosts (with port) whose URLs count
    as the Hub's. `revision` is the one given beside the text; the text's own must agree with it.

    Raises InvalidModel.
    """
    stripped = text.strip()
    if not stripped:
        raise InvalidModel("model", "the id is empty", hint=_HINT)
    if any(not character.isprintable() for character in stripped):
        raise InvalidModel(_shown(ascii(stripped)), "the id has control characters", hint=_HINT)
    if _looks_like_a_path(stripped) or is_folder(stripped):
        return _folder(stripped, revision)
    if "://" in stripped or stripped.partition("/")[0].lower() in _HUB_HOSTS:
        repo_id, own_revision = _split_url(stripped, hub_hosts)
    else:
        repo_id, own_revision = _split_at(stripped, stripped)
    _check_repo_id(repo_id, stripped)
    if own_revision and revision and own_revision != revision:
        raise InvalidModel(
            _shown(stripped),
            f"two revisions: {own_revision} in the id, {revision} beside it",
            hint="leave one of them out",
        )
    chosen = own_revision or revision or DEFAULT_REVISION
    _check_revision(chosen, stripped)
    return HubRef(repo_id=repo_id, revision=chosen, requested=stripped)


def _shown(text: str) -> str:
    """`text` as an error names it, cut where it is longer than any id."""
    return text if len(text) <= MAX_ID_CHARACTERS else text[: MAX_ID_CHARACTERS - 1] + "…"


def _split_at(name: str, text: str) -> tuple[str, str]:
    """Id and revision of `org/name@revision`; the revision is empty where none is given."""
    repo_id, at, revision = name.partition("@")
    if at and not revision:
        raise InvalidModel(_shown(text), "nothing follows the `@`", hint="give `org/name@revision`")
    return repo_id, revision


def _looks_like_a_path(text: str) -> bool:
    return (
        text.startswith(("/", "./", "../", "~", ".\\", "\\"))
        or text in {".", ".."}
        or bool(re.match(r"[A-Za-z]:[\\/]", text))
    )


def _folder(text: str, revision: str | None) -> FolderRef:
    if revision is not None:
        raise InvalidModel(_shown(text), "a folder has no revisions", hint="leave `--revision` out")
    return FolderRef(path=text, requested=text)


def _split_url(text: str, hub_hosts: tuple[str, ...]) -> tuple[str, str]:
    """Id and revision of `https://huggingface.co/org/name[/tree|blob|resolve/REVISION/...]`."""
    parts = _url_path(text, hub_hosts)
    if parts[:2] == ["api", "models"]:
        parts = parts[2:]
    if not parts:
        raise InvalidModel(_shown(text), "the URL names no repository", hint=_HINT)
    if parts[0] in _OTHER_KINDS:
        reason = f"a URL of the Hub's {parts[0]}"
        raise InvalidModel(_shown(text), reason, hint="only models are audited")
    for at in (1, 2):
        if len(parts) > at + 1 and parts[at] in _PATH_WORDS:
            return "/".join(parts[:at]), _revision_of(parts[at + 1 :])
    for at, part in enumerate(parts[:2]):
        if "@" in part:  # huggingface_hub's file system: hf://org/name@revision/file
            name, revision = _split_at(part, text)
            return "/".join((*parts[:at], name)), _revision_of([revision, *parts[at + 1 :]])
    return "/".join(parts[:2]), ""


def _url_path(text: str, hub_hosts: tuple[str, ...]) -> list[str]:
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError as error:
        raise InvalidModel(_shown(text), f"not a URL: {error}", hint=_HINT) from error
    parts = [unquote(part) for part in url.path.split("/") if part]
    if url.scheme == "hf":
        return [part for part in (unquote(url.netloc), *parts) if part != "models"]
    user, at, host = url.netloc.rpartition("@")
    if at:  # as in an address to clone from: never repeated, the user may be a token
        shown = text.replace(f"{user}@", "***@")
        raise InvalidModel(_shown(shown), "the URL holds a user name or a token", hint=_HINT)
    if url.scheme not in {"http", "https"}:
        raise InvalidModel(_shown(text), f"a URL of scheme `{url.scheme}`", hint=_HINT)
    if host.lower() not in {*_HUB_HOSTS, *hub_hosts}:
        raise InvalidModel(
            _shown(text),
            f"`{host}` is not the Hub",
            hint="for a mirror, give its address with --endpoint and the id alone",
        )
    return parts


def _revision_of(parts: list[str]) -> str:
    if parts[:2] == ["refs", "pr"]:
        return "/".join(parts[:3])
    return parts[0] if parts else ""


def _check_repo_id(repo_id: str, text: str) -> None:
    parts = repo_id.split("/")
    if len(repo_id) > MAX_ID_CHARACTERS:
        reason = f"an id of {len(repo_id):,} characters; the Hub allows {MAX_ID_CHARACTERS}"
    elif len(parts) > 2:  # noqa: PLR2004 - owner and name
        reason = f"an id of {len(parts)} parts; the Hub has `name` and `org/name`"
    elif ".." in repo_id or "--" in repo_id:
        reason = "`..` and `--` are not allowed in an id"
    elif repo_id.endswith(".git"):
        reason = "an id does not end with `.git`"
    elif not all(_PART.fullmatch(part) for part in parts):
        reason = "an id has letters, digits, `-`, `_` and `.`, and no `-` or `.` at its ends"
    else:
        return
    raise InvalidModel(_shown(text), reason, hint=_HINT)


def _check_revision(revision: str, text: str) -> None:
    if (
        len(revision) > MAX_REVISION_CHARACTERS
        or ".." in revision
        or not _REVISION.fullmatch(revision)
    ):
        raise InvalidModel(
            _shown(text),
            f"`{revision[:80]}` is no revision",
            hint="give a branch, a tag, a commit, or refs/pr/N",
        )

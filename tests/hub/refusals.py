"""The errors of the Hub. A client tells them apart by status, X-Error-Code and X-Error-Message.

See `hf_raise_for_status` in huggingface_hub/utils/_http.py for how its own client reads them.
"""

from http import HTTPStatus

from hub.messages import Answer, Headers, Request, header_safe, json_answer, text_answer


class Refusal(Exception):
    """An answer other than the one asked for."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, headers: Headers = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        if code:
            self.headers += (("X-Error-Code", code),)

    def answer(self, request: Request) -> Answer:
        """JSON for the API, text for files."""
        headers = (*self.headers, ("X-Error-Message", header_safe(self.message)))
        if request.path.startswith("/api/") and not request.path.startswith("/api/resolve-cache/"):
            return json_answer({"error": self.message}, headers, self.status)
        return text_answer(self.status, self.message, headers)


def commit_header(sha: str | None) -> Headers:
    """The header that tells which commit an answer is about."""
    return (("X-Repo-Commit", sha),) if sha else ()


_CHALLENGE = ("WWW-Authenticate", 'Bearer realm="Authentication required", charset="UTF-8"')


def bad_token() -> Refusal:
    """For a token that nobody was given."""
    message = "Invalid credentials in Authorization header"
    return Refusal(HTTPStatus.UNAUTHORIZED, message, headers=(_CHALLENGE,))


def missing_repo(*, anonymous: bool) -> Refusal:
    """For a repository that is not there, or not to be known of. No code tells the anonymous so."""
    if anonymous:
        message = "Invalid username or password."
        return Refusal(HTTPStatus.UNAUTHORIZED, message, headers=(_CHALLENGE,))
    return Refusal(HTTPStatus.NOT_FOUND, "Repository not found", code="RepoNotFound")


def missing_revision(revision: str) -> Refusal:
    """For a revision that the repository has not."""
    message = f"Invalid rev id: {revision}"
    return Refusal(HTTPStatus.NOT_FOUND, message, code="RevisionNotFound")


def missing_entry(sha: str, path: str | None = None) -> Refusal:
    """For a file or folder that the commit has not; `path` is named by the API only."""
    message = f'{path} does not exist on "{sha}"' if path else "Entry not found"
    headers = commit_header(sha)
    return Refusal(HTTPStatus.NOT_FOUND, message, code="EntryNotFound", headers=headers)


def gated(repo_id: str, sha: str, *, anonymous: bool) -> Refusal:
    """For files of a gated repository."""
    status = HTTPStatus.UNAUTHORIZED if anonymous else HTTPStatus.FORBIDDEN
    message = (
        f"Access to model {repo_id} is restricted. You must have access to it and be authenticated "
        "to access it. Please log in."
        if anonymous
        else f"Access to model {repo_id} is restricted and you are not in the authorized list. "
        f"Visit https://huggingface.co/{repo_id} to ask for access."
    )
    return Refusal(status, message, code="GatedRepo", headers=commit_header(sha))


def disabled(sha: str) -> Refusal:
    """For files of a repository that the Hub has closed."""
    message = "Access to this resource is disabled."
    return Refusal(HTTPStatus.FORBIDDEN, message, headers=commit_header(sha))


def bad_request(message: str) -> Refusal:
    """For a query that means nothing."""
    return Refusal(HTTPStatus.BAD_REQUEST, message)


def no_such_page() -> Refusal:
    """For a path that is no endpoint, or one that is switched off."""
    return Refusal(HTTPStatus.NOT_FOUND, "Sorry, we can't find the page you are looking for.")


def wrong_method() -> Refusal:
    """For a method that the endpoint has not."""
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed")

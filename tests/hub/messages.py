"""Requests and answers of HTTP/1.1, and their bytes."""

import json
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qs, quote, unquote

from hub.blobs import Blob
from hub.facts import Json

Host: TypeAlias = Literal["hub", "cdn"]
Headers: TypeAlias = tuple[tuple[str, str], ...]

_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
JSON_TYPE: Final = ("Content-Type", "application/json; charset=utf-8")
END_OF_HEAD: Final = b"\r\n\r\n"
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class BadMessage(ValueError):
    """The bytes are no HTTP request."""


@dataclass(frozen=True)
class Request:
    """One request. `path` is as sent, with its quoting; header names are in lower case."""

    host: Host
    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes = b""
    peer: str = ""

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The query, unquoted; names may come more than once."""
        return parse_qs(self.query_string, keep_blank_values=True) if self.query_string else {}

    @cached_property
    def segments(self) -> list[str]:
        """What stands between the slashes of the path, still quoted."""
        return self.path.strip("/").split("/")

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    def flag(self, name: str) -> bool:
        """Whether the query switches `name` on."""
        return self.query.get(name, [""])[-1].lower() in {"1", "true"}

    def number(self, name: str, default: int) -> int:
        """A positive number of the query, or `default`."""
        text = self.query.get(name, [""])[-1]
        return int(text) if text.isdecimal() and int(text) > 0 else default


@dataclass(frozen=True, slots=True)
class Slice:
    """The bytes of `blob` from `start` up to `stop`, made while they are sent."""

    blob: Blob
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Content-Length is not among `headers`: it follows from the body.

    A `chunked` answer tells no length.
    """

    status: int
    headers: Headers = ()
    body: bytes | Slice = b""
    chunked: bool = False

    @property
    def body_bytes(self) -> int:
        """Length of the body."""
        if isinstance(self.body, Slice):
            return self.body.stop - self.body.start
        return len(self.body)

    def read(self, start: int, stop: int) -> bytes:
        """A part of the body."""
        if isinstance(self.body, Slice):
            return self.body.blob.read(self.body.start + start, self.body.start + stop)
        return self.body[start:stop]


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body, and the length of that."""

    request: Request
    body_bytes: int


def parse_head(head: bytes, host: Host, peer: str) -> Head:
    """The request that `head`, without its empty line, announces.

    Raises BadMessage.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadMessage(first)
    path, _, query_string = parts[1].partition("?")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadMessage(line)
        headers[name.lower()] = value.strip()
    if parts[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    length = headers.get("content-length", "0")
    if not path.startswith("/") or not length.isdecimal() or "transfer-encoding" in headers:
        raise BadMessage(first)
    return Head(Request(host, parts[0], path, query_string, headers, b"", peer), int(length))


def head_of(answer: Answer, *, close: bool) -> bytes:
    """Status line and headers of `answer`, with the empty line."""
    lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.chunked:
        lines.append("Transfer-Encoding: chunked")
    elif answer.status != HTTPStatus.NOT_MODIFIED:
        lines.append(f"Content-Length: {answer.body_bytes}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "\r\n")).encode("latin-1", "replace")


def json_answer(value: Json, headers: Headers = (), status: int = HTTPStatus.OK) -> Answer:
    """An answer of the API."""
    return Answer(status, (*headers, JSON_TYPE), json_bytes(value))


def json_bytes(value: Json) -> bytes:
    """`value` as the API writes it."""
    return _ENCODE(value).encode()


def text_answer(status: int, text: str, headers: Headers = ()) -> Answer:
    """An answer that is read by people."""
    return Answer(status, (*headers, ("Content-Type", "text/plain; charset=utf-8")), text.encode())


def redirect(status: int, location: str, headers: Headers = ()) -> Answer:
    """A redirect with the short body that the Hub gives it."""
    phrase = "Found" if status == HTTPStatus.FOUND else "Temporary Redirect"
    found = (*headers, ("Location", location), ("Vary", "Origin, Accept"))
    return text_answer(status, f"{phrase}. Redirecting to {location}", found)


def header_safe(text: str) -> str:
    """`text` as a header may hold it: it may quote what a client sent."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def quoted(path: str) -> str:
    """A path as it stands in a URL, slashes kept."""
    return quote(path, safe="/")


def unquoted(segments: list[str]) -> str:
    """The path that quoted segments spell."""
    return unquote("/".join(segments))

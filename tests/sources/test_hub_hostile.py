"""Servers that no Hub would be: mirrors, proxies, and those that mean harm."""

import gzip
import tracemalloc
from typing import Any

import pytest

from auditor.errors import BadAnswer, FileNotFound, FileTooLarge, LimitExceeded, SourceError
from auditor.sources.hub import HubRepository
from sources.hub_client import file_of, opened, span_of, with_model
from sources.scripted_server import COMMIT, Scripted, answer, info, json_answer

CONFIG = b'{"a": 1}'
INFO = info(("config.json", len(CONFIG)), ("model.safetensors", 1_000))
DIRECT, RESOLVE = "/api/resolve-cache/", "/resolve/"


def part(body: bytes, content_range: str, **headers: str) -> bytes:
    return answer(206, body, content_range=content_range, **headers)


def test_a_mirror_without_the_short_way_is_asked_the_long_way_and_remembered() -> None:
    server = Scripted({"blobs=true": INFO, RESOLVE: answer(200, CONFIG)})

    async def act(model: HubRepository) -> HubRepository:
        for _ in range(3):
            assert await model.read_file("config.json", limit_bytes=100) == CONFIG
        return model

    with server as endpoint:
        model = with_model(endpoint, act)
    assert [DIRECT in target for target in server.asked[1:]] == [True, False, False, False]
    assert model.traffic.requests == 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 501])
def test_no_refusal_without_a_reason_keeps_a_mirror_from_being_asked_the_long_way(
    status: int,
) -> None:
    server = {"blobs=true": INFO, DIRECT: answer(status), RESOLVE: answer(200, CONFIG)}
    with Scripted(server) as endpoint:
        assert file_of(endpoint) == CONFIG


def test_a_file_that_the_hub_itself_calls_missing_is_missing() -> None:
    missing = answer(404, x_error_code="EntryNotFound")
    server = Scripted({"blobs=true": INFO, DIRECT: missing, RESOLVE: answer(200, CONFIG)})
    with server as endpoint, pytest.raises(FileNotFound):
        file_of(endpoint)
    assert len(server.asked) == 2


def test_a_mirror_without_sizes_and_without_a_tree_is_read_all_the_same() -> None:
    bare = json_answer(
        {"id": "org/name", "sha": COMMIT, "siblings": [{"rfilename": "model.safetensors"}]}
    )
    answers = {"blobs=true": bare, RESOLVE: part(b"12345678", "bytes 0-7/1000")}
    with Scripted(answers) as endpoint:
        assert span_of(endpoint, 0, 8) == b"12345678"


def test_a_file_of_unknown_size_is_read_up_to_the_limit_and_no_further() -> None:
    bare = json_answer(
        {"id": "org/name", "sha": COMMIT, "siblings": [{"rfilename": "config.json"}]}
    )
    answers = {"blobs=true": bare, DIRECT: answer(200, b" " * 2_000_000)}
    with Scripted(answers) as endpoint, pytest.raises(FileTooLarge, match="at most 1,000,000"):
        file_of(endpoint)


@pytest.mark.parametrize("where", [DIRECT, RESOLVE])
def test_a_file_of_another_commit_is_not_taken(where: str) -> None:
    other = answer(200, CONFIG, x_repo_commit="f" * 40)
    with (
        Scripted({"blobs=true": INFO, where: other}) as endpoint,
        pytest.raises(BadAnswer, match="is of commit 'ffff"),
    ):
        file_of(endpoint)


def test_a_redirect_of_another_commit_is_not_taken() -> None:
    moved = answer(302, location="@ENDPOINT/storage", x_repo_commit="f" * 40)
    stored = part(b"12345678", "bytes 0-7/1000")
    with (
        Scripted({"blobs=true": INFO, RESOLVE: moved, "/storage": stored}) as endpoint,
        pytest.raises(BadAnswer, match="is of commit 'ffff"),
    ):
        span_of(endpoint, 0, 8)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("@ENDPOINT/loop", "more than 5 redirects"),
        ("file:///etc/passwd", "no http"),
        ("ftp://127.0.0.1/x", "no http"),
        ("http://[::1", "no http"),
        ("http://127.0.0.1:port/", "no http"),
        ("http://\x7f/", "no URL"),
        ("", "to itself, or to nowhere"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_not_followed(location: str, reason: str) -> None:
    server = Scripted(
        {
            "blobs=true": INFO,
            "/loop$": answer(302, location="@ENDPOINT/loop/2"),
            "/loop/2": answer(302, location="@ENDPOINT/loop"),
            RESOLVE: answer(302, location=location),
        }
    )
    with server as endpoint, pytest.raises(BadAnswer, match=reason):
        span_of(endpoint, 0, 8)


def test_the_token_does_not_follow_a_redirect_to_another_port() -> None:
    other = Scripted({"/away": part(b"12345678", "bytes 0-7/1000")})
    with other as away:
        moved = answer(302, location=f"{away}/away")
        hub = Scripted({"blobs=true": INFO, RESOLVE: moved})
        with hub as endpoint:
            assert span_of(endpoint, 0, 8, token="hf_mine") == b"12345678"
    assert hub.tokens == ["Bearer hf_mine"] * 2
    assert (other.asked, other.tokens) == (["/away"], [])


@pytest.mark.parametrize(
    "told",
    [
        *("", "bytes", "bytes */1000", "bytes 0-7/*", "bytes 0-8/1000", "bytes 1-8/1000"),
        *("bytes 0-7/999", "bytes 0-7/1001", "bytes 0-7/7", "items 0-7/1000", "bytes -7/1000"),
        f"bytes 0-7/{'9' * 5_000}",
    ],
)
def test_a_part_that_does_not_say_what_it_is_part_of_is_not_taken(told: str) -> None:
    answers = {"blobs=true": INFO, RESOLVE: part(b"12345678", told)}
    with Scripted(answers) as endpoint, pytest.raises(BadAnswer):
        span_of(endpoint, 0, 8)


@pytest.mark.parametrize(
    "bad",
    [
        part(b"123456789", "bytes 0-7/1000"),  # a byte too many
        part(gzip.compress(b"12345678", mtime=0), "bytes 0-7/1000", content_encoding="gzip"),
        answer(200, b"12345678"),  # a whole file, of another length
        answer(200, gzip.compress(bytes(1_000), mtime=0), content_encoding="gzip"),
        answer(204),
        answer(304),
        answer(416, content_range="bytes */4"),
        answer(302, location="/x", x_linked_size="999"),
        answer(302, location="/x", x_linked_size="9" * 5_000),
        answer(302, location="/x", x_linked_size="many"),
    ],
)
def test_an_answer_that_is_no_such_part_is_not_taken(bad: bytes) -> None:
    with Scripted({"blobs=true": INFO, RESOLVE: bad}) as endpoint, pytest.raises(BadAnswer):
        span_of(endpoint, 0, 8)


def test_a_small_file_that_grows_when_unpacked_is_not_unpacked() -> None:
    bomb = answer(200, gzip.compress(bytes(50_000_000), compresslevel=1), content_encoding="gzip")
    with Scripted({"blobs=true": INFO, DIRECT: bomb}) as endpoint:
        tracemalloc.start()
        try:
            with pytest.raises(BadAnswer, match="longer than the 8 bytes"):
                file_of(endpoint)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < 10_000_000


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    answers = {"blobs=true": INFO, DIRECT: answer(200, CONFIG, content_encoding=encoding)}
    with Scripted(answers) as endpoint, pytest.raises(BadAnswer, match="an encoding not asked for"):
        file_of(endpoint)


@pytest.mark.parametrize(
    "body", [gzip.compress(CONFIG, mtime=0)[:-1], CONFIG, gzip.compress(CONFIG[:-1], mtime=0)]
)
def test_broken_and_short_gzip_is_tried_again(body: bytes) -> None:
    broken = answer(200, body, content_encoding="gzip")
    server = Scripted({"blobs=true": INFO, DIRECT: broken})
    with server as endpoint, pytest.raises(SourceError, match="tried 2 times"):
        file_of(endpoint, attempts=2)
    assert len(server.asked) == 1 + 2


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"7", b"null", b"\xff", b"[" * 100_000, b"<html>log in</html>"),
        *(b"{}", b'{"sha": 7}', b'{"sha": "main"}', b'{"sha": "%s"}' % (b"F" * 40)),
        b'{"sha": %s}' % (b"9" * 5_000),
        b'{"sha": "%s", "downloads": NaN}' % COMMIT.encode(),
    ],
)
def test_an_info_that_is_none_is_a_bad_answer(body: bytes) -> None:
    with (
        Scripted({"blobs=true": answer(200, body)}) as endpoint,
        pytest.raises(BadAnswer, match=r"^org/name: "),
    ):
        opened(endpoint)


def test_a_commit_that_was_asked_for_must_be_the_one_that_is_answered() -> None:
    with Scripted({"blobs=true": INFO}) as endpoint, pytest.raises(BadAnswer, match=COMMIT):
        opened(endpoint, revision="f" * 40)


def test_a_tree_that_goes_on_at_another_server_is_not_followed() -> None:
    bare = json_answer({"id": "org/name", "sha": COMMIT})
    tree = json_answer([], link='<http://127.0.0.1:9/next>; rel="next"')
    with (
        Scripted({"blobs=true": bare, "/tree/": tree}) as endpoint,
        pytest.raises(BadAnswer, match="at another server"),
    ):
        opened(endpoint)


def test_a_mirror_that_hands_on_the_hubs_own_links_is_asked_itself() -> None:
    bare = json_answer({"id": "org/name", "sha": COMMIT})
    row = {"type": "file", "path": "config.json", "size": 8, "oid": "a" * 40}
    link = f'<https://huggingface.co/api/models/org/name/tree/{COMMIT}?cursor=x>; rel="next"'
    server = Scripted(
        {
            "blobs=true": bare,
            "cursor=x": json_answer([{**row, "path": "b.json"}]),
            "/tree/": json_answer([row], link=link),
        }
    )
    with server as endpoint:
        files = opened(endpoint).repository.files
    assert [(file.path, file.size_bytes) for file in files] == [("config.json", 8), ("b.json", 8)]


def test_a_tree_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.sources.hub_api.MAX_TREE_PAGES", 20)
    bare = json_answer({"id": "org/name", "sha": COMMIT})
    tree = json_answer([], link='</api/models/org/name/tree/again>; rel="next"')
    server = Scripted({"blobs=true": bare, "/tree/": tree})
    with server as endpoint, pytest.raises(LimitExceeded, match="more than 20 pages"):
        opened(endpoint)
    assert len(server.asked) == 1 + 20


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_mirror_that_has_no_tree_is_taken_at_its_word(status: int) -> None:
    bare = json_answer({"sha": COMMIT, "siblings": [{"rfilename": "config.json"}]})
    with Scripted({"blobs=true": bare, "/tree/": answer(status)}) as endpoint:
        found = opened(endpoint).repository
    assert [(file.path, file.size_bytes) for file in found.files] == [("config.json", None)]
    assert found.repo_id == "org/name"


def test_what_a_server_says_is_shortened_and_made_printable() -> None:
    shout = answer(418, x_error_message="\x1b[31m" + "A" * 10_000)
    with Scripted({"blobs=true": shout}) as endpoint, pytest.raises(BadAnswer) as caught:
        opened(endpoint)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("limits", ['"api";r=0;t=%s' % ("9" * 5_000), '"api";r=-1;t=-1', "\x00"])
def test_a_rate_limit_that_is_none_is_not_kept(limits: str) -> None:
    spoilt: dict[str, Any] = {"RateLimit": limits.replace("\x00", "?")}
    rows = json_answer({"id": "org/name", "sha": COMMIT, "siblings": []}, **spoilt)
    with Scripted({"blobs=true": rows, "/tree/": json_answer([])}) as endpoint:
        assert opened(endpoint).traffic.waited_seconds == 0

"""The Hub source against a Hub of one's own: what is found, and that it stays pinned."""

import asyncio
import subprocess
import sys

import pytest

from auditor.core.identity import FolderRef, HubRef
from auditor.core.repository import Origin, Repository
from auditor.core.tensors import Span
from auditor.errors import BadAnswer, BadToken, FileNotFound, FileTooLarge, InvalidModel
from auditor.sources.hub import HubRepository, HubSource
from hub import Account, Hub, Lfs, Repo, Settings
from sources.hub_client import (
    SIZE_BYTES,
    file_of,
    framed,
    header,
    opened,
    span_of,
    weights,
    with_model,
    with_source,
)

CONFIG = b'{"model_type": "bert"}'
TOKENS = {"hf_mine": Account(name="me"), "hf_friend": Account(name="you", gated={"org/name"})}


def repo(**options: object) -> Repo:
    files = {"config.json": CONFIG, "model.safetensors": weights("a", "b"), "x y#?.md": b"text"}
    return Repo("org/name", files, **options)  # type: ignore[arg-type] # whatever a Repo takes


def test_an_opened_model_has_the_commit_the_sizes_and_the_oids_of_its_files() -> None:
    model = repo()
    with Hub([model]) as hub:
        found = opened(hub.endpoint).repository
    assert (found.repo_id, found.commit, found.origin) == ("org/name", model.main.sha, Origin.HUB)
    blobs = model.main.files
    assert {file.path: (file.size_bytes, file.oid, file.is_lfs) for file in found.files} == {
        "config.json": (len(CONFIG), blobs["config.json"].oid, False),
        "model.safetensors": (SIZE_BYTES, blobs["model.safetensors"].sha256, True),
        "x y#?.md": (4, blobs["x y#?.md"].oid, False),
    }


def test_what_the_hub_says_of_a_model_is_kept_as_its_own_word() -> None:
    model = repo(
        gated="manual", pipeline_tag="fill-mask", tags=("en",), card_data={"base_model": ["a/b"]}
    )
    with Hub([model]) as hub:
        facts = opened(hub.endpoint).repository.hub
    assert facts
    assert (facts.total, facts.parameters) == (12, {"F32": 12})  # two tensors of [2, 3]
    assert (facts.gated, facts.private, facts.library) == ("manual", False, "transformers")
    assert (facts.pipeline_tag, facts.base_model) == ("fill-mask", ("a/b",))
    assert "en" in facts.tags
    assert facts.last_modified == "2026-01-01T00:00:00.000Z"


def test_a_renamed_model_is_found_under_its_present_name_and_the_hop_is_counted() -> None:
    with Hub([repo(aliases=("old-name",))]) as hub:

        async def act(source: HubSource) -> HubRepository:
            return await source.open(HubRef(repo_id="old-name", requested="old-name@main"))

        model = with_source(hub.endpoint, act)
    assert model.repository.repo_id == "org/name"
    assert model.repository.requested == "old-name@main"
    assert model.traffic.requests == 2


def test_a_name_in_the_wrong_case_is_found_too() -> None:
    with Hub([repo()]) as hub:
        assert opened(hub.endpoint, "ORG/Name").repository.repo_id == "org/name"


def test_after_a_rename_files_are_asked_for_by_the_present_name() -> None:
    with Hub([repo(aliases=("old-name",))]) as hub:
        assert file_of(hub.endpoint, repo_id="old-name") == CONFIG
        assert [record.status for record in hub.requests] == [307, 200, 200]


def test_everything_is_read_at_the_commit_that_main_had_when_the_model_was_opened() -> None:
    model = repo()
    first = model.main.sha
    with Hub([model]) as hub:

        async def act(found: HubRepository) -> tuple[bytes, bytes, bytes]:
            model.commit({"config.json": b"{}", "model.safetensors": weights("other")})
            return (
                await found.read_file("config.json", limit_bytes=100),
                await found.read_span("model.safetensors", Span(8, 12)),
                found.commit.encode(),
            )

        config, beginning, commit = with_model(hub.endpoint, act)
    assert (config, beginning, commit) == (CONFIG, b'{"a"', first.encode())
    assert model.main.sha != first


@pytest.mark.parametrize("kind", ["branch", "tag", "pull request", "commit"])
def test_any_kind_of_revision_opens_at_its_own_commit(kind: str) -> None:
    model = repo()
    revision = model.main.sha
    if kind == "branch":
        model.branch(revision := "dev/next")
    elif kind == "tag":
        model.tag(revision := "v1.0")
    elif kind == "pull request":
        revision = model.pull_request({"config.json": b"{}"})
    model.commit({"config.json": b"[]"})
    with Hub([model]) as hub:
        found = opened(hub.endpoint, revision=revision).repository
    at = model.at(revision)
    assert at
    assert (found.revision, found.commit) == (revision, at.sha)
    assert found.commit != model.main.sha


def test_a_small_file_costs_one_request_and_comes_compressed() -> None:
    model = Repo("org/name", {"config.json": b" " * 10_000})
    with Hub([model]) as hub:

        async def act(found: HubRepository) -> HubRepository:
            assert await found.read_file("config.json", limit_bytes=10_000) == b" " * 10_000
            return found

        found = with_model(hub.endpoint, act)
        info, file = hub.requests
    assert found.traffic.requests == 2
    # one chunk's frame: two hex digits and two line ends, then `0` and two line ends
    assert found.traffic.bytes_read == info.bytes_sent + file.bytes_sent - (2 + 2 * 2 + 5)
    assert file.bytes_sent < 1_000  # ten thousand spaces
    assert file.path.startswith("/api/resolve-cache/models/org/name/")


def test_a_path_with_every_kind_of_sign_is_quoted() -> None:
    with Hub([repo()]) as hub:
        assert file_of(hub.endpoint, "x y#?.md") == b"text"


def test_a_small_file_that_lfs_keeps_is_fetched_from_the_storage() -> None:
    with Hub([Repo("org/name", {"tokenizer.json": Lfs(b"{}")})]) as hub:
        assert file_of(hub.endpoint, "tokenizer.json") == b"{}"
        assert [record.host for record in hub.requests] == ["hub", "hub", "cdn"]


def test_a_file_past_the_limit_is_refused_before_it_is_asked_for() -> None:
    with Hub([repo()]) as hub:

        async def act(found: HubRepository) -> None:
            await found.read_file("config.json", limit_bytes=len(CONFIG) - 1)

        with pytest.raises(FileTooLarge, match="22 bytes"):  # len(CONFIG)
            with_model(hub.endpoint, act)
        assert len(hub.requests) == 1


def test_an_empty_file_is_empty() -> None:
    with Hub([Repo("org/name", {"empty.json": b""})]) as hub:
        assert file_of(hub.endpoint, "empty.json") == b""


def test_a_file_that_is_not_there_is_not_asked_for() -> None:
    with Hub([repo()]) as hub:
        with pytest.raises(FileNotFound, match=r"org/name/tokenizer\.json: no such file"):
            file_of(hub.endpoint, "tokenizer.json")
        assert len(hub.requests) == 1


def test_a_span_is_read_through_the_redirect_and_no_byte_more() -> None:
    entries = framed(header("a", "b"))
    with Hub([repo()]) as hub:
        assert span_of(hub.endpoint, 0, len(entries)) == entries
        assert span_of(hub.endpoint, SIZE_BYTES - 4, SIZE_BYTES) == b"\0\0\0\0"
        cdn = [record for record in hub.requests if record.host == "cdn"]
    assert [record.bytes_sent for record in cdn] == [len(entries), 4]
    assert [record.range for record in cdn] == [
        f"bytes=0-{len(entries) - 1}",
        "bytes=999999996-999999999",  # the last four of a thousand million
    ]


def test_a_span_of_a_file_that_git_keeps_is_read_without_a_storage() -> None:
    with Hub([repo()]) as hub:
        assert span_of(hub.endpoint, 2, 12, "config.json") == b"model_type"
        assert {record.host for record in hub.requests} == {"hub"}


def test_an_empty_span_costs_nothing() -> None:
    with Hub([repo()]) as hub:
        assert span_of(hub.endpoint, 5, 5) == b""
        assert len(hub.requests) == 1


def test_a_span_past_the_end_is_not_asked_for() -> None:
    with Hub([repo()]) as hub:
        with pytest.raises(BadAnswer, match="of a file of 1,000,000,000 bytes"):
            span_of(hub.endpoint, SIZE_BYTES - 1, SIZE_BYTES + 1)
        assert len(hub.requests) == 1


async def read_three(found: HubRepository) -> None:
    for at in (0, 8, 16):
        await found.read_span("model.safetensors", Span(at, at + 8))


def test_a_signed_address_serves_the_file_s_further_spans_as_well() -> None:
    with Hub([repo()]) as hub:
        with_model(hub.endpoint, read_three)
        hosts = [record.host for record in hub.requests]
    assert hosts == ["hub", "hub", "cdn", "cdn", "cdn"]  # info, resolve


def test_spans_that_are_asked_for_at_once_have_an_address_each() -> None:
    with Hub([repo()]) as hub:

        async def act(found: HubRepository) -> None:
            await asyncio.gather(
                *(found.read_span("model.safetensors", Span(at, at + 8)) for at in range(0, 80, 8))
            )

        with_model(hub.endpoint, act)
        hosts = [record.host for record in hub.requests]
    assert (hosts.count("hub"), hosts.count("cdn")) == (1 + 10, 10)


def test_a_signed_address_whose_time_is_over_is_asked_for_again() -> None:
    async def act(found: HubRepository) -> bytes:
        await found.read_span("model.safetensors", Span(0, 8))
        await asyncio.sleep(2.1)  # an address tells its end in whole seconds
        return await found.read_span("model.safetensors", Span(8, 16))

    with Hub([repo()], Settings(signed_url_seconds=1.0)) as hub:
        assert with_model(hub.endpoint, act) == span_of(hub.endpoint, 8, 16)
        first = [(record.host, record.status) for record in hub.requests][:6]
    assert first == [
        *(("hub", 200), ("hub", 302), ("cdn", 206)),
        *(("cdn", 403), ("hub", 302), ("cdn", 206)),
    ]


def test_the_token_goes_to_the_hub_and_not_to_the_storage() -> None:
    with Hub([repo(gated="auto")], Settings(tokens=TOKENS)) as hub:
        assert span_of(hub.endpoint, 0, 1, token="hf_friend")
        assert file_of(hub.endpoint, token="hf_friend") == CONFIG
        assert [record.authorization for record in hub.requests] == [
            *(True, True, False),  # info, resolve, storage
            *(True, True),  # info, resolve-cache
        ]
        assert hub.leaked_tokens == []


def test_the_token_of_the_machine_is_used_unless_none_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    with Hub([repo()], Settings(tokens=TOKENS)) as hub:
        opened(hub.endpoint, token=None)
        opened(hub.endpoint, token=False)
        assert [record.authorization for record in hub.requests] == [True, False]


def test_a_token_that_can_be_none_is_refused_without_being_shown() -> None:
    with pytest.raises(BadToken) as caught:
        HubSource("http://127.0.0.1:1", "hf_sec\nret")
    assert "sec" not in f"{caught.value} {caught.value.hint}"


def test_a_folder_is_not_looked_for_on_the_hub() -> None:
    async def act(source: HubSource) -> None:
        await source.open(FolderRef(path="/models/bert"))

    with pytest.raises(InvalidModel):
        with_source("http://127.0.0.1:1", act)


def test_no_more_requests_are_under_way_than_allowed_to_each_host() -> None:
    with Hub([repo()], Settings(latency_seconds=0.01)) as hub:

        async def act(found: HubRepository) -> None:
            texts = (found.read_file("config.json", limit_bytes=99) for _ in range(30))
            await asyncio.gather(*texts)
            assert max(record.concurrency for record in hub.requests) == 3
            spans = (found.read_span("model.safetensors", Span(at, at + 1)) for at in range(30))
            await asyncio.gather(*spans)
            assert max(record.concurrency for record in hub.requests) <= 3 + 3

        with_model(hub.endpoint, act, concurrency=3)


def test_connections_are_kept_and_not_opened_anew() -> None:
    with Hub([repo()], Settings(latency_seconds=0.01)) as hub:

        async def act(found: HubRepository) -> None:
            spans = (found.read_span("model.safetensors", Span(at, at + 1)) for at in range(200))
            await asyncio.gather(*spans)

        with_model(hub.endpoint, act)
        opened_connections = {(record.host, record.connection) for record in hub.requests}
    # 401 requests, at most 20 under way to each of two hosts. On a busy machine some idle ones are
    # given up and opened again; a client that keeps none opens one for nearly every request.
    assert len(opened_connections) < 401 // 2


def test_files_without_sizes_are_looked_up_in_the_tree_page_by_page() -> None:
    files = {f"part-{at:02}/model.safetensors": weights("a") for at in range(25)}
    bare = [{"rfilename": path} for path in files]
    model = Repo("org/name", files, extra={"siblings": bare})
    with Hub([model], Settings(page_entries=7)) as hub:
        found = opened(hub.endpoint)
        # 25 files and 25 folders, seven to a page, after the info
        assert [record.status for record in hub.requests] == [200] * (1 + 8)
    assert {file.path: file.size_bytes for file in found.repository.files} == dict.fromkeys(
        files, SIZE_BYTES
    )
    assert found.repository.files[0].oid == model.main.files["part-00/model.safetensors"].sha256
    assert found.traffic.requests == 9


@pytest.mark.parametrize("siblings", [None, [], [{"rfilename": "config.json", "size": "22"}], 7])
def test_a_list_of_files_that_is_not_whole_is_looked_up_in_the_tree(siblings: object) -> None:
    with Hub([repo(extra={"siblings": siblings})]) as hub:
        found = opened(hub.endpoint).repository
    assert sorted(file.path for file in found.files) == [
        "config.json",
        "model.safetensors",
        "x y#?.md",
    ]


def test_a_gated_model_opens_for_everybody_with_its_facts() -> None:
    with Hub([repo(gated="auto")]) as hub:
        found: Repository = opened(hub.endpoint).repository
    assert found.hub
    assert (found.hub.gated, found.hub.total, len(found.files)) == ("auto", 12, 3)


def test_no_logging_in_and_no_agents_are_asked_for_behind_the_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """huggingface_hub's own user agent costs a request that no traffic would count."""
    code = (
        "import asyncio, sys\n"
        "from auditor.core.identity import HubRef\n"
        "from auditor.sources.hub import HubSource\n"
        "async def main():\n"
        "    source = HubSource()\n"
        "    print((await source.open(HubRef(repo_id='org/name'))).traffic.requests)\n"
        "    await source.aclose()\n"
        "asyncio.run(main())\n"
        "print('stamina' in sys.modules)\n"
    )
    with Hub([repo()]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
        ran = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert [record.path for record in hub.requests] == ["/api/models/org/name"]
    assert ran.stdout.split() == ["1", "False"]

"""The test server, held against huggingface_hub's own client and against plain HTTP."""

import gzip
import http.client
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from huggingface_hub import HfApi, close_session, constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined] # no __all__

from hub import (
    Account,
    Fault,
    Faults,
    Hub,
    HubProcess,
    Lfs,
    Limits,
    Plan,
    Record,
    Repo,
    Settings,
    Virtual,
    demo,
)

GIB = 1024**3
TOKENS = {
    "hf_ann": Account(name="ann"),
    "hf_bob": Account(name="bob", gated=frozenset({"lab/gate"})),
}
CONFIG = b'{"architectures": ["BertForMaskedLM"], "model_type": "bert", "hidden_size": 8}'


def header(**tensors: tuple[str, list[int]]) -> bytes:
    """The beginning of a safetensors file; only its length, dtypes and shapes are meant."""
    size = {"F32": 4, "BF16": 2, "I32": 4}
    entries, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + math.prod(shape) * size[dtype]
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text


ONE = header(weight=("F32", [8, 4]), bias=("BF16", [8]))
TWO = header(other=("F32", [5]))
WEIGHTS = ONE + bytes(range(144))  # 8 * 4 * 4 + 8 * 2 bytes of data
INDEX = {
    "metadata": {"total_size": 164},
    "weight_map": {"weight": "a.safetensors", "other": "b.safetensors"},
}


def single(name: str = "lab/one", **options: object) -> Repo:
    files = {"config.json": CONFIG, "model.safetensors": WEIGHTS, "docs/a/b.txt": b"text\n"}
    repo = Repo(name, files)
    for option, value in options.items():
        setattr(repo, option, value)
    return repo


def sharded() -> Repo:
    index = json.dumps(INDEX).encode()
    shards = {"a.safetensors": WEIGHTS, "b.safetensors": TWO + bytes(20)}
    return Repo("lab/many", {"model.safetensors.index.json": index, **shards})


@dataclass
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def fetch(url: str, *, method: str = "GET", **headers: str) -> Reply:
    """One request without redirects; underscores in header names stand for hyphens."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.request(method, target, headers=named)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())


def signed_url(hub: Hub, path: str = "/lab/one/resolve/main/model.safetensors") -> str:
    return str(fetch(hub.endpoint + path).headers["Location"])


def until(ask: Callable[[], list[Record]], enough: Callable[[list[Record]], bool]) -> list[Record]:
    """What is answered once it is enough: a server hears of a hang-up when it does."""
    for _ in range(10_000):
        records = ask()
        if enough(records):
            return records
        time.sleep(0.001)
    raise AssertionError(records)


def last_done(hub: Hub) -> Record:
    """The last record, once the server has noticed that its request is over."""
    return until(lambda: hub.requests, lambda records: records[-1].done)[-1]


def api(hub: Hub, token: str | None = None) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=token or False)


@pytest.fixture(autouse=True)
def _quiet_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    yield
    close_session()


@pytest.fixture
def hub() -> Iterator[Hub]:
    repos = [
        single(),
        sharded(),
        Repo("lab/new", {"config.json": CONFIG, "m.bin": Lfs(b"m")}, aliases=("lab/old", "legacy")),
        Repo("lab/gate", {"model.safetensors": WEIGHTS}, gated="manual"),
        Repo("lab/closed", {"config.json": CONFIG}, disabled=True),
        Repo("ann/secret", {"config.json": CONFIG}, private=True),
        Repo("gpt2", {"config.json": CONFIG}),
    ]
    with Hub(repos, Settings(tokens=TOKENS)) as running:
        yield running
        assert running.leaked_tokens == []


# --- info and lists ------------------------------------------------------------------------------


def test_info_has_config_and_naive_count_of_the_headers(hub: Hub) -> None:
    info = api(hub).model_info("lab/one")
    assert info.config == {"architectures": ["BertForMaskedLM"], "model_type": "bert"}
    assert info.safetensors == {"parameters": {"F32": 8 * 4, "BF16": 8}, "total": 40}
    assert info.sha == api(hub).model_info("lab/one", revision=info.sha).sha


def test_info_with_blobs_tells_sizes_and_oids_of_git(hub: Hub) -> None:
    files = {
        f.rfilename: f for f in api(hub).model_info("lab/one", files_metadata=True).siblings or []
    }
    assert (files["docs/a/b.txt"].size, files["docs/a/b.txt"].lfs) == (5, None)
    # printf 'text\n' | git hash-object --stdin
    assert files["docs/a/b.txt"].blob_id == "8e27be7d6154a1f68ea9160ef0e18691d20560dc"
    lfs = files["model.safetensors"].lfs
    assert lfs is not None
    assert lfs.size == len(WEIGHTS)
    # the three lines of a pointer to a file of three digits: 43 + 76 + 9 bytes
    assert lfs.pointer_size == 128


def test_info_expands_what_is_asked_for_and_refuses_unknown_names(hub: Hub) -> None:
    info = api(hub).model_info("lab/one", expand=["safetensors", "gated"])
    assert info.safetensors is not None
    assert info.safetensors["total"] == 40
    assert (info.sha, info.siblings) == (None, None)
    refused = fetch(hub.endpoint + "/api/models/lab/one?expand[]=nonsense")
    assert refused.status == 400
    assert b'\\"usedStorage\\"' in refused.body


def test_list_of_models_comes_in_pages_and_can_be_filtered() -> None:
    repos = [Repo(f"org/m{i}", {"config.json": CONFIG}, downloads=i) for i in range(5)]
    with Hub([*repos, single()], Settings(page_models=2)) as hub:
        assert len(list(api(hub).list_models(author="org"))) == 5
        assert len(hub.requests) == 3
        assert [m.id for m in api(hub).list_models(search="ONE")] == ["lab/one"]
        assert [m.id for m in api(hub).list_models(filter="safetensors")] == ["lab/one"]
        assert [m.id for m in api(hub).list_models(num_parameters="min:40,max:1K")] == ["lab/one"]
        top = list(api(hub).list_models(sort="downloads", limit=2, expand=["safetensors"]))
        assert [m.id for m in top] == ["org/m4", "org/m3"]


def test_tree_comes_in_pages_with_folders_first(hub: Hub) -> None:
    hub.set(Settings(page_entries=2))
    names = [entry.path for entry in api(hub).list_repo_tree("lab/one", recursive=True)]
    assert names == ["docs", "docs/a", "config.json", "docs/a/b.txt", "model.safetensors"]
    assert len(hub.requests) == 3


def test_tree_of_a_folder_is_flat_and_may_be_expanded(hub: Hub) -> None:
    entries = list(api(hub).list_repo_tree("lab/one", "docs/a", expand=True))
    assert [entry.path for entry in entries] == ["docs/a/b.txt"]
    assert entries[0].last_commit is not None
    with pytest.raises(RemoteEntryNotFoundError):
        list(api(hub).list_repo_tree("lab/one", "docs/z"))


def test_paths_info_leaves_out_what_is_not_there(hub: Hub) -> None:
    found = api(hub).get_paths_info("lab/one", ["docs", "nothing", "model.safetensors"])
    assert [entry.path for entry in found] == ["docs", "model.safetensors"]


# --- revisions -----------------------------------------------------------------------------------


def test_branches_tags_shas_and_pull_requests_are_revisions(hub: Hub) -> None:
    repo = single("lab/history")
    first = repo.main.sha
    repo.tag("v1.0")
    second = repo.commit({"more.txt": b"more"}, title="more")
    repo.branch("old/way", first)
    proposal = repo.pull_request({"config.json": None})
    hub.add(repo)
    shas = {
        r: api(hub).model_info("lab/history", revision=r).sha for r in ("main", "v1.0", "old/way")
    }
    assert shas == {"main": second, "v1.0": first, "old/way": first}
    assert api(hub).model_info("lab/history", revision=first[:7]).sha == first
    assert not api(hub).file_exists("lab/history", "config.json", revision=proposal)
    refs = api(hub).list_repo_refs("lab/history", include_pull_requests=True)
    assert [len(refs.branches), len(refs.tags), len(refs.pull_requests or [])] == [2, 1, 1]
    assert [c.commit_id for c in api(hub).list_repo_commits("lab/history")] == [second, first]


def test_commit_between_info_and_file_shows_in_the_commit_header() -> None:
    repo = single()
    with Hub([repo]) as hub:
        before = api(hub).model_info("lab/one").sha
        after = repo.commit({"config.json": b"{}"})
        moved = fetch(hub.endpoint + "/lab/one/resolve/main/config.json")
        kept = fetch(hub.endpoint + f"/lab/one/resolve/{before}/config.json")
    assert (moved.headers["X-Repo-Commit"], kept.headers["X-Repo-Commit"]) == (after, before)


# --- files ---------------------------------------------------------------------------------------


def test_small_file_is_redirected_within_the_host_and_cached_by_its_etag(hub: Hub) -> None:
    moved = fetch(hub.endpoint + "/lab/one/resolve/main/docs/a/b.txt")
    location = moved.headers["Location"]
    assert (moved.status, location[:25]) == (307, "/api/resolve-cache/models")
    found = fetch(urljoin(hub.endpoint, location))
    assert found.body == b"text\n"
    etag = found.headers["ETag"]
    assert etag == '"8e27be7d6154a1f68ea9160ef0e18691d20560dc"'
    for path in ("/lab/one/resolve/main/docs/a/b.txt", location):
        assert fetch(hub.endpoint + path, If_None_Match=etag).status == 304


def test_gzipped_text_has_no_length_and_no_range(hub: Hub) -> None:
    sha = api(hub).model_info("lab/one").sha
    url = f"{hub.endpoint}/api/resolve-cache/models/lab/one/{sha}/config.json"
    zipped = fetch(url, Accept_Encoding="gzip", Range="bytes=0-3")
    assert (zipped.status, zipped.headers["Content-Length"]) == (200, None)
    assert gzip.decompress(zipped.body) == CONFIG
    plain = fetch(url, Range="bytes=0-3")
    assert (plain.status, plain.body) == (206, CONFIG[:4])


def test_weight_file_is_redirected_to_the_cdn_with_its_size_and_sha256(hub: Hub) -> None:
    moved = fetch(hub.endpoint + "/lab/one/resolve/main/model.safetensors", method="HEAD")
    assert moved.status == 302
    assert moved.headers["Location"].startswith(hub.cdn_endpoint)
    assert moved.headers["X-Linked-Size"] == str(len(WEIGHTS))
    lfs = fetch(hub.endpoint + "/lab/one/raw/main/model.safetensors").body.decode()
    assert moved.headers["X-Linked-ETag"].strip('"') in lfs


def test_cdn_serves_ranges_of_signed_urls_only(hub: Hub) -> None:
    url, size = signed_url(hub), len(WEIGHTS)
    part = fetch(url, Range="bytes=8-15")
    assert (part.status, part.body) == (206, WEIGHTS[8:16])
    assert part.headers["Content-Range"] == f"bytes 8-15/{size}"
    assert fetch(url, Range="bytes=-4").body == WEIGHTS[-4:]
    assert fetch(url).body == WEIGHTS
    past = fetch(url, Range=f"bytes={size}-")
    assert (past.status, past.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert fetch(url.partition("?")[0]).status == 403
    other = signed_url(hub, "/lab/new/resolve/main/m.bin")
    assert fetch(f"{url.partition('?')[0]}?{other.partition('?')[2]}").status == 403


def test_signed_url_expires() -> None:
    with Hub([single()], Settings(signed_url_seconds=0)) as hub:
        assert fetch(signed_url(hub)).status == 403


def test_token_at_the_cdn_is_refused_and_recorded() -> None:
    with Hub([single()]) as hub:
        assert fetch(signed_url(hub), Authorization="Bearer hf_ann").status == 400
        assert hub.leaked_tokens == ["Bearer hf_ann"]


def test_client_reads_a_header_and_keeps_its_token_from_the_cdn(hub: Hub) -> None:
    metadata = api(hub, "hf_ann").get_safetensors_metadata("lab/one")
    assert metadata.parameter_count == {"F32": 32, "BF16": 8}
    assert {(r.host, r.authorization) for r in hub.requests} == {("hub", True), ("cdn", False)}


def test_client_reads_shards_one_by_one_or_all_at_once(hub: Hub, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        one_by_one = api(hub).get_safetensors_metadata("lab/many")
    hub.reset_log()
    at_once = api(hub).get_sharded_safetensors_metadata("lab/many")
    assert len(hub.requests) == 1
    assert one_by_one.parameter_count == at_once.parameter_count == {"F32": 32 + 5, "BF16": 8}
    hub.set(Settings(sharded_metadata=False))
    path = "/api/models/lab/many/safetensors-metadata/model.safetensors.index.json"
    assert fetch(hub.endpoint + path).status == 404


def test_client_downloads_both_kinds_of_files(hub: Hub, tmp_path: Path) -> None:
    for name, content in (("config.json", CONFIG), ("model.safetensors", WEIGHTS)):
        assert (
            Path(api(hub).hf_hub_download("lab/one", name, cache_dir=tmp_path)).read_bytes()
            == content
        )


def test_virtual_file_of_700_gib_has_a_header_and_zeros() -> None:
    size = 700 * GIB
    repo = Repo("lab/huge", {"model.safetensors": Virtual(ONE, size)})
    with Hub([repo]) as hub:
        assert api(hub).get_safetensors_metadata("lab/huge").parameter_count == {
            "F32": 32,
            "BF16": 8,
        }
        url = signed_url(hub, "/lab/huge/resolve/main/model.safetensors")
        middle = fetch(url, Range=f"bytes={size // 2}-{size // 2 + 9}")
        assert (middle.body, middle.headers["Content-Range"]) == (
            bytes(10),
            f"bytes {size // 2}-{size // 2 + 9}/{size}",
        )


def test_virtual_file_has_islands_among_its_zeros() -> None:
    repo = Repo("lab/zip", {"a.bin": Virtual(b"PK", 1_000, ((10, b"middle"), (997, b"end")))})
    whole = b"PK" + bytes(8) + b"middle" + bytes(981) + b"end"
    with Hub([repo]) as hub:
        url = signed_url(hub, "/lab/zip/resolve/main/a.bin")
        assert fetch(url).body == whole
        for first, last in ((0, 0), (1, 10), (12, 13), (15, 998), (16, 20), (990, 999)):
            assert fetch(url, Range=f"bytes={first}-{last}").body == whole[first : last + 1]


@pytest.mark.parametrize("islands", [((1, b"x"),), ((4, b"xy"), (5, b"z")), ((9, b"xy"),)])
def test_virtual_file_refuses_islands_that_do_not_fit(
    islands: tuple[tuple[int, bytes], ...],
) -> None:
    with pytest.raises(ValueError, match="bytes"):
        Virtual(b"PK", 10, islands)


def test_log_shows_how_little_a_client_took_that_hung_up() -> None:
    repo = Repo("lab/huge", {"model.safetensors": Virtual(ONE, 700 * GIB)})
    with Hub([repo]) as hub:
        parts = urlsplit(signed_url(hub, "/lab/huge/resolve/main/model.safetensors"))
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        assert response.read(8) == ONE[:8]
        response.close()
        connection.close()
        record = last_done(hub)
    assert record.cut_short
    assert record.announced_bytes == 700 * GIB
    assert 8 <= record.bytes_sent < GIB


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lab/old", "legacy", "LAB/New"])
def test_other_names_are_redirected_with_resource_and_query_kept(hub: Hub, name: str) -> None:
    for path, wanted in (
        (f"/api/models/{name}", "/api/models/lab/new"),
        (f"/api/models/{name}/tree/main/x%2Fy?a=b", "/api/models/lab/new/tree/main/x%2Fy?a=b"),
        (f"/{name}/resolve/refs%2Fpr%2F1/m.bin?c=d", "/lab/new/resolve/refs%2Fpr%2F1/m.bin?c=d"),
    ):
        moved = fetch(hub.endpoint + path)
        assert (moved.status, moved.headers["Location"]) == (307, wanted)


def test_names_of_one_segment_still_serve(hub: Hub) -> None:
    assert api(hub).model_info("gpt2").id == "gpt2"
    assert [entry.path for entry in api(hub).list_repo_tree("gpt2")] == ["config.json"]
    assert api(hub).file_exists("gpt2", "config.json")


# --- errors --------------------------------------------------------------------------------------


def test_missing_and_private_repositories_look_alike(hub: Hub) -> None:
    for path in ("/api/models/lab/none", "/api/models/ann/secret", "/lab/none/resolve/main/x"):
        bare = fetch(hub.endpoint + path)
        assert (bare.status, bare.headers["X-Error-Code"]) == (401, None)
        assert bare.headers["X-Error-Message"] == "Invalid username or password."
        named = fetch(hub.endpoint + path, Authorization="Bearer hf_bob")
        assert (named.status, named.headers["X-Error-Code"]) == (404, "RepoNotFound")
    assert api(hub, "hf_ann").model_info("ann/secret").private


def test_client_takes_a_missing_repository_for_one_if_it_has_a_token(hub: Hub) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api(hub, "hf_ann").model_info("lab/none")
    # Its REPO_API_REGEX wants https, so that here the bare 401 stays what it is.
    with pytest.raises(HfHubHTTPError) as error:
        api(hub).model_info("lab/none")
    assert error.type is HfHubHTTPError


def test_unknown_token_is_refused_even_for_public_repositories(hub: Hub) -> None:
    refused = fetch(hub.endpoint + "/api/models/lab/one", Authorization="Bearer hf_who")
    message = "Invalid credentials in Authorization header"
    assert (refused.status, refused.headers["X-Error-Message"]) == (401, message)


def test_missing_files_and_revisions_have_codes(hub: Hub) -> None:
    missing = fetch(hub.endpoint + "/lab/one/resolve/main/none.txt")
    assert (missing.status, missing.body) == (404, b"Entry not found")
    assert missing.headers["X-Repo-Commit"] == api(hub).model_info("lab/one").sha
    with pytest.raises(RemoteEntryNotFoundError):
        api(hub).hf_hub_download("lab/one", "none.txt")
    with pytest.raises(RevisionNotFoundError):
        api(hub).model_info("lab/one", revision="v9")


def test_gate_closes_files_and_history_but_not_info(hub: Hub) -> None:
    assert api(hub).model_info("lab/gate").gated == "manual"
    assert len(list(api(hub).list_repo_tree("lab/gate"))) == 1
    for token, status in ((None, 401), ("hf_ann", 403)):
        for ask in (api(hub, token).auth_check, api(hub, token).get_safetensors_metadata):
            with pytest.raises(GatedRepoError) as error:
                ask("lab/gate")
            assert error.value.response.status_code == status
    with pytest.raises(GatedRepoError):
        api(hub).list_repo_commits("lab/gate")
    assert api(hub, "hf_bob").get_safetensors_metadata("lab/gate").parameter_count["BF16"] == 8


def test_disabled_repository_has_info_and_no_files(hub: Hub) -> None:
    assert api(hub).model_info("lab/closed").disabled
    with pytest.raises(DisabledRepoError):
        api(hub).file_exists("lab/closed", "config.json")


def test_whoami_knows_the_token(hub: Hub) -> None:
    assert api(hub, "hf_ann").whoami()["name"] == "ann"
    assert fetch(hub.endpoint + "/api/whoami-v2").status == 401


# --- rate limits ---------------------------------------------------------------------------------


def test_every_answer_of_the_hub_tells_what_is_left_of_its_bucket(hub: Hub) -> None:
    for path, bucket, quota, left in (
        ("/api/models/lab/one", "api", 500, 499),
        ("/api/models/lab/none", "api", 500, 498),
        ("/lab/one/resolve/main/config.json", "resolvers", 3000, 2999),
        ("/lab/one/resolve/main/none", "resolvers", 3000, 2998),
    ):
        info = parse_ratelimit_headers(dict(fetch(hub.endpoint + path).headers))
        assert info is not None
        assert (info.resource_type, info.limit, info.window_seconds) == (bucket, quota, 300)
        assert info.remaining == left
    free = fetch(hub.endpoint + "/api/models/lab/one", Authorization="Bearer hf_ann")
    assert free.headers["RateLimit"].startswith('"api";r=999;t=')
    assert "RateLimit" not in fetch(signed_url(hub)).headers


def test_dry_window_is_a_429_until_the_next_one_opens() -> None:
    plans = {"anonymous": Plan(api=2, resolvers=5)}
    with Hub([single()], Settings(limits=Limits(plans=plans, retry_after=True))) as hub:
        url = hub.endpoint + "/api/models/lab/one"
        assert [fetch(url).status for _ in range(3)] == [200, 200, 429]
        dry = fetch(url)
        assert dry.headers["RateLimit"] == f'"api";r=0;t={dry.headers["Retry-After"]}'
        assert fetch(hub.endpoint + "/lab/one/resolve/main/config.json").status == 307
        hub.set(Settings(limits=Limits(plans=plans, window_seconds=0)))
        assert fetch(url).status == 200


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["503", "500", "429", "408"])
def test_scripted_status_comes_as_often_as_told(hub: Hub, fault: Fault) -> None:
    hub.fail_next("models/lab/one$", fault, times=2)
    url = hub.endpoint + "/api/models/lab/one"
    assert fetch(hub.endpoint + "/api/models/lab/many").status == 200
    assert [fetch(url).status for _ in range(3)] == [int(fault), int(fault), 200]
    assert [record.fault for record in hub.requests] == [None, fault, fault, None]


def test_reset_closes_the_connection_before_an_answer(hub: Hub) -> None:
    hub.fail_next("models", "reset")
    with pytest.raises(ConnectionResetError):
        fetch(hub.endpoint + "/api/models/lab/one")
    assert hub.requests[-1].status is None


def test_truncated_body_is_half_of_what_was_announced(hub: Hub) -> None:
    url = signed_url(hub)
    hub.fail_next("xet-bridge", "truncated")
    with pytest.raises(http.client.IncompleteRead) as error:
        fetch(url)
    assert error.value.partial == WEIGHTS[: len(WEIGHTS) // 2]
    assert last_done(hub).cut_short


def test_hanging_answer_never_comes(hub: Hub) -> None:
    hub.set(Settings(hang_seconds=0.05))  # then the server gives the connection up
    hub.fail_next("models", "hang")
    with pytest.raises(ConnectionError):
        fetch(hub.endpoint + "/api/models/lab/one")
    assert last_done(hub).status is None


def test_dripping_body_is_whole_in_the_end(hub: Hub) -> None:
    hub.set(Settings(drip_bytes=50, drip_pause_seconds=0.001))
    url = signed_url(hub)
    hub.fail_next("xet-bridge", "drip")
    assert fetch(url).body == WEIGHTS
    assert last_done(hub).fault == "drip"


def test_answers_to_a_range_can_lie(hub: Hub) -> None:
    url, size = signed_url(hub), len(WEIGHTS)
    lies: dict[Fault, tuple[int, str | None, int]] = {
        "lying-range": (206, f"bytes 9-16/{size}", 8),
        "wrong-size": (206, f"bytes 8-15/{size + 1}", 8),
        "ignore-range": (200, None, size),
    }
    for fault, wanted in lies.items():
        hub.fail_next("xet-bridge", fault, host="cdn")
        reply = fetch(url, Range="bytes=8-15")
        assert (reply.status, reply.headers["Content-Range"], len(reply.body)) == wanted


def test_random_faults_are_the_same_for_the_same_seed_and_spare_the_other_host() -> None:
    def statuses(seed: int) -> list[int]:
        faults = Faults(rates={"503": 0.3}, host="hub", pattern="/api/models/", seed=seed)
        with Hub([single()], Settings(faults=(faults,))) as hub:
            assert fetch(signed_url(hub)).status == 200
            return [fetch(hub.endpoint + "/api/models/lab/one").status for _ in range(40)]

    first = statuses(1)
    assert set(first) == {200, 503}
    assert first == statuses(1) != statuses(2)


# --- the server itself ---------------------------------------------------------------------------


def test_one_connection_serves_many_requests_even_sent_at_once(hub: Hub) -> None:
    parts = urlsplit(hub.endpoint)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.connect()
        request = b"GET /api/models/gpt2 HTTP/1.1\r\nHost: h\r\n\r\n"
        connection.sock.sendall(request * 3)
        with connection.sock.makefile("rb") as answers:
            for _ in range(3):
                assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
                head = http.client.parse_headers(answers)
                assert json.loads(answers.read(int(head["Content-Length"])))["id"] == "gpt2"
    assert {record.connection for record in hub.requests} == {1}


def test_requests_under_way_are_counted(hub: Hub) -> None:
    hub.fail_next("models", "hang", times=3)
    netloc = urlsplit(hub.endpoint).netloc
    connections = [http.client.HTTPConnection(netloc, timeout=10) for _ in range(3)]
    for connection in connections:
        connection.request("GET", "/api/models/lab/one")
    records = until(lambda: hub.requests, lambda records: len(records) == 3)
    for connection in connections:
        connection.close()
    assert [record.concurrency for record in records] == [1, 2, 3]


def test_nonsense_is_a_bad_request(hub: Hub) -> None:
    parts = urlsplit(hub.endpoint)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.connect()
        connection.sock.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert connection.sock.recv(100).startswith(b"HTTP/1.1 400 ")


def test_what_is_no_endpoint_is_told_so(hub: Hub) -> None:
    for path in ("/api/datasets/a/b", "/api/models/a/b/c", "/lab/one/blob/main/x", "/"):
        assert fetch(hub.endpoint + path).status == 404
    assert fetch(hub.endpoint + "/api/models/lab/one", method="DELETE").status == 405
    assert fetch(hub.endpoint + "/api/models?cursor=bad").status == 400


def test_demo_repositories_are_of_the_sizes_they_are_known_by() -> None:
    totals = {repo.id: (repo.main.safetensors or {}).get("total") for repo in demo.repositories()}
    assert totals["demo/bert-tiny"] == 4_385_920
    assert totals["demo/llama-8b"] == totals["demo/llama-8b-gated"] == 8_030_261_248
    assert totals["demo/no-weights"] is None


def test_server_in_another_process_answers_alike() -> None:
    with HubProcess([single()], Settings(tokens=TOKENS)) as hub:
        assert HfApi(endpoint=hub.endpoint, token=False).model_info("lab/one").id == "lab/one"
        hub.fail_next("lab", "503")
        assert fetch(hub.endpoint + "/api/models/lab/one").status == 503
        assert [record.status for record in hub.requests] == [200, 503]

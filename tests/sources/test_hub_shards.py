"""All shard headers in one answer: taken where they are sound and of the right commit."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from auditor.sources.hub import HubRepository
from auditor.sources.hub_shards import read_shard_headers
from hub import Fault, Hub, Limits, Plan, Repo, Settings, Virtual
from sources.hub_client import header, weights, with_model
from sources.scripted_server import COMMIT, Scripted, answer, info, json_answer

INDEX = "model.safetensors.index.json"
SHARDS = ("model-1.safetensors", "model-2.safetensors")
HEADERS = {SHARDS[0]: header("a", "b"), SHARDS[1]: header("c")}

Texts = Mapping[str, memoryview]


def sharded(folder: str = "", **options: Any) -> Repo:
    weight_map = {"a": SHARDS[0], "b": SHARDS[0], "c": SHARDS[1]}
    index = json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
    files: dict[str, bytes | Virtual] = {
        INDEX: index,
        SHARDS[0]: weights("a", "b"),
        SHARDS[1]: weights("c"),
    }
    return Repo("org/name", {folder + path: file for path, file in files.items()}, **options)


def headers_of(endpoint: str, index_path: str = INDEX, **options: Any) -> Mapping[str, Any] | None:
    async def act(model: HubRepository) -> Texts | None:
        return await model.read_headers(index_path)

    return parsed(with_model(endpoint, act, **options))


def parsed(texts: Texts | None) -> Mapping[str, Any] | None:
    return None if texts is None else {path: json.loads(bytes(t)) for path, t in texts.items()}


def test_the_headers_of_all_shards_come_in_one_request() -> None:
    with Hub([sharded()]) as hub:
        assert headers_of(hub.endpoint) == HEADERS
        assert len(hub.requests) == 2


def test_shards_in_a_folder_are_told_by_their_whole_path() -> None:
    with Hub([sharded("unet/")]) as hub:
        found = headers_of(hub.endpoint, f"unet/{INDEX}")
    assert found == {f"unet/{path}": entries for path, entries in HEADERS.items()}


def test_a_server_that_has_no_such_endpoint_is_asked_once_and_the_shards_must_do() -> None:
    with Hub([sharded()], Settings(sharded_metadata=False)) as hub:
        assert headers_of(hub.endpoint) is None
        assert len(hub.requests) == 2


def test_another_revision_than_main_is_not_asked_for() -> None:
    model = sharded()
    model.tag("v1")
    with Hub([model]) as hub:
        assert headers_of(hub.endpoint, revision="v1") is None
        assert headers_of(hub.endpoint, revision=model.main.sha) is None
        assert len(hub.requests) == 2


def test_headers_of_a_main_that_has_moved_on_are_not_taken() -> None:
    model = sharded()
    with Hub([model]) as hub:

        async def act(found: HubRepository) -> Texts | None:
            model.commit({SHARDS[1]: weights("d")})
            return await found.read_headers(INDEX)

        assert with_model(hub.endpoint, act) is None


@pytest.mark.parametrize("fault", ["500", "truncated", "reset"])
def test_an_endpoint_that_fails_is_not_insisted_on(fault: Fault) -> None:
    with Hub([sharded()]) as hub:
        hub.fail_next("/safetensors-metadata/", fault, times=99)
        assert headers_of(hub.endpoint) is None
        assert len(hub.requests) == 1 + 2


def test_one_fault_of_the_endpoint_passes() -> None:
    with Hub([sharded()]) as hub:
        hub.fail_next("/safetensors-metadata/", "503")
        assert headers_of(hub.endpoint) == HEADERS


def test_the_endpoint_is_not_waited_for_when_its_limit_is_used_up() -> None:
    limits = Limits(plans={"anonymous": Plan(api=1, resolvers=9)}, window_seconds=300)
    with Hub([sharded()], Settings(limits=limits)) as hub:
        assert headers_of(hub.endpoint) is None
        assert len(hub.requests) == 1


def test_a_gate_sends_the_reader_to_the_shards_which_say_so() -> None:
    with Hub([sharded(gated="auto")]) as hub:
        assert headers_of(hub.endpoint) is None


@pytest.mark.parametrize(("main_now", "taken"), [(COMMIT, True), ("f" * 40, False)])
def test_without_a_commit_on_the_answer_main_is_asked_for_once_more(
    main_now: str, *, taken: bool
) -> None:
    files = ((INDEX, 100), (SHARDS[0], 900), (SHARDS[1], 900))
    server = Scripted(
        {
            "safetensors-metadata": json_answer({"index": {}, "headers": HEADERS}),
            "expand=sha": json_answer({"id": "org/name", "sha": main_now}),
            "blobs=true": info(*files),
        }
    )
    with server as endpoint:
        assert headers_of(endpoint) == (HEADERS if taken else None)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 404, 405, 410, 418, 501])
def test_whatever_a_server_says_instead_the_shards_must_do(status: int) -> None:
    server = {"safetensors-metadata": answer(status), "blobs=true": info((INDEX, 9))}
    with Scripted(server) as endpoint:
        assert headers_of(endpoint) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "[]", "{}", '{"headers": []}', '{"headers": {}}', "nothing at all", "\xff"),
        '{"headers": {"model-1.safetensors": {}, "model-1.safetensors": {}}}',
        '{"headers": {"model-1.safetensors": []}}',
        '{"headers": {"model-1.safetensors": {"__metadata__": {}}}}',
        '{"headers":{"model-1.safetensors":ONE,"model-1.safetensors":ONE}}',
        '{"headers":{"model-1.safetensors":ONE,"model-1.safetensor\\u0073":ONE}}',
        '{"headers":{"model-1.safetensors":ONE},"more":1,"more":1}',
        '{"headers":{"model-1.safetensors":ONE},"\\ud800":1}',
        '{"headers": {"model-1.safetensors": {"a": NaN}}}',
        '{"headers": {"another.safetensors": ONE}}',
        '{"headers": {"../model-1.safetensors": ONE}}',
        '{"headers": {}, "headers": {"model-1.safetensors": ONE}}',
        "[" * 100_000,
    ],
)
def test_an_answer_that_is_odd_in_any_way_is_not_taken(text: str) -> None:
    body = text.replace("ONE", '{"a":{"data_offsets":[]}}').encode("latin-1")
    assert read_shard_headers(body, INDEX, {SHARDS[0]}) is None


def test_white_space_and_further_members_make_no_difference() -> None:
    answer = {"index": {"metadata": {"of": ": "}}, "headers": HEADERS, "more": [1, {"a": ":"}]}
    compact = json.dumps(answer, separators=(",", ":")).encode()
    for body in (compact, json.dumps(answer).encode(), json.dumps(answer, indent=1).encode()):
        assert parsed(read_shard_headers(body, INDEX, SHARDS)) == HEADERS


def test_what_a_shard_says_twice_is_left_to_the_reader_of_headers() -> None:
    header_text = b'{"a":{"data_offsets":[0,4],"data_offsets":[0,2]}}'
    body = b'{"headers":{"model-1.safetensors":%s}}' % header_text
    assert read_shard_headers(body, INDEX, SHARDS) == {SHARDS[0]: memoryview(header_text)}

"""What passes is tried again, rate limits are kept, and Ctrl-C ends it all."""

import asyncio

import pytest

from auditor.core.identity import HubRef
from auditor.core.tensors import Span
from auditor.errors import RateLimited, Unreachable
from auditor.sources.hub import HubRepository, HubSource
from hub import Fault, Faults, Hub, Limits, Plan, Repo, Settings
from sources.hub_client import file_of, opened, span_of, weights, with_model, with_source

CONFIG = b"{}"


def repo(**options: object) -> Repo:
    files = {"config.json": CONFIG, "model.safetensors": weights("a")}
    return Repo("org/name", files, **options)  # type: ignore[arg-type] # whatever a Repo takes


def plan(*, api: int = 100, resolvers: int = 100) -> dict[str, Plan]:
    return {"anonymous": Plan(api=api, resolvers=resolvers)}


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        *(("408", "/api/models/"), ("429", "/api/models/"), ("500", "/api/models/")),
        *(("503", "/resolve-cache/"), ("reset", "/resolve-cache/")),
        *(("truncated", "/api/models/"), ("truncated", "/resolve-cache/")),
    ],
)
def test_what_fails_once_is_tried_again(fault: Fault, where: str) -> None:
    with Hub([repo()]) as hub:
        hub.fail_next(where, fault)

        async def act(model: HubRepository) -> HubRepository:
            assert await model.read_file("config.json", limit_bytes=9) == CONFIG
            return model

        model = with_model(hub.endpoint, act)
    assert (model.traffic.requests, model.traffic.retries) == (3, 1)


def test_a_server_that_says_nothing_is_not_waited_for_for_ever() -> None:
    with Hub([repo()]) as hub:
        hub.fail_next("/resolve-cache/", "hang")
        assert file_of(hub.endpoint, timeout_seconds=0.2) == CONFIG


def test_a_fault_that_stays_is_told_with_its_status() -> None:
    with Hub([repo()]) as hub:
        hub.fail_next("/api/models/", "503", times=99)
        with pytest.raises(Unreachable, match=r"503 Service Unavailable \(tried 2 times\)"):
            opened(hub.endpoint, attempts=2)


def test_one_fault_in_a_hundred_of_each_kind_loses_nothing() -> None:
    kinds: tuple[Fault, ...] = ("503", "500", "429", "reset", "truncated")
    files = {f"model-{at:03}.safetensors": weights(f"tensor.{at}") for at in range(120)}
    texts = {f"{at}.json": b"%d" % at for at in range(120)}
    faults = Faults(rates=dict.fromkeys(kinds, 0.01), seed=3)
    with Hub([Repo("org/name", {**files, **texts})], Settings(faults=(faults,))) as hub:

        async def act(model: HubRepository) -> HubRepository:
            spans = (model.read_span(path, Span(0, 60)) for path in files)
            small = (model.read_file(path, limit_bytes=9) for path in texts)
            assert await asyncio.gather(*spans) == [file.header[:60] for file in files.values()]
            assert await asyncio.gather(*small) == list(texts.values())
            return model

        traffic = with_model(hub.endpoint, act).traffic
        failed = [record.fault for record in hub.requests if record.fault]
    assert traffic.requests == len(hub.requests)
    assert traffic.retries == len(failed)
    assert set(failed) == set(kinds)


def test_the_limit_is_kept_before_it_is_reached() -> None:
    limits = Limits(plans=plan(resolvers=4), window_seconds=1)
    with Hub([repo()], Settings(limits=limits)) as hub:

        async def act(model: HubRepository) -> HubRepository:
            for _ in range(5):
                assert await model.read_span("config.json", Span(0, 1)) == b"{"
            return model

        traffic = with_model(hub.endpoint, act).traffic
        # each span of a git file is two requests of the bucket: ten of them, four to a window
        assert [record.status for record in hub.requests if record.status == 429] == []
    assert traffic.retries == 0
    assert traffic.waited_seconds >= 2


def test_many_readers_at_once_all_get_through_a_narrow_limit() -> None:
    limits = Limits(plans=plan(resolvers=15), window_seconds=1)
    with Hub([repo()], Settings(limits=limits)) as hub:

        async def act(model: HubRepository) -> None:
            reads = (model.read_span("model.safetensors", Span(at, at + 1)) for at in range(25))
            assert len(await asyncio.gather(*reads)) == 25

        with_model(hub.endpoint, act, concurrency=8)
        assert [record.status for record in hub.requests if record.status == 429] == []


def test_a_refusal_for_too_many_requests_is_waited_out() -> None:
    limits = Limits(plans=plan(api=1), window_seconds=1)
    with Hub([repo()], Settings(limits=limits)) as hub:
        opened(hub.endpoint)  # another program on the same address has used the window up
        model = opened(hub.endpoint)
        assert [record.status for record in hub.requests] == [200, 429, 200]
    assert model.traffic.retries == 1
    assert model.traffic.waited_seconds >= 1


def test_retry_after_is_obeyed_where_the_limit_is_not_used_up() -> None:
    with Hub([repo()], Settings(limits=Limits(retry_after=True))) as hub:
        hub.fail_next("/api/models/", "429")  # Retry-After: 1
        assert opened(hub.endpoint).traffic.waited_seconds >= 1


def test_a_wait_that_is_too_long_is_an_error_that_tells_it() -> None:
    limits = Limits(plans=plan(api=1), window_seconds=300)
    with Hub([repo()], Settings(limits=limits)) as hub:
        opened(hub.endpoint)
        with pytest.raises(RateLimited, match=r"asks to wait 300 seconds.*at most 5") as caught:
            opened(hub.endpoint, max_wait_seconds=5)
        assert len(hub.requests) == 2
    assert "HF_TOKEN" in caught.value.hint


def test_a_limit_known_to_be_used_up_is_not_even_asked() -> None:
    limits = Limits(plans=plan(api=1), window_seconds=300)
    with Hub([repo()], Settings(limits=limits)) as hub:

        async def act(source: HubSource) -> None:
            await source.open(HubRef(repo_id="org/name"))
            with pytest.raises(RateLimited):
                await source.open(HubRef(repo_id="org/name"))

        with_source(hub.endpoint, act, max_wait_seconds=5)
        assert [record.status for record in hub.requests] == [200]


@pytest.mark.parametrize("during", ["an answer", "a pause", "a rate limit", "a queue"])
def test_a_cancelled_read_ends_at_once(during: str) -> None:
    limits = Limits(plans=plan(resolvers=2 if during == "a rate limit" else 99))
    with Hub([repo()], Settings(limits=limits)) as hub:

        async def act(model: HubRepository) -> None:
            if during == "a rate limit":
                await model.read_span("config.json", Span(0, 1))  # two requests
            elif during == "a pause":
                hub.fail_next("/resolve", "503", times=99)
            else:
                hub.fail_next("/resolve", "hang", times=99)
            reads = [
                asyncio.create_task(model.read_file("config.json", limit_bytes=9))
                for _ in range(2)  # one waits for the other's place
            ]
            await asyncio.sleep(0.3)
            for task in reads:
                assert not task.done()
                task.cancel()
            ended, _ = await asyncio.wait(reads, timeout=1)
            assert len(ended) == 2
            assert all(task.cancelled() for task in reads)

        with_model(hub.endpoint, act, concurrency=1 if during == "a queue" else 2)


def test_after_a_cancelled_read_the_others_go_on() -> None:
    with Hub([repo()]) as hub:

        async def act(model: HubRepository) -> None:
            hub.fail_next("/resolve-cache/", "hang")
            hanging = asyncio.create_task(model.read_file("config.json", limit_bytes=9))
            await asyncio.sleep(0.1)
            hanging.cancel()
            await asyncio.wait([hanging])
            assert await model.read_file("config.json", limit_bytes=9) == CONFIG

        with_model(hub.endpoint, act, concurrency=1)


def test_a_span_is_tried_again_from_the_start_when_the_storage_is_down() -> None:
    with Hub([repo()]) as hub:
        hub.fail_next("/xet-bridge-us/", "503")
        assert len(span_of(hub.endpoint, 0, 8)) == 8
        assert [record.host for record in hub.requests] == ["hub", "hub", "cdn", "hub", "cdn"]

"""Servers that ignore Range, lie about it, or stop in the middle."""

import pytest

from auditor.core.tensors import Span
from auditor.errors import BadAnswer, Unreachable
from auditor.sources.hub import HubRepository
from hub import Fault, Hub, Repo
from sources.hub_client import SIZE_BYTES, framed, header, span_of, weights, with_model

# What a kernel takes of an answer nobody reads on: the server's send buffer and the client's own.
BUFFERS_BYTES = 8 * 1024 * 1024


def repo() -> Repo:
    return Repo("org/name", {"model.safetensors": weights("a")})


def test_a_server_that_ignores_range_is_read_no_further_than_asked_for() -> None:
    entries = framed(header("a"))
    with Hub([repo()]) as hub:
        hub.fail_next("/xet-bridge-us/", "ignore-range")
        assert span_of(hub.endpoint, 0, len(entries)) == entries
        whole = hub.requests[-1]
        assert (whole.status, whole.announced_bytes) == (200, SIZE_BYTES)
        assert whole.bytes_sent < BUFFERS_BYTES
        assert len(hub.requests) == 3  # info, resolve, storage: nothing was tried again


def test_of_a_server_that_ignores_range_only_the_beginning_is_believed() -> None:
    with Hub([repo()]) as hub:
        hub.fail_next("/xet-bridge-us/", "ignore-range")
        with pytest.raises(BadAnswer, match="ignores Range"):
            span_of(hub.endpoint, 1, 9)
        assert hub.requests[-1].bytes_sent < BUFFERS_BYTES


@pytest.mark.parametrize(
    ("fault", "host", "reason"),
    [
        ("lying-range", "cdn", "bytes 1-8 where 0-7 were asked for"),
        ("wrong-size", "cdn", "a part of 1,000,000,001 bytes, of a file of 1,000,000,000"),
        ("wrong-size", "hub", "of 1000000001 bytes by one answer, of 1,000,000,000 by another"),
    ],
)
def test_an_answer_that_contradicts_the_question_is_not_believed(
    fault: Fault, host: str, reason: str
) -> None:
    with Hub([repo()]) as hub:
        hub.fail_next("/resolve/" if host == "hub" else "/xet-bridge-us/", fault)
        with pytest.raises(BadAnswer, match=reason):
            span_of(hub.endpoint, 0, 8)


def test_a_span_that_breaks_off_is_fetched_again_by_a_new_signed_address() -> None:
    entries = framed(header("a"))

    async def act(model: HubRepository) -> HubRepository:
        assert await model.read_span("model.safetensors", Span(0, len(entries))) == entries
        return model

    with Hub([repo()]) as hub:
        hub.fail_next("/xet-bridge-us/", "truncated")
        model = with_model(hub.endpoint, act)
        assert [record.host for record in hub.requests] == ["hub", "hub", "cdn", "hub", "cdn"]
        assert model.traffic.bytes_read == sum(record.bytes_sent for record in hub.requests)
    assert (model.traffic.requests, model.traffic.retries) == (5, 1)


def test_a_span_that_always_breaks_off_is_given_up_with_the_reason() -> None:
    with Hub([repo()]) as hub:
        hub.fail_next("/xet-bridge-us/", "truncated", times=99)
        with pytest.raises(Unreachable, match=r"org/name/model\.safetensors: .*tried 2 times"):
            span_of(hub.endpoint, 0, 100, attempts=2)

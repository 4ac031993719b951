"""Each refusal of the Hub is an error of its own, which says what to do next."""

import socket

import pytest
from huggingface_hub import constants

from auditor.errors import (
    BadToken,
    Disabled,
    GatedAccess,
    InvalidOption,
    NotFound,
    RevisionNotFound,
    Unreachable,
)
from auditor.sources.hub import HubSource
from auditor.sources.hub_endpoint import checked_endpoint
from hub import Account, Hub, Repo, Settings
from sources.hub_client import file_of, opened, span_of, weights

SETTINGS = Settings(tokens={"hf_mine": Account(name="me")})


def repo(**options: object) -> Repo:
    files = {"config.json": b"{}", "model.safetensors": weights("a")}
    return Repo("org/name", files, **options)  # type: ignore[arg-type] # whatever a Repo takes


@pytest.mark.parametrize("private", [True, False])
def test_a_missing_and_a_private_model_look_alike_to_the_anonymous(*, private: bool) -> None:
    with (
        Hub([repo(private=True)] if private else []) as hub,
        pytest.raises(NotFound, match="a private one") as caught,
    ):
        opened(hub.endpoint)
    assert "`hf auth login`" in caught.value.hint
    assert "HF_TOKEN" in caught.value.hint


def test_a_private_model_is_not_found_with_a_strangers_token() -> None:
    with (
        Hub([repo(private=True)], SETTINGS) as hub,
        pytest.raises(NotFound, match="that this token does not open"),
    ):
        opened(hub.endpoint, token="hf_mine")


def test_a_missing_revision_says_where_the_revisions_are_listed() -> None:
    with Hub([repo()]) as hub:
        with pytest.raises(RevisionNotFound, match=r"^org/name: no revision v9$") as caught:
            opened(hub.endpoint, revision="v9")
        assert f"{hub.endpoint}/api/models/org/name/refs" in caught.value.hint


def test_a_commit_that_is_not_there_is_no_revision() -> None:
    with Hub([repo()]) as hub, pytest.raises(RevisionNotFound):
        opened(hub.endpoint, revision="0" * 40)


def test_the_files_of_a_gated_model_are_closed_to_the_anonymous() -> None:
    with Hub([repo(gated="manual")]) as hub:
        for read in (file_of, lambda endpoint: span_of(endpoint, 0, 8)):
            with pytest.raises(GatedAccess, match="those who accepted its conditions") as caught:
                read(hub.endpoint)
            assert f"at {hub.endpoint}/org/name, then log in" in caught.value.hint


def test_the_files_of_a_gated_model_are_closed_to_a_token_without_access() -> None:
    with Hub([repo(gated="auto")], SETTINGS) as hub:
        with pytest.raises(GatedAccess, match="this token has no access") as caught:
            file_of(hub.endpoint, token="hf_mine")
        assert f"ask for access at {hub.endpoint}/org/name" in caught.value.hint


def test_a_token_that_the_hub_refuses_is_not_a_missing_model() -> None:
    with (
        Hub([repo()], SETTINGS) as hub,
        pytest.raises(BadToken, match="the Hub refuses the token") as caught,
    ):
        opened(hub.endpoint, token="hf_old")
    assert "hf_old" not in f"{caught.value} {caught.value.hint}"


def test_a_disabled_model_does_not_open() -> None:
    with Hub([repo(disabled=True)]) as hub, pytest.raises(Disabled, match=r"^org/name: disabled"):
        opened(hub.endpoint)


def test_a_model_that_is_disabled_later_cannot_be_read() -> None:
    with Hub([repo(disabled=True, extra={"disabled": False})]) as hub, pytest.raises(Disabled):
        file_of(hub.endpoint)


def test_a_refusal_is_not_asked_for_twice() -> None:
    with Hub() as hub:
        with pytest.raises(NotFound):
            opened(hub.endpoint)
        assert len(hub.requests) == 1


def test_a_hub_that_is_not_there_is_unreachable_after_a_few_tries() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, and nobody listens
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Unreachable, match=f"no answer from {address}.*tried 3 times") as caught:
            opened(f"http://{address}")
    assert "--offline" in caught.value.hint
    assert "endpoint" in caught.value.hint


def test_a_host_that_can_have_no_address_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"no answer from a\.\.b"):
        opened("http://a..b")


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTP_PROXY", "nonsense://proxy:1"), ("SSL_CERT_FILE", "/no/such/file.pem")],
)
def test_a_machine_that_is_set_up_wrongly_is_told_where_to_look(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Unreachable, match="no connection can be set up") as caught:
        opened("http://127.0.0.1:1")
    assert name in caught.value.hint


def test_offline_mode_is_said_to_be_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match="offline mode is on") as caught:
        opened("http://127.0.0.1:1")
    assert "HF_HUB_OFFLINE" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("https://huggingface.co", "https://huggingface.co"),
        (" https://hub.example.org/ ", "https://hub.example.org"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://mirror.example.org/hf//", "https://mirror.example.org/hf"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_an_endpoint_is_an_address_without_a_slash_at_its_end(text: str, endpoint: str) -> None:
    assert checked_endpoint(text) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "huggingface.co", "ftp://huggingface.co", "https://", "http://:80"),
        *("https://host:port", "https://host:99999", "https://host:0", "http://[::1", "http://a b"),
        *("https://host/?x=1", "https://host/#x", "https://ho\nst", "https://ho\u202est"),
        *("https://me:secret@host", "file:///etc/passwd"),
    ],
)
def test_what_is_no_address_is_no_endpoint(text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        HubSource(text)
    assert caught.value.hint
    assert "secret" not in str(caught.value)

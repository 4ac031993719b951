"""`--blueprint` and `hfaudit classes` where torch and transformers may be absent."""

from pathlib import Path

import pytest

from auditor.architecture.installed import is_installed
from auditor.cli.blueprints import cache_folder
from command import hfaudit

without_torch = pytest.mark.skipif(is_installed(), reason="torch and transformers are installed")


@without_torch
@pytest.mark.parametrize(
    "call",
    [
        ("gpt2", "--blueprint", "require"),
        ("tensors", "gpt2", "--blueprint", "require"),
        ("classes",),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_command_that_helps(
    call: tuple[str, ...], tmp_path: Path
) -> None:
    ran = hfaudit(*call, home=tmp_path)
    assert ran.code == 2
    assert ran.out == ""
    assert "torch, transformers and accelerate are not installed" in ran.err
    assert "pip install 'hfaudit[skeleton]'" in ran.err


@without_torch
def test_without_the_libraries_an_audit_is_what_it_is_without_a_blueprint(tmp_path: Path) -> None:
    auto, off = (
        hfaudit("--offline", "gpt2", "-f", "json", *extra, home=tmp_path)
        for extra in ((), ("--blueprint", "off"))
    )
    assert auto == off
    assert auto.outcomes[0]["proof"]["roles_by"] == "rules"
    codes = {finding["code"] for finding in auto.outcomes[0]["findings"]}
    assert "no-blueprint" not in codes


def test_blueprints_lie_with_what_else_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/own/cache")
    monkeypatch.delenv("HFAUDIT_STORE", raising=False)
    assert cache_folder() == Path("/own/cache/hfaudit/blueprints")
    monkeypatch.setenv("HFAUDIT_STORE", "/other/place")
    assert cache_folder() == Path("/other/place/blueprints")
    monkeypatch.setenv("HFAUDIT_STORE", "postgresql+psycopg://host/name")
    assert cache_folder() == Path("/own/cache/hfaudit/blueprints")


def test_where_no_matrix_is_stored_twice_there_is_nothing_to_verify(tmp_path: Path) -> None:
    ran = hfaudit(
        *("--offline", "bert-large-uncased", "--blueprint", "off", "--verify-ties", "-f", "json"),
        home=tmp_path,
    )
    assert ran.code == 0
    assert ran.outcomes[0]["parameters"]["total"] == 336_226_108

"""The child process, as far as it goes without the libraries that build models."""

import asyncio

import pytest

from auditor.architecture.architect import Architect
from auditor.architecture.draughtsman import Answer, Draughtsman
from auditor.architecture.installed import is_installed
from auditor.architecture.limits import Limits
from auditor.core.blueprint import Drawing, NoBlueprint, Refusal

without_torch = pytest.mark.skipif(is_installed(), reason="torch and transformers are installed")


def asked(request: dict[str, object], limits: Limits) -> Answer:
    async def ask() -> Answer:
        draughtsman = Draughtsman(limits)
        try:
            return await draughtsman.ask(request)
        finally:
            await draughtsman.aclose()

    return asyncio.run(ask())


@without_torch
def test_a_child_without_the_libraries_says_which_is_missing() -> None:
    answer = asked({"classes": True}, Limits())
    assert answer["refusal"] == "not-installed"
    assert answer["reason"] == "torch is not installed"


@without_torch
def test_no_child_is_started_where_nothing_is_installed() -> None:
    async def draw() -> Drawing:
        async with Architect(limits=Limits(start_seconds=0)) as architect:
            return await architect.draw({"model_type": "bert"})

    drawing = asyncio.run(draw())
    assert isinstance(drawing, NoBlueprint)
    assert drawing.refusal is Refusal.NOT_INSTALLED
    assert "skeleton" in drawing.reason


def test_a_child_that_does_not_get_ready_is_ended() -> None:
    answer = asked({"classes": True}, Limits(start_seconds=0))
    assert answer["refusal"] == "not-installed"
    assert "could not be imported" in answer["reason"]


def test_an_architect_that_drew_nothing_closes() -> None:
    async def nothing() -> None:
        async with Architect():
            pass

    asyncio.run(nothing())

import asyncio
from pathlib import Path

import pytest

from auditor.core.identity import HubRef
from auditor.core.repository import Origin
from auditor.errors import NotCached, Unreachable
from auditor.sources.cache import CacheSource
from auditor.sources.chain import ChainSource, offline_source
from auditor.sources.memory import MemorySource

NAME = HubRef(repo_id="org/name")
HOLDS = MemorySource({"org/name": {"config.json": b"{}"}})
LACKS = MemorySource({}, failures={"org/name": NotCached("org/name", "not here", hint="look on")})
FAILS = MemorySource({}, failures={"org/name": Unreachable("org/name", "no answer")})


def test_the_first_source_that_holds_a_model_serves_it() -> None:
    repository = asyncio.run(ChainSource(LACKS, HOLDS, FAILS).open(NAME)).repository
    assert repository.origin is Origin.MEMORY


def test_any_error_but_not_cached_ends_the_search() -> None:
    with pytest.raises(Unreachable):
        asyncio.run(ChainSource(LACKS, FAILS, HOLDS).open(NAME))


def test_a_model_that_nobody_holds_says_where_it_was_looked_for() -> None:
    other = MemorySource({}, failures={"org/name": NotCached("org/name", "nor here")})
    with pytest.raises(NotCached, match="org/name: not here; nor here") as caught:
        asyncio.run(ChainSource(LACKS, other).open(NAME))
    assert caught.value.hint == "look on"


def test_no_source_holds_nothing() -> None:
    with pytest.raises(NotCached, match="no source to look in"):
        asyncio.run(ChainSource().open(NAME))


def test_offline_is_the_cache_and_then_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    ref = HubRef(repo_id="bert-base-uncased")
    shipped = asyncio.run(offline_source().open(ref)).repository
    assert shipped.origin is Origin.SNAPSHOT_RECONSTRUCTED

    commit = "a" * 40
    cached = tmp_path / "models--bert-base-uncased"
    for path, text in (("refs/main", commit), (f"snapshots/{commit}/model.safetensors", "1")):
        (cached / path).parent.mkdir(parents=True)
        (cached / path).write_text(text)
    found = asyncio.run(offline_source().open(ref)).repository
    assert (found.origin, found.commit) == (Origin.CACHE, commit)


def test_closing_closes_every_source() -> None:
    asyncio.run(ChainSource(HOLDS, CacheSource(Path("nowhere"))).aclose())

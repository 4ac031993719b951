"""Blueprints kept on disk."""

import gzip
import json
import os
from pathlib import Path

import pytest

from auditor.architecture.cache import BlueprintCache
from auditor.core.blueprint import NoBlueprint, Refusal, to_json
from blueprints import blueprint

BUILT = blueprint({"a.weight": (3, 4)}, frozen={"a.weight"}, ties={"b.weight": "a.weight"})
REFUSED = NoBlueprint(refusal=Refusal.UNKNOWN_CLASS, reason="class X is not in transformers")


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    cache = BlueprintCache(tmp_path / "new" / "folder")
    cache.write("a" * 64, BUILT)
    cache.write("b" * 64, REFUSED)
    assert cache.read("a" * 64) == BUILT
    assert cache.read("b" * 64) == REFUSED
    assert cache.read("c" * 64) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no json"),
        gzip.compress(b"[1]"),
        gzip.compress(json.dumps({**to_json(BUILT), "schema": 0}).encode()),
        gzip.compress(json.dumps(to_json(BUILT)).encode())[:-9],
        gzip.compress(b"[" * 100_000),
    ],
)
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    cache = BlueprintCache(tmp_path)
    (tmp_path / f"{'a' * 64}.json.gz").write_bytes(content)
    assert cache.read("a" * 64) is None
    cache.write("a" * 64, BUILT)
    assert cache.read("a" * 64) == BUILT


def test_a_folder_that_cannot_be_made_keeps_nothing_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = BlueprintCache(tmp_path / "file")
    cache.write("a" * 64, BUILT)
    assert cache.read("a" * 64) is None


def test_nothing_but_whole_files_is_left(tmp_path: Path) -> None:
    cache = BlueprintCache(tmp_path)
    for key in "abc":
        cache.write(key, BUILT)
    assert {path.name for path in tmp_path.iterdir()} == {f"{key}.json.gz" for key in "abc"}


def test_the_least_recently_used_go_when_the_folder_is_full(tmp_path: Path) -> None:
    cache = BlueprintCache(tmp_path)
    for key in "abc":
        cache.write(key, BUILT)
    one_bytes = (tmp_path / "a.json.gz").stat().st_size
    for at, key in enumerate("bca"):  # a was read last
        os.utime(tmp_path / f"{key}.json.gz", (at, at))
    BlueprintCache(tmp_path, max_bytes=3 * one_bytes).write("d", BUILT)
    assert {path.name[0] for path in tmp_path.iterdir()} == set("cad")

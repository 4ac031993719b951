import multiprocessing
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InvalidOption, StoreError
from auditor.store.engine import default_place
from auditor.store.span_cache import MAX_PENDING_BYTES, SpanCache
from cached_pieces import OID, fill, kept, piece

DAY_SECONDS = 86_400


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SpanCache]:
    made = SpanCache(str(tmp_path))
    yield made
    made.close()


def test_what_was_put_is_there_before_it_is_written_and_after(cache: SpanCache) -> None:
    cache.put(piece(), kept())
    assert cache.get([OID]) == {piece(): kept()}
    cache.flush()
    assert cache.get([OID]) == {piece(): kept()}
    assert cache.get(["cd" * 32]) == {}
    assert cache.get([]) == {}


def test_it_is_there_for_the_next_process(tmp_path: Path) -> None:
    first = SpanCache(str(tmp_path))
    first.put(piece(), kept())
    first.close()
    second = SpanCache(str(tmp_path))
    assert second.get([OID]) == {piece(): kept()}
    second.close()


def test_spans_of_one_blob_are_apart(cache: SpanCache) -> None:
    cache.put(piece(0), kept(b"first..."))
    cache.put(piece(8), kept(b"second.."))
    cache.flush()
    assert {p.span.begin: k.data for p, k in cache.get([OID]).items()} == {
        0: b"first...",
        8: b"second..",
    }


def test_what_one_endpoint_says_of_a_blob_is_not_believed_of_another(tmp_path: Path) -> None:
    mirror, hub = SpanCache(str(tmp_path), "http://mirror"), SpanCache(str(tmp_path), "http://hub")
    mirror.put(piece(), kept(b"poisoned"))
    mirror.close()
    assert hub.get([OID]) == {}
    hub.close()


def test_what_is_there_stays_and_no_error_comes_of_it(tmp_path: Path) -> None:
    one, two = SpanCache(str(tmp_path)), SpanCache(str(tmp_path))
    for each in (one, two):
        each.put(piece(), kept())
        each.put(piece(8), kept())
    one.flush()
    two.flush()
    assert one.info().spans == 2
    one.close()
    two.close()


def test_many_hashes_are_asked_for_at_once(cache: SpanCache) -> None:
    oids = [f"{number:064x}" for number in range(1_500)]
    for oid in oids:
        cache.put(piece(oid=oid), kept())
    cache.flush()
    assert len(cache.get([*oids, *oids[:3]])) == 1_500


def test_it_writes_by_itself_when_much_is_waiting(tmp_path: Path) -> None:
    cache, other = SpanCache(str(tmp_path)), SpanCache(str(tmp_path))
    large = MAX_PENDING_BYTES // 2 + 1
    for number in range(2):
        cache.put(piece(number, length=large), kept(bytes(large)))
    assert len(other.get([OID])) == 2
    cache.close()
    other.close()


def test_the_info_counts_spans_files_and_compressed_bytes(cache: SpanCache) -> None:
    cache.put(piece(0, length=100_000), kept(bytes(100_000)))
    cache.put(piece(8), kept())
    cache.put(piece(0, oid="cd" * 32), kept())
    cache.flush()
    info = cache.info()
    assert (info.spans, info.files) == (3, 2)
    assert 0 < info.stored_bytes < 1_000  # zeros shrink
    assert info.place.endswith("headers.sqlite")


def test_pruning_removes_what_was_not_used_for_so_long(tmp_path: Path) -> None:
    clock = Clock()
    cache = SpanCache(str(tmp_path), clock=clock)
    cache.put(piece(oid="01" * 32), kept())
    cache.put(piece(oid="02" * 32), kept())
    cache.flush()
    clock.now += 10 * DAY_SECONDS
    cache.get(["02" * 32])
    clock.now += 1 * DAY_SECONDS
    assert cache.prune(unused_days=5) == 1
    assert cache.get(["01" * 32]) == {}
    assert len(cache.get(["02" * 32])) == 1
    cache.close()


def test_pruning_to_a_size_removes_the_oldest(tmp_path: Path) -> None:
    clock = Clock()
    cache = SpanCache(str(tmp_path), clock=clock)
    for number in range(10):
        clock.now += 1
        cache.put(piece(oid=f"{number:02}" * 32), kept())
        cache.flush()
    each = cache.info().stored_bytes // 10
    assert cache.prune(limit_bytes=3 * each) == 7
    assert len(cache.get([f"{number:02}" * 32 for number in range(7, 10)])) == 3
    cache.close()


def test_closing_keeps_the_cache_within_its_limit(tmp_path: Path) -> None:
    cache = SpanCache(str(tmp_path), limit_bytes=50)
    for number in range(10):
        cache.put(piece(number), kept())
    cache.close()
    cache = SpanCache(str(tmp_path))
    assert 0 < cache.info().stored_bytes <= 50
    cache.close()


def test_clearing_removes_everything_and_gives_the_room_back(tmp_path: Path) -> None:
    cache = SpanCache(str(tmp_path))
    for number in range(200):
        data = number.to_bytes(2, "big") * 2_000
        cache.put(piece(number, length=4_000), kept(data))
    cache.flush()
    assert cache.clear() == 200
    assert cache.info().spans == 0
    cache.close()
    assert (tmp_path / "headers.sqlite").stat().st_size < 100_000


def test_a_damaged_row_is_as_if_it_were_not_there(tmp_path: Path, cache: SpanCache) -> None:
    cache.put(piece(), kept())
    cache.flush()
    with sqlite3.connect(tmp_path / "headers.sqlite") as database:
        database.execute("UPDATE hfaudit_spans SET data = x'00'")
    database.close()
    assert cache.get([OID]) == {}


def test_a_file_that_is_no_database_is_told_as_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "headers.sqlite").write_bytes(b"no database" * 1_000)
    cache = SpanCache(str(tmp_path))
    with pytest.raises(StoreError, match="not a database"):
        cache.get([OID])


def test_a_folder_that_cannot_be_made_is_told_as_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        SpanCache(str(tmp_path / "file" / "store")).get([OID])


def test_a_url_of_no_database_names_no_password() -> None:
    with pytest.raises(InvalidOption) as caught:
        SpanCache("nodatabase://user:secret@host/name").get([OID])
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_the_place_is_the_variables_else_the_users_cache_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("HFAUDIT_STORE", raising=False)
    assert default_place() == str(tmp_path / "hfaudit")
    monkeypatch.setenv("HFAUDIT_STORE", "elsewhere")
    assert default_place() == "elsewhere"


@given(st.binary(max_size=300))
def test_bytes_come_back_as_they_were(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = SpanCache(folder)
        cache.put(piece(length=len(data)), kept(data))
        cache.flush()
        assert cache.get([OID]) == {piece(length=len(data)): kept(data)}
        cache.close()


def test_two_processes_fill_one_cache(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=fill, args=(str(tmp_path), n, 40)) for n in (7, 8)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    cache = SpanCache(str(tmp_path))
    assert cache.info().spans == 40 + 2 * 40
    cache.close()

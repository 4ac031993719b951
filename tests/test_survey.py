"""Surveys: what a list alone gives away, from the entry of one model to whole pages over HTTP."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.core.identity import HubRef
from auditor.core.listing import Listed, ListQuery
from auditor.core.repository import HubFacts
from auditor.errors import NotFound, SourceError
from auditor.sources.hub import HubSource
from auditor.sources.hub_listing import SURVEY_FIELDS
from auditor.survey import Suspicion, surveyed
from builders import safetensors_file
from command import hfaudit
from hub import Hub, Repo, Settings

GB = 1_000_000_000


def listed(repo_id: str, total: int | None = None, **parameters: int) -> Listed:
    return Listed(repo_id=repo_id, facts=HubFacts(total=total, parameters=parameters))


# -- one model


def test_a_name_that_fits_the_hub_s_number_is_no_suspect() -> None:
    found = surveyed(listed("org/llama-8b", 8_030_261_248, BF16=8_030_261_248))
    assert (found.suspicion, found.is_suspect, found.reason) == (Suspicion.NONE, False, "")
    assert found.figures == {"name": "8b"}


def test_a_name_far_from_the_hub_s_number_is_a_suspect() -> None:
    # A fine-tune whose author wrote 333,312 parameters into the metadata of a 7.6B model.
    found = surveyed(listed("org/model-7b", 333_312, BF16=333_312))
    assert found.suspicion is Suspicion.NAME
    assert found.is_suspect
    assert "7,000,000,000" in found.reason or "fewer than documented" in found.reason


def test_a_published_figure_that_differs_is_a_suspect() -> None:
    # Devlin et al. say 110M of BERT base.
    found = surveyed(listed("google-bert/bert-base-uncased", 177_900_000, F32=177_900_000))
    assert found.suspicion is Suspicion.PUBLISHED
    assert found.reason.startswith("110M (Devlin et al. 2018")


def test_packed_integers_make_the_hub_s_number_no_count_and_no_figure_is_held_against_it() -> None:
    # An 8B model in GPTQ: 6.98B weights, eight to an I32, beside 1.05B in F16.
    found = surveyed(listed("org/llama-8b-gptq", 1_990_000_000, I32=872_415_232, F16=1_117_584_768))
    assert found.suspicion is Suspicion.PACKED
    assert found.reason.startswith("872,415,232 stored elements are integers, packed")


def test_a_few_integers_beside_a_model_are_no_packing() -> None:
    found = surveyed(listed("org/bert-110m", 110_000_512, F32=110_000_000, I64=512))
    assert found.suspicion is Suspicion.NONE


def test_a_total_that_is_not_the_sum_of_its_parts_is_a_suspect() -> None:
    found = surveyed(listed("org/nemotron", 31_577_937_344, F32=3_072, BF16=32_913_263_168))
    assert found.suspicion is Suspicion.INCONSISTENT


def test_a_gguf_file_of_another_size_is_a_suspect() -> None:
    found = surveyed(Listed(repo_id="org/x", facts=HubFacts(total=7 * GB), gguf_total=GB))
    assert found.suspicion is Suspicion.GGUF


def test_a_gguf_total_stands_in_where_there_is_no_other() -> None:
    found = surveyed(Listed(repo_id="org/x-7b-GGUF", gguf_total=6_738_415_616))
    assert (found.suspicion, found.figures) == (Suspicion.NONE, {"name": "7b"})


def test_a_model_without_a_number_is_told_and_no_suspect() -> None:
    found = surveyed(listed("org/x-7b"))
    assert (found.suspicion, found.is_suspect) == (Suspicion.UNCOUNTED, False)


# -- lists over HTTP


def repo(name: str, rows: int, **extra: object) -> Repo:
    data = safetensors_file({"weight": ("F32", [rows, 10])})
    return Repo(name, {"model.safetensors": data, "config.json": b"{}"}, **extra)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    repos = [
        *(repo(f"many/model-{n:03}", 10, downloads=n) for n in range(25)),
        repo("org/tiny-1m", 100_000),
        repo("org/wrong-7b", 1_000),
        Repo("org/cards", {"README.md": b"# Nothing"}),
        repo("org/off", 10, disabled=True),
    ]
    settings = Settings(page_models=10, collections={"org/best-1": ("org/tiny-1m", "org/gone")})
    with Hub(repos, settings) as server:
        yield server


def pages(hub: Hub, query: ListQuery) -> list[tuple[Listed, ...]]:
    async def read() -> list[tuple[Listed, ...]]:
        source = HubSource(hub.endpoint)
        try:
            return [page async for page in source.list_models(query, fields=SURVEY_FIELDS)]
        finally:
            await source.aclose()

    return asyncio.run(read())


def names(found: list[tuple[Listed, ...]]) -> list[str]:
    return [each.repo_id for page in found for each in page]


def test_a_list_is_followed_to_its_last_page(hub: Hub) -> None:
    found = pages(hub, ListQuery(author="many"))
    assert [len(page) for page in found] == [10, 10, 5]
    assert len(set(names(found))) == 25
    assert all(each.commit and each.facts.total == 100 for page in found for each in page)


def test_a_limit_ends_a_list_within_a_page(hub: Hub) -> None:
    hub.take_log()
    found = pages(hub, ListQuery(author="many", limit=12))
    assert len(names(found)) == 12
    assert len([record for record in hub.take_log() if record.path.startswith("/api/models")]) == 2


def test_a_list_can_be_sorted_by_the_hub(hub: Hub) -> None:
    found = names(pages(hub, ListQuery(author="many", sort="downloads", limit=2)))
    assert found == ["many/model-024", "many/model-023"]


def test_a_collection_lists_its_models_and_nothing_else(hub: Hub) -> None:
    assert names(pages(hub, ListQuery(collection="org/best-1"))) == ["org/tiny-1m"]
    with pytest.raises(SourceError):
        pages(hub, ListQuery(collection="org/none-2"))


def test_the_tip_of_a_model_is_one_small_answer(hub: Hub) -> None:
    async def ask(name: str) -> tuple[str, str]:
        source = HubSource(hub.endpoint)
        try:
            tip = await source.tip(HubRef(repo_id=name))
            return tip.repo_id, tip.commit
        finally:
            await source.aclose()

    hub.take_log()
    repo_id, commit = asyncio.run(ask("org/tiny-1m"))
    (record,) = hub.take_log()
    assert (repo_id, len(commit)) == ("org/tiny-1m", 40)
    assert record.bytes_sent < 2_000
    with pytest.raises(NotFound):
        asyncio.run(ask("org/none"))


# -- the command


def survey(hub: Hub, home: Path, *args: str) -> tuple[int, str, str]:
    ran = hfaudit("survey", *args, home=home, HF_ENDPOINT=hub.endpoint)
    return ran.code, ran.out, ran.err


def test_the_command_writes_a_row_for_each_model_and_a_summary(hub: Hub, tmp_path: Path) -> None:
    code, out, err = survey(hub, tmp_path, "--author", "org")
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(out))}
    assert code == 0
    assert {name: row["suspicion"] for name, row in rows.items()} == {
        "org/tiny-1m": "none",
        "org/wrong-7b": "name-differs",
        "org/cards": "not-counted",
        "org/off": "none",
    }
    assert rows["org/tiny-1m"]["hub_total"] == "1000000"
    assert "4 models, 1 suspects" in err


def test_the_suspects_can_be_audited_at_once(hub: Hub, tmp_path: Path) -> None:
    listed_to, report = tmp_path / "survey.jsonl", tmp_path / "suspects.json"
    code, _, _ = survey(
        hub, tmp_path, "--author", "org", "-o", str(listed_to), "--then-audit", str(report)
    )
    assert len(listed_to.read_text().splitlines()) == 4
    (outcome,) = json.loads(report.read_text())["outcomes"]
    assert outcome["model"] == "org/wrong-7b"
    assert outcome["verdict"] == "mismatch"
    assert code == 1


def test_a_collection_with_other_filters_is_refused(hub: Hub, tmp_path: Path) -> None:
    code, _, err = survey(hub, tmp_path, "--collection", "org/best-1", "--author", "org")
    assert code == 2
    assert "a collection is a list of its own" in err


def test_a_hub_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    ran = hfaudit("survey", "--author", "x", home=tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert ran.code == 3
    assert "no answer from 127.0.0.1:9" in ran.err

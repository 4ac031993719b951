import re

import pytest

from auditor.claims import registry
from auditor.claims.registry import (
    Certainty,
    figures_of,
    parse_registry,
    published_figures,
)
from auditor.core.claims import Claim, Published, Scope
from auditor.core.repository import Origin, Repository

HEADER = "model,figure,scope,detail,source,date,certainty"


def read(repo_id: str, origin: Origin = Origin.HUB) -> tuple[Claim, ...]:
    repository = Repository(
        repo_id=repo_id, requested=repo_id, revision="main", commit=None, origin=origin, files=()
    )
    return registry.read(Published(repository=repository))


@pytest.mark.parametrize("repo_id", ["google-bert/bert-large-uncased", "bert-large-uncased"])
def test_a_model_is_found_by_its_present_and_by_its_legacy_id(repo_id: str) -> None:
    claims = read(repo_id)
    assert {claim.quantity.value for claim in claims} == {340_000_000}
    assert "Devlin et al. 2018 (arXiv 1810.04805), section 3" in {claim.where for claim in claims}
    assert all(claim.certain for claim in claims)


def test_ids_are_found_whatever_their_case() -> None:
    assert read("facebookai/RoBERTa-base") == read("FacebookAI/roberta-base")


def test_a_mirror_and_a_folder_are_not_the_model_that_they_are_named_after() -> None:
    assert read("someone/gpt2") == ()
    assert read("gpt2", Origin.FOLDER) == ()


def test_a_figure_that_its_authors_took_back_never_decides() -> None:
    retracted = [claim for claim in read("gpt2") if claim.quantity.written == "117M"]
    assert [claim.certain for claim in retracted] == [False]
    assert retracted[0].where.endswith("(retracted)")


@pytest.mark.parametrize(
    ("repo_id", "corrected", "retracted"),
    [
        ("openai-community/gpt2", 124, 117),
        ("openai-community/gpt2-medium", 355, 345),
        ("openai-community/gpt2-large", 774, 762),
        ("openai-community/gpt2-xl", 1_558, 1_542),
    ],
)
def test_gpt2_has_its_corrected_and_its_retracted_size(
    repo_id: str, corrected: int, retracted: int
) -> None:
    millions = {claim.quantity.value // 10**6: claim.certain for claim in read(repo_id)}
    assert millions[corrected] is True
    assert millions[retracted] is False


def test_at_least_a_hundred_and_fifty_models_have_a_row() -> None:
    assert len({figure.model for figure in published_figures()}) >= 150


def test_every_row_that_ships_has_a_source_and_a_date() -> None:
    for figure in published_figures():
        assert len(figure.source) > 10
        assert re.fullmatch(r"\d{4}(-\d{2}){0,2}", figure.date)
        assert figure.scope is not Scope.OTHER_MODEL


def test_what_only_others_say_never_decides() -> None:
    hearsay = [f for f in published_figures() if f.source.startswith(("by others:", "rumour:"))]
    assert hearsay
    assert {figure.certainty for figure in hearsay} == {Certainty.UNSEEN}


def test_stable_diffusion_has_the_components_of_its_makers_and_the_890m_of_others() -> None:
    claims = {claim.quantity.written: claim for claim in read("CompVis/stable-diffusion-v1-4")}
    assert set(claims) == {"860M", "123M", "890M"}
    assert (claims["860M"].scope, claims["860M"].detail) == (Scope.COMPONENT, "unet")
    assert (claims["123M"].scope, claims["123M"].detail) == (Scope.COMPONENT, "text_encoder")
    assert claims["860M"].certain
    assert claims["890M"].scope is Scope.TOTAL
    assert not claims["890M"].certain


def test_a_model_that_is_not_on_the_hub_is_found_by_the_words_of_its_name() -> None:
    found = figures_of("gpt-3")
    assert {figure.model for figure in found} >= {"GPT-3 175B", "GPT-3 Small", "GPT-3 XL"}
    assert all(figure.model.startswith("GPT-3") and not figure.ids for figure in found)
    assert {figure.model for figure in figures_of("GPT-3 175B")} == {"GPT-3 175B"}


def test_every_figure_of_gpt_4_is_a_rumour() -> None:
    found = figures_of("gpt-4")
    assert len(found) == 3
    assert all(figure.source.startswith("rumour: ") for figure in found)


def test_an_id_gives_its_own_rows_and_not_those_of_its_sisters() -> None:
    assert {figure.model for figure in figures_of("gpt2")} == {"openai-community/gpt2"}
    assert {figure.model for figure in figures_of("openai/Whisper-Tiny")} == {"openai/whisper-tiny"}


def test_nothing_is_found_for_a_name_that_nobody_bears_or_for_no_name() -> None:
    assert figures_of("nobody/nothing-99") == ()
    assert figures_of("") == ()


def test_no_row_that_ships_is_written_twice() -> None:
    rows = [(f.model, f.quantity.written, f.scope, f.source) for f in published_figures()]
    assert len(rows) == len(set(rows))


def test_an_unseen_row_is_kept_and_marked() -> None:
    (figure,) = parse_registry([HEADER, "a/b,7B,active,,A paper,2024-01-01,unseen"])
    assert (figure.certainty, figure.scope) == (Certainty.UNSEEN, Scope.ACTIVE)
    assert figure.ids == {"a/b"}


@pytest.mark.parametrize(
    "row",
    [
        "a/b,seven,total,,A paper,2024-01-01,seen",
        "a/b,7B or so,total,,A paper,2024-01-01,seen",
        "a/b,7B,everything,,A paper,2024-01-01,seen",
        "a/b,7B,total,,A paper,2024-01-01,surely",
        "a/b,7B,component,,A paper,2024-01-01,seen",
        "a/b,7B,total,unet,A paper,2024-01-01,seen",
    ],
)
def test_a_row_that_is_none_is_reported_by_its_line(row: str) -> None:
    with pytest.raises(ValueError, match=r"registry\.csv, line 3: "):
        parse_registry([HEADER, "a/b,7B,total,,A paper,2024-01-01,seen", row])

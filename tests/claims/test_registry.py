import re

import pytest

from auditor.claims import registry
from auditor.claims.registry import Certainty, parse_registry, published_figures
from auditor.core.claims import Claim, Published, Scope
from auditor.core.repository import Origin, Repository

HEADER = "model,figure,scope,source,date,certainty"


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


def test_every_row_that_ships_has_a_source_and_a_date() -> None:
    for figure in published_figures():
        assert len(figure.source) > 10
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", figure.date)
        assert figure.scope is not Scope.OTHER_MODEL


def test_no_row_that_ships_is_written_twice() -> None:
    rows = [(f.model, f.quantity.written, f.scope, f.source) for f in published_figures()]
    assert len(rows) == len(set(rows))


def test_an_unseen_row_is_kept_and_marked() -> None:
    (figure,) = parse_registry([HEADER, "a/b,7B,active,A paper,2024-01-01,unseen"])
    assert (figure.certainty, figure.scope) == (Certainty.UNSEEN, Scope.ACTIVE)
    assert figure.ids == ("a/b",)


@pytest.mark.parametrize(
    "row",
    [
        "a/b,seven,total,A paper,2024-01-01,seen",
        "a/b,7B or so,total,A paper,2024-01-01,seen",
        "a/b,7B,everything,A paper,2024-01-01,seen",
        "a/b,7B,total,A paper,2024-01-01,surely",
    ],
)
def test_a_row_that_is_none_is_reported_by_its_line(row: str) -> None:
    with pytest.raises(ValueError, match=r"registry\.csv, line 3: "):
        parse_registry([HEADER, "a/b,7B,total,A paper,2024-01-01,seen", row])

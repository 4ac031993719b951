"""Forms in which cards state figures, found on lines that the reader had not been written with."""

import pytest

from auditor.claims import card
from auditor.core.claims import Published, Scope
from auditor.core.repository import Origin, Repository

Read = set[tuple[int, Scope]]


def read(text: str, model: str = "org/model") -> Read:
    repository = Repository(
        repo_id=model, requested=model, revision=None, commit=None, origin=Origin.MEMORY, files=()
    )
    claims = card.read(Published(repository=repository, documents={"README.md": text}))
    return {(each.quantity.value, each.scope) for each in claims}


def test_a_model_size_in_m_counts_and_in_mb_does_not() -> None:
    assert read("- Model Size: 305M\n- Embedding Dimension: 768") == {(305_000_000, Scope.TOTAL)}
    assert read("- Model Size: 305MB\n- Embedding Dimension: 768") == set()
    assert read("- Size: 305M") == set()  # of what, nobody says


def test_a_size_column_counts_if_its_heading_says_millions_and_not_megabytes() -> None:
    table = "| Model | Size ({}) |\n|---|---|\n| model-tiny | 38.9 |\n| model-large | 224.4 |"
    own = (224_400_000, Scope.TOTAL)
    assert own in read(table.format("M"), "org/model-large")
    assert own not in read(table.format("MB"), "org/model-large")


def test_the_point_of_an_abbreviation_stands_between_a_figure_and_its_word() -> None:
    assert read("Das Modell hat rund 335 Mio. Parameter.") == {(335_000_000, Scope.TOTAL)}
    assert read("Es sind 1,3 Mrd. Parameter.") == {(1_300_000_000, Scope.TOTAL)}


@pytest.mark.parametrize("fence", ["```", "~~~text"])
def test_what_a_program_printed_counts_in_a_block_of_code_and_code_does_not(fence: str) -> None:
    printed = "Total params: 28.3 M\nTrainable params: 27.9 M\nNon-trainable params: 0.4 M"
    expected = {(28_300_000, Scope.TOTAL), (27_900_000, Scope.TRAINABLE)}
    assert read(f"{fence}\n{printed}\n{fence[:3]}\n") == expected
    code = "params = 7_000_000_000  # total params: 7B\nprint('a model with 7B parameters')"
    assert read(f"{fence}\n{code}\n{fence[:3]}\n") == set()


def test_of_a_table_of_two_columns_the_header_is_a_property_too() -> None:
    table = "| Architecture | 14B parameters, dense decoder-only |\n|---|---|\n| Context | 16K |"
    assert read(table) == {(14_000_000_000, Scope.TOTAL)}


def test_a_part_may_have_its_figure_in_parentheses() -> None:
    assert (156_000_000, Scope.COMPONENT) in read("It has an autoencoder (156M) and a sampler.")


def test_what_we_release_is_this_model() -> None:
    assert read("We release a 335.8M model trained on 95K hours of speech.") == {
        (335_800_000, Scope.TOTAL)
    }


def test_the_active_parameters_of_two_models_in_a_line_are_told_apart() -> None:
    text = (
        "GLM-4.5 has 355 billion total parameters with 32 billion active parameters, while"
        " GLM-4.5-Air has 106 billion total parameters and 12 billion active parameters."
    )
    own = {(value, scope) for value, scope in read(text, "zai-org/GLM-4.5-Air")
           if scope is not Scope.OTHER_MODEL}  # fmt: skip
    assert own == {(106_000_000_000, Scope.TOTAL), (12_000_000_000, Scope.ACTIVE)}


def test_the_count_of_this_model_is_its_own() -> None:
    assert read("While the raw parameter count of this model is 6B, it needs less memory.") == {
        (6_000_000_000, Scope.TOTAL)
    }

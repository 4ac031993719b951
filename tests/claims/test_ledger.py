import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.claims.ledger import Ledger, LedgerReader, Problem, Severity, read_ledger
from auditor.core.claims import Claim, ClaimSource, Published, Scope, Tolerance
from auditor.core.identity import FolderRef, HubRef
from auditor.core.repository import Origin, Repository

MILLION = 10**6


def read(text: str) -> Ledger:
    return read_ledger(text, "figures.csv")


def repository(
    repo_id: str, *, requested: str = "", revision: str | None = None, commit: str | None = None
) -> Repository:
    return Repository(
        repo_id=repo_id,
        requested=requested or repo_id,
        revision=revision,
        commit=commit,
        origin=Origin.MEMORY,
        files=(),
    )


def claims(text: str, about: Repository) -> tuple[Claim, ...]:
    return LedgerReader(ledger=read(text)).read(Published(repository=about))


def errors(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in read(text).errors]


# --- forms


def test_a_row_gives_a_claim_of_the_list_with_its_line_and_source() -> None:
    text = "model,figure,scope,tolerance,source\na/b,340M,,,\na/b,20M,active,2%,catalogue, p. 4\n"
    text = text.replace("catalogue, p. 4", '"catalogue, p. 4"')
    total, active = claims(text, repository("a/b"))
    assert (total.quantity.value, total.scope, total.tolerance) == (340 * MILLION, "total", None)
    assert total.where == "figures.csv, line 2"
    assert active.source is ClaimSource.LIST
    assert active.where == "figures.csv, line 3: catalogue, p. 4"
    # 2 percent of 20,000,000 is 400,000
    assert active.tolerance == Tolerance(parameters=400_000, written="2%")
    assert active.scope is Scope.ACTIVE


@pytest.mark.parametrize(
    "text",
    [
        "model,figure\na/b,1.5B\n",
        "\ufeffmodel,figure\r\na/b,1.5B\r\n",
        "model;figure\na/b;1,5B\n",
        "sep=;\nmodel;figure\na/b;1,5B\n",
        "model\tfigure\na/b\t1.5 billion\n",
        '"model","figure"\n"a/b","1,500,000,000"\n',
        "\n\nModel ID,Parameters\n\na/b,1500M\n",
        '[{"model": "a/b", "figure": "1.5B"}]',
        ' [\n {"repo_id": "a/b", "exact": 1500000000}\n]\n',
        "figure,model\n1.5B,https://huggingface.co/a/b\n",
    ],
)
def test_csv_and_json_say_the_same_in_many_ways(text: str) -> None:
    ledger = read(text)
    assert ledger.problems == ()
    (entry,) = ledger.entries
    assert (entry.model, entry.quantity.value) == (
        HubRef(repo_id="a/b", requested=entry.model.requested),
        1_500 * MILLION,
    )


@pytest.mark.parametrize(
    ("scope", "detail", "expected"),
    [
        ("", "", (Scope.TOTAL, "")),
        ("Non-Embedding", "", (Scope.NON_EMBEDDING, "")),
        ("component:unet", "", (Scope.COMPONENT, "unet")),
        ("component", "Text_Encoder", (Scope.COMPONENT, "text_encoder")),
        ("", "vae", (Scope.COMPONENT, "vae")),
    ],
)
def test_a_scope_is_total_unless_it_is_said(
    scope: str, detail: str, expected: tuple[Scope, str]
) -> None:
    (entry,) = read(f"model,figure,scope,detail\na/b,1B,{scope},{detail}\n").entries
    assert (entry.scope, entry.detail) == expected


@pytest.mark.parametrize(
    ("written", "parameters"),
    [
        ("2%", 6_800_000),  # of 340,000,000
        ("0.5 %", 1_700_000),
        ("1M", 1_000_000),
        ("1,500,000", 1_500_000),
        ("0", 0),
    ],
)
def test_a_tolerance_is_a_share_of_the_figure_or_a_number(written: str, parameters: int) -> None:
    (entry,) = read(f'model,figure,tolerance\na/b,340M,"{written}"\n').entries
    assert entry.tolerance == Tolerance(parameters=parameters, written=written)


# --- whom a row is about


@pytest.mark.parametrize(
    ("listed", "about"),
    [
        ("google-bert/bert-base-uncased", repository("google-bert/bert-base-uncased")),
        ("Google-BERT/BERT-base-uncased", repository("google-bert/bert-base-uncased")),
        ("bert-base-uncased", repository("google-bert/bert-base-uncased")),
        ("google-bert/bert-base-uncased", repository("bert-base-uncased")),
        ("old/name", repository("new/name", requested="old/name")),
        ("old/name", repository("new/name", requested="old/name@main", revision="main")),
        ("./models/mine", repository("./models/mine")),
    ],
)
def test_a_model_is_found_by_every_id_that_it_goes_by(listed: str, about: Repository) -> None:
    assert len(claims(f"model,figure\n{listed},110M\n", about)) == 1


@pytest.mark.parametrize("about", ["someone/bert-base-uncased", "a/b-c", "b"])
def test_a_row_says_nothing_of_another_model(about: str) -> None:
    text = "model,figure\ngoogle-bert/bert-base-uncased,110M\na/b,1B\n"
    assert claims(text, repository(about)) == ()


@pytest.mark.parametrize("row", ["a/b@v2,1B,", "a/b,1B,v2"])
def test_a_row_with_a_revision_is_about_that_one_alone(row: str) -> None:
    text = f"model,figure,revision\n{row}\n"
    assert claims(text, repository("a/b", revision="v2"))
    assert not claims(text, repository("a/b", revision="main"))


def test_a_row_may_be_bound_to_a_commit() -> None:
    commit = "0" * 40
    text = f"model,figure,revision\na/b,1B,{commit}\n"
    assert claims(text, repository("a/b", revision="main", commit=commit))


def test_the_models_of_a_list_are_each_named_once_in_its_order() -> None:
    text = "model,figure,scope\nb/b,1B,\na/a,2B,\nb/b,1M,active\n./c,3B,\n"
    assert [str(model) for model in read(text).models] == ["b/b", "a/a", "./c"]
    assert isinstance(read(text).models[-1], FolderRef)


# --- problems


def test_every_problem_is_reported_with_its_line_and_the_sound_rows_are_kept() -> None:
    text = (
        "model,figure,scope,tolerance\n"
        "a/b,seven,,\n"
        "a/b,340M,everything,\n"
        "a/b,340M,,much\n"
        "not a model!,340M,,\n"
        ",340M,,\n"
        "a/b,,,\n"
        "a/b,1B,component,\n"
        "a/b,1B,,,,extra\n"
        "a/c,1B,,\n"
    )
    ledger = read(text)
    assert [problem.line for problem in ledger.errors] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert ledger.warnings == ()
    assert [entry.line for entry in ledger.entries] == [10]
    messages = [problem.message for problem in ledger.errors]
    assert messages[0] == "figure 'seven': write it as 340M, 1.5 billion or 6,053,381,344"
    assert messages[1].startswith("scope 'everything': it is one of total, trainable, active, ")
    assert "other_model" not in messages[1]
    assert messages[2] == "tolerance 'much': write it as 2%, 1M or 0"
    assert messages[4] == "no model"
    assert messages[5] == "no figure"
    assert messages[7] == "6 cells under 4 columns"


def test_lines_are_counted_through_cells_of_several_lines() -> None:
    text = 'model,figure,source\na/b,1B,"two\nlines"\na/c,seven,\n'
    assert [line for line, _ in errors(text)] == [4]


def test_an_item_of_a_json_list_has_the_line_that_it_begins_at() -> None:
    text = (
        '[\n {"model": "a/b", "figure": "1B"},\n {\n  "model": "a/c",\n  "figure": 1.5\n },\n'
        ' 7,\n {"model": "a/d", "model": "a/e", "figure": "1B"}, {"model": "a/f"}\n]'
    )
    assert errors(text) == [
        (3, "`figure` is no text or integer (write numbers with a point as text)"),
        (7, "no object"),
        (8, "`model` stands there twice"),
        (8, "no figure"),
    ]


def test_a_row_that_is_said_again_is_a_warning_and_one_that_contradicts_is_an_error() -> None:
    text = "model,figure\na/b,1B\na/b,1000M\nA/B,2B\n"
    assert read(text).problems == (
        Problem(3, Severity.WARNING, "says again what line 2 says"),
        Problem(4, Severity.ERROR, "another figure than on line 2, of the same source"),
    )


def test_two_sources_may_contradict_each_other() -> None:
    text = "model,figure,source\na/b,1B,the paper\na/b,2B,the website\n"
    assert read(text).problems == ()
    assert len(claims(text, repository("a/b"))) == 2


def test_an_unknown_column_is_a_warning_and_a_doubled_one_an_error() -> None:
    (warning,) = read("model,figure,colour\na/b,1B,red\n").problems
    assert warning == Problem(1, Severity.WARNING, "column 'colour' is not known")
    (key,) = read('[{"model": "a/b", "figure": "1B", "colour": "red"}]').problems
    assert key == Problem(1, Severity.WARNING, "key 'colour' is not known")
    assert errors("model,params,figure\na/b,1B,2B\n") == [
        (1, "two columns for the figure: 'params' and 'figure'")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the list is empty"),
        ("\n \n", "the list is empty"),
        ("name,size\na/b,1B\n", "no column `model`"),
        ("model,figure\n" + '"a', "no sound CSV from here on: unexpected end of data"),
        ("[1, 2", "not JSON: "),
        ('{"a/b": "1B"}', "the list is no JSON list of objects"),
        ("[" * 1_000 + "]" * 1_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_list_is_one_problem_and_no_crash(text: str, message: str) -> None:
    ledger = read(text)
    assert ledger.entries == ()
    assert any(each.message.startswith(message) for each in ledger.errors)


def test_hostile_cells_are_shown_harmlessly() -> None:
    ((_, message),) = errors("model,figure\na/b,\x1b[31mred" + "x" * 100 + "\n")
    assert message.isprintable()
    assert len(message) < 120


@given(st.text(alphabet='abm/,;\t\n"[]{}:17B%@ \ufeff', max_size=120))
def test_no_text_breaks_the_reading(text: str) -> None:
    lines = text.count("\n") + 1
    for problem in read(text).problems:
        assert 1 <= problem.line <= lines


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z]{1,5}/[a-z]{1,5}", fullmatch=True), st.integers(10**6, 10**12)
        ),
        max_size=8,
        unique_by=lambda row: row[0],
    )
)
def test_csv_and_json_of_the_same_rows_give_the_same_entries(rows: list[tuple[str, int]]) -> None:
    as_csv = "model,figure\n" + "".join(f"{model},{figure}\n" for model, figure in rows)
    as_json = json.dumps([{"model": model, "figure": figure} for model, figure in rows])
    said = [(str(each.model), each.quantity.value) for each in read(as_csv).entries]
    assert said == rows
    assert said == [(str(each.model), each.quantity.value) for each in read(as_json).entries]

import pytest

from auditor.claims.training import documented_runs, parse_training, run_of

HEADER = "model,tokens,flops,gpu,gpu_hours,source"


def test_a_run_has_its_tokens_and_its_source() -> None:
    run = run_of("Meta-Llama/llama-2-70b-hf")
    assert run is not None
    assert run.tokens == 2 * 10**12
    assert run.accelerator is not None
    assert (run.accelerator.name, run.accelerator_hours) == ("A100", 1_720_320)
    assert run.source == "meta-llama/llama-models models/llama2/MODEL_CARD.md"


def test_a_system_that_is_not_on_the_hub_is_found_by_its_name() -> None:
    run = run_of("GPT-3 175B")
    assert run is not None
    assert run.flops == 314 * 10**21  # Brown et al. 2020, Table D.1: 3.14E+23


def test_nothing_is_known_where_nothing_is_documented() -> None:
    assert run_of("google-bert/bert-base-uncased") is None


def test_every_row_names_its_source_and_no_model_has_two() -> None:
    runs = documented_runs()
    assert all(len(run.source) > 10 for run in runs)
    assert len({run.model for run in runs}) == len(runs)
    assert all(run.accelerator is not None for run in runs if run.accelerator_hours)


@pytest.mark.parametrize(
    "row",
    [
        "a/b,many,,,,A paper",
        "a/b,1,lots,,,A paper",
        "a/b,1,,abacus,,A paper",
        "a/b,1,,A100,1.5,A paper",
        "a/b",
    ],
)
def test_a_row_that_is_none_is_reported_by_its_line(row: str) -> None:
    with pytest.raises(ValueError, match=r"training\.csv, line 2: "):
        parse_training([HEADER, row])

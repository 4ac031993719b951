import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.record import Outcome, outcome_dict
from auditor.writers.json import JsonWriter
from records import every_outcome, gated, hostile


def written(*outcomes: Outcome) -> bytes:
    stream = io.BytesIO()
    JsonWriter().write(outcomes, stream)
    return stream.getvalue()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(range(len(every_outcome()))), max_size=4))
def test_it_is_what_the_standard_library_writes_for_the_whole_report(chosen: list[int]) -> None:
    outcomes = [every_outcome()[index] for index in chosen]
    report = {"schema": 1, "outcomes": [outcome_dict(outcome) for outcome in outcomes]}
    assert written(*outcomes) == (json.dumps(report, indent=2) + "\n").encode()


def test_outcomes_keep_their_order_and_none_is_lost() -> None:
    outcomes = every_outcome()
    read = json.loads(written(*outcomes))["outcomes"]
    assert [each["requested"] for each in read] == [each.requested for each in outcomes]


def test_half_a_surrogate_pair_breaks_neither_the_file_nor_the_reader() -> None:
    text = written(hostile())
    assert text.isascii()
    (outcome,) = json.loads(text)["outcomes"]
    assert outcome["findings"][0]["message"].endswith("gnp.exe\ud800")


def test_a_call_where_everything_failed_is_a_report_too() -> None:
    (outcome,) = json.loads(written(gated()))["outcomes"]
    assert outcome["error"]["hint"].startswith("ask at https://huggingface.co/")

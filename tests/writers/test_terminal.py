"""The report on a screen. Widths are in columns, of which wide characters take two."""

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.claims import ClaimSource, quantity
from auditor.core.findings import Finding, Severity
from auditor.core.record import Outcome
from auditor.core.verdict import Verdict
from auditor.writers.look import Look
from auditor.writers.terminal import MAX_ROWS, Detail, TerminalWriter
from records import (
    MILLION,
    bert_large,
    claim,
    compared,
    every_outcome,
    gated,
    gpt2,
    hostile,
    llama,
    multilingual,
    packed,
    pipeline,
    reconstructed,
    whisper,
)

WIDTHS = (60, 80, 100, 160, 200)


def shown(*outcomes: Outcome, look: Look | None = None, detail: Detail = Detail.NORMAL) -> str:
    stream = io.BytesIO()
    TerminalWriter(detail=detail, look=look or Look()).write(outcomes, stream)
    return stream.getvalue().decode()


def columns(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def line_with(text: str, report: str) -> str:
    return next(line for line in report.splitlines() if text in line)


def test_the_answer_comes_first() -> None:
    headline, answer, *_ = [line for line in shown(bert_large()).splitlines() if line]
    assert headline.startswith("google-bert/bert-large-uncased @ 6da4b6a (main)   ")
    assert headline.endswith("safetensors · 1 file · 1.34 GB")
    assert answer == "  AGREES       documented 340M · real 336,226,108 (-1.1 %)"


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (bert_large(), "AGREES"),
        (gpt2(), "EXPLAINED"),
        (multilingual(), "DIFFERS"),
        (whisper(), "UNDOCUMENTED"),
        (packed(), "UNVERIFIABLE"),
        (gated(), "FAILED"),
    ],
)
def test_the_answer_is_one_word(outcome: Outcome, word: str) -> None:
    answer = next(line for line in shown(outcome).splitlines()[1:] if line)
    assert answer.split()[0] == word


def test_a_mismatch_says_by_how_much() -> None:
    # 67,853,440 / 110,000,000 = 61.685 %
    assert "documented 110M · real 177,853,440 (+61.7 %)" in shown(multilingual())


def test_an_exact_figure_is_said_to_be_exact() -> None:
    report = replace(bert_large(), verdict=Verdict.EXACT)
    assert "documented 336,226,108 · real 336,226,108 (exactly)" in shown(report)


def test_a_figure_that_counts_something_else_says_what() -> None:
    report = shown(gpt2())
    assert "the figure counts every stored element" in report
    assert "%" not in line_with("EXPLAINED", report)


def test_the_numbers_of_the_heads_add_up_to_the_total() -> None:
    report = shown(bert_large(), look=Look(width=120)).splitlines()
    start = next(i for i, line in enumerate(report) if line.startswith("  real"))
    heads = "transform 1,049,600 · bias 30,522 · next sentence 2,050 · norm 2,048"
    assert report[start : start + 3] == [
        "  real         335,141,888   the backbone alone, without heads",
        f"             +   1,084,220   heads: {heads}",
        "             = 336,226,108   parameters, all trainable, no buffers, no tied copies",
    ]


def test_buffers_lead_from_the_parameters_to_what_is_stored() -> None:
    report = shown(gpt2())
    assert "+  12,582,912   buffers, not parameters: causal masks (h.*.attn.bias)" in report
    assert "= 137,022,720   elements stored" in report


def test_frozen_parameters_and_tied_copies_are_named() -> None:
    report = shown(whisper())
    assert "762,321,920 trainable, 1,536,000 frozen (positions)" in report
    assert "+  53,109,760   tied copies, counted once" in report


def test_components_add_up_to_the_pipeline() -> None:
    report = shown(pipeline())
    assert "  859,520,964   unet" in report
    assert "+   123,060,480   text_encoder" in report
    assert "= 1,066,235,307   parameters" in report


def test_an_unknown_count_shows_the_range_it_lies_in() -> None:
    report = shown(packed())
    assert "real 1,744,830,464 to 13,958,643,712" in report
    assert "13,958,643,712   parameters at the most" in report


def test_a_count_nobody_knows_is_said_to_be_unknown() -> None:
    record = packed()
    tally = replace(record.tally, total_range=None)
    report = shown(replace(record, tally=tally))
    assert "real not known" in report
    assert "?   parameters: how many there are is not known" in report


def test_packed_weights_whose_count_is_known_are_not_added_up() -> None:
    record = packed()
    tally = replace(record.tally, total=13_958_643_712, auxiliary=0)
    assert "= " not in shown(replace(record, tally=tally))


def test_active_parameters_are_shown_where_they_are_fewer() -> None:
    record = llama()
    report = shown(replace(record, tally=replace(record.tally, active=1_000_000_000)))
    assert "1,000,000,000   of them active for each token" in report


def test_memory_is_in_gb_and_gib() -> None:
    report = shown(bert_large(), look=Look(width=160))
    assert (
        "F32 1.34 GB (1.25 GiB) as stored · F16/BF16 672 MB (641 MiB) · INT8 336 MB (321 MiB)"
        " · INT4 168 MB (160 MiB)"
    ) in report


def test_what_is_stored_beside_the_parameters_weighs_too() -> None:
    # 548,090,880 bytes with the masks, 4 x 124,439,808 = 497,759,232 without
    report = shown(gpt2(), look=Look(width=160))
    assert "548 MB (523 MiB) stored as F32 · loaded as F32 498 MB (475 MiB)" in report


def test_the_proof_says_what_was_read() -> None:
    # 68,256 / 1,344,951,957 = 0.0000507
    proof = line_with("proof", shown(bert_large()))
    assert "5 requests · 68.3 kB of 1.34 GB read (0.0051 %)" in proof


def test_repeated_requests_are_told() -> None:
    record = bert_large()
    report = shown(replace(record, proof=replace(record.proof, requests=7, retries=2)))
    assert "7 requests (2 repeated)" in report


@pytest.mark.parametrize("width", WIDTHS)
def test_a_reconstructed_snapshot_says_plainly_what_it_is(width: int) -> None:
    words = " ".join(shown(reconstructed(), look=Look(width=width)).split())
    assert "reconstructed from the published architecture, not read from the Hub" in words


def test_files_that_were_left_out_are_named_with_the_reason() -> None:
    report = shown(bert_large())
    expected = "pytorch_model.bin and 2 more (4.03 GB): the same weights for other frameworks"
    assert expected in line_with("left out", report)


def test_a_failure_says_what_is_wrong_and_what_to_do() -> None:
    report = shown(gated())
    assert "  FAILED       access to its files must be asked for" in report
    assert "→ ask at https://huggingface.co/meta-llama/Llama-2-7b-hf" in report


def test_a_rename_is_told_and_a_short_name_is_none() -> None:
    assert "asked for" not in shown(bert_large())
    renamed = replace(bert_large(), requested="bert/bert-large-uncased")
    assert "asked for as bert/bert-large-uncased" in shown(renamed)


def test_a_pinned_commit_is_not_said_twice() -> None:
    commit = str(bert_large().commit)
    headline = shown(replace(bert_large(), revision=commit)).splitlines()[0]
    assert headline.startswith("google-bert/bert-large-uncased @ 6da4b6a   ")


def test_a_folder_has_no_commit() -> None:
    headline = shown(replace(bert_large(), commit=None, revision=None)).splitlines()[0]
    assert "@" not in headline


# --- how much


def test_quiet_is_one_line_for_each_model() -> None:
    lines = shown(bert_large(), gated(), packed(), detail=Detail.QUIET).splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["AGREES", "google-bert/bert-large-uncased"],
        ["FAILED", "meta-llama/Llama-2-7b-hf"],
        ["UNVERIFIABLE", "someone/odd-7b-3bit"],
    ]
    assert lines[1].endswith("access to its files must be asked for")


def test_quiet_lines_are_never_broken() -> None:
    lines = shown(*every_outcome(), detail=Detail.QUIET, look=Look(width=60)).splitlines()
    assert len(lines) == len(every_outcome())


def test_information_and_other_models_are_for_verbose_alone() -> None:
    assert "the pooler is stored" not in shown(multilingual())
    assert "the pooler is stored" in shown(multilingual(), detail=Detail.VERBOSE)
    assert "70B" not in shown(llama())
    assert "not compared: about Llama-3.1-70B" in shown(llama(), detail=Detail.VERBOSE)


def test_verbose_names_every_group_with_its_rule_and_every_span() -> None:
    report = shown(gpt2(), detail=Detail.VERBOSE, look=Look(width=160))
    assert (
        "causal masks (h.*.attn.bias): GPT-2 saved the attention's mask with the weights" in report
    )
    assert "model.safetensors 0-65,536" in report
    assert "85,056,000   parameters without embeddings" in report


def test_many_findings_are_cut_and_counted_the_gravest_first() -> None:
    many = tuple(
        Finding(code="odd", severity=Severity.NOTICE, message=f"oddity {n}") for n in range(20)
    )
    worst = Finding(code="bad", severity=Severity.ERROR, message="the worst of all")
    record = replace(multilingual(), findings=(*many, worst))
    report = shown(record)
    assert "findings   x the worst of all" in report
    assert f"and {21 - MAX_ROWS} more; -v shows them" in report
    assert "oddity 19" in shown(record, detail=Detail.VERBOSE)


def test_several_models_end_in_a_table_and_a_count() -> None:
    report = shown(bert_large(), gpt2(), multilingual(), gated())
    table = report[report.index("model  ") :]
    assert re.search(r"AGREES +google-bert/bert-large-uncased +340M +336,226,108 +-1.1 %", table)
    assert re.search(r"DIFFERS +google-bert/bert-base-multilingual-cased +110M", table)
    assert report.endswith("\n  4 models · 1 agrees · 1 explained · 1 differs · 1 failed\n")


def test_one_model_has_no_table() -> None:
    assert "models ·" not in shown(bert_large())


# --- how it looks


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_the_screen_or_ends_in_blanks(width: int, *, unicode: bool) -> None:
    look = Look(width=width, unicode=unicode)
    for detail in (Detail.NORMAL, Detail.VERBOSE):
        for line in shown(*every_outcome(), look=look, detail=detail).splitlines():
            assert columns(line) <= width
            assert line == line.rstrip()


@pytest.mark.parametrize("width", WIDTHS)
def test_wrapped_text_hangs_under_its_own_beginning(width: int) -> None:
    report = shown(packed(), look=Look(width=width)).splitlines()
    start = next(i for i, line in enumerate(report) if line.startswith("  findings   x "))
    end = next(i for i, line in enumerate(report) if line.startswith("  proof"))
    for line in report[start + 1 : end]:
        assert line[:15] == " " * 15
        assert line[15] != " "


@pytest.mark.parametrize("width", WIDTHS)
def test_a_number_is_not_torn_from_its_unit(width: int) -> None:
    for line in shown(bert_large(), gpt2(), look=Look(width=width)).splitlines():
        assert not re.match(r"\s*(%|GB|MB|kB|GiB|MiB)\b", line)


def test_without_colour_there_is_not_one_escape_sequence() -> None:
    assert "\x1b" not in shown(*every_outcome(), detail=Detail.VERBOSE)


def test_colour_marks_the_answer_and_changes_no_word() -> None:
    coloured = shown(multilingual(), look=Look(colour=True))
    assert re.search(r"\x1b\[1;31m +DIFFERS", coloured)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in plain.splitlines()] == shown(multilingual()).splitlines()


def test_a_stream_without_unicode_gets_ascii() -> None:
    report = shown(*every_outcome(), look=Look(unicode=False))
    assert report.isascii()
    assert "safetensors | 1 file | 1.34 GB" in report
    assert "-> ask at" in report


def test_the_environment_does_not_change_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = shown(bert_large(), look=Look(width=120, colour=True))
    for name, value in {"COLUMNS": "50", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    assert shown(bert_large(), look=Look(width=120, colour=True)) == expected


# --- hostile text


def test_hostile_text_is_shown_as_text() -> None:
    report = shown(hostile())
    assert "[bold red]red[/bold red]gnp.exe" in report
    assert not any(character in report for character in "\x1b\r\u202e")


def test_a_name_of_100_000_letters_is_shortened() -> None:
    assert len(shown(hostile(), detail=Detail.QUIET)) < 300


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=200), st.sampled_from(WIDTHS))
def test_no_text_at_all_breaks_the_lines(text: str, width: int) -> None:
    figure = quantity("110", MILLION, written="110M")
    record = replace(
        multilingual(),
        model=text or "m",
        comparisons=(compared(claim(figure, ClaimSource.LIST, text), Verdict.NEAR, 1, text),),
        findings=(Finding(code="odd", severity=Severity.WARNING, message=text),),
    )
    report = shown(record, look=Look(width=width))
    for line in report.split("\n"):
        assert columns(line) <= width
        assert all(character.isprintable() or character.isspace() for character in line)
        assert not any(character in line for character in "\r\t\v\f\x1c\x85\u2028\u2029")

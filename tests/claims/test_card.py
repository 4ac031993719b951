from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.claims import card
from auditor.claims.card import card_findings
from auditor.core.claims import Claim, ClaimSource, Published, Scope
from auditor.core.repository import Origin, RepoFile, Repository

MILLION = 10**6
BILLION = 10**9

BERT_LARGE = """\
---
language: en
license: apache-2.0
datasets:
- bookcorpus
---

# BERT large model (uncased)

This model has the following configuration:

- 24-layer
- 1024 hidden dimension
- 16 attention heads
- 336M parameters.

It was trained on 4 cloud TPUs for one million steps with a batch size of 256.
"""
BERT_BASE = """\
| Model | #params | Language |
|------------------------|--------------------------------|-------|
| [`bert-base-uncased`](https://huggingface.co/bert-base-uncased) | 110M   | English |
| [`bert-large-uncased`](https://huggingface.co/bert-large-uncased)  | 340M    | English |
| [`bert-base-cased`](https://huggingface.co/bert-base-cased)        | 110M    | English |
| [`bert-base-chinese`](https://huggingface.co/bert-base-chinese) | 110M    | Chinese |
"""


def published(model: str, text: str) -> Published:
    repository = Repository(
        repo_id=model, requested=model, revision=None, commit=None, origin=Origin.MEMORY, files=()
    )
    return Published(repository=repository, documents={"README.md": text})


def read(text: str, model: str = "example/model") -> tuple[Claim, ...]:
    return card.read(published(model, text))


def figures(text: str, model: str = "example/model") -> list[tuple[int, Scope]]:
    return [(claim.quantity.value, claim.scope) for claim in read(text, model)]


# --- two cards of real models


def test_the_card_of_bert_large_states_336_million_on_its_fifteenth_line() -> None:
    (claim,) = read(BERT_LARGE, "google-bert/bert-large-uncased")
    assert (claim.quantity.value, claim.scope) == (336 * MILLION, Scope.TOTAL)
    assert claim.source is ClaimSource.CARD
    assert claim.where == "README.md, line 15"
    assert claim.text == "336M parameters"
    assert not claim.label


def test_the_row_that_names_this_model_is_its_own_and_the_others_are_of_other_models() -> None:
    claims = read(BERT_BASE, "google-bert/bert-base-uncased")
    own = [claim for claim in claims if claim.scope is Scope.TOTAL]
    assert [(claim.quantity.value, claim.where) for claim in own] == [
        (110 * MILLION, "README.md, line 3")
    ]
    others = {(c.detail, c.quantity.value) for c in claims if c.scope is Scope.OTHER_MODEL}
    assert others == {
        ("bert-large-uncased", 340 * MILLION),
        ("bert-base-cased", 110 * MILLION),
        ("bert-base-chinese", 110 * MILLION),
    }


def test_a_table_in_which_no_row_names_this_model_says_nothing_of_it() -> None:
    assert read(BERT_BASE, "me/sentiment") == ()


# --- what a figure counts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It has 340M parameters.", [(340 * MILLION, Scope.TOTAL)]),
        ("7.24B params", [(7_240 * MILLION, Scope.TOTAL)]),
        ("a 1.3 billion parameter model", [(1_300 * MILLION, Scope.TOTAL)]),
        ("| Params | 8B |", [(8 * BILLION, Scope.TOTAL)]),
        ("Number of Parameters: 6.53B (Non-Embedding)", [(6_530 * MILLION, Scope.NON_EMBEDDING)]),
        ("Number of Paramaters (Non-Embedding): 6.53B", [(6_530 * MILLION, Scope.NON_EMBEDDING)]),
        (
            "21B total / 3.6B active",
            [(21 * BILLION, Scope.TOTAL), (3_600 * MILLION, Scope.ACTIVE)],
        ),
        (
            "trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622",
            [(4_194_304, Scope.TRAINABLE), (6_742_609_920, Scope.TOTAL)],
        ),
        ("total parameters: 1,066,235,307", [(1_066_235_307, Scope.TOTAL)]),
        (
            "860M UNet and 123M text encoder",
            [(860 * MILLION, Scope.COMPONENT), (123 * MILLION, Scope.COMPONENT)],
        ),
        ("has an effective size of 4B effective parameters", [(4 * BILLION, Scope.COMPONENT)]),
        (
            "30B parameters (active 3B; non-embedding: 29B)",
            [
                (30 * BILLION, Scope.TOTAL),
                (3 * BILLION, Scope.ACTIVE),
                (29 * BILLION, Scope.NON_EMBEDDING),
            ],
        ),
        ("This adapter has 8.4M parameters.", [(8_400_000, Scope.ADAPTER)]),
        ("parameters: 1.5e9", [(1_500 * MILLION, Scope.TOTAL)]),
        ("- Params (M): 22.1", [(22_100_000, Scope.TOTAL)]),
    ],
)
def test_a_figure_counts_what_the_words_beside_it_say(
    text: str, expected: list[tuple[int, Scope]]
) -> None:
    assert figures(text) == expected


def test_a_component_is_named() -> None:
    names = [claim.detail for claim in read("860M UNet and 123M text encoder")]
    assert names == ["unet", "text_encoder"]


@pytest.mark.parametrize(
    "text",
    [
        "trained on 1.4T tokens",
        "with a context length of 128K",
        "a download of 13.5 GB, or 440MB after quantization",
        "trained on 4.5B images and 142 M videos",
        "transformers 4.46.0, version 1.5, 3.1-8B",
        "the LAION-5B and YFCC100M data sets",
        "a vocabulary of 250k entries, learning rate 1e-4, 1.2M steps",
        "2.788M H800 GPU hours, $2-5M in all",
        "40% less parameters than bert-base-uncased",
        "the hyperparameters: 1,000,000 warm-up steps",
        "models with more than 100B parameters",
        "- 8192 hidden, 64 heads, seed 1234567",
        "8x7B parameters",
        "over 10K adapters and 2M LoRAs were shared",
    ],
)
def test_what_is_no_count_of_parameters_is_left_alone(text: str) -> None:
    assert read(text) == ()


# --- whose figure it is


def test_a_figure_of_a_named_other_model_is_kept_with_its_name() -> None:
    (claim,) = read("It is as good as GPT-3 (175B parameters) on our benchmark.")
    assert (claim.scope, claim.detail) == (Scope.OTHER_MODEL, "GPT-3")


def test_a_list_of_sizes_gives_this_model_the_size_in_its_name() -> None:
    text = "Llama 2 comes in a range of parameter sizes: 7B, 13B, and 70B"
    assert figures(text, "meta-llama/Llama-2-13b-hf") == [
        (7 * BILLION, Scope.OTHER_MODEL),
        (13 * BILLION, Scope.TOTAL),
        (70 * BILLION, Scope.OTHER_MODEL),
    ]


def test_both_ends_of_a_range_are_of_other_models() -> None:
    text = "ranging from 70M to 12B parameters"
    assert figures(text, "EleutherAI/pythia-70m") == [
        (70 * MILLION, Scope.OTHER_MODEL),
        (12 * BILLION, Scope.OTHER_MODEL),
    ]


def test_the_total_on_the_card_of_an_adapter_is_that_of_the_model_it_adapts() -> None:
    text = "trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622"
    bare = published("me/chatty-lora", text)
    files = (RepoFile(path="adapter_config.json", size_bytes=1),)
    adapter = replace(bare, repository=replace(bare.repository, files=files))
    claims = card.read(adapter)
    assert [(claim.quantity.value, claim.scope) for claim in claims] == [
        (4_194_304, Scope.TRAINABLE),
        (6_742_609_920, Scope.OTHER_MODEL),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "| Model | Params |\n|---|---|\n| Llama-2-7B | 6.74B |\n| Llama-2-70B | 69B |",
        (
            "<table>\n<tr><th>Model</th><th>Params</th></tr>\n"
            "<tr><td rowspan=1>Llama-2-7B</td><td>6.74B</td></tr>\n"
            "<tr><td>Llama-2-70B</td><td>69B</td></tr>\n</table>"
        ),
    ],
)
def test_a_table_reads_the_same_in_markdown_and_in_html(text: str) -> None:
    assert figures(text, "meta-llama/Llama-2-7b-hf") == [
        (6_740 * MILLION, Scope.TOTAL),
        (69 * BILLION, Scope.OTHER_MODEL),
    ]


def test_among_rows_of_one_label_it_is_the_one_with_the_size_in_the_name() -> None:
    text = (
        "<table><tr><td></td><td>Params</td></tr>"
        '<tr><td rowspan="2">Llama 3</td><td>8B</td></tr><tr><td>70B</td></tr></table>'
    )
    assert figures(text, "meta-llama/Meta-Llama-3-8B") == [
        (8 * BILLION, Scope.TOTAL),
        (70 * BILLION, Scope.OTHER_MODEL),
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1B (1.23B)", 1_230 * MILLION),
        ("11B (10.6)", 10_600 * MILLION),
        ("~110 M", 110 * MILLION),
        ("**8.03B**", 8_030 * MILLION),
        ("6053381344", 6_053_381_344),
        ("7B params", 7 * BILLION),
    ],
)
def test_a_cell_may_say_it_twice_and_the_finer_figure_counts(cell: str, value: int) -> None:
    table = f"| Model | Parameters |\n|---|---|\n| this model | {cell} |"
    assert figures(table) == [(value, Scope.TOTAL)]


def test_the_heading_may_hold_the_unit_and_the_scope() -> None:
    table = (
        "| Model | Backbone Parameters(M) | Active Params (B) |\n|---|---|---|\n"
        "| this model | 86 | 3.3 |"
    )
    assert figures(table) == [
        (86 * MILLION, Scope.NON_EMBEDDING),
        (3_300 * MILLION, Scope.ACTIVE),
    ]


def test_a_column_of_sizes_counts_billions_and_no_bytes() -> None:
    table = "| Model | Size | Disk |\n|---|---|---|\n| this model | 0.6B | 1.2 GB |"
    assert figures(table) == [(600 * MILLION, Scope.TOTAL)]
    assert figures(table.replace("0.6B", "438M")) == []


# --- several figures in one sentence


def test_figures_of_one_list_share_their_unit() -> None:
    text = "We have three models with 2, 8 and 72 billion parameters."
    assert figures(text, "Qwen/Qwen2-VL-72B-Instruct") == [
        (2 * BILLION, Scope.OTHER_MODEL),
        (8 * BILLION, Scope.OTHER_MODEL),
        (72 * BILLION, Scope.TOTAL),
    ]


def test_a_year_or_the_number_of_a_name_is_no_figure_of_the_list() -> None:
    assert figures("Released in 2023, 7B parameters.") == [(7 * BILLION, Scope.TOTAL)]
    assert figures("Llama 2 and 7B parameters", "example/llama-2") == [(7 * BILLION, Scope.TOTAL)]


def test_respectively_gives_each_figure_to_its_own_name() -> None:
    text = "DeepSeek-VL2-Tiny and DeepSeek-VL2-Small have 1.0B and 2.8B activated parameters"
    assert figures(f"{text} respectively.", "deepseek-ai/deepseek-vl2-tiny") == [
        (1 * BILLION, Scope.ACTIVE),
        (2_800 * MILLION, Scope.OTHER_MODEL),
    ]


def test_of_two_totals_in_a_line_the_one_in_the_name_is_this_models() -> None:
    text = "a large 80 billion parameters version and a 9 billion parameters version"
    assert figures(text, "HuggingFaceM4/idefics-80b") == [
        (80 * BILLION, Scope.TOTAL),
        (9 * BILLION, Scope.OTHER_MODEL),
    ]


def test_of_two_totals_in_a_line_of_which_none_stands_out_neither_is_this_models() -> None:
    text = "a large 80 billion parameters version and a 9 billion parameters version"
    assert {scope for _, scope in figures(text, "example/model")} == {Scope.OTHER_MODEL}


def test_the_closest_name_before_a_figure_is_whose_it_is() -> None:
    text = "GLM-4.6V (106B) is for the cloud, and GLM-4.6V-Flash (9B) for local deployment."
    assert figures(text, "zai-org/GLM-4.6V-Flash") == [
        (106 * BILLION, Scope.OTHER_MODEL),
        (9 * BILLION, Scope.TOTAL),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "uses only 39B active parameters out of 141B",
            [(39 * BILLION, Scope.ACTIVE), (141 * BILLION, Scope.TOTAL)],
        ),
        (
            "activa 3 mil millones de parámetros por token de un total de 35 mil millones",
            [(3 * BILLION, Scope.ACTIVE), (35 * BILLION, Scope.TOTAL)],
        ),
        (
            "总参数量为 260 亿, 每个 token 仅激活 40 亿参数",
            [(26 * BILLION, Scope.TOTAL), (4 * BILLION, Scope.ACTIVE)],
        ),
        (
            "12B parameter multimodal decoder + 400M parameter vision encoder",
            [(12 * BILLION, Scope.COMPONENT), (400 * MILLION, Scope.COMPONENT)],
        ),
        (
            "100 亿视觉参数和 70 亿语言参数",
            [(10 * BILLION, Scope.COMPONENT), (7 * BILLION, Scope.COMPONENT)],
        ),
    ],
)
def test_parts_and_their_whole_are_told_apart(text: str, expected: list[tuple[int, Scope]]) -> None:
    assert figures(text) == expected


# --- figures without the word


@pytest.mark.parametrize(
    "text",
    [
        "Our 3B model is small.",
        "PowerLM-3b is a 3B state-of-the-art small language model.",
        "We release PowerLM-3b, this compact 3B model.",
    ],
)
def test_a_size_may_be_said_of_this_model_without_the_word_parameters(text: str) -> None:
    assert figures(text, "ibm/PowerLM-3b") == [(3 * BILLION, Scope.TOTAL)]


@pytest.mark.parametrize(
    "text",
    [
        "The 3B model was trained with 4 trillion tokens.",
        "Results are on par with a 7B model.",
        "Our 70B model is described elsewhere.",
        "This is equivalent to a 6.7B dense model.",
    ],
)
def test_a_size_alone_says_nothing_elsewhere(text: str) -> None:
    assert not [scope for _, scope in figures(text, "ibm/PowerLM-3b") if scope is Scope.TOTAL]


# --- said of models at large


@pytest.mark.parametrize(
    "text",
    [
        "Running a 70B parameter model needs 140 GB.",
        "A 70B-parameter model stored in FP16 requires 140 GB.",
        "Il faut 14 Go pour faire tourner un modèle de 7 milliards de paramètres.",
        "Ein Modell mit 8 Milliarden Parametern läuft auf bescheidener Hardware.",
        "32 GB hold about 56 billion parameters.",
        "Weight tying saves 200 million parameters.",
        "each expert has about 14B parameters",
        "model sizes starting from 1M params",
    ],
)
def test_what_is_said_of_any_model_is_left_alone(text: str) -> None:
    assert read(text) == ()


def test_a_size_far_from_the_one_in_the_name_needs_more_than_silence_to_be_its_own() -> None:
    text = "The arithmetic gives 70 billion parameters."
    assert figures(text, "example/llama-7b") == [(70 * BILLION, Scope.OTHER_MODEL)]
    keyed = "Parameters: 70B"  # a card that contradicts its name
    assert figures(keyed, "example/llama-7b") == [(70 * BILLION, Scope.TOTAL)]


# --- tables of many kinds


def test_an_empty_label_is_the_one_above_and_a_size_picks_the_row() -> None:
    text = (
        "| | Training Data | Params |\n|---|---|---|\n"
        "| Llama 3.2 (text only) | A new mix | 1B (1.23B) |\n| | | 3B (3.21B) |"
    )
    assert figures(text, "meta-llama/Llama-3.2-3B-Instruct") == [
        (1_230 * MILLION, Scope.OTHER_MODEL),
        (3_210 * MILLION, Scope.TOTAL),
    ]


@pytest.mark.parametrize(
    ("label", "model"),
    [
        ("ConvNeXt-B", "facebook/convnext-base-224"),
        ("**Ours**", "example/model"),
        ("Our Model (TinyGPT)", "example/model"),
        ("Florence-2-base[[HF]](https://huggingface.co/x)", "microsoft/Florence-2-base"),
        ("METRO [51]", "example/metro"),
        ("snowflake-arctic-l-v2.0", "Snowflake/snowflake-arctic-embed-l-v2.0"),
        ("Qwen 3.6 35B A3B", "Qwen/Qwen3.6-35B-A3B"),
        ("MobileNetV2", "google/mobilenet_v2"),
    ],
)
def test_a_row_is_named_in_many_spellings(label: str, model: str) -> None:
    table = f"| Model | Params |\n|---|---|\n| {label} | 89M |\n| SomethingElse-9 | 28M |"
    assert (89 * MILLION, Scope.TOTAL) in figures(table, model)


def test_a_heading_may_count_two_things_in_one_cell() -> None:
    table = "| Key | Value |\n|---|---|\n| Params(Total / Activated) | 300B / 47B |"
    assert figures(table) == [(300 * BILLION, Scope.TOTAL), (47 * BILLION, Scope.ACTIVE)]


def test_the_names_of_the_columns_may_stand_below_the_figures() -> None:
    table = (
        "<table><tr><th>Family</th><th></th><th></th></tr>"
        "<tr><td>Parameters</td><td>300M</td><td>13B</td></tr>"
        "<tr><td>Finetuned Model</td><td>mt0-small</td><td>mt0-xxl</td></tr></table>"
    )
    assert figures(table, "bigscience/mt0-xxl") == [
        (300 * MILLION, Scope.OTHER_MODEL),
        (13 * BILLION, Scope.TOTAL),
    ]


def test_a_heading_that_only_mentions_parameters_counts_none() -> None:
    table = "| params suffix | total params |\n|---|---|\n| 70M | 70,426,624 |"
    assert figures(table, "EleutherAI/pythia-70m") == [(70_426_624, Scope.TOTAL)]


# --- wrapped lines


def test_a_sentence_may_go_on_in_the_next_line_and_keeps_its_line_number() -> None:
    text = (
        "# A model\n\nThis checkpoint holds a decoder-only language model for Dutch with 1.1\n"
        "billion parameters. It was trained from scratch on 180 billion\ntokens of web text; it\n"
    )
    (claim,) = read(text)
    assert (claim.quantity.value, claim.where) == (1_100 * MILLION, "README.md, line 3")


def test_a_figure_in_a_wrapped_line_is_said_to_be_in_that_line() -> None:
    text = (
        "This checkpoint holds a language model for the Dutch language and\n"
        "has 1.1 billion parameters.\n"
    )
    (claim,) = read(text)
    assert claim.where == "README.md, line 2"


def test_lines_that_end_where_they_were_meant_to_are_not_joined() -> None:
    text = "Total params: 25,636,712\nTrainable params: 25,583,592\nNon-trainable params: 53,120\n"
    assert figures(text) == [(25_636_712, Scope.TOTAL), (25_583_592, Scope.TRAINABLE)]


# --- what is not read, and what must not be lost


def test_code_comments_images_and_link_targets_are_not_read() -> None:
    text = (
        "```python\n# 7B parameters\n```\n"
        "<!-- 8B parameters\n9B parameters -->\n"
        "![10B parameters](https://example.org/11B-parameters.png)\n"
        "[here](https://example.org/12B parameters)\n"
        "~~~\n13B parameters\n~~~\n"
        "It has 1B parameters."
    )
    assert figures(text) == [(1 * BILLION, Scope.TOTAL)]


def test_a_fence_inside_a_longer_fence_does_not_close_it() -> None:
    assert figures("````\n```\n7B parameters\n```\n````\n1B parameters") == [
        (1 * BILLION, Scope.TOTAL)
    ]


def test_emphasis_entities_and_tags_do_not_hide_a_figure() -> None:
    text = "<b>It has</b> **7.5**&nbsp;billion <i>parameters</i>"
    assert figures(text) == [(7_500 * MILLION, Scope.TOTAL)]


def test_a_figure_below_a_broken_front_matter_is_read_all_the_same() -> None:
    text = "---\nlicense: [mit\n\ttags: {{{\n---\nIt has 7B parameters."
    assert figures(text) == [(7 * BILLION, Scope.TOTAL)]


def test_an_unclosed_front_matter_is_prose() -> None:
    assert figures("---\nlicense: mit\n\nIt has 7B parameters.") == [(7 * BILLION, Scope.TOTAL)]


def test_the_front_matter_may_state_the_count_under_a_key_and_nowhere_else() -> None:
    text = "---\nparameters: 7.24B\ndescription: beats models of 70B parameters\n---\n"
    assert figures(text) == [(7_240 * MILLION, Scope.TOTAL)]


def test_a_figure_is_kept_once_where_it_is_first_stated() -> None:
    (claim,) = read("7B parameters\n\nIndeed, 7B parameters.")
    assert claim.where == "README.md, line 1"


def test_lines_are_counted_with_windows_line_ends_and_a_byte_order_mark() -> None:
    (claim,) = read("\ufeff---\r\nlicense: mit\r\n---\r\n\r\n7B parameters\r\n")
    assert claim.where == "README.md, line 5"


def test_a_repository_without_a_card_claims_nothing() -> None:
    nothing = published("example/model", "")
    assert card.read(nothing) == ()
    assert card.read(Published(repository=nothing.repository)) == ()


def test_no_more_claims_are_kept_than_a_card_can_sensibly_make() -> None:
    text = "\n".join(f"{number}.5M parameters" for number in range(1, 1_000))
    assert len(read(text)) == card.MAX_CLAIMS


# --- hostile cards: each of these is a megabyte that would never end if anything were quadratic


@pytest.mark.parametrize(
    "text",
    [
        "1" * 10**6,
        "1," * 500_000,
        "[" * 10**6,
        "[1](" * 250_000,
        "<table>\n1\n" * 90_000,
        "<table>" * 140_000 + "</table>",
        "<!--" * 250_000,
        "|" * 10**6,
        "| 1M " * 200_000,
        "| Model | params |\n|---|---|\n" * 33_000,
        "1M parameters " * 71_000,
        "1B active " * 100_000,
        ("params" + " " * 5_000 + "1M total" + "-" * 4_000 + "\n") * 100,
        "`" * 10**6,
        "---\n" + "a: 1B\n" * 160_000 + "---\n",
        "---\n" * 250_000,
        "1\n" * 500_000,
        "GPT-4 " * 160_000 + "has 7B parameters",
    ],
    ids=lambda text: ascii(text[:16]),
)
def test_a_hostile_megabyte_is_read_to_its_end(text: str) -> None:
    assert len(read(text, "example/llama-7b")) <= card.MAX_CLAIMS


@given(st.text(alphabet="17BM .,|-#*[]()<>`\n:paramsettl", max_size=200))
def test_no_card_breaks_the_reader(text: str) -> None:
    for claim in read(text, "example/llama-7b"):
        assert claim.quantity.value > 0
        assert claim.where.startswith("README.md, line ")


# --- findings


def test_a_sound_front_matter_is_not_worth_a_word() -> None:
    text = (
        "---\nlicense: mit # free\ntags:\n- a\n  - b\nmodel-index:\n- name: x\n  results: []\n"
        "widget:\n\n- text: \"a: b\"\n'quoted key': 1\nempty:\n---\nprose"
    )
    assert card_findings(text) == ()
    assert card_findings("no front matter") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\nlicense: mit\n\nprose", "line 1: the front matter is never closed by a line `---`"),
        ("---\na: b\n\ttags: a\n---\n", "line 3: a tab indents a line of the front matter"),
        ("---\nthis is prose\n---\n", "line 2: a line of the front matter is no `key: value`"),
    ],
)
def test_a_broken_front_matter_is_a_finding_with_its_line(text: str, message: str) -> None:
    (finding,) = card_findings(text)
    assert finding.code == "front-matter-malformed"
    assert finding.message == f"README.md, {message}; the rest of the card was read all the same"

"""Whole audits with the class's own word. Files are those of published models, their data zeros."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from architecture.test_architect import BERT, DEEPSEEK_V3, GPT2, QWEN3_600M, WHISPER_TINY
from architectures import bert, deepseek_v3, gpt2, qwen3_600m, whisper_tiny
from auditor import AuditFailure, AuditRecord, Verdict
from auditor.architecture.architect import Architect
from auditor.auditing import AuditOptions, audit_models
from auditor.core.findings import Finding, Severity
from auditor.core.identity import parse_model_ref
from auditor.core.record import Outcome
from auditor.core.tensors import Tensor
from auditor.sources.contents import ZeroTailed
from auditor.sources.memory import MemorySource
from builders import virtual_header
from command import hfaudit
from hub import Hub, Repo, Virtual

pytestmark = pytest.mark.packers


class Case(NamedTuple):
    """A repository of one weight file, with a config and a card."""

    tensors: Sequence[Tensor]
    config: Mapping[str, Any]
    card: str = ""


REMOTE: Final = {"model_type": "own", "architectures": ["OwnModel"], "auto_map": {"AutoModel": "m"}}
CASES: Final[Mapping[str, Case]] = {
    "whisper-tiny": Case(whisper_tiny(), WHISPER_TINY),
    "qwen3-0.6b": Case(qwen3_600m(), QWEN3_600M),
    "gpt2": Case(gpt2(), GPT2),
    # the file is BertForPreTraining's
    "bert": Case(bert(), BERT, "BERT base has 109,514,298 parameters.\n"),
    "gpt2-with-the-config-of-gpt2-xl": Case(
        gpt2(), {**GPT2, "n_embd": 1_600, "n_layer": 48, "n_head": 25}
    ),
    "deepseek-v3": Case(deepseek_v3(), DEEPSEEK_V3),
    "remote-code": Case(gpt2(), REMOTE),
}


def head_of(tensors: Sequence[Tensor]) -> tuple[bytes, int]:
    return virtual_header({each.name: (each.dtype.name, each.shape) for each in tensors})


def files_of(case: Case) -> dict[str, Any]:
    head, size_bytes = head_of(case.tensors)
    return {
        "config.json": json.dumps(case.config).encode(),
        "README.md": case.card.encode(),
        "model.safetensors": ZeroTailed(head=head, size_bytes=size_bytes),
    }


def outcomes_of(names: Sequence[str], folder: Path, *, required: bool) -> dict[str, Outcome]:
    async def audits() -> tuple[Outcome, ...]:
        source = MemorySource({f"org/{name}": files_of(CASES[name]) for name in names})
        refs = [parse_model_ref(f"org/{name}") for name in names]
        async with Architect(folder) as architect:
            options = AuditOptions(architect=architect, blueprint_required=required)
            return await audit_models(refs, source, options)

    return dict(zip(names, asyncio.run(audits()), strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("blueprints")


@pytest.fixture(scope="module")
def records(folder: Path) -> dict[str, AuditRecord]:
    """All of them, by one architect."""
    for library in ("torch", "transformers", "accelerate"):
        pytest.importorskip(library)
    outcomes = outcomes_of(list(CASES), folder, required=False)
    return {name: each for name, each in outcomes.items() if isinstance(each, AuditRecord)}


def finding(record: AuditRecord, code: str) -> Finding:
    (found,) = [each for each in record.findings if each.code == code]
    return found


def count(record: AuditRecord, key: str) -> int:
    return next(each.value for each in record.counts if each.key == key)


@pytest.mark.parametrize(
    ("name", "total", "trainable"),
    [
        ("whisper-tiny", 37_760_640, 37_184_640),  # without 1,500 frozen positions of 384
        ("qwen3-0.6b", 596_049_920, 596_049_920),
        ("gpt2", 124_439_808, 124_439_808),
    ],
)
def test_a_class_that_has_the_same_confirms_the_roles(
    records: dict[str, AuditRecord], name: str, total: int, trainable: int
) -> None:
    record = records[name]
    assert (record.tally.total, record.tally.trainable) == (total, trainable)
    class_name = CASES[name].config["architectures"][0]
    assert record.proof.roles_by.startswith(f"rules, confirmed by {class_name} (transformers ")
    assert "transformers" in record.proof.versions


def test_a_tied_head_that_is_stored_twice_counts_once(records: dict[str, AuditRecord]) -> None:
    record = records["qwen3-0.6b"]
    assert record.tally.tied_copies == 151_936 * 1_024
    assert record.tally.stored.elements == 596_049_920 + 151_936 * 1_024 == 751_632_384


def test_a_figure_of_the_class_explains_itself(records: dict[str, AuditRecord]) -> None:
    record = records["bert"]
    assert record.tally.total == 110_106_428  # the file's own count stays
    assert count(record, "class") == 109_514_298
    # without the masked-language head: dense 590,592, norm 1,536, bias 30,522
    assert count(record, "class_backbone") == 109_514_298 - 622_650 == 108_891_648
    comparison = record.comparisons[0]
    assert comparison.verdict is Verdict.OTHER_SCOPE
    assert "the parameters of BertForMaskedLM as the config builds it" in comparison.explanation
    assert "592,130 elements" in finding(record, "not-in-architecture").message


def test_a_config_of_another_size_is_told_and_changes_no_count(
    records: dict[str, AuditRecord],
) -> None:
    record = records["gpt2-with-the-config-of-gpt2-xl"]
    assert record.tally.total == 124_439_808
    message = finding(record, "config-builds-other").message
    assert "1,557,611,200" in message  # GPT-2 XL's published count
    assert "`wte.weight` is [50257, 768], not [50257, 1600]" in message
    assert not any(each.key.startswith("class") for each in record.counts)


def test_the_layer_beside_the_model_is_the_difference(records: dict[str, AuditRecord]) -> None:
    record = records["deepseek-v3"]
    assert count(record, "without_mtp") == 671_026_404_352
    assert record.tally.total is not None
    beside = record.tally.total - 671_026_404_352
    told = [each.message for each in record.findings if each.code == "not-in-architecture"]
    assert any(f"{beside:,} elements" in each and "passes over" in each for each in told), told


def test_without_a_blueprint_the_rules_stand_and_it_is_said(
    records: dict[str, AuditRecord],
) -> None:
    record = records["remote-code"]
    assert record.tally.total == 124_439_808
    assert record.proof.roles_by == "rules"
    told = finding(record, "no-blueprint")
    assert told.severity is Severity.INFO
    assert told.message.startswith("no blueprint: remote code: class OwnModel is not in")


def test_where_a_blueprint_is_required_a_model_without_fails(
    records: dict[str, AuditRecord], folder: Path
) -> None:
    outcomes = outcomes_of(["gpt2", "remote-code"], folder, required=True)
    assert outcomes["gpt2"] == records["gpt2"]
    failure = outcomes["remote-code"]
    assert isinstance(failure, AuditFailure)
    assert failure.kind == "no-blueprint"
    assert "remote code" in failure.message


# -- the command


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    head, size_bytes = head_of(CASES["whisper-tiny"].tensors)
    files: dict[str, bytes | Virtual] = {
        "config.json": json.dumps(WHISPER_TINY).encode(),
        "model.safetensors": Virtual(head, size_bytes),
    }
    with Hub([Repo("org/whisper-tiny", files)]) as server:
        yield server


def test_the_command_keeps_blueprints_in_the_users_cache(hub: Hub, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    extra = {"HF_ENDPOINT": hub.endpoint, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    call = ("org/whisper-tiny", "--blueprint", "require", "-f", "json")
    first, again = (hfaudit(*call, home=tmp_path, **extra) for _ in range(2))
    assert first.outcomes[0]["parameters"]["trainable"] == 37_184_640
    assert again.outcomes == first.outcomes
    kept = tmp_path / "cache" / "hfaudit" / "blueprints"
    assert len(list(kept.glob("*.json.gz"))) == 1
    assert first.err == ""  # no note: it is no terminal


def test_the_tree_of_modules_is_drawn_too(hub: Hub, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    extra = {"HF_ENDPOINT": hub.endpoint, "HFAUDIT_STORE": str(tmp_path / "kept")}
    call = ("tensors", "org/whisper-tiny", "--blueprint", "require", "--depth", "0")
    ran = hfaudit(*call, home=tmp_path, **extra)
    assert "37,760,640" in ran.out
    assert len(list((tmp_path / "kept" / "blueprints").iterdir())) == 1


def test_classes_tells_what_agrees_and_what_does_not(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    call = ("classes", "BertModel", "LukeForMaskedLM", "IdeficsModel")
    ran = hfaudit(*call, home=tmp_path)
    assert ran.code == 1
    line, summary = ran.out.splitlines()
    assert line.startswith("differs    LukeForMaskedLM (luke): 1 trained parameters taken for")
    assert summary == "2 of 3 classes agree (66.67 %)"

import asyncio
import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

import auditor
from auditor import AuditFailure, AuditRecord, Verdict, audit, audit_many
from auditor.core.protocols import OpenRepository
from auditor.core.repository import HubFacts, Repository, Traffic
from auditor.core.tensors import Span
from auditor.errors import BadAnswer, NotFound, UnknownDtype
from auditor.sources.memory import MemoryRepository, MemorySource
from builders import Tensors, safetensors_file

TINY: Tensors = {"wte.weight": ("F32", [10, 4]), "h.0.attn.bias": ("F32", [1, 1, 8, 8])}
LLAMA_HEAD: Tensors = {
    "model.embed_tokens.weight": ("BF16", [10, 4]),
    "lm_head.weight": ("BF16", [10, 4]),
}


def repository(
    files: Mapping[str, Tensors],
    *,
    config: object = None,
    card: str = "",
    extra: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    made = {path: safetensors_file(tensors) for path, tensors in files.items()}
    if config is not None:
        made["config.json"] = config if isinstance(config, bytes) else json.dumps(config).encode()
    if card:
        made["README.md"] = card.encode()
    return {**made, **(extra or {})}


def audited(files: Mapping[str, bytes], **source: Any) -> AuditRecord:
    return audit("org/model", source=MemorySource({"org/model": files}, **source))


def codes(record: AuditRecord) -> set[str]:
    return {finding.code for finding in record.findings}


def test_a_mask_is_stored_and_is_no_parameter() -> None:
    record = audited(repository({"model.safetensors": TINY}))
    assert record.tally.total == 40  # 10 x 4
    assert record.tally.buffers == 64  # 8 x 8
    assert record.tally.stored.elements == 104
    assert record.tally.stored.stored_bytes == 416  # four bytes each


def test_memory_is_that_of_the_parameters_in_each_dtype() -> None:
    record = audited(repository({"model.safetensors": TINY}))
    assert record.memory == {
        "stored": 416,
        "F32": 160,
        "F16": 80,
        "BF16": 80,
        "INT8": 40,
        "INT4": 20,
    }


def test_a_head_that_the_config_ties_counts_once_though_stored_twice() -> None:
    config = {"model_type": "qwen3", "tie_word_embeddings": True}
    record = audited(repository({"model.safetensors": LLAMA_HEAD}, config=config))
    assert record.tally.total == 40
    assert record.tally.tied_copies == 40
    assert "tied-copy-stored" in codes(record)


def test_a_head_that_the_config_does_not_tie_counts_for_itself() -> None:
    config = {"model_type": "llama", "tie_word_embeddings": False}
    record = audited(repository({"model.safetensors": LLAMA_HEAD}, config=config))
    assert record.tally.total == 80
    assert record.tally.tied_copies == 0


def test_without_a_config_nobody_can_say_whether_a_head_is_tied() -> None:
    record = audited(repository({"model.safetensors": LLAMA_HEAD}))
    assert record.tally.total is None
    assert record.tally.total_range == (40, 80)
    assert record.verdict is Verdict.UNVERIFIABLE
    assert "tie-not-settled" in codes(record)


def test_a_broken_config_is_a_finding_and_the_count_stands() -> None:
    record = audited(repository({"model.safetensors": TINY}, config=b"{not json"))
    assert record.tally.total == 40
    assert "config-broken" in codes(record)


def test_a_config_of_half_a_gigabyte_is_not_read() -> None:
    config = b"{" + b" " * 10_000_000 + b"}"
    record = audited(repository({"model.safetensors": TINY}, config=config))
    assert record.tally.total == 40
    assert "file-unreadable" in codes(record)


def test_a_card_that_is_no_text_is_a_finding_and_the_count_stands() -> None:
    files = repository({"model.safetensors": TINY}, extra={"README.md": b"\xff\xfe 40 parameters"})
    record = audited(files)
    assert record.tally.total == 40
    assert "file-not-text" in codes(record)


def test_shards_are_joined_and_the_copies_beside_them_are_not() -> None:
    half = {"wte.weight": ("F32", [10, 4])}
    other = {"h.0.attn.bias": ("F32", [1, 1, 8, 8])}
    names = {"wte.weight": 1, "h.0.attn.bias": 2}
    index = {
        "metadata": {"total_size": 416},
        "weight_map": {n: f"model-0000{i}-of-00002.safetensors" for n, i in names.items()},
    }
    record = audited(
        repository(
            {
                "model-00001-of-00002.safetensors": half,
                "model-00002-of-00002.safetensors": other,
                "consolidated.safetensors": TINY,
            },
            extra={
                "model.safetensors.index.json": json.dumps(index).encode(),
                "pytorch_model.bin": b"",
            },
        )
    )
    assert record.tally.total == 40
    assert record.tally.stored.elements == 104
    assert [file.path for file in record.files] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]
    left = {path for out in record.left_out for path in out.paths}
    assert left == {"consolidated.safetensors", "pytorch_model.bin"}
    assert codes(record) == set()


def test_a_shard_that_the_index_names_and_nobody_uploaded_leaves_the_total_unknown() -> None:
    index = {"weight_map": {"a.weight": "x.safetensors", "b.weight": "y.safetensors"}}
    record = audited(
        repository(
            {"x.safetensors": {"a.weight": ("F32", [4])}},
            extra={"model.safetensors.index.json": json.dumps(index).encode()},
        )
    )
    assert record.tally.total is None
    assert record.tally.stored.elements == 4
    assert record.verdict is Verdict.UNVERIFIABLE
    assert "checkpoint-incomplete" in codes(record)


def test_a_numbered_shard_that_is_missing_leaves_the_total_unknown() -> None:
    record = audited(repository({"model-00001-of-00002.safetensors": TINY}))
    assert record.tally.total is None
    assert "shard-missing" in codes(record)


def test_integers_in_a_packing_that_nobody_knows_are_never_taken_for_parameters() -> None:
    packed: Tensors = {
        "q_proj.weight": ("I32", [512, 4096]),
        "norm.weight": ("F16", [4096]),
    }
    config = {"quantization_config": {"quant_method": "dv_ssq_hadamard_int8_int4_rco"}}
    record = audited(repository({"model.safetensors": packed}, config=config))
    assert record.tally.total is None
    assert record.verdict is Verdict.UNVERIFIABLE
    (finding,) = [each for each in record.findings if each.code == "packed-weights"]
    assert "dv_ssq_hadamard_int8_int4_rco" in finding.message
    assert record.memory.keys() == {"stored"}


def test_two_weights_lie_in_a_byte_of_mxfp4() -> None:
    experts: Tensors = {
        "mlp.experts.gate_up_proj_blocks": ("U8", [4, 64, 2, 16]),
        "mlp.experts.gate_up_proj_scales": ("U8", [4, 64, 2]),
        "mlp.experts.gate_up_proj_bias": ("BF16", [4, 64]),
    }
    record = audited(repository({"model.safetensors": experts}))
    assert record.tally.total == 4 * 64 * 2 * 32 + 4 * 64
    assert record.tally.auxiliary == 4 * 64 * 2
    (layout,) = record.tally.layouts
    assert layout.bits_per_weight == Fraction(8 * 17, 32)  # 16 bytes and a scale for 32 weights


def test_an_unknown_dtype_is_an_outcome_of_its_own() -> None:
    header = b'{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}'
    data = len(header).to_bytes(8, "little") + header + bytes(16)
    with pytest.raises(UnknownDtype, match="F128"):
        audited({"model.safetensors": data})


def test_the_error_of_one_model_is_raised_and_in_a_call_of_many_it_is_an_outcome() -> None:
    source = MemorySource({"org/model": repository({"model.safetensors": TINY})})
    with pytest.raises(NotFound):
        audit("org/other", source=source)
    first, second = audit_many(["org/other", "org/model"], source=source)
    assert isinstance(first, AuditFailure)
    assert (first.kind, first.requested) == ("not-found", "org/other")
    assert isinstance(second, AuditRecord)
    assert second.tally.total == 40


def test_outcomes_come_in_the_order_of_the_models() -> None:
    models = {f"org/m{n}": repository({"model.safetensors": TINY}) for n in range(20)}
    names = [f"org/m{n}" for n in reversed(range(20))]
    outcomes = audit_many(names, source=MemorySource(models))
    assert [outcome.requested for outcome in outcomes] == names


def test_the_hubs_own_number_is_held_against_the_count() -> None:
    files = repository({"model.safetensors": TINY})
    right = audited(files, hub={"org/model": HubFacts(total=104, parameters={"F32": 104})})
    (claim,) = [each for each in right.comparisons if each.claim.source == "hub"]
    assert claim.verdict is Verdict.OTHER_SCOPE  # every stored element, masks and all
    assert claim.actual is not None
    assert "mask" in claim.explanation


def test_the_proof_names_the_spans_that_were_read() -> None:
    data = safetensors_file(TINY)
    record = audited({"model.safetensors": data})
    assert record.proof.spans == (("model.safetensors", Span(0, len(data))),)
    assert record.proof.weight_bytes == len(data)


class Short(MemoryRepository):
    """A source that hands over a byte less than it was asked for."""

    async def read_span(self, path: str, span: Span) -> bytes:
        return (await MemoryRepository.read_span(self, path, span))[:-1]


class ShortSource:
    def __init__(self, inner: MemorySource) -> None:
        self.inner = inner

    async def open(self, ref: auditor.ModelRef) -> OpenRepository:
        opened = await self.inner.open(ref)
        return Short(repository=opened.repository, contents=opened.contents)

    async def aclose(self) -> None: ...


def test_a_source_that_hands_over_too_little_is_found_out() -> None:
    source = ShortSource(MemorySource({"org/model": repository({"model.safetensors": TINY})}))
    with pytest.raises(BadAnswer):
        audit("org/model", source=source)


def test_an_error_in_one_read_cancels_the_others_and_is_raised_alone() -> None:
    class Gone:
        repository: Repository
        traffic = Traffic()

        def __init__(self, opened: MemoryRepository) -> None:
            self.repository = opened.repository
            self.cancelled = False

        async def read_file(self, path: str, *, limit_bytes: int) -> bytes:  # noqa: ARG002
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled = True
                raise
            return b""

        async def read_span(self, path: str, span: Span) -> bytes:  # noqa: ARG002
            raise NotFound(path, "gone")

        async def read_headers(self, index_path: str) -> None: ...

    class Source:
        opened: Gone

        async def open(self, ref: auditor.ModelRef) -> Gone:
            files = repository({"model.safetensors": TINY}, config={})
            inner = await MemorySource({"org/model": files}).open(ref)
            self.opened = Gone(inner)
            return self.opened

        async def aclose(self) -> None: ...

    source = Source()
    with pytest.raises(NotFound, match="gone"):
        audit("org/model", source=source)
    assert source.opened.cancelled

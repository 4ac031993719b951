"""Repositories of every shape, from their files to a record."""

import json
from collections.abc import Mapping

import pytest

from auditor import AuditFailure, AuditRecord, Verdict, audit, audit_many
from auditor.auditing import AuditOptions
from auditor.core.repository import HubFacts
from auditor.core.shapes import Shape
from auditor.sources.contents import Content, ZeroTailed
from auditor.sources.memory import MemorySource
from builders import Tensors, safetensors_file, virtual_header

Files = Mapping[str, bytes]

UNET: Tensors = {"conv_in.weight": ("F32", [4, 3]), "conv_in.bias": ("F32", [4])}  # 16
TEXT: Tensors = {
    "text_model.embeddings.token_embedding.weight": ("F32", [10, 2]),
    "text_model.embeddings.position_ids": ("I64", [1, 7]),
}  # 20, and 7 that are none
VAE: Tensors = {"decoder.conv_in.weight": ("F32", [5, 2])}  # 10
CHECKER: Tensors = {"concept_embeds": ("F32", [17, 2])}  # 34


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def audited(files: Files, options: AuditOptions | None = None, **source: object) -> AuditRecord:
    found = MemorySource({"org/model": files}, **source)  # type: ignore[arg-type]
    return audit("org/model", source=found, options=options or AuditOptions())


def zero_tailed(tensors: Tensors) -> ZeroTailed:
    """A weight file of which only the head is kept; what follows is zeros."""
    head, size_bytes = virtual_header(tensors)
    return ZeroTailed(head=head, size_bytes=size_bytes)


def pipeline(**without: str) -> dict[str, bytes]:
    index = {
        "_class_name": "StableDiffusionPipeline",
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    files = {
        "model_index.json": as_json(index),
        "unet/config.json": as_json({"_class_name": "UNet2DConditionModel"}),
        "unet/diffusion_pytorch_model.safetensors": safetensors_file(UNET),
        "text_encoder/config.json": as_json({"model_type": "clip_text_model"}),
        "text_encoder/model.safetensors": safetensors_file(TEXT),
        "vae/diffusion_pytorch_model.safetensors": safetensors_file(VAE),
        "safety_checker/model.safetensors": safetensors_file(CHECKER),
        "scheduler/scheduler_config.json": b"{}",
        "all.safetensors": safetensors_file({**UNET, **TEXT, **VAE}),
    }
    return {path: data for path, data in files.items() if path not in without.values()}


# -- pipelines


def test_a_pipeline_counts_its_parts_and_the_filter_beside_them_apart() -> None:
    record = audited(pipeline())
    assert record.shape is Shape.PIPELINE
    assert record.architecture == "StableDiffusionPipeline"
    assert record.tally.total == 16 + 20 + 10
    assert record.tally.buffers == 7
    assert {part.name: (part.parameters, bool(part.beside)) for part in record.components} == {
        "safety_checker": (34, True),
        "text_encoder": (20, False),
        "unet": (16, False),
        "vae": (10, False),
    }
    assert {count.key: count.value for count in record.counts if "component" in count.key} == {
        "component:safety_checker": 34,
        "component:text_encoder": 20,
        "component:unet": 16,
        "component:vae": 10,
    }
    (left,) = record.left_out
    assert left.paths == ("all.safetensors",)


def test_a_figure_about_the_whole_is_never_explained_by_a_part_that_merely_rounds_to_it() -> None:
    record = audited(pipeline(), hub={"org/model": HubFacts(total=890)})
    (comparison,) = record.comparisons
    assert comparison.verdict is Verdict.MISMATCH
    assert comparison.actual == 46


def test_a_part_whose_weights_are_gone_leaves_the_whole_unknown_and_the_others_counted() -> None:
    record = audited(pipeline(a="vae/diffusion_pytorch_model.safetensors"))
    assert record.tally.total is None
    assert {part.name: part.parameters for part in record.components} == {
        "safety_checker": 34,
        "text_encoder": 20,
        "unet": 16,
    }
    messages = [f.message for f in record.findings if f.code == "component-missing"]
    assert messages == ["vae is named in model_index.json and its weights are not there"]


def test_one_part_that_cannot_be_read_fails_with_its_own_name() -> None:
    broken = pipeline() | {"vae/diffusion_pytorch_model.safetensors": b"\x00" * 4}
    (outcome,) = audit_many(["org/model"], source=MemorySource({"org/model": broken}))
    assert isinstance(outcome, AuditFailure)
    assert outcome.message.startswith("vae/diffusion_pytorch_model.safetensors: ")


def test_a_part_can_be_asked_for_alone() -> None:
    record = audited(pipeline(), AuditOptions(weights="unet"))
    assert (record.shape, record.tally.total, record.components) == (Shape.MODEL, 16, ())


def test_a_broken_model_index_is_told_and_the_names_decide() -> None:
    record = audited(pipeline() | {"model_index.json": b"{broken"})
    assert "config-broken" in {finding.code for finding in record.findings}
    assert record.shape is Shape.MODEL
    assert [file.path for file in record.files] == ["all.safetensors"]


# -- sentence-transformers

MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
]


def test_a_sentence_transformer_is_its_transformer_and_its_dense_layer() -> None:
    # LaBSE: a BERT and a dense layer of 768 x 768 + 768 on top; here of 3 x 3 + 3.
    dense: Tensors = {"linear.weight": ("F32", [3, 3]), "linear.bias": ("F32", [3])}
    record = audited(
        {
            "modules.json": as_json(MODULES),
            "config.json": as_json({"model_type": "bert"}),
            "model.safetensors": safetensors_file(TEXT),
            "1_Pooling/config.json": b"{}",
            "2_Dense/model.safetensors": safetensors_file(dense),
        }
    )
    assert record.shape is Shape.SENTENCE_TRANSFORMER
    assert record.tally.total == 20 + 12
    assert [(part.name, part.parameters) for part in record.components] == [
        ("Transformer", 20),
        ("2_Dense", 12),
    ]


# -- several models, folders, the publisher's own layout


def test_one_of_several_models_is_counted_and_the_others_are_named() -> None:
    record = audited(
        {
            "7b/config.json": b"{}",
            "7b/model.safetensors": safetensors_file({"a": ("F32", [100, 10])}),
            "1b/config.json": b"{}",
            "1b/model.safetensors": safetensors_file({"a": ("F32", [10, 10])}),
        }
    )
    assert record.tally.total == 1_000
    (left,) = record.left_out
    assert left.reason == "a model of its own in 1b/: --weights 1b counts it"


def test_mistral_s_own_layout_is_read_with_its_own_config() -> None:
    experts: Tensors = {
        "tok_embeddings.weight": ("BF16", [20, 4]),
        "output.weight": ("BF16", [20, 4]),
        **{
            f"layers.0.feed_forward.experts.{n}.w{m}.weight": ("BF16", [6, 4])
            for n in range(4)
            for m in (1, 3)
        },
    }
    params = {"dim": 4, "hidden_dim": 6, "moe": {"num_experts": 4, "num_experts_per_tok": 1}}
    record = audited(
        {
            "consolidated.safetensors": safetensors_file(experts),
            "params.json": as_json(params),
        }
    )
    assert record.tally.total == 80 + 80 + 4 * 48  # the head is its own
    assert record.tally.active == 80 + 80 + 48


@pytest.mark.parametrize(
    "files", [{"README.md": b"# A card alone\n"}, {}, {"tokenizer.json": b"{}"}]
)
def test_a_repository_without_weights_is_a_failure_that_says_so(files: Files) -> None:
    (outcome,) = audit_many(["org/model"], source=MemorySource({"org/model": files}))
    assert isinstance(outcome, AuditFailure)
    assert outcome.kind == "no-weights"
    assert outcome.hint


# -- adapters

LORA: Tensors = {
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": ("F32", [2, 8]),
    "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": ("F32", [8, 2]),
}  # 16 + 16
BASE: Tensors = {
    "model.embed_tokens.weight": ("BF16", [20, 8]),
    "model.layers.0.self_attn.q_proj.weight": ("BF16", [8, 8]),
    "lm_head.weight": ("BF16", [20, 8]),
}  # 160 + 64 + 160 = 384


def adapter(base: str, card: str = "") -> dict[str, Content]:
    config = {"peft_type": "LORA", "r": 2, "base_model_name_or_path": base}
    return {
        "adapter_config.json": as_json(config),
        "adapter_model.safetensors": safetensors_file(LORA),
        "README.md": card.encode(),
    }


def both(card: str = "", base: str = "org/base") -> MemorySource:
    config = {"model_type": "llama", "tie_word_embeddings": False}
    model = {"config.json": as_json(config), "model.safetensors": safetensors_file(BASE)}
    return MemorySource({"org/model": adapter(base, card), "org/base": model})


def test_an_adapter_is_counted_alone_and_its_base_model_is_named() -> None:
    record = audit("org/model", source=both())
    assert (record.shape, record.tally.total) == (Shape.ADAPTER, 32)
    assert record.adapter is not None
    assert (record.adapter.peft_type, record.adapter.rank) == ("LORA", 2)
    assert (record.adapter.base, record.adapter.base_parameters) == ("org/base", None)
    assert record.adapter.note == "the base model was not audited: --with-base audits it as well"


def test_an_adapter_with_its_base_tells_the_share_that_peft_prints() -> None:
    record = audit("org/model", source=both(), options=AuditOptions(with_base=True))
    assert record.tally.total == 32
    assert record.adapter is not None
    assert (record.adapter.base_model, record.adapter.base_parameters) == ("org/base", 384)
    # 32 of 384 + 32: 7.6923 %
    assert record.adapter.printed == (
        "trainable params: 32 || all params: 416 || trainable%: 7.6923"
    )


def test_what_a_card_says_of_the_whole_is_not_held_against_the_adapter_alone() -> None:
    # rank 8 on 4,096 x 4,096: 8 x 4,096 twice is 65,536, and 16,777,216 + 65,536 = 16,842,752.
    card = "trainable params: 65,536 || all params: 16,842,752 || trainable%: 0.3891\n"
    name = "model.layers.0.self_attn.q_proj"
    lora: Tensors = {
        f"base_model.model.{name}.lora_A.weight": ("F32", [8, 4096]),
        f"base_model.model.{name}.lora_B.weight": ("F32", [4096, 8]),
    }
    base: Tensors = {f"{name}.weight": ("BF16", [4096, 4096])}
    files = adapter("org/base", card) | {"adapter_model.safetensors": zero_tailed(lora)}
    source = MemorySource(
        {"org/model": files, "org/base": {"model.safetensors": zero_tailed(base)}}
    )
    alone = audit("org/model", source=source)
    assert [(each.claim.quantity.value, each.verdict) for each in alone.comparisons] == [
        (65_536, Verdict.EXACT),
        (16_842_752, Verdict.NOT_COMPARED),
    ]
    whole = audit("org/model", source=source, options=AuditOptions(with_base=True))
    assert whole.verdict is Verdict.EXACT
    assert {count.key: count.value for count in whole.counts if count.key in {"total", "base"}} == {
        "total": 16_842_752,
        "base": 16_777_216,
    }


def test_the_hub_s_number_of_an_adapter_is_the_adapter_s() -> None:
    source = MemorySource({"org/model": adapter("org/base")}, hub={"org/model": HubFacts(total=32)})
    assert audit("org/model", source=source).verdict is Verdict.EXACT


@pytest.mark.parametrize(
    ("base", "note"),
    [
        ("/home/someone/llama", "a path on the machine where it was trained"),
        ("", "names no base model"),
        ("org/gone", "the base model could not be audited: org/gone"),
    ],
)
def test_a_base_model_that_cannot_be_had_leaves_the_adapter_counted(base: str, note: str) -> None:
    record = audit("org/model", source=both(base=base), options=AuditOptions(with_base=True))
    assert record.tally.total == 32
    assert record.adapter is not None
    assert note in record.adapter.note

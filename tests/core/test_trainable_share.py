"""The share that an adapter trains is the one that PEFT prints."""

from collections.abc import Mapping
from contextlib import redirect_stdout
from decimal import Decimal
from io import StringIO
from math import prod
from pathlib import Path
from typing import Any

import pytest

from auditor.core.adapters import read_adapter_config
from auditor.core.config import ModelConfig
from auditor.core.dtypes import DTYPES
from auditor.core.role_rules import RULES
from auditor.core.roles import assign
from auditor.core.tensors import Tensor
from auditor.core.trainable_share import ShareUnknown, TrainableShare, trainable_share

Shapes = Mapping[str, tuple[int, ...]]


def tensor(name: str, shape: tuple[int, ...], dtype: str = "F32") -> Tensor:
    elements = prod(shape)
    return Tensor(name, DTYPES[dtype], shape, elements, 0, DTYPES[dtype].bytes_for(elements))


def share(
    shapes: Shapes,
    base_total: int,
    base_elements: Mapping[str, int] | None = None,
    **config: Any,
) -> TrainableShare | ShareUnknown:
    tensors = [tensor(name, shape) for name, shape in shapes.items()]
    assignment = assign(tensors, ModelConfig(), {}, RULES)
    read = read_adapter_config({"peft_type": "LORA", **config})
    return trainable_share(tensors, assignment, read, base_total, base_elements)


def counts(found: TrainableShare | ShareUnknown) -> tuple[int, int]:
    assert isinstance(found, TrainableShare)
    return found.trainable, found.all_parameters


def lora(module: str, rank: int, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    name = f"base_model.model.{module}"
    return {f"{name}.lora_A.weight": (rank, inputs), f"{name}.lora_B.weight": (outputs, rank)}


# A matrix of 32 x 32 with rank 4: 4 x 32 + 32 x 4 = 256.
SMALL = lora("model.layers.0.self_attn.q_proj", 4, 32, 32)


def test_llama_2_with_rank_8_is_as_pefts_documentation_has_it() -> None:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(32):
        for part in ("q_proj", "v_proj"):
            shapes |= lora(f"model.layers.{layer}.self_attn.{part}", 8, 4096, 4096)
    found = share(shapes, 6_738_415_616)
    assert isinstance(found, TrainableShare)
    assert found.trainable == 32 * 2 * (8 * 4096 + 4096 * 8) == 4_194_304
    assert found.percent == Decimal("0.0622")
    assert found.line == (
        "trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622"
    )


def test_a_copied_module_is_trained_beside_its_original() -> None:
    shapes = {**SMALL, "base_model.model.lm_head.weight": (96, 32)}
    found = share(shapes, 26_784, modules_to_save=["lm_head"])
    assert counts(found) == (256 + 3_072, 26_784 + 256 + 3_072)


def test_a_copied_module_may_hold_others() -> None:
    shapes = {**SMALL, "base_model.model.classifier.dense.weight": (8, 32)}
    assert counts(share(shapes, 1_000, modules_to_save=["classifier"])) == (512, 1_512)


def test_a_saved_base_weight_is_neither_trained_nor_added() -> None:
    shapes = {
        "base_model.model.model.embed_tokens.base_layer.weight": (96, 32),
        "base_model.model.model.embed_tokens.lora_embedding_A": (4, 96),
        "base_model.model.model.embed_tokens.lora_embedding_B": (32, 4),
    }
    assert counts(share(shapes, 26_784)) == (512, 26_784 + 512)  # 4 x 96 + 32 x 4


@pytest.mark.parametrize("name", ["c_attn.base_layer.bias", "c_proj.bias"])
def test_a_trained_bias_is_the_bases_own(name: str) -> None:
    shapes = {**SMALL, f"base_model.model.transformer.h.0.attn.{name}": (96,)}
    assert counts(share(shapes, 29_056, bias="all")) == (256 + 96, 29_056 + 256)


def test_a_resized_embedding_stands_in_the_place_of_the_bases() -> None:
    shapes = {
        **SMALL,
        "base_model.model.model.embed_tokens.weight": (104, 32),
        "base_model.model.lm_head.weight": (104, 32),  # tied: the base has none
    }
    found = share(shapes, 23_712, {"model.embed_tokens.weight": 96 * 32})
    assert counts(found) == (256, 23_712 + 8 * 32 + 256)


def test_a_weight_is_found_in_the_base_with_or_without_the_models_name() -> None:
    shapes = {**SMALL, "base_model.model.embed_tokens.weight": (104, 32)}
    found = share(shapes, 23_712, {"model.embed_tokens.weight": 96 * 32, "norm.weight": 32})
    assert counts(found) == (256, 23_712 + 8 * 32 + 256)


def test_a_weight_that_the_base_does_not_have_leaves_the_share_unknown() -> None:
    shapes = {**SMALL, "base_model.model.model.new_part.weight": (104, 32)}
    assert isinstance(share(shapes, 23_712, {"norm.weight": 32}), ShareUnknown)


def test_rows_of_a_tied_head_are_those_of_the_embedding() -> None:
    shapes = {
        "base_model.model.model.embed_tokens.trainable_tokens_delta": (3, 32),
        "base_model.model.lm_head.trainable_tokens_delta": (3, 32),
    }
    tied, untied = {"model.embed_tokens.weight": 3_072}, {"lm_head.weight": 3_072}
    assert counts(share(shapes, 23_712, tied)) == (96, 23_808)
    assert counts(share(shapes, 26_784, tied | untied)) == (192, 26_976)
    assert isinstance(share(shapes, 23_712), ShareUnknown)


def test_without_the_base_a_resized_embedding_leaves_the_share_unknown() -> None:
    found = share({**SMALL, "base_model.model.lm_head.weight": (104, 32)}, 23_712)
    assert isinstance(found, ShareUnknown)
    assert "lm_head" in found.reason


def test_buffers_are_no_parameters() -> None:
    shapes = {
        "base_model.vera_A": (256, 32),
        "base_model.vera_B": (32, 256),
        "base_model.model.q_proj.vera_lambda_b": (32,),
        "base_model.model.q_proj.vera_lambda_d": (256,),
    }
    assert counts(share(shapes, 26_784, peft_type="VERA")) == (288, 26_784 + 288)


def test_adalora_has_a_frozen_number_for_each_module() -> None:
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    shapes = {
        f"{module}.lora_A": (12, 32),
        f"{module}.lora_B": (32, 12),
        f"{module}.lora_E": (12, 1),
    }
    trained = 12 * 32 + 32 * 12 + 12
    assert counts(share(shapes, 26_784, peft_type="ADALORA")) == (trained, 26_784 + trained + 1)


def test_p_tuning_trained_an_encoder_that_it_does_not_save() -> None:
    # 5 prompts of 32; layers 32 to 16, 16 to 16, 16 to 32, each with biases.
    encoder = (32 * 16 + 16) + (16 * 16 + 16) + (16 * 32 + 32)
    found = share(
        {"prompt_embeddings": (5, 32)},
        26_784,
        peft_type="P_TUNING",
        encoder_hidden_size=16,
        encoder_reparameterization_type="MLP",
    )
    assert counts(found) == (160 + encoder, 26_784 + 160 + encoder)
    assert encoder == 1_344


def test_p_tuning_may_have_an_lstm() -> None:
    # Both directions of four gates, each with its input, its own state of 16, and two biases: the
    # first layer takes 32, the second the 32 of both directions; then 32 to 32 and 32 to 32.
    layer = 2 * 4 * 16 * (32 + 16 + 2)
    found = share(
        {"prompt_embeddings": (5, 32)},
        26_784,
        peft_type="P_TUNING",
        encoder_hidden_size=16,
        encoder_num_layers=2,
        encoder_reparameterization_type="LSTM",
    )
    assert counts(found)[0] == 160 + 2 * layer + 2 * (32 * 32 + 32) == 15_072


def test_a_projected_prefix_comes_out_of_a_narrower_table() -> None:
    found = share(
        {"prompt_embeddings": (5, 128)},
        26_784,
        peft_type="PREFIX_TUNING",
        prefix_projection=True,
        token_dim=32,
        encoder_hidden_size=16,
    )
    assert counts(found)[0] == 5 * 32 + (32 * 16 + 16) + (16 * 128 + 128) == 2_864


def test_a_plain_prefix_is_what_is_saved() -> None:
    found = share({"prompt_embeddings": (5, 128)}, 26_784, peft_type="PREFIX_TUNING")
    assert counts(found) == (640, 27_424)


def test_cpt_adds_what_it_trains_to_frozen_prompts() -> None:
    found = share({"prompt_embeddings": (3, 32)}, 26_784, peft_type="CPT")
    assert counts(found) == (96, 26_784 + 2 * 96)


def test_the_first_prompts_of_a_cartridge_are_frozen() -> None:
    shapes = {"prompt_embeddings": (5, 128)}
    found = share(shapes, 26_784, peft_type="CARTRIDGE", num_frozen_tokens=1)
    assert counts(found) == (512, 27_424)


@pytest.mark.parametrize(
    ("shapes", "config"),
    [
        ({"prompt_embeddings": (5, 32)}, {"peft_type": "P_TUNING"}),
        ({"prompt_embeddings": (5,)}, {"peft_type": "P_TUNING", "encoder_hidden_size": 4}),
        ({"prompt_embeddings": (5, 8)}, {"peft_type": "PREFIX_TUNING", "prefix_projection": True}),
        ({"prompt_embeddings": (5, 8)}, {"peft_type": "CARTRIDGE", "num_frozen_tokens": 9}),
        ({"base_model.model.q.lily_A.weight": (4, 4)}, {"peft_type": "LILY"}),
        ({"base_model.model.q.vblora_logits_A_topk_indices": (4, 4)}, {"peft_type": "VBLORA"}),
    ],
)
def test_what_the_files_do_not_tell_is_said_to_be_unknown(
    shapes: Shapes, config: dict[str, Any]
) -> None:
    found = share(shapes, 26_784, **config)
    assert isinstance(found, ShareUnknown)
    assert found.reason


def test_a_head_for_a_task_is_a_caveat() -> None:
    shapes = {**SMALL, "base_model.model.score.weight": (3, 32)}
    found = share(shapes, 26_784, task_type="SEQ_CLS")
    assert isinstance(found, TrainableShare)
    assert (found.trainable, found.caveat[:8]) == (256 + 96, "the base")


def test_nothing_trained_is_nought_percent() -> None:
    found = share({}, 1_000)
    assert isinstance(found, TrainableShare)
    assert found.line == "trainable params: 0 || all params: 1,000 || trainable%: 0.0000"


def test_more_trained_than_there_is_is_unknown() -> None:
    assert isinstance(share({}, 0), ShareUnknown)


# -- against PEFT itself

MODULES = ["q_proj", "v_proj"]
# Each method as its configuration class in PEFT, with what it needs for matrices of 32 x 32.
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("LoraConfig", {"r": 4}),
    "dora": ("LoraConfig", {"r": 4, "use_dora": True}),
    "lora, biases": ("LoraConfig", {"r": 4, "lora_bias": True}),
    "lora, copied head": ("LoraConfig", {"r": 4, "modules_to_save": ["lm_head"]}),
    "lora, copied norm": ("LoraConfig", {"r": 4, "modules_to_save": ["norm"]}),
    "lora, embedding": ("LoraConfig", {"r": 4, "target_modules": [*MODULES, "embed_tokens"]}),
    "lora, tokens": ("LoraConfig", {"r": 4, "trainable_token_indices": [1, 2, 3]}),
    "lora, more layers": ("LoraConfig", {"r": 4, "layer_replication": [[0, 2], [1, 2]]}),
    "adalora": ("AdaLoraConfig", {"total_step": 10}),
    "adaption prompt": (
        "AdaptionPromptConfig",
        {"adapter_len": 4, "adapter_layers": 2, "task_type": "CAUSAL_LM", "target_modules": None},
    ),
    "boft": ("BOFTConfig", {"boft_block_size": 4}),
    "c3a": ("C3AConfig", {"block_size": 16}),
    "fourierft": ("FourierFTConfig", {"n_frequency": 10}),
    "hra": ("HRAConfig", {}),
    "ia3": ("IA3Config", {"feedforward_modules": []}),
    "ln tuning": ("LNTuningConfig", {"target_modules": ["input_layernorm"]}),
    "loha": ("LoHaConfig", {}),
    "lokr": ("LoKrConfig", {}),
    "miss": ("MissConfig", {"r": 4}),
    "oft": ("OFTConfig", {"oft_block_size": 4}),
    "poly": ("PolyConfig", {}),
    "randlora": ("RandLoraConfig", {"r": 4}),
    "shira": ("ShiraConfig", {"r": 2}),
    "trainable tokens": (
        "TrainableTokensConfig",
        {"target_modules": ["embed_tokens"], "token_indices": [1, 2, 3]},
    ),
    "vblora": ("VBLoRAConfig", {"vector_length": 16, "num_vectors": 8}),
    "vera": ("VeraConfig", {"r": 16}),
}
PROMPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "prompt tuning": ("PromptTuningConfig", {}),
    "prefix tuning": ("PrefixTuningConfig", {}),
    "prefix tuning, projected": (
        "PrefixTuningConfig",
        {"prefix_projection": True, "encoder_hidden_size": 16},
    ),
    "p-tuning": ("PromptEncoderConfig", {"encoder_hidden_size": 16}),
    "p-tuning, lstm": (
        "PromptEncoderConfig",
        {
            "encoder_hidden_size": 16,
            "encoder_reparameterization_type": "LSTM",
            "encoder_num_layers": 2,
        },
    ),
    "multitask": ("MultitaskPromptTuningConfig", {"num_tasks": 2}),
}
CASES = {
    **{
        name: (kind, {"target_modules": MODULES, **options})
        for name, (kind, options) in METHODS.items()
    },
    **{
        name: (kind, {"task_type": "CAUSAL_LM", "num_virtual_tokens": 5, **options})
        for name, (kind, options) in PROMPTS.items()
    },
}


@pytest.mark.packers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_line_is_that_of_peft(
    case: str,
    tied: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    safetensors = pytest.importorskip("safetensors")
    config = transformers.LlamaConfig(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        tie_word_embeddings=tied,
    )
    model = transformers.LlamaForCausalLM(config)
    base = {name: parameter.numel() for name, parameter in model.named_parameters()}
    kind, options = CASES[case]
    wrapped = peft.get_peft_model(model, getattr(peft, kind)(**options))
    printed = StringIO()
    with redirect_stdout(printed):
        wrapped.print_trainable_parameters()
    wrapped.save_pretrained(tmp_path)
    read = read_adapter_config(peft.PeftConfig.from_pretrained(tmp_path).to_dict())
    with safetensors.safe_open(tmp_path / "adapter_model.safetensors", "np") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        tensors = [
            tensor(name, tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()
        ]
    assignment = assign(tensors, ModelConfig(), {}, RULES)
    found = trainable_share(tensors, assignment, read, sum(base.values()), base)
    assert isinstance(found, TrainableShare)
    assert found.line == printed.getvalue().strip()

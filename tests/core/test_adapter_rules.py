"""What PEFT saves is told apart: trained numbers, frozen ones, buffers, and the base's own."""

import pytest

from auditor.core.adapter_rules import PEFT
from auditor.core.config import ModelConfig
from auditor.core.dtypes import DTYPES
from auditor.core.role_rules import RULES
from auditor.core.roles import PARAMETER_ROLES, Role, Rule, assign
from auditor.core.tensors import Tensor

LAYER = "base_model.model.model.layers.7.self_attn.q_proj"


def rule_of(name: str, dtype: str = "F32", shape: tuple[int, ...] = (4, 8)) -> Rule:
    tensor = Tensor(name, DTYPES[dtype], shape, 32, 0, 32 * 4)
    return assign([tensor], ModelConfig(), {}, RULES).rule_of(tensor)


# One name of each method, as peft 0.21.2 saves it.
TRAINED = [
    f"{LAYER}.{ending}"
    for ending in """
    lora_A.weight lora_B.weight lora_B.bias lora_embedding_A lora_embedding_B lora_magnitude_vector
    lora_A lora_B lora_E adamss_A.0 adaption_prompt adaption_gate beft_bias boft_R boft_s c3a_kernel
    deft_P deft_R delora_A delora_lambda fourierft_spectrum frod_lambda_l frod_lambda_s_values
    glora_A.Xd glora_B.Xu gralora_A gralora_B hira_A hra_u ia3_l lily_A.weight lily_router.weight
    ln_tuning_layers.weight hada_w1_a hada_t2 lokr_w1 lokr_w2_b miss_block bone_block oft_R.weight
    osf_svd_params.S_low peanut_A.weight poly_lora_A poly_router.module_logits psoft_R.weight
    pvera_lambda_b randlora_lambda randlora_gamma road_theta shira_weight supertuning_values
    trainable_tokens_delta token_adapter.trainable_tokens_delta vblora_logits_A vera_lambda_d
    waveft_spectrum
    """.split()
] + [
    "base_model.vblora_vector_bank",
    "base_model.unilora_theta_d",
    "base_model.tinylora_v.3",
    "base_model.model.score.modules_to_save.weight",
    "prompt_embeddings",
    "prefix_task_cols",
    "prompt_encoder.default.mlp_head.0.weight",
]
BUFFERS = [
    f"{LAYER}.{ending}"
    for ending in """
    randlora_A randlora_B tinylora_A tinylora_B tinylora_P delora_w_norm glora_C.zeros ranknum
    adamss_newB token_adapter.trainable_tokens_original unilora_scales_A
    """.split()
] + [
    "base_model.vera_A",
    "base_model.vera_B",
    "base_model.pvera_A",
    "base_model.frod_V.self_attn_q_proj",
]


@pytest.mark.parametrize("name", TRAINED)
def test_what_a_method_trains_are_trained_parameters_of_the_adapter(name: str) -> None:
    rule = rule_of(name)
    assert rule.role is Role.ADAPTER
    assert rule.trainable


@pytest.mark.parametrize("name", BUFFERS)
def test_what_a_method_draws_and_keeps_is_a_buffer(name: str) -> None:
    assert rule_of(name).role is Role.BUFFER


@pytest.mark.parametrize(
    "name", [f"{LAYER}.shira_indices", f"{LAYER}.supertuning_indices", "base_model.frod_s_size.q"]
)
def test_which_weights_are_meant_is_no_parameter(name: str) -> None:
    assert rule_of(name, "I32").role is Role.BUFFER


def test_a_base_weight_under_an_adapter_is_frozen() -> None:
    rule = rule_of("base_model.model.model.embed_tokens.base_layer.weight")
    assert rule.role in PARAMETER_ROLES
    assert not rule.trainable


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("base_model.model.lm_head.weight", Role.HEAD),
        ("base_model.model.model.embed_tokens.weight", Role.EMBEDDING),
        ("base_model.model.classifier.dense.weight", Role.WEIGHT),
    ],
)
def test_a_whole_copy_of_a_module_keeps_the_role_of_the_module(name: str, role: Role) -> None:
    rule = rule_of(name)
    assert rule.role is role
    assert rule.trainable


@pytest.mark.parametrize(
    "name",
    [
        "base_layer.0.weight",  # DLA's stem, in timm
        "prompt_encoder.point_embeddings.0.weight",  # SAM
        "model.road_encoder.weight",
        "encoder.bone_embedding.weight",
    ],
)
def test_words_that_other_models_use_are_not_taken_for_an_adapter(name: str) -> None:
    assert rule_of(name).role is not Role.ADAPTER
    assert rule_of(name).trainable


def test_every_row_says_why() -> None:
    assert all(rule.reason for rule in PEFT)

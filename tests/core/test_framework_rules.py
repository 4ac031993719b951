"""The roles of tensors under the names of Flax, TensorFlow, Keras and ONNX."""

import pytest

from architectures import judged, tensors_of
from auditor.core.framework_rules import FRAMEWORKS
from auditor.core.role_rules import RULES
from auditor.core.roles import Role, Rule

Shape = tuple[int, ...]


def rule_of(name: str, shape: Shape, config: dict[str, object] | None = None) -> Rule:
    (tensor,) = tensors_of({name: ("F32", shape)})
    return judged((tensor,), config)[0].rule_of(tensor)


@pytest.mark.parametrize(
    ("name", "shape", "role"),
    [
        # Flax
        ("bert.encoder.layer.0.attention.self.query.kernel", (768, 768), Role.WEIGHT),
        ("bert.encoder.layer.0.attention.output.LayerNorm.scale", (768,), Role.NORM),
        ("bert.embeddings.word_embeddings.embedding", (30_522, 768), Role.EMBEDDING),
        ("bert.embeddings.position_embeddings.embedding", (512, 768), Role.EMBEDDING),
        ("bert.embeddings.token_type_embeddings.embedding", (2, 768), Role.EMBEDDING),
        ("transformer.wte.embedding", (50_257, 768), Role.EMBEDDING),
        ("transformer.h.0.ln_1.scale", (768,), Role.NORM),
        ("transformer.embedder.input_embedding", (256_128, 2_048), Role.EMBEDDING),
        ("cls.predictions.transform.dense.kernel", (768, 768), Role.HEAD),
        ("cls.predictions.decoder.kernel", (768, 30_522), Role.HEAD),
        ("lm_head.kernel", (4_096, 32_000), Role.HEAD),
        ("classifier.kernel", (768, 2), Role.HEAD),
        ("batch_stats.embedder.normalization.mean", (64,), Role.BUFFER),
        ("batch_stats.embedder.normalization.var", (64,), Role.BUFFER),
        # TensorFlow and Keras
        ("bert.embeddings.position_embeddings.embeddings", (512, 768), Role.EMBEDDING),
        ("embedding.embeddings", (1_000, 64), Role.EMBEDDING),
        ("dense.kernel", (64, 64), Role.WEIGHT),
        ("dense.bias", (64,), Role.BIAS),
        ("conv1.depthwise_kernel", (3, 3, 64, 1), Role.WEIGHT),
        ("bn.gamma", (64,), Role.NORM),
        ("bn.beta", (64,), Role.NORM),
        ("bn.moving_mean", (64,), Role.BUFFER),
        ("bn.moving_variance", (64,), Role.BUFFER),
        ("normalization.mean", (3,), Role.BUFFER),
        ("normalization.variance", (3,), Role.BUFFER),
        ("normalization.count", (), Role.BUFFER),
        ("dropout.seed_generator_state", (2,), Role.BUFFER),
        # ONNX
        ("onnx::MatMul_123", (768, 3_072), Role.WEIGHT),
        ("onnx::Div_124", (), Role.BUFFER),
        ("onnx::Sub_125", (1, 3, 1, 1), Role.BUFFER),
        ("onnx::Add_126", (768,), Role.WEIGHT),
        ("encoder.Constant_5_output_0", (1,), Role.BUFFER),
        ("model.rotary_emb.Constant_output_0", (1, 64, 1), Role.BUFFER),
        ("val_17", (), Role.BUFFER),
        ("ortshared_1_0_1_0_token_7", (), Role.BUFFER),
        ("onnx::Where_9", (1, 1, 512, 512), Role.BUFFER),
        ("cos_cache", (4_096, 64), Role.BUFFER),
        ("sin_cache_large", (131_072, 48), Role.BUFFER),
        ("lm_head.MatMul.weight", (4_096, 32_000), Role.HEAD),
    ],
)
def test_names_of_other_frameworks_have_their_roles(name: str, shape: Shape, role: Role) -> None:
    assert rule_of(name, shape).role is role


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("logit_scale", ()),
        ("classifier.bias", (1,)),
        ("visual.proj_output_scale", (1,)),
        ("constant_head.weight", (1, 64)),
        ("valve.weight", (1,)),
        ("transformer.rotary_emb.proj.weight", (64, 64)),
        ("norm_means.weight", (64,)),
        ("scale", (1,)),
    ],
)
def test_a_parameter_of_pytorch_under_a_name_like_those_stays_one(name: str, shape: Shape) -> None:
    assert rule_of(name, shape).role not in {Role.BUFFER, Role.AUXILIARY}


def test_the_output_matrix_is_known_as_such() -> None:
    for name in ("lm_head.kernel", "cls.predictions.decoder.kernel", "lm_head.MatMul.weight"):
        rule = rule_of(name, (64, 1_000))
        assert (rule.head, rule.output) == (True, True)


def test_positions_of_whispers_encoder_are_frozen_in_flax_too() -> None:
    name = "model.encoder.embed_positions.embedding"
    assert not rule_of(name, (1_500, 384), {"model_type": "whisper"}).trainable
    assert rule_of(name, (1_026, 1_024), {"model_type": "bart"}).trainable


def test_the_rules_of_frameworks_are_among_all_rules_and_say_why() -> None:
    assert set(FRAMEWORKS) <= set(RULES)
    assert all(rule.reason and rule.name for rule in FRAMEWORKS)

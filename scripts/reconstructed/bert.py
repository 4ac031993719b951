"""google-bert: base and large, uncased."""

from typing import Final

from reconstructed.model import Model, Part, Published, Row


def encoder(name: str, scale: str, shift: str) -> tuple[Row, ...]:
    """BERT's embeddings and layers under `name`; its norms hold a `scale` and a `shift`."""
    layer = f"{name}.encoder.layer.{{layer}}"
    return (
        (f"{name}.embeddings.word_embeddings.weight", "vocab hidden"),
        (f"{name}.embeddings.position_embeddings.weight", "positions hidden"),
        (f"{name}.embeddings.token_type_embeddings.weight", "types hidden"),
        (f"{name}.embeddings.LayerNorm.{scale}", "hidden"),
        (f"{name}.embeddings.LayerNorm.{shift}", "hidden"),
        (f"{layer}.attention.self.query.weight", "hidden hidden"),
        (f"{layer}.attention.self.query.bias", "hidden"),
        (f"{layer}.attention.self.key.weight", "hidden hidden"),
        (f"{layer}.attention.self.key.bias", "hidden"),
        (f"{layer}.attention.self.value.weight", "hidden hidden"),
        (f"{layer}.attention.self.value.bias", "hidden"),
        (f"{layer}.attention.output.dense.weight", "hidden hidden"),
        (f"{layer}.attention.output.dense.bias", "hidden"),
        (f"{layer}.attention.output.LayerNorm.{scale}", "hidden"),
        (f"{layer}.attention.output.LayerNorm.{shift}", "hidden"),
        (f"{layer}.intermediate.dense.weight", "inner hidden"),
        (f"{layer}.intermediate.dense.bias", "inner"),
        (f"{layer}.output.dense.weight", "hidden inner"),
        (f"{layer}.output.dense.bias", "hidden"),
        (f"{layer}.output.LayerNorm.{scale}", "hidden"),
        (f"{layer}.output.LayerNorm.{shift}", "hidden"),
    )


# BertForPreTraining. TensorFlow's names of the norms (gamma, beta) have stayed in Google's files;
# cls.predictions.decoder.weight is the word embedding and is not stored.
BERT_FOR_PRETRAINING: Final[tuple[Row, ...]] = (
    *encoder("bert", "gamma", "beta"),
    ("bert.pooler.dense.weight", "hidden hidden"),
    ("bert.pooler.dense.bias", "hidden"),
    ("cls.predictions.bias", "vocab"),
    ("cls.predictions.transform.dense.weight", "hidden hidden"),
    ("cls.predictions.transform.dense.bias", "hidden"),
    ("cls.predictions.transform.LayerNorm.gamma", "hidden"),
    ("cls.predictions.transform.LayerNorm.beta", "hidden"),
    ("cls.seq_relationship.weight", "2 hidden"),
    ("cls.seq_relationship.bias", "2"),
)


def bert_part(*, hidden: int, layers: int, heads: int, inner: int) -> tuple[Part]:
    """An uncased BERT, one part."""
    part = Part(
        table=BERT_FOR_PRETRAINING,
        dimensions={
            "vocab": 30_522,
            "positions": 512,
            "types": 2,
            "hidden": hidden,
            "inner": inner,
        },
        layers=layers,
        config={
            "architectures": ["BertForMaskedLM"],
            "attention_probs_dropout_prob": 0.1,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "hidden_size": hidden,
            "initializer_range": 0.02,
            "intermediate_size": inner,
            "layer_norm_eps": 1e-12,
            "max_position_embeddings": 512,
            "model_type": "bert",
            "num_attention_heads": heads,
            "num_hidden_layers": layers,
            "pad_token_id": 0,
            "type_vocab_size": 2,
            "vocab_size": 30_522,
        },
        padded=False,
    )
    return (part,)


BERTS: Final = (
    Model(
        repo_id="google-bert/bert-base-uncased",
        aliases=("bert-base-uncased",),
        architecture="BertForPreTraining",
        parts=bert_part(hidden=768, layers=12, heads=12, inner=3_072),
        published=(
            Published(
                elements=110_106_428,
                what="elements in its file",
                source="huggingface.js parse-safetensors-metadata.spec.ts",
            ),
            Published(
                elements=109_482_240,
                what="parameters of its encoder with pooler",
                source="keras-hub preset bert_base_en_uncased",
                prefixes=("bert.",),
            ),
        ),
        file_sizes={"model.safetensors": 440_449_768},  # huggingface_hub issue 1531
        hub_says=True,
    ),
    Model(
        repo_id="google-bert/bert-large-uncased",
        aliases=("bert-large-uncased",),
        architecture="BertForPreTraining",
        parts=bert_part(hidden=1_024, layers=24, heads=16, inner=4_096),
        published=(
            Published(
                elements=336_226_108,
                what="elements in its file",
                source="safetensors issue 44",
            ),
            Published(
                elements=335_141_888,
                what="parameters of its encoder with pooler",
                source="keras-hub preset bert_large_en_uncased",
                prefixes=("bert.",),
            ),
        ),
        file_sizes={"model.safetensors": 1_344_951_957},  # as the Hub lists it
        hub_says=True,
    ),
)

"""RoBERTa base."""

from typing import Final

from reconstructed.bert import encoder
from reconstructed.model import Model, Part, Published, Row

# RobertaForMaskedLM, which has no pooler; lm_head.decoder is the word embedding and is not stored.
ROBERTA_FOR_MASKED_LM: Final[tuple[Row, ...]] = (
    ("roberta.embeddings.position_ids", "1 positions"),
    *encoder("roberta", "weight", "bias"),
    ("lm_head.bias", "vocab"),
    ("lm_head.dense.weight", "hidden hidden"),
    ("lm_head.dense.bias", "hidden"),
    ("lm_head.layer_norm.weight", "hidden"),
    ("lm_head.layer_norm.bias", "hidden"),
)

ROBERTA: Final = Model(
    repo_id="FacebookAI/roberta-base",
    aliases=("roberta-base",),
    architecture="RobertaForMaskedLM",
    parts=(
        Part(
            table=ROBERTA_FOR_MASKED_LM,
            dimensions={
                "vocab": 50_265,
                "positions": 514,
                "types": 1,
                "hidden": 768,
                "inner": 3_072,
            },
            layers=12,
            config={
                "architectures": ["RobertaForMaskedLM"],
                "attention_probs_dropout_prob": 0.1,
                "bos_token_id": 0,
                "eos_token_id": 2,
                "hidden_act": "gelu",
                "hidden_dropout_prob": 0.1,
                "hidden_size": 768,
                "initializer_range": 0.02,
                "intermediate_size": 3_072,
                "layer_norm_eps": 1e-05,
                "max_position_embeddings": 514,
                "model_type": "roberta",
                "num_attention_heads": 12,
                "num_hidden_layers": 12,
                "pad_token_id": 1,
                "type_vocab_size": 1,
                "vocab_size": 50_265,
            },
            dtypes={"roberta.embeddings.position_ids": "I64"},
            padded=False,
        ),
    ),
    published=(
        Published(
            elements=124_697_433 + 514,
            what="elements in its file",
            source="safetensors docs/source/metadata_parsing.mdx",
        ),
        Published(
            elements=124_697_433,
            what="F32 elements",
            source="safetensors docs/source/metadata_parsing.mdx",
            without=".position_ids",
        ),
    ),
    hub_says=True,
    remark="the real file has 498,818,054 bytes, for its tensors lie in another order",
)

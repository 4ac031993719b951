"""The rows of the table of roles for what PEFT saves: trained numbers, and what stands beside them.

Read in peft 0.21.2, `tuners/*/layer.py` and `utils/save_and_load.py`. What is a parameter there is
one here, trained or not; what is a buffer there (a BufferDict, mostly) is one here. Weights that an
adapter replaces as a whole (`modules_to_save`) go by the base model's own names and roles.
"""

from typing import Final

from auditor.core.roles import Role, Rule

# All names of PEFT begin so, but for prompts. Some of the words below are others' names, too: the
# base layer of a DLA, SAM's prompt encoder.
_PREFIX: Final = (".base_model.",)

PEFT: Final = (
    Rule(
        name="frozen projections",
        role=Role.BUFFER,
        begins=_PREFIX,
        ends=(
            ".pvera_A",
            ".pvera_B",
            ".tinylora_A",
            ".tinylora_B",
            ".tinylora_P",
            ".adamss_newB",
        ),
        reason="matrices that PVeRA, TinyLoRA and AdaMSS draw or take from the base",
    ),
    Rule(
        name="frozen projections",
        role=Role.BUFFER,
        begins=_PREFIX,
        contains=(".frod_V.", ".adamss_newB."),
        reason="what FRoD and AdaMSS take from the base's own matrices and never train",
    ),
    Rule(
        name="adapter constants",
        role=Role.BUFFER,
        begins=_PREFIX,
        ends=(
            ".ranknum",
            ".delora_w_norm",
            ".unilora_scales_A",
            ".unilora_scales_B",
            ".trainable_tokens_original",
        ),
        reason="what PEFT keeps to compute with, and does not train",
    ),
    Rule(
        name="adapter constants",
        role=Role.BUFFER,
        begins=_PREFIX,
        contains=(".glora_",),
        ends=(".zeros",),
        reason="GLoRA's zeros in the place of a term that is not used",
    ),
    Rule(
        name="base weights under an adapter",
        role=Role.WEIGHT,
        begins=_PREFIX,
        trainable=False,
        contains=(".base_layer.", ".original_module."),
        reason="the base model's own, saved along with the adapter on top of them",
    ),
    Rule(
        name="learnt prompts",
        role=Role.ADAPTER,
        begins=(
            ".prompt_embeddings",
            ".prompt_encoder.default.",
            ".prefix_task_cols",
            ".prefix_task_rows",
        ),
        reason="vectors that PEFT puts before the input, or before the keys and values",
    ),
    Rule(
        name="trained tokens",
        role=Role.ADAPTER,
        begins=_PREFIX,
        contains=(".trainable_tokens_delta",),
        reason="rows that stand in the place of a few rows of the embedding",
    ),
    Rule(
        name="trained copies of base modules",
        role=Role.ADAPTER,
        begins=_PREFIX,
        contains=(".modules_to_save.", ".ln_tuning_layers."),
        reason="a whole module of the base, trained; the base keeps its own",
    ),
    Rule(
        name="adapter weights",
        role=Role.ADAPTER,
        begins=_PREFIX,
        contains=(
            ".adamss_",
            ".adaption_gate",
            ".adaption_prompt",
            ".beft_",
            ".bone_",
            ".c3a_",
            ".deft_",
            ".delora_",
            ".fourierft_",
            ".frod_",
            ".glora_",
            ".gralora_",
            ".hira_",
            ".hra_",
            ".ia3_",
            ".internal_xlora_classifier.",
            ".lily_",
            ".lokr_",
            ".loha_",
            ".miss_",
            ".oft_",
            ".osf_",
            ".peanut_",
            ".poly_",
            ".psoft_",
            ".pvera_",
            ".randlora_",
            ".road_",
            ".shira_",
            ".supertuning_",
            ".tinylora_",
            ".unilora_",
            ".vblora_",
            ".vera_",
            ".waveft_",
        ),
        reason="the prefixes of PEFT's methods: what they train beside the base model",
    ),
)

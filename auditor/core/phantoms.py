"""Biases that a quantiser wrote and the architecture does not have.

AutoGPTQ gave every linear layer a bias from version 0.2 to 0.7 (its commits e2e7809, "always to
enable QuantLinear bias", and 82070a1): zeros, where the model has none. They are stored, and are no
parameters; whoever loads such a model leaves them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.core.roles import Mark, Role
from auditor.core.tensors import Tensor

_QKV: Final = frozenset({"q_proj", "k_proj", "v_proj"})
_ATTENTION: Final = _QKV | {"o_proj"}
_MLP: Final = frozenset({"gate_proj", "up_proj", "down_proj"})
_LINEARS: Final = _ATTENTION | _MLP | {"w1", "w2", "w3"}  # Mixtral's experts have numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Model types, and which of `_LINEARS` have a bias: always, or where the config's flag is on.

    A flag may only be read as off where it is absent, false or null.
    """

    types: frozenset[str]
    always: frozenset[str] = frozenset()
    flags: Mapping[str, frozenset[str]] = field(default_factory=dict)


# Read off the linear layers of transformers 5.23.0, each type built with each flag on and off.
_FAMILIES: Final = (
    _Family(types=frozenset({"mistral", "mixtral", "ministral", "exaone4"})),
    _Family(
        types=frozenset({"llama", "granite"}),
        flags={"attention_bias": _ATTENTION, "mlp_bias": _MLP},
    ),
    _Family(
        types=frozenset(
            """gemma gemma2 gemma3_text qwen3 qwen3_moe cohere cohere2 olmo olmo2 olmoe granitemoe
            phimoe hunyuan_v1_dense""".split()
        ),
        flags={"attention_bias": _ATTENTION},
    ),
    _Family(types=frozenset({"qwen2", "qwen2_moe"}), always=_QKV),
    _Family(types=frozenset({"stablelm"}), flags={"use_qkv_bias": _QKV}),
)

# The names that tell: the biases, and what stands beside them in a packed layer.
PHANTOM_ENDINGS: Final = (".bias", ".qweight", ".scales", ".B", ".s")

_PHANTOM: Final = Mark(
    Role.AUXILIARY,
    "phantom biases",
    "AutoGPTQ 0.2 to 0.7 wrote a bias of zeros for every linear layer; this architecture has none",
    layout="GPTQ",
)


def phantom_biases(by_name: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, Mark]:
    """The biases beside GPTQ's `qweight` (or Marlin's `B`) that the model's architecture lacks.

    `by_name` are all tensors of a checkpoint, `config` is its config.json. A model type that the
    table does not know keeps its biases.
    """
    without = _without_bias(config)
    return {
        name: _PHANTOM
        for name, tensor in by_name.items()
        if name.endswith(".bias")
        and (module := name.removesuffix("bias")).split(".")[-2] in without
        and _is_packed(by_name, module, tensor)
    }


def _without_bias(config: Mapping[str, Any]) -> frozenset[str]:
    """The linear layers that have no bias in the model of `config`; none where it is not known."""
    model_type = config.get("model_type")
    for family in _FAMILIES:
        if isinstance(model_type, str) and model_type in family.types:
            biased = [linears for flag, linears in family.flags.items() if config.get(flag)]
            return _LINEARS.difference(family.always, *biased)
    return frozenset()


def _is_packed(by_name: Mapping[str, Tensor], module: str, bias: Tensor) -> bool:
    """Whether the layer is packed, with scales for as many outputs as the bias has."""
    for packed, scales in (("qweight", "scales"), ("B", "s")):
        if module + packed in by_name and (scale := by_name.get(module + scales)) is not None:
            return scale.shape[-1:] == bias.shape
    return False

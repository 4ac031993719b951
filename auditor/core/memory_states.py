"""The state of constant size that recurrent layers keep, whatever the number of tokens.

                 convolution                             state
    Mamba        inner x kernel                          inner x state size
    Mamba-2      (inner + 2 groups x state) x kernel     heads x width x state size
    delta nets   (2 x keys + values) x kernel            heads x key width x value width
    RG-LRU       width x (kernel - 1)                    width
    lightning    none                                    heads x width x width
    LFM2         width x kernel                          none

The convolution's part is kept in the dtype of the computation and the state in F32, as the
reference code of Mamba (Gu & Dao 2023, mamba_ssm/modules/mamba_simple.py), of the delta nets and of
RecurrentGemma does; a runtime may keep the state in the dtype of the computation as well. Shapes:
the modelling files of transformers 5.23.0.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from auditor.core.memory_sections import HEADS, WIDTH, NotSaidError, Section


class State(NamedTuple):
    """Numbers that one layer keeps for one sequence, and how they come about."""

    convolution: int
    state: int
    rule: str


def state_of(section: Section) -> State:
    """The state of one recurrent layer. Raises NotSaidError."""
    rule = _BY_TYPE.get(section.model_type)
    if rule is None:
        raise NotSaidError(f"the state of a recurrent layer of {section.model_type!r} is not known")
    return rule(section)


def _mamba1(section: Section) -> State:
    inner = section.number("intermediate_size") if section.model_type.endswith("mamba") else None
    inner = inner or section.need(*_EXPAND) * section.need(*WIDTH)
    kernel, size = section.need("conv_kernel", "mamba_d_conv"), section.need(*_STATE_SIZE)
    return State(
        convolution=inner * kernel,
        state=inner * size,
        rule=f"{inner:,} x {kernel} convolution, {inner:,} x {size} state",
    )


_EXPAND: Final = ("expand", "mamba_expand")
_STATE_SIZE: Final = ("state_size", "ssm_state_size", "mamba_d_state")
_MAMBA_HEADS: Final = ("num_heads", "mamba_num_heads", "mamba_n_heads", "n_mamba_heads")
_MAMBA_WIDTH: Final = ("head_dim", "mamba_head_dim", "mamba_d_head", "mamba_headdim")
_GROUPS: Final = ("n_groups", "mamba_n_groups", "mamba_ngroups")


def _mamba2(section: Section) -> State:
    own = section.model_type == "mamba2"
    heads = section.need(*(_MAMBA_HEADS if own else _MAMBA_HEADS[1:]))
    width = section.number(*(_MAMBA_WIDTH if own else _MAMBA_WIDTH[1:]))
    if not width:  # "auto"
        inner = section.number("mamba_d_ssm") or section.need(*_EXPAND) * section.need(*WIDTH)
        width, rest = divmod(inner, heads)
        if rest:
            raise NotSaidError(f"{heads:,} heads do not share {inner:,} evenly")
    size, kernel = section.need(*_STATE_SIZE), section.need("conv_kernel", "mamba_d_conv")
    mixed = heads * width + 2 * section.need(*_GROUPS) * size
    return State(
        convolution=mixed * kernel,
        state=heads * width * size,
        rule=f"{mixed:,} x {kernel} convolution, {heads} heads x {width} x {size} state",
    )


# The numbers of Qwen3NextConfig and Qwen3_5TextConfig, which the config inside another leaves out.
_QWEN_DEFAULTS: Final = {
    "linear_num_value_heads": 32,
    "linear_num_key_heads": 16,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
}


def _delta_net(section: Section) -> State:
    has_defaults = section.default is not None and section.model_type.startswith("qwen3")
    said = {
        key: section.number(key) or (default if has_defaults else section.need(key))
        for key, default in _QWEN_DEFAULTS.items()
    }
    values, keys, key, value, kernel = said.values()
    mixed = 2 * keys * key + values * value
    return State(
        convolution=mixed * kernel,
        state=values * key * value,
        rule=f"{mixed:,} x {kernel} convolution, {values} heads x {key} x {value} state",
    )


def _kimi_delta(section: Section) -> State:
    said = section.within("linear_attn_config")
    heads, width = said.need("num_heads"), said.need("head_dim")
    kernel = said.need("short_conv_kernel_size")
    return State(
        convolution=3 * heads * width * kernel,
        state=heads * width * width,
        rule=f"3 x {heads * width:,} x {kernel} convolutions, {heads} heads x {width} x {width}",
    )


def _rg_lru(section: Section) -> State:
    width = section.number("lru_width") or section.need(*WIDTH)
    kernel = section.number("conv1d_width") or 4
    return State(
        convolution=width * (kernel - 1),
        state=width,
        rule=f"{width:,} x {kernel - 1} convolution, {width:,} state",
    )


def _lightning(section: Section) -> State:
    heads = section.need(*HEADS)
    width = section.number("head_dim") or section.need(*WIDTH) // heads
    return State(
        convolution=0,
        state=heads * width * width,
        rule=f"{heads} heads x {width} x {width} state",
    )


def _short_convolution(section: Section) -> State:
    width, kernel = section.need(*WIDTH), section.need("conv_L_cache")
    return State(convolution=width * kernel, state=0, rule=f"{width:,} x {kernel} convolution")


def _rwkv(section: Section) -> State:
    """Two last inputs of the width of the model, and three sums of the attention's (RWKV-4)."""
    width = section.need(*WIDTH)
    inner = section.number("attention_hidden_size") or width
    return State(
        convolution=2 * width,
        state=3 * inner,
        rule=f"2 x {width:,} last inputs, 3 x {inner:,} state",
    )


_BY_TYPE: Final[dict[str, Callable[[Section], State]]] = {
    **dict.fromkeys(("mamba", "falcon_mamba", "jamba", "zamba"), _mamba1),
    **dict.fromkeys(
        ("mamba2", "bamba", "granitemoehybrid", "falcon_h1", "nemotron_h", "zamba2"), _mamba2
    ),
    **dict.fromkeys(("qwen3_next", "qwen3_5", "qwen3_5_moe", "olmo_hybrid"), _delta_net),
    **dict.fromkeys(("minimax", "minimax_text_01"), _lightning),
    **dict.fromkeys(("lfm2", "lfm2_moe"), _short_convolution),
    "kimi_linear": _kimi_delta,
    "recurrent_gemma": _rg_lru,
    "rwkv": _rwkv,
}

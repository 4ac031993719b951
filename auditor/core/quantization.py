"""Where a repository says how its weights are quantised, and with how many bits.

Everything here is hostile text: what has the wrong type is taken as absent. The places and their
order are those of transformers (`quantizers/auto.py`, `PretrainedConfig.get_text_config`) and of
the libraries that write a file of their own.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

_Section = Mapping[str, Any]

# What holds the section, the outer first: a composite model may say it of its language model alone
# (Kimi-K2.5), an omni model of the thinker's.
_PLACES: Final = (
    (),
    ("text_config",),
    ("thinker_config", "text_config"),
    ("thinker_config",),
    ("llm_config",),
    ("llm_config", "text_config"),
    ("language_config",),
    ("language_config", "text_config"),
)
_KEYS: Final = (
    "quantization_config",
    "compression_config",  # compressed-tensors before 0.6
    "quantization",  # MLX, which copies it to `quantization_config`
)
# Files of quantisers in the order that GPTQModel looks them up, and the method that a file of this
# name means where it gives none itself.
_SIDE_FILES: Final = {
    "quantize_config.json": "gptq",
    "quant_config.json": "awq",
    "hf_quant_config.json": "modelopt",
    "quanto_qmap.json": "quanto",
}
_NESTED: Final = "quantization"  # modelopt: {"producer": ..., "quantization": {...}}


def quantization_of(config: _Section, side_files: Mapping[str, _Section]) -> _Section:
    """The section of config.json, else that of the first side file; empty where there is none.

    A side file's section has a `quant_method` even where the file leaves it to its own name.
    """
    for place in _PLACES:
        for key in _KEYS:
            section = _mapping(_at(config, place).get(key))
            if section:
                return _unwrapped(section)
    for name, method in _SIDE_FILES.items():
        section = _mapping(side_files.get(name))
        if section:
            return {"quant_method": method, **_unwrapped(section)}
    return {}


def _at(config: _Section, place: tuple[str, ...]) -> _Section:
    for key in place:
        config = _mapping(config.get(key))
    return config


def _unwrapped(section: _Section) -> _Section:
    """The section with what is nested in it brought up, `producer` and the like beside it."""
    inner = _mapping(section.get(_NESTED))
    if not inner:
        return section
    return {**{key: value for key, value in section.items() if key != _NESTED}, **inner}


def _mapping(value: object) -> _Section:
    return value if isinstance(value, Mapping) else {}


# -- bits

MAX_BITS: Final = 8
_MAX_GROUPS: Final = 10_000  # modelopt lists every layer of a mixed model
_BIT_KEYS: Final = ("num_bits", "bits", "w_bit", "weight_bits")
_NAME_KEYS: Final = ("quant_algo", "weights", "dtype", "weight_dtype")
# Sections that hold one section for each kind of layer: compressed-tensors, gemma, Quark, modelopt.
_GROUP_KEYS: Final = (
    "config_groups",
    "module_quant_configs",
    "layer_quant_config",
    "layer_type_quant_config",
    "quantized_layers",
)
_BITS_IN_NAME: Final = re.compile(
    r"(?:^|_)(W|[UQ]?INT|(?:NV|MX)?FP|FLOAT)([1-8])(?![0-9])", re.ASCII
)
_OF_FLOATS: Final = ("FP", "FLOAT")


def bits_of(section: _Section, *, integers: bool = False) -> frozenset[int]:
    """Every number of bits that the section says a weight may have; empty where it says none.

    With `integers`, what it says of floats is left out.
    """
    return frozenset(
        bits
        for part in weight_sections(section)
        for bits, is_float in _bits(part)
        if not (integers and is_float)
    )


def weight_sections(section: _Section) -> Iterator[_Section]:
    """The parts that describe weights: the section itself and those for kinds of layers."""
    yield section
    yield _mapping(_mapping(section.get("global_quant_config")).get("weight"))
    for key in _GROUP_KEYS:
        for group in islice(_mapping(section.get(key)).values(), _MAX_GROUPS):
            group_ = _mapping(group)
            yield _mapping(group_.get("weights")) or _mapping(group_.get("weight")) or group_


def _bits(part: _Section) -> Iterator[tuple[int, bool]]:
    """Numbers of bits, and whether they are said of floats."""
    for key in _BIT_KEYS:
        value = part.get(key)
        if type(value) is int and 0 < value <= MAX_BITS:
            yield value, part.get("type") == "float"
    for key in _NAME_KEYS:
        value = part.get(key)
        if isinstance(value, str) and (found := _BITS_IN_NAME.search(value[:64].upper())):
            yield int(found[2]), found[1].endswith(_OF_FLOATS)

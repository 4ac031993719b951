"""The cache as the stored tensors show it: the rows of key and value projections.

    model.layers.3.self_attn.k_proj.weight   [kv heads x head width, width]     safetensors, PyTorch
    blk.3.attn_k.weight                      the same                           GGUF
    blk.3.attn_qkv.weight                    [queries + keys + values, width]
    blk.3.attn_kv_a_mqa.weight               [latent + rotary, width]           latent attention
    blk.3.ssm_conv1d.weight                  [channels, kernel]                 a recurrent layer

For GGUF files, whose metadata may give heads layer by layer, and for models whose type is not
known. Nothing is said where one stack has layers that keep something else.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from auditor.core.memory_cache import Cache, Grows, In, Part
from auditor.core.memory_layers import Keeps, layers_of, window_of
from auditor.core.memory_sections import HEAD_WIDTH, HEADS, WIDTH, NotSaidError, Section, section_of
from auditor.core.tensors import Tensor

_PAIRS: Final = (
    ("attn_k.weight", "attn_v.weight"),
    ("k_proj.weight", "v_proj.weight"),
    ("attention.wk.weight", "attention.wv.weight"),
)
_FUSED: Final = "attn_qkv.weight"
_LATENT: Final = ("attn_kv_a_mqa.weight", "kv_a_proj_with_mqa.weight")
_RECURRENT: Final = "ssm_conv1d.weight"
_SHORT: Final = "shortconv.conv.weight"
# Parts of names of layers that keep what is not looked at here.
_OTHERS: Final = (
    "A_log", "conv1d", "dt_bias", "dt_proj", "time_mix", "time_mixing", "linear_attn", "lightning",
    "indexer", "compressor", "ssm_", "shortconv", "kda", "mixer.", "decay", "g_proj",
)  # fmt: skip
_MAX_LAYERS: Final = 4_096
_MATRIX: Final = 2
_MOST_DIGITS: Final = 9  # of a width

_Shapes = Mapping[str, tuple[int, ...]]


def cache_of_tensors(
    config: Mapping[str, Any], tensors: Iterable[Tensor], metadata: Mapping[str, str]
) -> Cache | None:
    """The cache that the tensors of a decoder show; None where they do not show it.

    `metadata` are those of a GGUF file; empty for other formats.
    """
    stack = _stack(tensors)
    if not stack:
        return None
    section = section_of(config)
    try:
        parts = _parts(section, stack, metadata)
    except NotSaidError:
        return None
    return Cache(parts=parts, longest=section.longest_context, notes=_notes(section, parts))


def _stack(tensors: Iterable[Tensor]) -> Sequence[_Shapes]:
    """The layers of the only stack that attends, by what follows their number; else none."""
    stacks: defaultdict[str, defaultdict[int, dict[str, tuple[int, ...]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for tensor in tensors:
        parts = tensor.name.split(".")
        index = next((i for i, part in enumerate(parts) if part.isascii() and part.isdigit()), 0)
        if index and len(parts[index]) <= len(str(_MAX_LAYERS)):
            rest = ".".join(parts[index + 1 :])
            stacks[".".join(parts[:index])][int(parts[index])][rest] = tensor.shape
    attending = [stack for stack in stacks.values() if any(map(_attends, stack.values()))]
    if len(attending) != 1:
        return ()
    (stack,) = attending
    return tuple(stack[number] for number in sorted(stack))


_KEYS: Final = (*(key for key, _ in _PAIRS), _FUSED, *_LATENT, _RECURRENT, _SHORT)


def _attends(layer: _Shapes) -> bool:
    return any(name.endswith(_KEYS) for name in layer)


def _parts(
    section: Section, stack: Sequence[_Shapes], metadata: Mapping[str, str]
) -> tuple[Part, ...]:
    kept = _kinds(section, len(stack))
    attention: Counter[tuple[int, bool]] = Counter()
    states: Counter[tuple[int, int]] = Counter()
    for layer, keeps in zip(stack, kept, strict=True):
        if (state := _state(layer, metadata)) is not None:
            states[state] += 1
        elements = _elements(section, layer, recurrent=state is not None)
        if elements:
            attention[elements, keeps is Keeps.WINDOW] += 1
        elif state is None and any(other in name for name in layer for other in _OTHERS):
            raise NotSaidError("a layer keeps something else")
    return (*_attention(section, attention), *_recurrent(states))


def _kinds(section: Section, layers: int) -> Sequence[Keeps]:
    """Which layers have a window, where the type is known to say so; else all keep everything."""
    try:
        kept = layers_of(section)
    except NotSaidError:
        return (Keeps.ALL,) * layers
    beyond = layers - len(kept)  # modules for multi-token prediction stand behind the layers
    return (*kept[:layers], *[Keeps.ALL] * max(0, beyond))


def _elements(section: Section, layer: _Shapes, *, recurrent: bool) -> int:
    """Numbers that attention keeps for a token; 0 where the layer does not attend."""
    latent = [_rows(shape) for name, shape in layer.items() if name.endswith(_LATENT)]
    if latent:
        return latent[0]
    for key, value in _PAIRS:
        pair = [_rows(shape) for name, shape in layer.items() if name.endswith((key, value))]
        if len(pair) == len((key, value)):
            if not recurrent and any(other in name for name in layer for other in _OTHERS):
                raise NotSaidError("a layer keeps something else beside")
            return sum(pair)
        if pair:
            raise NotSaidError("a layer has keys or values alone")
    fused = [_rows(shape) for name, shape in layer.items() if name.endswith(_FUSED)]
    if not fused or recurrent:
        return 0
    heads = section.need(*HEADS)
    queries = heads * (section.number(*HEAD_WIDTH) or section.need(*WIDTH) // heads)
    return max(0, fused[0] - queries)


def _rows(shape: tuple[int, ...]) -> int:
    if len(shape) != _MATRIX:
        raise NotSaidError("a projection is no matrix")
    return shape[0]


def _state(layer: _Shapes, metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """Numbers of the convolution's and of the state's part, as llama.cpp keeps them."""
    short = [shape for name, shape in layer.items() if name.endswith(_SHORT)]
    if short:
        return _rows(short[0]) * (short[0][1] - 1), 0
    convolution = [shape for name, shape in layer.items() if name.endswith(_RECURRENT)]
    if not convolution:
        return None
    architecture = metadata.get("general.architecture", "")
    said = [metadata.get(f"{architecture}.ssm.{key}", "") for key in ("inner_size", "state_size")]
    if not all(each.isascii() and each.isdecimal() and len(each) <= _MOST_DIGITS for each in said):
        raise NotSaidError("the metadata do not say ssm.inner_size and ssm.state_size")
    inner, size = map(int, said)
    return _rows(convolution[0]) * (convolution[0][1] - 1), inner * size


def _attention(section: Section, counted: Counter[tuple[int, bool]]) -> Iterable[Part]:
    for (elements, windowed), layers in counted.items():
        most = window_of(section) if windowed else None
        yield Part(
            name="attention" if most is None else f"window of {most:,}",
            layers=layers,
            elements=elements,
            rule=f"{elements:,} rows of keys and values",
            most=most,
        )


def _recurrent(counted: Counter[tuple[int, int]]) -> Iterable[Part]:
    for numbers, layers in counted.items():
        for name, elements in zip(("convolution", "state"), numbers, strict=True):
            if elements:
                yield Part(
                    name=f"{name} of recurrent layers",
                    layers=layers,
                    elements=elements,
                    rule=f"{elements:,} numbers",
                    grows=Grows.NOT,
                    kept_in=In.F32,
                )


def _notes(section: Section, parts: Sequence[Part]) -> tuple[str, ...]:
    """A window that no layer is known to have makes the figure an upper bound."""
    notes = ["read from the rows of the key and value projections in the file"]
    window = window_of(section)
    if window and not any(part.most for part in parts):
        notes.append(
            f"the config names a window of {window:,} tokens; which layers have it is not known, so"
            " all are taken to keep everything"
        )
    return tuple(notes)

"""How much of a model an adapter trains, as PEFT's `print_trainable_parameters` counts it.

peft 0.21.2, `PeftModel.get_nb_trainable_parameters`: over all parameters (no buffers, tied ones
once) of the model that PEFT has built,

    all        the base model, whole copies of modules beside their originals, what the adapter adds
    trainable  those of them with requires_grad

Weights in 4 bits (bitsandbytes) count as what they stand for. Weights that a packing keeps as
buffers (GPTQ, AWQ) PEFT does not count at all; here the base model's logical count is taken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final

from auditor.core.adapters import AdapterConfig
from auditor.core.findings import quoted
from auditor.core.roles import Assignment, Role
from auditor.core.tensors import Tensor

_PREFIX: Final = "base_model.model."
_PROMPTS: Final = "prompt_embeddings"
_TOKENS: Final = ".trainable_tokens_delta"
_HEAD: Final = "head"
# What a class with a head calls the model inside, where the base was saved with it or without.
_MODELS: Final = ("model", "transformer", "bert", "roberta", "distilbert", "electra", "deberta")
_FOUR_DIGITS: Final = Decimal("0.0001")
_TASKS_WITH_HEADS: Final = frozenset({"SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS"})

# Methods of whose trained numbers the file does not have all, or some of them several times.
_NOT_IN_THE_FILE: Final = {
    "LILY": "matrices that Lily shares between layers are stored in each of them",
    "MIXED": "an adapter of several kinds has a file for each",
    "SHADOW": "Shadow trains a model of its own beside the base",
    "XLORA": "the adapters that X-LoRA weighs are in folders of their own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainableShare:
    """The trained parameters, all parameters, and the percentage to four digits.

    `caveat` says in what the model that was trained is another than the base.
    """

    trainable: int
    all_parameters: int
    caveat: str = ""

    @property
    def percent(self) -> Decimal:
        with localcontext(prec=60):
            share = Decimal(100 * self.trainable) / Decimal(self.all_parameters)
            return share.quantize(_FOUR_DIGITS, rounding=ROUND_HALF_EVEN)

    @property
    def line(self) -> str:
        """As PEFT prints it."""
        return (
            f"trainable params: {self.trainable:,d} || all params: {self.all_parameters:,d}"
            f" || trainable%: {self.percent}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareUnknown:
    """The share cannot be told from the files."""

    reason: str


@dataclass(slots=True, kw_only=True)
class _Sum:
    """Parameters that are trained, and those that PEFT has put beside the base model's own."""

    trained: int = 0
    added: int = 0


def trainable_share(
    tensors: Sequence[Tensor],
    assignment: Assignment,
    config: AdapterConfig,
    base_total: int,
    base_elements: Mapping[str, int] | None = None,
) -> TrainableShare | ShareUnknown:
    """The share of the adapter whose `tensors` have the roles of `assignment`.

    `base_total` are the base model's parameters, ties once; `base_elements` those of its tensors by
    name, needed where the adapter brings weights of the base along, which may be of another size.
    """
    if config.peft_type in _NOT_IN_THE_FILE:
        return ShareUnknown(reason=_NOT_IN_THE_FILE[config.peft_type])
    if any(tensor.name.endswith("_topk_indices") for tensor in tensors):
        return ShareUnknown(reason="of VB-LoRA's logits only the largest were saved")
    total = _Sum()
    for tensor in tensors:
        role = assignment.rule_of(tensor).role
        add = _add_of_adapter if role is Role.ADAPTER else _add_of_base
        if role is not Role.BUFFER and not add(total, tensor, config, base_elements):
            reason = f"{quoted(tensor.name)} may be tied or stand in the place of another size"
            return ShareUnknown(reason=f"without the base it is not known: {reason}")
    correct = _CORRECTIONS.get(config.peft_type)
    if correct is not None and not correct(total, tensors, config):
        return ShareUnknown(reason="what made the prompts was trained, too, and was not saved")
    if total.trained > (all_parameters := base_total + total.added) or not all_parameters:
        return ShareUnknown(reason="more is trained than the model has")
    has_head = config.task_type in _TASKS_WITH_HEADS
    caveat = "the base was loaded with a head for the task in the place of its own"
    return TrainableShare(
        trainable=total.trained,
        all_parameters=all_parameters,
        caveat=caveat if has_head else "",
    )


_Elements = Mapping[str, int] | None


def _add_of_adapter(
    total: _Sum, tensor: Tensor, _: AdapterConfig, base_elements: _Elements
) -> bool:
    """Adds what is trained beside the base. False where it is not known whether it is a copy.

    Rows of a head that is tied to the embedding are saved with both, and are the embedding's.
    """
    module, of_tokens, _after = tensor.name.removeprefix(_PREFIX).partition(_TOKENS)
    head = f"{module.removesuffix('.token_adapter')}.weight"
    if of_tokens and _HEAD in head:
        if base_elements is None:
            return False
        if _in_base(head, base_elements) is None:
            return True
    total.trained += tensor.elements
    total.added += tensor.elements
    return True


def _add_of_base(
    total: _Sum, tensor: Tensor, config: AdapterConfig, base_elements: _Elements
) -> bool:
    """Adds a weight that goes by the base model's name. False where it is not known what for.

    A copy stands beside its original; a bias is the base's own, trained in its place; embeddings
    that were resized stand in the place of the base's, or are a head that is tied to them.
    """
    name = tensor.name.removeprefix(_PREFIX)
    module, _, word = name.rpartition(".")
    if any(f"{copied}." in f"{module}." for copied in config.copied_modules):
        total.trained += tensor.elements
        total.added += tensor.elements
    elif word == "bias" and config.bias != "none":
        total.trained += tensor.elements
    elif ".base_layer." not in tensor.name:
        own = None if base_elements is None else _in_base(name, base_elements)
        if own is None:
            return base_elements is not None and _HEAD in name
        total.added += tensor.elements - own
    return True


def _in_base(name: str, base_elements: Mapping[str, int]) -> int | None:
    """The elements of the base's tensor of that name, with or without a model's own before it."""
    without = name.partition(".")[2]
    places = (name, *(f"{model}.{name}" for model in _MODELS), without)
    return next((base_elements[place] for place in places if place in base_elements), None)


# -- what PEFT builds beside what it saves


def _adalora(total: _Sum, tensors: Sequence[Tensor], _: AdapterConfig) -> bool:
    """A frozen number, the rank, for each module."""
    total.added += sum(tensor.name.endswith(".lora_E") for tensor in tensors)
    return True


def _cpt(total: _Sum, tensors: Sequence[Tensor], _: AdapterConfig) -> bool:
    """Frozen prompts under the trained ones that are added to them."""
    total.added += sum(tensor.elements for tensor in tensors if tensor.name == _PROMPTS)
    return True


def _cartridge(total: _Sum, tensors: Sequence[Tensor], config: AdapterConfig) -> bool:
    """The first of the prompts are frozen."""
    prompts = _prompts(tensors)
    frozen = config.count("num_frozen_tokens")
    if prompts is None or frozen is None or frozen > prompts[0]:
        return False
    total.trained -= frozen * prompts[1]
    return True


def _p_tuning(total: _Sum, tensors: Sequence[Tensor], config: AdapterConfig) -> bool:
    """Prompts that come out of an encoder: their own table, and its layers."""
    prompts = _prompts(tensors)
    hidden = config.count("encoder_hidden_size")
    if prompts is None or hidden is None:
        return False
    width = prompts[1]
    if config.values.get("encoder_reparameterization_type") == "LSTM":
        layers = config.count("encoder_num_layers")
        if not layers:
            return False
        # Four gates, each with two biases, in both directions.
        first = 2 * 4 * hidden * (width + hidden + 2)
        others = 2 * 4 * hidden * (2 * hidden + hidden + 2)
        encoder = first + (layers - 1) * others
        encoder += _linear(2 * hidden, 2 * hidden) + _linear(2 * hidden, width)
    else:
        encoder = _linear(width, hidden) + _linear(hidden, hidden) + _linear(hidden, width)
    total.trained += encoder
    total.added += encoder
    return True


def _prefix_tuning(total: _Sum, tensors: Sequence[Tensor], config: AdapterConfig) -> bool:
    """With a projection, what is saved comes out of a narrower table and two layers."""
    if config.values.get("prefix_projection") is not True:
        return True
    prompts = _prompts(tensors)
    width, hidden = config.count("token_dim"), config.count("encoder_hidden_size")
    if prompts is None or width is None or hidden is None:
        return False
    tokens, saved_width = prompts
    built = tokens * width + _linear(width, hidden) + _linear(hidden, saved_width)
    total.trained += built - tokens * saved_width
    total.added += built - tokens * saved_width
    return True


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def _prompts(tensors: Sequence[Tensor]) -> tuple[int, int] | None:
    """How many prompts are saved, and how wide they are."""
    shape = next((tensor.shape for tensor in tensors if tensor.name == _PROMPTS), ())
    return (shape[0], shape[1]) if len(shape) == 2 else None  # noqa: PLR2004 - a table


_Correct = Callable[[_Sum, Sequence[Tensor], AdapterConfig], bool]
_CORRECTIONS: Final[Mapping[str, _Correct]] = {
    "ADALORA": _adalora,
    "CARTRIDGE": _cartridge,
    "CPT": _cpt,
    "P_TUNING": _p_tuning,
    "PREFIX_TUNING": _prefix_tuning,
}

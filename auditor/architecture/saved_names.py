"""The names that a class saves its tensors under, where they differ from those in memory.

transformers keeps the experts of a layer in one tensor, has joined and renamed modules of many
classes, and turns all of it back when it saves (`core_model_loading.revert_weight_conversion`), so
that what it writes has the names of the Hub. Only for the child process.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from math import prod
from typing import Any, Final

_EXPERTS: Final = ".experts."
_STACKED_RANK: Final = 3  # the matrices of all experts in one tensor
_PARTS_OF_AN_EXPERT: Final = 3  # gate, up and down; two of them are one in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """Tensors by the names of one spelling; parameters with whether they are trained."""

    parameters: Mapping[str, tuple[Any, bool]]
    buffers: Mapping[str, Any]
    ties: Mapping[str, str]
    names_in_memory: Mapping[str, str] = field(default_factory=dict)


def as_in_memory(
    parameters: Mapping[str, Any], buffers: Mapping[str, Any], ties: Mapping[str, str]
) -> Spelling:
    return Spelling(
        parameters={
            name: (tensor, bool(tensor.requires_grad)) for name, tensor in parameters.items()
        },
        buffers=buffers,
        ties=ties,
    )


def as_saved(
    model: Any,  # noqa: ANN401
    parameters: Mapping[str, Any],
    buffers: Mapping[str, Any],
    ties: Mapping[str, str],
    most_names: int,
) -> Spelling | None:
    """The spelling on the Hub; None where there is none of its own, or it cannot be told.

    What is joined or split has names of its own on either side, so the trained, the frozen and the
    buffers are turned back apart.
    """
    if _pieces(parameters) > most_names:
        return None
    try:
        revert = _reverter(model)
        if revert is None:
            return None
        trained = revert({n: t for n, t in parameters.items() if t.requires_grad})
        frozen = revert({n: t for n, t in parameters.items() if not t.requires_grad})
        saved_buffers = revert(dict(buffers))
        copies = revert({name: parameters[original] for name, original in ties.items()})
    except Exception:  # noqa: BLE001 - the library's own bookkeeping; the other spelling is left
        return None
    saved = {name: (tensor, True) for name, tensor in trained.items()}
    saved |= {name: (tensor, False) for name, tensor in frozen.items()}
    if _elements(tensor for tensor, _ in saved.values()) != _elements(parameters.values()):
        return None  # it saves something else than it trains
    by_id = {id(tensor): name for name, (tensor, _) in saved.items()}
    whole = {**parameters, **buffers}
    kept = {id(tensor): name for name, tensor in (trained | frozen | saved_buffers).items()}
    return Spelling(
        parameters=saved,
        buffers=saved_buffers,
        ties={
            copy: by_id[id(tensor)]
            for copy, tensor in copies.items()
            if id(tensor) in by_id and copy not in saved
        },
        names_in_memory={
            name: kept[id(tensor)]
            for name, tensor in whole.items()
            if id(tensor) in kept and kept[id(tensor)] != name
        },
    )


def _reverter(model: Any) -> Callable[[dict[str, Any]], dict[str, Any]] | None:  # noqa: ANN401
    """What turns names and shapes in memory into those of a file; None for other libraries."""
    if not isinstance(model, import_module("transformers").PreTrainedModel):
        return None
    loading = import_module("transformers.core_model_loading")
    return lambda tensors: dict(loading.revert_weight_conversion(model, tensors))


def _pieces(parameters: Mapping[str, Any]) -> int:
    """At most as many tensors as are saved, where the experts of a layer are one in memory."""
    return sum(
        _PARTS_OF_AN_EXPERT * tensor.shape[0]
        if _EXPERTS in name and tensor.dim() >= _STACKED_RANK
        else 1
        for name, tensor in parameters.items()
    )


def _elements(tensors: Iterable[Any]) -> int:
    return sum(prod(tensor.shape) for tensor in tensors)

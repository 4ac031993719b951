"""What a built model is made of: parameters, buffers, ties, each under the name it is saved by.

Only for the child process.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from auditor.architecture.saved_names import Spelling, as_in_memory, as_saved
from auditor.core.blueprint import Blueprint, Buffer, Parameter

# safetensors/torch.py, the dtypes that buffers have
_DTYPE_NAMES: Final = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
}


def blueprint_of(model: Any, library: str, note: str, most_names: int) -> Blueprint:  # noqa: ANN401
    """The blueprint of a model on the meta device.

    Where it would be saved under more than `most_names` names, it keeps those that it has.
    """
    parameters, ties = _parameters(model)
    buffers = _buffers(model, parameters.keys() | ties.keys())
    spelling = as_saved(model, parameters, buffers, ties, most_names)
    if spelling is None:
        spelling = as_in_memory(parameters, buffers, ties)
    return _of_spelling(model, spelling, library, note)


def _of_spelling(model: Any, spelling: Spelling, library: str, note: str) -> Blueprint:  # noqa: ANN401
    return Blueprint(
        class_name=type(model).__name__,
        library=library,
        parameters=tuple(
            Parameter(name, tuple(tensor.shape), trainable)
            for name, (tensor, trainable) in spelling.parameters.items()
        ),
        buffers=tuple(
            Buffer(name, tuple(tensor.shape), _dtype_name(tensor))
            for name, tensor in spelling.buffers.items()
        ),
        ties=spelling.ties,
        names_in_memory=spelling.names_in_memory,
        passed_over=tuple(sorted(getattr(model, "_keys_to_ignore_on_load_unexpected", None) or ())),
        base_prefix=getattr(model, "base_model_prefix", ""),
        note=note,
    )


def _dtype_name(tensor: Any) -> str:  # noqa: ANN401
    """The name that safetensors has for it; torch's own where it has none."""
    name = str(tensor.dtype).removeprefix("torch.")
    return _DTYPE_NAMES.get(name, name)


def _parameters(model: Any) -> tuple[dict[str, Any], dict[str, str]]:  # noqa: ANN401
    """Each parameter by its first name, and its further names.

    What the class ties counts as one, even where it did not come to tying it on the meta device.
    """
    declared = getattr(model, "all_tied_weights_keys", None) or {}
    first: dict[int, str] = {}
    parameters: dict[str, Any] = {}
    ties: dict[str, str] = {}
    for name, tensor in model.named_parameters(remove_duplicate=False):
        if id(tensor) in first:
            ties[name] = first[id(tensor)]
        else:
            first[id(tensor)] = name
            parameters[name] = tensor
    for copy, original in declared.items():
        if copy in parameters and original in parameters and copy != original:
            ties[copy] = original
            del parameters[copy]
    return parameters, {copy: _end_of(original, ties) for copy, original in ties.items()}


def _end_of(name: str, ties: Mapping[str, str]) -> str:
    """The parameter that a chain of ties ends at."""
    seen = {name}
    while (further := ties.get(name)) is not None and further not in seen:
        seen.add(further)
        name = further
    return name


def _buffers(model: Any, others: "set[str]") -> dict[str, Any]:  # noqa: ANN401
    """What is saved and is no parameter. A class may save more than tensors; that is left out."""
    tensor_class = import_module("torch").Tensor
    return {
        name: value
        for name, value in model.state_dict(keep_vars=True).items()
        if name not in others and isinstance(value, tensor_class)
    }

"""What small helper tensors hold, as far as their bytes were read."""

from typing import Final

from auditor.core.packing import Hints, Module, Suffix

_INTEGER_BYTES: Final = {"I32": 4, "U32": 4, "I64": 8, "U64": 8}
_MAX_NUMBERS: Final = 8  # a shape has two to four


def whole_numbers(module: Module, suffix: Suffix, hints: Hints) -> tuple[int, ...]:
    """The numbers that the helper holds; empty where they are not known or make no sense."""
    tensor = module.tensors.get(suffix)
    content = hints.contents.get(module.prefix + suffix)
    if tensor is None or content is None or not 0 < tensor.elements <= _MAX_NUMBERS:
        return ()
    size = _INTEGER_BYTES.get(tensor.dtype.name)
    if size is None or len(content) != size * tensor.elements:
        return ()
    numbers = tuple(
        int.from_bytes(content[begin : begin + size], "little", signed=True)
        for begin in range(0, len(content), size)
    )
    return numbers if numbers[0] > 0 else ()

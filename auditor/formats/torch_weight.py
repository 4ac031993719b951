"""How much lies under an object of a checkpoint."""

from dataclasses import dataclass

from auditor.formats.pickle_values import Value
from auditor.formats.torch_objects import ObjectReader
from auditor.formats.torch_parts import contents_of, may_hold


@dataclass(frozen=True, slots=True)
class Weight:
    """Tensors, their elements, and objects that may hold more than is known (`unknown`)."""

    tensors: int = 0
    elements: int = 0
    unknown: int = 0

    def __bool__(self) -> bool:
        return self.tensors > 0 or self.unknown > 0

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(
            self.tensors + other.tensors,
            self.elements + other.elements,
            self.unknown + other.unknown,
        )

    @property
    def words(self) -> str:
        return f"{self.elements:,} elements in {self.tensors:,} tensor{'s' * (self.tensors != 1)}"


def weigh(value: Value, objects: ObjectReader, seen: set[int]) -> Weight:
    """What lies under `value`; what is in `seen` is passed over, and what is met is put there."""
    tensors = elements = unknown = 0
    open_: list[Value] = [value]
    while open_:
        each = open_.pop()
        if not may_hold(each) or id(each) in seen:
            continue
        seen.add(id(each))
        reading = objects.read(each)
        if reading is None:
            open_ += contents_of(each)
        else:
            tensors += len(reading.tensors)
            elements += sum(tensor.elements for _, tensor in reading.tensors)
            unknown += bool(reading.gap)
    return Weight(tensors, elements, unknown)

"""The tree of a model's modules, with what each holds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from auditor.core.roles import PARAMETER_ROLES, Assignment, Mark, Role
from auditor.core.tally import Amount
from auditor.core.tensors import Tensor

MAX_DEPTH: Final = 64  # the deepest of known models have 20; a hostile name is nothing but dots


@dataclass(slots=True, kw_only=True)
class Module:
    """A module with all that lies below it. `parameters` is None where a packing hides the count.

    `others` are stored elements that are no parameters: buffers, tied copies, bookkeeping.
    """

    name: str
    parameters: int | None = 0
    others: int = 0
    amount: Amount = field(default_factory=Amount)
    dtypes: set[str] = field(default_factory=set)
    children: dict[str, "Module"] = field(default_factory=dict)

    def add(self, tensor: Tensor, parameters: int | None) -> None:
        self.amount += Amount(tensors=1, elements=tensor.elements, stored_bytes=tensor.stored_bytes)
        self.dtypes.add(tensor.dtype.name)
        if parameters == 0:
            self.others += tensor.elements
        elif parameters is None or self.parameters is None:
            self.parameters = None
        else:
            self.parameters += parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One module of the tree as it is listed: `path` from the root, `depth` of the path."""

    path: str
    name: str
    depth: int
    parameters: int | None
    others: int
    amount: Amount
    dtypes: tuple[str, ...]


def module_tree(tensors: Iterable[Tensor], assignment: Assignment, *, root: str) -> Module:
    """All modules of `tensors`; the last part of a tensor's name is a leaf of its own."""
    top = Module(name=root)
    for tensor in tensors:
        role = assignment.rule_of(tensor).role
        parameters = _parameters(tensor, role, assignment.marks.get(tensor.name))
        node = top
        node.add(tensor, parameters)
        for part in tensor.name.split(".", MAX_DEPTH - 1):
            node = node.children.setdefault(part, Module(name=part))
            node.add(tensor, parameters)
    return top


def _parameters(tensor: Tensor, role: Role, mark: Mark | None) -> int | None:
    """The parameters that a tensor holds; None where its packing hides them."""
    if role is Role.PACKED:
        return None
    if role not in PARAMETER_ROLES:
        return 0
    if mark is None:
        return tensor.elements
    return mark.low if mark.low == mark.high else None


def lines_of(top: Module, *, depth: int | None) -> Iterator[Line]:
    """The tree from the root down, in stored order, down to `depth` levels below the root.

    NOTE: not recursive: a hostile name may have thousands of dots.
    """
    waiting = [(top, "", 0)]
    while waiting:
        module, path, level = waiting.pop()
        yield Line(
            path=path or module.name,
            name=module.name,
            depth=level,
            parameters=module.parameters,
            others=module.others,
            amount=module.amount,
            dtypes=tuple(sorted(module.dtypes)),
        )
        if depth is None or level < depth:
            waiting.extend(
                (child, f"{path}.{child.name}" if path else child.name, level + 1)
                for child in reversed(module.children.values())
            )

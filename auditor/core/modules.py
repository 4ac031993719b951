"""The tree of a model's modules, with what each holds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from auditor.core.roles import PARAMETER_ROLES, Assignment, Role
from auditor.core.tally import Amount
from auditor.core.tensors import Tensor


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

    def add(self, tensor: Tensor, role: Role) -> None:
        self.amount += Amount(tensors=1, elements=tensor.elements, stored_bytes=tensor.stored_bytes)
        self.dtypes.add(tensor.dtype.name)
        if role in PARAMETER_ROLES:
            if self.parameters is not None:
                self.parameters += tensor.elements
        elif role is Role.PACKED:
            self.parameters = None
        else:
            self.others += tensor.elements


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
        node = top
        node.add(tensor, role)
        for part in tensor.name.split("."):
            node = node.children.setdefault(part, Module(name=part))
            node.add(tensor, role)
    return top


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

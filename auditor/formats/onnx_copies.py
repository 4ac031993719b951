"""Tensors that an ONNX file holds twice, surely or perhaps, and those that have several names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from auditor.core.findings import quoted
from auditor.core.tensors import Purpose, Tensor, Use
from auditor.formats.dotted_names import dotted
from auditor.formats.onnx_messages import GraphMessage, NodeMessage
from auditor.formats.onnx_scopes import Scopes
from auditor.formats.onnx_uses import PRODUCTS, TABLES

# Exporters number what has no name of its own, anew for each graph.
_NUMBERED: Final = re.compile(r"onnx::|/|val_|.*(?:Constant|const|_output_)")

Names = Mapping[GraphMessage, Mapping[str, str]]
Purposes = Mapping[str, Purpose]
Shape = tuple[int, ...]


class Copies:
    """`names` has the tensors of each graph by the names that it gives them.

    `shapes` are those that are meant, of packed tensors.
    """

    def __init__(
        self,
        graphs: Sequence[GraphMessage],
        names: Names,
        scopes: Scopes,
        tensors: Mapping[str, Tensor],
        shapes: Mapping[str, Shape],
    ) -> None:
        self._graphs = graphs
        self._names = names
        self._scopes = scopes
        self._tensors = tensors
        self._shapes = shapes

    def of_branches(self, purposes: Purposes) -> dict[str, Purpose]:
        """The branches of an `If` may each hold the same tensors, under the same names."""
        first: dict[tuple[GraphMessage | None, str], str] = {}
        copies: dict[str, Purpose] = {}
        for graph in self._graphs:
            for said, name in self._names[graph].items() if graph.parent else ():
                original = first.setdefault((graph.parent, said), name)
                if original == name or _NUMBERED.match(said) or not _is_parameter(purposes, name):
                    continue
                tensor, other = self._tensors[name], self._tensors[original]
                if (tensor.dtype, tensor.shape) == (other.dtype, other.shape):
                    copies[name] = Purpose(
                        use=Use.COPY,
                        name="copies",
                        reason="two branches of the graph hold it under the same name",
                        parameters=tensor.elements,
                        original=original,
                    )
        return copies

    def of_tables(self, purposes: Purposes) -> dict[str, Purpose]:
        """A matrix before the logits with the two sides of a token table may be that table."""
        tables: dict[Shape, str] = {}
        for _, _, name in self._inputs(TABLES):
            if _is_parameter(purposes, name):
                tables.setdefault(self._sides(name), name)
        tables.pop((), None)
        copies: dict[str, Purpose] = {}
        for graph, node, name in self._inputs(PRODUCTS) if tables else ():
            table = tables.get(self._sides(name), name)
            if table == name or not _is_parameter(purposes, name):
                continue
            if self._scopes.gives_logits(graph, node):
                plain = Purpose(
                    use=Use.WEIGHTS,
                    name="output matrix",
                    reason=f"it has the sides of {quoted(table)} and stands before the logits",
                    parameters=self._tensors[name].elements,
                )
                copies[name] = replace(purposes.get(name, plain), original=table)
        return copies

    def aliases(self, purposes: Purposes) -> dict[str, str]:
        """Further names of parameters: exporters write equal ones once, with an Identity each."""
        aliases: dict[str, str] = {}
        for graph in self._graphs:
            for node in graph.nodes:
                if node.op != "Identity" or not node.outputs or not node.inputs:
                    continue
                name = self._scopes.tensor(graph, node.inputs[0])
                other = dotted(node.outputs[0].lstrip("/"))
                if name and other not in self._tensors and _is_parameter(purposes, name):
                    aliases.setdefault(other, name)
        return aliases

    def _inputs(self, places: Mapping[str, int]) -> Iterator[tuple[GraphMessage, NodeMessage, str]]:
        """The stored tensors that operators have at these `places` of their inputs."""
        for graph in self._graphs:
            for node in graph.nodes:
                at = places.get(node.op, len(node.inputs))
                said = node.inputs[at] if at < len(node.inputs) else ""
                name = self._scopes.origin(graph, said) if said else None
                if name is not None:
                    yield graph, node, name

    def _sides(self, name: str) -> Shape:
        """The two sides of a matrix, the shorter first; nothing for another shape."""
        shape = self._shapes.get(name, self._tensors[name].shape)
        return tuple(sorted(shape)) if len(shape) == 2 and min(shape) > 1 else ()  # noqa: PLR2004


def _is_parameter(purposes: Purposes, name: str) -> bool:
    return name not in purposes or purposes[name].use is Use.WEIGHTS

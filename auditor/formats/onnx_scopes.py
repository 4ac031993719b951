"""Which tensor or node stands behind a name of an ONNX graph, and where a value goes.

A subgraph sees the names of the graph around it; a function sees its own alone.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from auditor.formats.onnx_messages import GraphMessage, NodeMessage
from auditor.formats.onnx_uses import BEFORE_LOGITS, THROUGH

MAX_STEPS: Final = 12  # operators between a tensor and the one that uses it; known are up to 4
MAX_FOLLOWED: Final = 200  # values that are looked at on the way to the logits; known are up to 20

T = TypeVar("T")


class Scopes:
    """`names` has, for each of `graphs`, the stored tensors by the names that it gives them."""

    def __init__(
        self, graphs: Sequence[GraphMessage], names: Mapping[GraphMessage, Mapping[str, str]]
    ) -> None:
        self._names = names
        self._makers: dict[GraphMessage, dict[str, NodeMessage]] = {}
        self._users: dict[GraphMessage, dict[str, list[NodeMessage]]] = {}
        for graph in graphs:
            self._makers[graph] = {out: node for node in graph.nodes for out in node.outputs if out}
            users = self._users[graph] = {}
            for node in graph.nodes:
                if node.op in BEFORE_LOGITS:
                    for name in node.inputs:
                        users.setdefault(name, []).append(node)

    def tensor(self, graph: GraphMessage, name: str) -> str | None:
        """The stored tensor that is called `name` in `graph`."""
        return _visible(self._names, graph, name)

    def origin(self, graph: GraphMessage, name: str) -> str | None:
        """The stored tensor whose numbers `name` has, however they are placed or written."""
        for _ in range(MAX_STEPS):
            if found := self.tensor(graph, name):
                return found
            node = _visible(self._makers, graph, name)
            if node is None or node.op not in THROUGH or not node.inputs:
                return None
            name = node.inputs[0]
        return None

    def gives_logits(self, graph: GraphMessage, node: NodeMessage) -> bool:
        """Whether what `node` puts out is, but for small steps, an output of the graph."""
        values = list(node.outputs)
        for value in values:  # which grows on the way
            if value in graph.outputs:
                return True
            for user in self._users[graph].get(value, ()):
                if len(values) > MAX_FOLLOWED:
                    return False
                values += user.outputs
        return False


def _visible(
    tables: Mapping[GraphMessage, Mapping[str, T]], graph: GraphMessage, name: str
) -> T | None:
    inner: GraphMessage | None = graph
    while inner is not None:
        if name in tables[inner]:
            return tables[inner][name]
        inner = inner.parent
    return None

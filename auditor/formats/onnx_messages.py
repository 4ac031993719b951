"""The messages of an ONNX file that tell its graphs: tensors, and what computes with them.

    ModelProto     2 producer_name  3 producer_version  7 graph  14 metadata_props
                   20 training_info  25 functions
    GraphProto     1 node  5 initializer  12 output  15 sparse_initializer
    FunctionProto  1 name  5 output  7 node
    NodeProto      1 input  2 output  4 op_type  5 attribute  7 domain
    AttributeProto 1 name  3 i  4 s  5 t  6 g  7 floats  10 tensors  11 graphs  22 sparse_tensor
                   23 sparse_tensors

onnx/onnx.in.proto of onnx 1.23. Writers put fields in the order of their numbers, on which nothing
here relies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from auditor.errors import LimitExceeded
from auditor.formats.cursor import Reading
from auditor.formats.onnx_tensor_messages import TensorMessage, TensorReader
from auditor.formats.protobuf_messages import Found, Wanted, message
from auditor.formats.protobuf_wire import FIXED32, LENGTH, VARINT, Field, signed

MAX_GRAPHS_DEEP: Final = 16  # a merged decoder has two: `If` around a whole model
MAX_PROPERTIES: Final = 1_000

_FLOAT: Final = 1  # TensorProto.DataType


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMessage:
    """A NodeProto with those attributes that are whole numbers.

    `numbers` and `text_bytes` are the sizes of its longest list of floats and its longest string.
    """

    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ints: Mapping[str, int]
    numbers: int
    text_bytes: int


@dataclass(slots=True, kw_only=True, eq=False)
class GraphMessage:
    """A graph, a subgraph under the attribute `place` of a node, or the function of that name.

    `constants` are tensors in attributes of nodes, by the name of what the node puts out. Filled
    while it is read: what is inside refers to it as its `parent`.
    """

    parent: "GraphMessage | None" = None
    place: str = ""
    nodes: tuple[NodeMessage, ...] = ()
    initializers: tuple[TensorMessage, ...] = ()
    sparse: tuple[TensorMessage, ...] = ()
    constants: tuple[tuple[str, TensorMessage], ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMessage:
    """A whole model. `graphs` has each graph before those inside it."""

    graphs: tuple[GraphMessage, ...]
    metadata: Mapping[str, str]
    trains: bool  # it holds graphs for its own training, which were skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attribute:
    name: str
    number: int | None
    text_bytes: int
    numbers: int
    tensors: tuple[TensorMessage, ...]


class GraphReader(TensorReader):
    """Reads a model: its graphs, the subgraphs in attributes of their nodes, its functions."""

    def model(self) -> Reading[ModelMessage]:
        """The model that fills the file."""
        graphs: list[GraphMessage] = []
        wanted: Wanted = {
            (2, LENGTH): self.text,
            (3, LENGTH): self.text,
            (7, LENGTH): partial(self._graph, graphs, None, 0),
            (14, LENGTH): self.pair,
            (20, LENGTH): None,
            (25, LENGTH): partial(self._function, graphs),
        }
        found = yield from message(self.cursor, self.cursor.size_bytes, wanted)
        producer = {"producer_name": found.text(2), "producer_version": found.text(3)}
        return ModelMessage(
            graphs=tuple(graphs),
            metadata={
                **dict(found.all((14, LENGTH))[:MAX_PROPERTIES]),
                **{key: text for key, text in producer.items() if text},
            },
            trains=(20, LENGTH) in found,
        )

    def _graph(
        self, graphs: list[GraphMessage], parent: GraphMessage | None, depth: int, at: Field
    ) -> Reading[GraphMessage]:
        if depth > MAX_GRAPHS_DEEP:
            raise LimitExceeded(self.cursor.path, f"graphs more than {MAX_GRAPHS_DEEP} deep")
        graph = GraphMessage(parent=parent)
        graphs.append(graph)
        below = partial(self._graph, graphs, graph, depth + 1)
        wanted: Wanted = {
            (1, LENGTH): partial(self._node, below),
            (5, LENGTH): self.tensor,
            (12, LENGTH): self.first_text,
            (15, LENGTH): self.sparse,
        }
        found = yield from self.message(at, wanted)
        graph.initializers = tuple(found.all((5, LENGTH)))
        graph.outputs = tuple(found.all((12, LENGTH)))
        graph.sparse = tuple(found.all((15, LENGTH)))
        _fill(graph, found.all((1, LENGTH)))
        return graph

    def _function(self, graphs: list[GraphMessage], at: Field) -> Reading[None]:
        graph = GraphMessage()
        graphs.append(graph)
        below = partial(self._graph, graphs, graph, 1)
        wanted: Wanted = {
            (1, LENGTH): self.text,
            (5, LENGTH): self.text,
            (7, LENGTH): partial(self._node, below),
        }
        found = yield from self.message(at, wanted)
        graph.place = found.text(1)
        graph.outputs = tuple(found.all((5, LENGTH)))
        _fill(graph, found.all((7, LENGTH)))

    def _node(
        self, below: "partial[Reading[GraphMessage]]", at: Field
    ) -> Reading[tuple[NodeMessage, list[_Attribute]]]:
        wanted: Wanted = {
            (1, LENGTH): self.text,
            (2, LENGTH): self.text,
            (4, LENGTH): self.text,
            (5, LENGTH): partial(self._attribute, below),
            (7, LENGTH): self.text,
        }
        found = yield from self.message(at, wanted)
        attributes: list[_Attribute] = found.all((5, LENGTH))
        node = NodeMessage(
            op=found.text(4),
            domain=found.text(7),
            inputs=tuple(found.all((1, LENGTH))),
            outputs=tuple(found.all((2, LENGTH))),
            ints={each.name: each.number for each in attributes if each.number is not None},
            numbers=max((each.numbers for each in attributes), default=0),
            text_bytes=max((each.text_bytes for each in attributes), default=0),
        )
        return node, attributes

    def _attribute(self, below: "partial[Reading[GraphMessage]]", at: Field) -> Reading[_Attribute]:
        wanted: Wanted = {
            (1, LENGTH): self.text,
            (3, VARINT): None,
            (4, LENGTH): None,
            (5, LENGTH): self.tensor,
            (6, LENGTH): below,
            (7, LENGTH): None,
            (7, FIXED32): None,
            (10, LENGTH): self.tensor,
            (11, LENGTH): below,
            (22, LENGTH): self.sparse,
            (23, LENGTH): self.sparse,
        }
        found = yield from self.message(at, wanted)
        name = found.text(1)
        for inner in found.all((6, LENGTH), (11, LENGTH)):
            inner.place = name
        number = found.last((3, VARINT))
        return _Attribute(
            name=name,
            number=None if number is None else signed(number.value),
            text_bytes=max((text.length for text in found.all((4, LENGTH))), default=0),
            numbers=sum(each.length // 4 for each in found.all((7, LENGTH), (7, FIXED32))),
            tensors=_tensors_in(found),
        )


def _tensors_in(found: Found) -> tuple[TensorMessage, ...]:
    return tuple(found.all((5, LENGTH), (10, LENGTH), (22, LENGTH), (23, LENGTH)))


def _fill(graph: GraphMessage, read: list[tuple[NodeMessage, list[_Attribute]]]) -> None:
    """Gives `graph` its nodes, and the tensors in their attributes."""
    graph.nodes = tuple(node for node, _ in read)
    constants: list[tuple[str, TensorMessage]] = []
    for place, (node, attributes) in enumerate(read):
        said = node.outputs[0] if node.outputs else f"node_{place}"
        is_constant = node.op == "Constant"
        for attribute in attributes:
            tensors = attribute.tensors
            if is_constant and attribute.numbers:  # value_floats
                count = attribute.numbers
                tensors += (TensorMessage(dims=(count,), data_type=_FLOAT, values=count),)
            for at, tensor in enumerate(tensors):
                alone = is_constant and not at
                constants.append((said if alone else f"{said}.{attribute.name}.{at}", tensor))
    graph.constants = tuple(constants)

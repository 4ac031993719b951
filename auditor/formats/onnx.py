"""ONNX: a graph of operators and, as its initializers, the numbers that they compute with.

    ModelProto            a protobuf message, the whole file
      graph
        node*             op_type, inputs and outputs by name; a Constant holds a tensor
        initializer*      dims, data_type, name, raw_data - or where in a file beside it that lies
        output*

https://github.com/onnx/onnx/blob/main/docs/IR.md, onnx/onnx.in.proto. The nodes come first and lie
close together, then each tensor's head before its data, which is skipped. Data in other files
(`external_data`) is not needed for a count.

A graph does not tell parameters from other numbers. Which are, is decided here by what operators do
with them (`onnx_uses`), and by their names (`core.framework_rules`). What an exporter has folded
together, a batch norm into its convolution, cannot be taken apart again: the count is that of the
graph.
"""

from collections.abc import Generator, Iterator, Mapping
from typing import Final

from auditor.core.findings import MAX_EXAMPLES, listed, quoted
from auditor.core.tensors import Header, Span
from auditor.errors import HeaderMalformed
from auditor.formats.cursor import Cursor
from auditor.formats.dotted_names import dotted
from auditor.formats.mistaken import mistaken
from auditor.formats.onnx_graph import uses_of
from auditor.formats.onnx_messages import GraphMessage, GraphReader, ModelMessage
from auditor.formats.onnx_tensor_messages import TensorMessage
from auditor.formats.onnx_tensors import STRINGS, Stored, stored

name: Final = "ONNX"

_COUNTED_FROM_GRAPH: Final = (
    "counted from the graph: what its exporter folded together or computed ahead cannot be told"
    " apart"
)


def read_header(path: str, size_bytes: int) -> Generator[Span, bytes, Header]:
    """The header of an ONNX file of `size_bytes`; its tensors in the order of the graphs.

    Raises HeaderMalformed, UnknownDtype, LimitExceeded, and UnsupportedFormat where its heads lie
    in too many places.
    """
    cursor = Cursor(path, size_bytes)
    first = yield from cursor.peek(64)
    try:
        model = yield from GraphReader(cursor).model()
    except HeaderMalformed as error:
        raise mistaken(error, name, first) from error
    if not model.graphs:
        raise mistaken(cursor.malformed("no graph in it"), name, first)
    tensors = _Tensors(path)
    for graph in model.graphs:
        tensors.add(graph)
    return _header(size_bytes, model, tensors)


def _header(size_bytes: int, model: ModelMessage, found: "_Tensors") -> Header:
    tensors = {name: each.tensor for name, each in found.stored.items()}
    uses = uses_of(model.graphs, found.names, tensors, frozenset(found.in_nodes))
    in_file = all(each.in_file for each in found.stored.values())
    return Header(
        format=name,
        size_bytes=size_bytes,
        tensors=tuple(tensors.values()),
        data_begin=0 if in_file else None,
        aliases=uses.aliases,
        metadata=model.metadata,
        warnings=_warnings(found.stored),
        notes=tuple(_notes(model, found)),
        gaps=uses.gaps,
        purposes=uses.purposes,
    )


class _Tensors:
    """The stored tensors of all graphs, each under a name of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.stored: dict[str, Stored] = {}
        self.names: dict[GraphMessage, dict[str, str]] = {}  # by the names that each graph uses
        self.in_nodes: list[str] = []
        self.sparse = 0

    def add(self, graph: GraphMessage) -> None:
        self.names[graph] = {}
        for message in graph.initializers:
            self._place(graph, message.name, message)
        for message in graph.sparse:
            self._place(graph, message.name, message)
            self.sparse += 1
        for said, message in graph.constants:
            if placed := self._place(graph, said, message):
                self.in_nodes.append(placed)

    def _place(self, graph: GraphMessage, said: str, message: TensorMessage) -> str:
        """The name that the tensor is known by from now on; none for text."""
        if message.data_type == STRINGS:
            return ""
        names = self.names[graph]
        if not said or said in names:
            what = f"two tensors {quoted(said)} in one graph" if said else "a tensor without a name"
            raise HeaderMalformed(self._path, what, hint="the file is damaged")
        known = self._free(graph, dotted(said.lstrip("/")))
        names[said] = known
        self.stored[known] = stored(self._path, known, message)
        return known

    def _free(self, graph: GraphMessage, wanted: str) -> str:
        """`wanted`, with the subgraph or function before it where another tensor has that name."""
        number = len(self.names)
        for candidate in (wanted, f"{graph.place}.{wanted}", f"{graph.place}.{number}.{wanted}"):
            if candidate not in self.stored:
                return candidate
        raise HeaderMalformed(
            self._path, f"several tensors {quoted(wanted)}", hint="the file is damaged"
        )


def _warnings(tensors: Mapping[str, Stored]) -> tuple[str, ...]:
    warnings = [warning for each in tensors.values() for warning in each.warnings]
    more = len(warnings) - MAX_EXAMPLES
    return (*warnings[:MAX_EXAMPLES], *([f"{more:,} more of the kind"] if more > 0 else []))


def _notes(model: ModelMessage, found: _Tensors) -> Iterator[str]:
    yield _COUNTED_FROM_GRAPH
    locations = [each.location for each in found.stored.values() if each.location]
    if locations:
        files = listed([quoted(location) for location in dict.fromkeys(locations)])
        yield f"tensors whose numbers lie in another file ({len(locations):,}): {files}"
    if found.sparse:
        yield f"sparse tensors, whose zeros were not counted ({found.sparse:,})"
    if model.trains:
        yield "the graphs for its own training were left out"

"""What an ONNX graph shows of its tensors: quantised weights, bookkeeping, constants, copies.

The graph says more than names do. An integer tensor is weights where an operator dequantises it or
multiplies with it, and else shapes, indices and masks. A float tensor is a parameter unless an
operator takes it for something that is computed or kept, or it is a few numbers of a node.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Final, NamedTuple

from auditor.core.dtypes import Kind
from auditor.core.findings import listed, quoted
from auditor.core.tensors import Purpose, Tensor, Use
from auditor.formats.onnx_copies import Copies, Names
from auditor.formats.onnx_messages import GraphMessage, NodeMessage
from auditor.formats.onnx_scopes import Scopes
from auditor.formats.onnx_uses import CONSTANTS, FLOATS, QUANTISED

FEW: Final = 16  # numbers in the graph itself that are still a setting
MANY: Final = 4_096  # integers that no known operator reads are weights, perhaps, from here on
_LARGE_TEXT_BYTES: Final = 1 << 16

_OURS: Final = frozenset({"", "ai.onnx", "com.microsoft"})
_UNPACKING: Final = frozenset({"BitShift", "BitwiseAnd"})
_ENDING: Final = re.compile(r"_(?:quantized|quant|Q\d+(?:G\d+)?|Bnb4)$")
_COUNTERS: Final = frozenset({"I64", "U64"})  # of indices and sizes, which no quantiser makes

_WHOLE_NUMBERS: Final = Purpose(
    use=Use.CONSTANT,
    name="whole numbers of the graph",
    reason="shapes, indices and masks: no operator of the graph takes them for weights",
)
_SETTINGS: Final = Purpose(
    use=Use.CONSTANT,
    name="constants of the graph",
    reason="a few numbers in a node of the graph, not among its initializers",
)


def _bookkeeping(op: str) -> Purpose:
    return Purpose(
        use=Use.BOOKKEEPING,
        name="scales and zero points",
        reason=f"the graph's {op} takes them for those of quantised numbers",
        packing=f"ONNX {op}",
    )


class Uses(NamedTuple):
    """`purposes` and `aliases` by the tensors' names; `gaps` as sentences."""

    purposes: Mapping[str, Purpose]
    aliases: Mapping[str, str]
    gaps: tuple[str, ...]


def uses_of(
    graphs: Sequence[GraphMessage],
    names: Names,
    tensors: Mapping[str, Tensor],
    in_nodes: frozenset[str],
) -> Uses:
    """What the graphs show of `tensors`, of which those `in_nodes` are attributes of nodes."""
    return _Analysis(graphs, names, tensors).run(in_nodes)


class _Analysis:
    def __init__(
        self, graphs: Sequence[GraphMessage], names: Names, tensors: Mapping[str, Tensor]
    ) -> None:
        self._graphs = graphs
        self._names = names
        self._tensors = tensors
        self._scopes = Scopes(graphs, names)
        self._purposes: dict[str, Purpose] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}  # those that are meant, of packed weights
        self._unfit: list[str] = []
        self._dynamic = {  # the scales that activations are given on the way
            (graph, node.outputs[1])
            for graph, node in self._nodes()
            if node.op == "DynamicQuantizeLinear" and len(node.outputs) > 1
        }

    def run(self, in_nodes: frozenset[str]) -> Uses:
        for graph, node in self._nodes():
            self._note_weights(graph, node)
        for graph, node in self._nodes():
            self._note_bookkeeping(graph, node)
            self._note_constants(graph, node)
        for graph, node in self._nodes():
            self._note_factors(graph, node)
        unread = self._unread()
        for name, tensor in self._tensors.items():
            if tensor.dtype.kind in {Kind.INTEGER, Kind.BOOL}:
                self._purposes.setdefault(name, _WHOLE_NUMBERS)
            elif name in in_nodes and tensor.elements <= FEW:
                self._purposes.setdefault(name, _SETTINGS)
        copies = Copies(self._graphs, self._names, self._scopes, self._tensors, self._shapes)
        self._purposes.update(copies.of_branches(self._purposes))
        self._purposes.update(copies.of_tables(self._purposes))
        aliases = copies.aliases(self._purposes)
        return Uses(self._purposes, aliases, tuple(self._gaps(unread)))

    def _nodes(self) -> Iterator[tuple[GraphMessage, NodeMessage]]:
        for graph in self._graphs:
            for node in graph.nodes:
                yield graph, node

    def _input(self, graph: GraphMessage, node: NodeMessage, at: int) -> str | None:
        """The tensor whose numbers are input `at` of `node`."""
        if at >= len(node.inputs) or not node.inputs[at]:
            return None
        return self._scopes.origin(graph, node.inputs[at])

    # -- quantised weights and their bookkeeping

    def _note_weights(self, graph: GraphMessage, node: NodeMessage) -> None:
        quantised = QUANTISED.get(node.op) if node.domain in _OURS else None
        for weights in quantised.weights if quantised else ():
            name = self._input(graph, node, weights.at)
            if name is None:
                continue
            tensor = self._tensors[name]
            if tensor.dtype.kind is not Kind.INTEGER or tensor.dtype.name in _COUNTERS:
                continue
            if not tensor.shape:
                continue
            shape = weights.shape(node, tensor)
            if shape is None:
                self._unfit.append(f"{quoted(name)} of {quoted(node.op)}")
                continue
            self._shapes[name] = shape
            ending = _ENDING.search(name)
            self._purposes[name] = Purpose(
                use=Use.WEIGHTS,
                name="quantised weights",
                reason=f"the graph's {node.op} takes them for weights",
                parameters=prod(shape),
                packing=f"ONNX {node.op}",
                ending=ending[0] if ending else "",
            )

    def _note_bookkeeping(self, graph: GraphMessage, node: NodeMessage) -> None:
        quantised = QUANTISED.get(node.op) if node.domain in _OURS else None
        for at in quantised.bookkeeping if quantised else ():
            if (name := self._input(graph, node, at)) is not None:
                self._purposes.setdefault(name, _bookkeeping(node.op))

    def _note_factors(self, graph: GraphMessage, node: NodeMessage) -> None:
        """What is multiplied with a scale, of activations or stored, is a scale itself."""
        if node.op != "Mul" or len(node.inputs) != 2:  # noqa: PLR2004 - two factors
            return
        names = [self._scopes.tensor(graph, said) for said in node.inputs]
        scale = any((graph, said) in self._dynamic for said in node.inputs)
        for name in names:
            purpose = self._purposes.get(name or "")
            scale |= purpose is not None and purpose.use is Use.BOOKKEEPING
        for name in names:
            if scale and name is not None:
                self._purposes.setdefault(name, _bookkeeping(node.op))

    # -- what is no parameter

    def _note_constants(self, graph: GraphMessage, node: NodeMessage) -> None:
        fixed = CONSTANTS.get((node.domain.removeprefix("ai.onnx"), node.op))
        for at in fixed.inputs if fixed else ():
            if fixed and (name := self._input(graph, node, at)) is not None:
                purpose = Purpose(use=Use.CONSTANT, name=fixed.name, reason=fixed.reason)
                self._purposes.setdefault(name, purpose)

    # -- what is not known

    def _unread(self) -> list[str]:
        """Integers enough to be weights that go where nothing is known of weights."""
        local = {graph.place for graph in self._graphs if graph.parent is None}
        found: dict[str, None] = {}
        for graph, node in self._nodes():
            places, of_any_width = _unknown_inputs(node, local)
            for at in places:
                name = self._input(graph, node, at)
                if name is None or name in self._purposes:
                    continue
                tensor = self._tensors[name]
                # Wider ones are counters and indices, but for an operator that nobody knows.
                narrow = of_any_width or tensor.dtype.bytes_up_to(1) == 1
                if tensor.dtype.kind is Kind.INTEGER and tensor.elements >= MANY and narrow:
                    found[name] = None
        return [quoted(name) for name in found]

    def _gaps(self, unread: Sequence[str]) -> Iterator[str]:
        if unread:
            yield f"integers that may be weights, in no packing that is known: {listed(unread)}"
        if self._unfit:
            yield f"packed weights whose bytes do not fit their operator: {listed(self._unfit)}"
        numbers = [
            f"{node.numbers:,} in {quoted(node.op)}"
            for _, node in self._nodes()
            if node.numbers > FEW and node.op != "Constant"
        ]
        if numbers:
            yield f"numbers that are no tensors but settings of operators: {listed(numbers)}"
        compiled = [
            quoted(node.op)
            for _, node in self._nodes()
            if node.text_bytes > _LARGE_TEXT_BYTES or node.op == "EPContext"
        ]
        if compiled:
            yield f"operators with content of their own that is not read: {listed(compiled)}"


def _unknown_inputs(node: NodeMessage, local: Collection[str]) -> tuple[Sequence[int], bool]:
    """The inputs that may be weights though no table says so; whether integers of any width are.

    `local` are the functions of the model itself.
    """
    every = range(len(node.inputs))
    if node.domain not in _OURS:
        return ((), False) if node.op in local else (every, True)
    if node.domain == "com.microsoft" and node.op not in QUANTISED:
        return every, False
    if node.op in _UNPACKING:
        return every[:1], True
    return (every[:1] if node.op == "Cast" and node.ints.get("to") in FLOATS else ()), False

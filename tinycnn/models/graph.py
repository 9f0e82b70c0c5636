"""From symbolic tensors back to the calls that made them: which layers, in which order, and which values until when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinycnn.errors import ArgumentError
from tinycnn.layers import Input
from tinycnn.layers.symbolic import KerasTensor, Node
from tinycnn.layers.tree import leaves, map_leaves
from tinycnn.models.fusion import begins, chain_at

__all__ = ["Graph", "Step", "from_inputs", "get_source_inputs", "places", "redraw", "run", "steps", "trace"]


@dataclass(frozen=True)
class Graph:
    """What lies between inputs and outputs.

    Args:
        nodes: the calls, each after those it reads from; those that make inputs are among them.
        layers: layers and operations, each once, the farthest from the outputs first: Keras's order of `layers` and of weights.
    """

    nodes: list[Node]
    layers: list[Any]


def trace(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> Graph:
    """The calls that lead from `inputs` to `outputs`.

    Raises:
        ArgumentError: an output depends on an Input that is not among `inputs`, or on a tensor that no layer made.
    """
    given = {id(t) for t in inputs}
    found: dict[int, Any] = {}  # layers by id, in the order of discovery from the outputs
    nodes: list[Node] = []
    met: set[int] = set()

    def enter(tensor: KerasTensor) -> Node | None:
        """The node of `tensor`, if it is met for the first time and part of the graph."""
        node = tensor.node
        is_given = id(tensor) in given
        if is_given and (node is None or node.inputs):  # what made it is outside
            return None
        if node is None or (not node.inputs and not is_given):
            raise ArgumentError(f"outputs depend on the input {tensor.name!r}, which is not among inputs {[t.name for t in inputs]}")
        if id(node) in met:
            return None
        met.add(id(node))
        found.setdefault(id(node.layer), node.layer)
        return node

    for output in outputs:
        first = enter(output)
        stack = [(first, iter(first.inputs))] if first else []
        while stack:
            node, pending = stack[-1]
            below = next((n for n in map(enter, pending) if n), None)
            if below:
                stack.append((below, iter(below.inputs)))
            else:
                nodes.append(node)
                stack.pop()
    depths = _depths(nodes)
    unused = [t.node for t in inputs if t.node and not t.node.inputs and id(t.node) not in met]
    for node in unused:  # an input that no output depends on is an input all the same, and comes first of those without depth
        depths[id(node.layer)] = 0
    layers = sorted([*(node.layer for node in unused), *found.values()], key=lambda layer: -depths[id(layer)])
    return Graph([*nodes, *unused], layers)


def get_source_inputs(tensor: KerasTensor) -> list[KerasTensor]:
    """The tensors of `Input(...)` that a symbolic tensor depends on, each once, in the order of the calls' arguments."""
    found: dict[int, KerasTensor] = {}
    met: set[int] = set()
    stack = [tensor]
    while stack:
        part = stack.pop()
        if id(part) in met:
            continue
        met.add(id(part))
        if part.node is None or not part.node.inputs:
            found[id(part)] = part
        else:
            stack.extend(reversed(part.node.inputs))
    return list(found.values())


def _depths(nodes: list[Node]) -> dict[int, int]:
    """By id of layer: the longest way from it to an output; of a layer called in several places from the deepest that was seen before."""
    by_node: dict[int, int] = {}
    by_layer: dict[int, int] = {}
    inside = {id(node) for node in nodes}
    for node in reversed(nodes):
        depth = max(by_node.get(id(node), 0), by_layer.get(id(node.layer), 0))
        by_node[id(node)] = by_layer[id(node.layer)] = depth
        for tensor in node.inputs:
            if id(tensor.node) in inside:
                by_node[id(tensor.node)] = max(by_node.get(id(tensor.node), 0), depth + 1)
    return by_layer


def places(nodes: Iterable[Node]) -> dict[int, int]:
    """By id of each call: its number among those of its layer."""
    counts: Counter[int] = Counter()
    found = {}
    for node in sorted(nodes, key=lambda node: node.number):
        found[id(node)] = counts[id(node.layer)]
        counts[id(node.layer)] += 1
    return found


def from_inputs(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> tuple[list[KerasTensor], list[KerasTensor]]:
    """The same graph with an Input in place of every other tensor among `inputs`: the calls are made again, on the same layers."""
    if all(tensor.node and not tensor.node.inputs for tensor in inputs):
        return inputs, outputs
    graph = trace(inputs, outputs)
    twins: dict[int, KerasTensor] = {}
    for tensor in inputs:
        is_input = tensor.node is not None and not tensor.node.inputs
        twins[id(tensor)] = tensor if is_input else Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}CLONE")

    def twin(value: Any) -> Any:
        return twins.get(id(value), value)

    for node in graph.nodes:
        if node.inputs:
            results = map_leaves(lambda t: KerasTensor(t.shape, t.dtype, f"{t.name}_clone"), node.outputs)
            twins |= {id(old): new for old, new in zip(leaves(node.outputs), leaves(results), strict=True) if id(old) not in twins}
            Node(node.layer, map_leaves(twin, node.args), map_leaves(twin, node.kwargs), results)
    return [twin(t) for t in inputs], [twin(t) for t in outputs]


def redraw(
    graph: Graph, inputs: Sequence[KerasTensor], others: Sequence[KerasTensor], call: Callable[[Any, Any, Any], Any]
) -> dict[int, KerasTensor]:
    """By id of each tensor in the graph: what it is for other inputs, where `call` (layer, args, kwargs) gives the results of the calls."""
    twins = {id(t): other for t, other in zip(inputs, others, strict=True)}

    def twin(value: Any) -> Any:
        return twins.get(id(value), value)

    for node in graph.nodes:
        if node.inputs:
            results = call(node.layer, map_leaves(twin, node.args), map_leaves(twin, node.kwargs))
            twins |= {id(old): new for old, new in zip(leaves(node.outputs), leaves(results), strict=True)}
    return twins


# ---- running
@dataclass
class Step:
    """A call, or several calls done in one (see `fusion`), on values.

    Args:
        run: (*args, training=, **kwargs) -> result.
        first: the call that says the arguments.
        last: the call whose results come out.
    """

    run: Callable[..., Any]
    first: Node
    last: Node
    #: Ids of the tensors that no later step reads.
    last_reads: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        args, kwargs = self.first.args, self.first.kwargs
        #: The id of the only argument, where there is but one and it is a tensor: nearly always.
        self.lone: int | None = id(args[0]) if len(args) == 1 and not kwargs and isinstance(args[0], KerasTensor) else None
        self.has_lone_result = isinstance(self.last.outputs, KerasTensor)


def steps(nodes: Sequence[Node], outputs: Sequence[KerasTensor], fuses: bool) -> list[Step]:
    """How to run `nodes`: one by one, or with those fused that can be."""
    after = _sole_readers(nodes, outputs) if fuses else {}
    found = []
    done: set[int] = set()
    for node in nodes:
        if node.inputs and id(node) not in done:
            chain = [node]
            while begins(node.layer) and id(chain[-1]) in after:
                chain.append(after[id(chain[-1])])
            run, taken = chain_at([one.layer for one in chain], 0)
            found.append(Step(run, node, chain[taken - 1]))
            done |= {id(one) for one in chain[:taken]}
    read = {id(t) for t in outputs}
    for step in reversed(found):
        last_reads = {id(t) for t in step.first.inputs} - read
        step.last_reads = sorted(last_reads)
        read |= last_reads
    return found


def _sole_readers(nodes: Sequence[Node], outputs: Sequence[KerasTensor]) -> dict[int, Node]:
    """By id of node: the call that reads its result, where nobody else does and both are as plain as those in a stack."""
    readers: dict[int, list[Node | None]] = defaultdict(list)
    for node in nodes:
        for tensor in node.inputs:
            readers[id(tensor)].append(node if len(node.args) == 1 and node.args[0] is tensor and not node.kwargs else None)
    for tensor in outputs:
        readers[id(tensor)].append(None)
    sole = {}
    for node in nodes:
        read = readers[id(node.outputs)] if node.inputs and not node.kwargs and isinstance(node.outputs, KerasTensor) else []
        if len(read) == 1 and read[0] is not None:
            sole[id(node)] = read[0]
    return sole


def run(steps: Sequence[Step], values: dict[int, Any], training: bool | None) -> None:
    """Run the steps. `values`, id of symbolic tensor -> value, holds the inputs; what is needed no more is taken out of it."""
    for step in steps:
        if step.lone is not None:
            result = step.run(values[step.lone], training=training)
        else:
            result = _run_generally(step, values, training)
        if step.has_lone_result:
            values[id(step.last.outputs)] = result
        else:
            for tensor, value in zip(leaves(step.last.outputs), leaves(result), strict=True):
                values[id(tensor)] = value
        for key in step.last_reads:
            del values[key]


def _run_generally(step: Step, values: dict[int, Any], training: bool | None) -> Any:
    def fill(value: Any) -> Any:
        return values[id(value)] if isinstance(value, KerasTensor) else value

    kwargs = {"training": training, **step.first.kwargs}
    return step.run(*map_leaves(fill, step.first.args), **map_leaves(fill, kwargs))

"""The tape: which op made which tensor, and the walk back along it.

`record` runs a rule forward and, if any input wants a gradient, remembers it in a `Node`. `backward` sorts the nodes that lead to a
tensor, without recursion, and runs each rule's vjp from the result to the leaves. A node links to the nodes of its inputs, not to
the tensors: an intermediate value that no vjp saved is freed as soon as nobody else holds it.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, final

import numpy as np
from numpy import ndarray

from tinycnn.errors import GraphError
from tinycnn.kernels.select import current
from tinycnn.kernels.spec import Array
from tinycnn.rules.op import Needs, Op, Place

if TYPE_CHECKING:
    from tinycnn.autograd.tensor import Tensor

__all__ = ["Node", "backward", "gradients", "is_grad_enabled", "no_grad", "record", "run"]

F = TypeVar("F", bound=Callable[..., Any])

#: What a gradient goes to: an op, or a leaf. Both are found by identity in sets and dicts: no two of them have the same hash.
Link: TypeAlias = "Node | Tensor"


class _Mode(threading.local):
    grad_enabled = True
    is_quiet = False


_mode = _Mode()


class quiet:
    """Context manager: IEEE arithmetic without NumPy's warnings; an overflow or a log(0) shows as inf or nan, in every backend alike.

    Every op runs so. What runs many of them enters it around them all, and saves each the way in and out.
    """

    def __enter__(self) -> None:
        self._errstate = None if _mode.is_quiet else np.errstate(all="ignore")
        if self._errstate is not None:
            self._errstate.__enter__()
            _mode.is_quiet = True

    def __exit__(self, *exception: Any) -> None:
        if self._errstate is not None:
            _mode.is_quiet = False
            self._errstate.__exit__(*exception)


def is_grad_enabled() -> bool:
    """Whether ops of this thread are recorded."""
    return _mode.grad_enabled


class no_grad:
    """Context manager and decorator: inside, nothing is recorded and results do not require gradients. Per thread; nests."""

    def __init__(self) -> None:
        self._before: list[bool] = []  # it may be entered again while it is

    def __enter__(self) -> None:
        self._before.append(_mode.grad_enabled)
        _mode.grad_enabled = False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _mode.grad_enabled = self._before.pop()

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with no_grad():
                return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


@final
class Node:
    """One recorded op.

    Args:
        inputs: for each input, its node, its tensor where that is a leaf, or None where no gradient goes.
    """

    __slots__ = ("below", "geometry", "inputs", "op", "retaining", "saved")

    def __init__(self, op: type[Op], geometry: Any, saved: Any, inputs: Sequence[Link | None]) -> None:
        self.op: type[Op] | None = op
        self.geometry = geometry
        self.saved = saved
        self.inputs = inputs
        #: Those of the inputs that are nodes.
        self.below: Sequence[Node] = [link for link in inputs if type(link) is Node]
        #: A weak reference to the result, if it wants its gradient from `backward`.
        self.retaining: weakref.ref[Tensor] | None = None

    def release(self) -> None:
        """Let go of everything saved; the node cannot be walked again."""
        self.op = self.geometry = self.saved = None
        self.inputs = self.below = ()


def _geometry(op: type[Op], parameters: dict[str, Any], *shapes: Any) -> Any:
    """What follows from shapes and parameters, remembered, since it is the same in every step."""
    if "seed" in parameters:  # a new one each time
        return op.shape(*shapes, **parameters)
    try:
        return _remembered(op, shapes, _types(tuple(parameters.values())), **parameters)  # type: ignore[arg-type]  # a class can be hashed
    except TypeError:  # a list, an array or a slice among the parameters; or a mistake, which comes again
        return op.shape(*shapes, **parameters)


@functools.lru_cache(maxsize=1024)
def _remembered(op: type[Op], shapes: tuple[Any, ...], types: Any, /, **parameters: Any) -> Any:
    return op.shape(*shapes, **parameters)


def _types(value: Any) -> Any:
    """What tells parameters apart that compare equal: axis=1.0 is a mistake, after an axis=1, too, and the index True is not 1."""
    if type(value) is tuple:
        return tuple(map(_types, value))
    return _types((value.start, value.stop, value.step)) if type(value) is slice else type(value)


def record(op: type[Op], inputs: tuple[Tensor | None, ...], parameters: dict[str, Any]) -> tuple[Any, Any, Node | None]:
    """Run `op` on the tensors' arrays: -> result array, what the rule saved, and the node (None if no gradient is wanted)."""
    return run(op, functools.partial(_geometry, op, parameters), inputs)


def run(op: type[Op], geometry_of: Callable[..., Any], inputs: tuple[Tensor | None, ...]) -> tuple[Any, Any, Node | None]:
    """`record` for a known `geometry_of`: the inputs' shapes -> geometry."""
    arrays, shapes = [], []
    links: list[Link | None] = []
    needed = False
    for t in inputs:  # one loop in place of comprehensions, each of which is a function of its own
        array = None if t is None else t.data
        arrays.append(array)
        shapes.append(None if array is None else array.shape)
        if t is None or not t.requires_grad:
            links.append(None)
            continue
        needed = True
        links.append(t.node or t)
    geometry = geometry_of(*shapes)
    if _mode.is_quiet:
        y, saved = op.forward(current(), geometry, *arrays)
    else:
        with quiet():
            y, saved = op.forward(current(), geometry, *arrays)
    if not needed or not _mode.grad_enabled:
        return y, saved, None
    return y, saved, Node(op, geometry, saved, links)


def _sorted(root: Node) -> list[Node]:
    """The nodes below `root`, each after all that it was computed from (depth-first, with a stack of its own)."""
    order: list[Node] = []
    seen = {root}
    stack = [(root, iter(root.below))]
    while stack:
        node, below = stack[-1]
        for child in below:
            if child not in seen:
                seen.add(child)
                stack.append((child, iter(child.below)))
                break
        else:
            stack.pop()
            order.append(node)
            if node.op is None:
                raise GraphError("this graph was freed by an earlier backward(); use backward(retain_graph=True) there to walk it twice")
    return order


def _with_places(node: Node, offered: set[Tensor]) -> Needs:
    """What `node` needs, with the places of those leaves that have one and meet their first gradient here; they join `offered`."""
    needs: list[bool | Place] = []
    for link in node.inputs:
        if link is None:
            needs.append(False)
        elif type(link) is Node or link in offered:
            needs.append(True)
        else:
            offered.add(link)
            needs.append(link.place() or True)
    return needs


def backward(root: Node, gradient: Array, *, retain_graph: bool = False) -> None:
    """Run the vjps from `root`, seeded with `gradient`, and add what arrives to the `.grad` of leaves, and of tensors that retain theirs.

    These change at the very end, so an error on the way leaves all gradients as they were.
    """
    for link, found in _flow(_sorted(root), gradient, retain_graph).items():
        if type(link) is not Node:
            link.accumulate(found)
        elif link.retaining is not None and (tensor := link.retaining()) is not None:
            tensor.accumulate(found)


def gradients(root: Node, gradient: Array, wanted: Collection[Link], *, retain_graph: bool = False) -> dict[Link, Array]:
    """Run only those vjps between `root` and some nodes and leaves; -> the gradients of those `wanted` that are below `root`, at least."""
    order = _sorted(root)
    reaching = set(wanted)
    for node in order:
        if not reaching.isdisjoint(node.inputs):
            reaching.add(node)
    return _flow(order, gradient, retain_graph, wanted, reaching)


def _flow(
    order: list[Node], gradient: Array, retain_graph: bool, wanted: Collection[Link] = (), reaching: Collection[Link] | None = None
) -> dict[Link, Array]:
    """Run the vjps of sorted nodes, the last seeded with `gradient`.

    -> the gradients of all leaves, of nodes that are `wanted` and of those whose result retains its own. With `reaching`, the nodes and
    leaves that are wanted or lead to such, only what is among these is computed.
    """
    kernels = current()
    flowing: dict[Link, Array] = {order[-1]: gradient}
    kept: dict[Link, Array] = {}
    offered: set[Tensor] = set()
    with quiet():
        for node in reversed(order):
            dy = flowing.pop(node, None)
            if dy is None:
                continue
            if node.retaining is not None or node in wanted:
                kept[node] = dy
            if reaching is None:
                needs = _with_places(node, offered)
            else:
                needs = tuple([link is not None and link in reaching for link in node.inputs])
                if True not in needs:
                    continue
            assert node.op is not None  # _sorted has checked it
            parts = node.op.vjp(kernels, node.geometry, node.saved, dy, needs)
            for link, part in zip(node.inputs, parts, strict=True):
                if link is not None and part is not None:
                    found = flowing[link] + part if link in flowing else part
                    flowing[link] = found if type(found) is ndarray else np.asarray(found)
            if not retain_graph:
                node.release()
    flowing |= kept
    return flowing

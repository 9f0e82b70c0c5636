"""An ONNX file, read with no trust in it, as plain records.

A file is parsed by protobuf, in memory. Nothing in it opens another file: tensors whose data lies elsewhere are refused. Sizes are
compared with the bytes that are there before an array is made of them; every name is checked before it is looked up, so a node can read
only what stands before it.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.errors import DataError
from tinycnn.layers.shapes import Shape
from tinycnn.saving.file_errors import naming
from tinycnn.saving.onnx.package import load_onnx_package, newest_opset

__all__ = ["DTYPES", "Graph", "Port", "Step", "read_graph", "shortened"]

#: TensorProto.DataType -> the dtype to compute in, and that of the bytes in the file. Half precision is computed in float32.
DTYPES = {
    1: ("float32", "<f4"),
    2: ("uint8", "u1"),
    3: ("int8", "i1"),
    4: ("uint16", "<u2"),
    5: ("int16", "<i2"),
    6: ("int32", "<i4"),
    7: ("int64", "<i8"),
    9: ("bool", "?"),
    10: ("float32", "<f2"),
    11: ("float64", "<f8"),
    12: ("uint32", "<u4"),
    13: ("uint64", "<u8"),
}
_OLDEST_OPSET = 6
#: Protobuf's own limit.
_MAX_BYTES = 2**31
#: More axes than any operator here takes.
_MAX_RANK = 16
_MAX_NAME = 80


@dataclass(frozen=True)
class Port:
    """An input or an output of the graph."""

    name: str
    dtype: str
    #: None where the file does not say; a size that it names only, as the batch, is None in it.
    shape: Shape | None


@dataclass(frozen=True)
class Step:
    """One node."""

    op: str
    #: For errors: the node's name, or its first output's.
    name: str
    #: Empty for one that is left out.
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """What a file holds."""

    name: str
    opset: int
    inputs: list[Port]
    outputs: list[Port]
    constants: dict[str, NDArray[Any]]
    steps: list[Step]
    #: Names after whose last reader nothing needs them, by the reader's place.
    last_reads: dict[int, list[str]] = field(default_factory=dict)


def shortened(name: Any) -> str:
    """A name out of a file, in a form fit for an error message."""
    text = repr(str(name))
    return text if len(text) <= _MAX_NAME else f"{text[: _MAX_NAME - 4]}...'"


def read_graph(path: str | os.PathLike[str], knows: Callable[[str], bool]) -> Graph:
    """The graph in a file.

    Args:
        path: of the file.
        knows: whether there is an operator of that name.

    Raises:
        DataError: naming the path: not an ONNX file, damaged, of another version, with operators that are not known (all of them are
            listed), or asking for what is refused.
        BackendError: the package `onnx` is not installed.
        OSError: the file cannot be read.
    """
    onnx = load_onnx_package()
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        data = stream.read(_MAX_BYTES) if size <= _MAX_BYTES else b""
    with naming(path):
        if size > _MAX_BYTES:
            raise DataError(f"it has {size} bytes, and an ONNX file {_MAX_BYTES} at most")
        return _graph(_parsed(onnx, data), knows)


def _parsed(onnx: Any, data: bytes) -> Any:
    """The file as protobuf has it."""
    from google.protobuf.message import DecodeError, Error

    try:
        proto = onnx.ModelProto.FromString(data)
    except (DecodeError, Error, ValueError, RecursionError) as error:
        raise DataError(f"not an ONNX file, or damaged ({type(error).__name__})") from None
    if not proto.HasField("graph") or not proto.opset_import:
        raise DataError("not an ONNX file: it has no graph or no version of the operators")
    return proto


def _graph(proto: Any, knows: Callable[[str], bool]) -> Graph:
    versions = [entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions or not _OLDEST_OPSET <= versions[0] <= newest_opset():
        raise DataError(f"its operators are of version {versions[:1] or 'unknown'}, supported are {_OLDEST_OPSET} to {newest_opset()}")
    graph = proto.graph
    if graph.sparse_initializer:
        raise DataError("it has sparse tensors, which are not supported")
    _check_operators(graph.node, knows)
    constants = _initializers(graph)
    inputs = [_port(value, "input") for value in graph.input if value.name not in constants]
    steps: list[Step] = []
    for node in graph.node:
        step = _step(node)
        if step.op == "Constant":
            constants[step.outputs[0]] = _constant(step)
        else:
            steps.append(step)
    outputs = [_port(value, "output") for value in graph.output]
    _check_names(constants, inputs, outputs, steps)
    return Graph(graph.name, versions[0], inputs, outputs, constants, steps, _last_reads(steps, outputs))


def _check_operators(nodes: Any, knows: Callable[[str], bool]) -> None:
    """DataError with all operators that are not known: how often, and where."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
        if op != "Constant" and not knows(op):
            found.setdefault(op, []).append(node.name or (node.output[0] if node.output else ""))
    if found:
        told = [f"{shortened(op)[1:-1]} ({len(names)}: {_some(names)})" for op, names in sorted(found.items())]
        raise DataError(f"it has operators that are not supported: {', '.join(told[:100])}")


def _some(names: list[str]) -> str:
    """The first names of a list that may be long."""
    return ", ".join(map(shortened, names[:3])) + (", ..." if len(names) > 3 else "")


def _port(value: Any, kind: str) -> Port:
    """An input or output, whose type must be a tensor's of a dtype that is supported."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or tensor.elem_type not in DTYPES:
        raise DataError(f"the {kind} {shortened(value.name)} is not a tensor of numbers")
    if not tensor.HasField("shape"):
        return Port(value.name, DTYPES[tensor.elem_type][0], None)
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    if len(sizes) > _MAX_RANK or any(n is not None and n < 0 for n in sizes):
        raise DataError(f"the {kind} {shortened(value.name)} has an impossible shape")
    return Port(value.name, DTYPES[tensor.elem_type][0], tuple(sizes))


def _initializers(graph: Any) -> dict[str, NDArray[Any]]:
    constants: dict[str, NDArray[Any]] = {}
    for tensor in graph.initializer:
        if tensor.name in constants or not tensor.name:
            raise DataError(f"the initializer {shortened(tensor.name)} is there twice, or has no name")
        constants[tensor.name] = _array(tensor)
    return constants


def _array(tensor: Any) -> NDArray[Any]:
    """A TensorProto's values. What it says of its size must be what it has."""
    who = f"the tensor {shortened(tensor.name)}"
    if tensor.data_location != 0 or tensor.external_data:
        raise DataError(f"{who} has its data in another file, which is not opened")
    if tensor.data_type not in DTYPES or tensor.HasField("segment"):
        raise DataError(f"{who} has the dtype {tensor.data_type} or comes in segments, which is not supported")
    shape = tuple(tensor.dims)
    if len(shape) > _MAX_RANK or any(n < 0 for n in shape) or (0 in shape and math.prod(max(n, 1) for n in shape) > _MAX_BYTES):
        raise DataError(f"{who} has an impossible shape")
    count = math.prod(shape)
    dtype, stored = DTYPES[tensor.data_type]
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != count * np.dtype(stored).itemsize:
            raise DataError(f"{who} of shape {shape} has {len(tensor.raw_data)} bytes, expected {count * np.dtype(stored).itemsize}")
        values = np.frombuffer(tensor.raw_data, stored)
    else:
        values = _listed(tensor, count, who)
    return values.astype(dtype).reshape(shape)


#: dtype in the file -> the list that holds its values if they are not raw bytes.
_FIELDS = {1: "float_data", 11: "double_data", 7: "int64_data", 12: "uint64_data", 13: "uint64_data"}


def _listed(tensor: Any, count: int, who: str) -> NDArray[Any]:
    """The values of a TensorProto that lists them as numbers."""
    values = getattr(tensor, _FIELDS.get(tensor.data_type, "int32_data"))
    if len(values) != count:
        raise DataError(f"{who} has {len(values)} values, expected {count}")
    array = np.array(values)
    if tensor.data_type == 10:  # bit patterns
        return array.astype(np.uint16).view(np.float16)
    return array


def _step(node: Any) -> Step:
    """A node; its attributes as Python's numbers, strings and arrays."""
    if not node.output or not node.output[0]:
        raise DataError(f"the node {shortened(node.name)} ({shortened(node.op_type)}) has no output")
    name = node.name or node.output[0]
    attributes: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.name in attributes or attribute.ref_attr_name:
            raise DataError(f"the attribute {shortened(attribute.name)} of node {shortened(name)} is there twice, or a reference")
        attributes[attribute.name] = _attribute(attribute, name)
    return Step(node.op_type, name, tuple(node.input), tuple(node.output), attributes)


def _attribute(attribute: Any, node: str) -> Any:
    kinds: dict[int, Callable[[], Any]] = {
        attribute.FLOAT: lambda: float(attribute.f),
        attribute.INT: lambda: int(attribute.i),
        attribute.STRING: lambda: attribute.s.decode("utf-8", "replace"),
        attribute.TENSOR: lambda: _array(attribute.t),
        attribute.FLOATS: lambda: tuple(map(float, attribute.floats)),
        attribute.INTS: lambda: tuple(map(int, attribute.ints)),
    }
    if attribute.type not in kinds:
        raise DataError(f"the attribute {shortened(attribute.name)} of node {shortened(node)} is of a kind that is not supported")
    return kinds[attribute.type]()


def _constant(step: Step) -> NDArray[Any]:
    """The value of a Constant node."""
    kinds = {"value": None, "value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    if len(step.attributes) != 1 or not set(step.attributes) <= set(kinds):
        raise DataError(f"the Constant {shortened(step.name)} has the attributes {sorted(step.attributes)[:5]}, expected one of numbers")
    ((name, value),) = step.attributes.items()
    if name == "value" and not isinstance(value, np.ndarray):
        raise DataError(f"the value of the Constant {shortened(step.name)} is not a tensor")
    try:
        return np.asarray(value, kinds[name])
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"the {name} of the Constant {shortened(step.name)} does not hold numbers") from None


def _check_names(constants: dict[str, Any], inputs: Sequence[Port], outputs: Sequence[Port], steps: Sequence[Step]) -> None:
    """DataError unless every name has one maker, and no node reads what no earlier one made."""
    makers = Counter([*constants, *(port.name for port in inputs), *(name for step in steps for name in step.outputs if name)])
    twice = [name for name, count in makers.items() if count > 1]
    if twice:
        raise DataError(f"the name {shortened(twice[0])} is given to two values")
    known = {*constants, *(port.name for port in inputs)}
    for step in steps:
        for name in step.inputs:
            if name and name not in known:
                raise DataError(f"the node {shortened(step.name)} ({step.op}) reads {shortened(name)}, which no earlier node makes")
        known.update(step.outputs)
    if len({port.name for port in outputs}) < len(outputs):
        raise DataError("it has an output twice")
    for port in outputs:
        if port.name not in known or not port.name:
            raise DataError(f"the output {shortened(port.name)} is made by no node")
    if not inputs or not outputs:
        raise DataError("it has no inputs or no outputs")


def _last_reads(steps: Sequence[Step], outputs: Sequence[Port]) -> dict[int, list[str]]:
    """Place of a node -> names that nobody reads after it."""
    seen = {port.name for port in outputs}
    last: dict[int, list[str]] = {}
    for place in range(len(steps) - 1, -1, -1):
        for name in {*steps[place].inputs, *steps[place].outputs}:
            if name and name not in seen:
                seen.add(name)
                last.setdefault(place, []).append(name)
    return last

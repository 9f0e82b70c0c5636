"""A model as an ONNX file, for other runtimes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn.checks import check_path
from tinycnn.errors import ArgumentError, NotBuiltError
from tinycnn.layers.operation import Operation
from tinycnn.layers.symbolic import Node
from tinycnn.layers.tree import leaves
from tinycnn.models import graph
from tinycnn.models.model import Model, check_model
from tinycnn.saving.atomic import replacing
from tinycnn.saving.onnx.builder import Builder, Unsupported, Value, straight
from tinycnn.saving.onnx.layers import convert_layer
from tinycnn.saving.onnx.operations import convert_operation
from tinycnn.saving.onnx.package import load_onnx_package, newest_opset
from tinycnn.version import __version__

__all__ = ["export_onnx"]

_OLDEST_OPSET = 13
_DEFAULT_OPSET = 18


def export_onnx(model: Model, filepath: str | os.PathLike[str], opset_version: int | None = None) -> None:
    """Write `model`, in inference mode, as an ONNX graph.

    Inputs and outputs have the model's names and layout (channels last, unless the model has them first); the batch is of any size where
    the model leaves it open. Inside, channels come first, as ONNX has it, with transpositions only where the layout matters.

    Args:
        model: built, Sequential or functional, nested ones too.
        filepath: of the file, which is written atomically.
        opset_version: the version of ONNX's operators; from 13, default 18.

    Raises:
        ArgumentError: a layer or an activation has no words in ONNX (all of them are named), or opset_version is out of range.
        NotBuiltError: the model has no shapes yet.
        BackendError: the package `onnx` is not installed.
        OSError: the file cannot be written; an older one is as it was.
    """
    model, path = check_model(model), check_path("filepath", filepath)
    onnx = load_onnx_package()
    opset = _DEFAULT_OPSET if opset_version is None else opset_version
    if isinstance(opset, bool) or not isinstance(opset, int) or not _OLDEST_OPSET <= opset <= newest_opset():
        raise ArgumentError(f"opset_version must be from {_OLDEST_OPSET} to {newest_opset()}, got {opset_version!r}")
    names_in, names_out = _names(model)
    b = Builder(opset, model.dtype, [*names_in, *names_out])
    problems: list[str] = []
    inputs = [_input(b, name, tensor) for name, tensor in zip(names_in, model.inputs, strict=True)]
    outputs = _write(b, model, inputs, problems)
    if problems:
        raise ArgumentError(f"model {model.name!r} cannot be written as ONNX, for there is no converter for {'; '.join(problems)}")
    proto = _proto(onnx, model, b, names_out, outputs)
    try:
        data = proto.SerializeToString()
    except ValueError as error:  # protobuf's limit of 2 GiB
        raise ArgumentError(f"model {model.name!r} is too large for one ONNX file: {error}") from None
    with replacing(path) as stream:
        stream.write(data)


def _names(model: Model) -> tuple[list[str], list[str]]:
    """What inputs and outputs are called; an output that has the name of an input gets another."""
    if not model.inputs:
        raise NotBuiltError(
            f"export() needs the graph of model {model.name!r}: build a Sequential first; a subclassed model has none, "
            "draw it with Model(inputs, outputs)"
        )
    names_in = list(model.input_names or [])
    names_out: list[str] = []
    for name in model.output_names or ["output"]:
        names_out.append(f"{name}_output" if name in (*names_in, *names_out) else name)
    return names_in, names_out


def _input(b: Builder, name: str, tensor: Any) -> Value:
    """An input of the graph; numbers that are not of the model's dtype are cast."""
    from onnx import helper

    if np.dtype(tensor.dtype) != b.dtype:
        name = b.node("Cast", name, to=helper.np_dtype_to_tensor_dtype(b.dtype))
    return Value(name, tensor.shape, straight(len(tensor.shape)))


def _write(b: Builder, model: Model, inputs: Sequence[Value], problems: list[str]) -> list[Value]:
    """The nodes of a model, and of the models in it; what cannot be written is added to `problems`."""
    values = {id(tensor): value for tensor, value in zip(model.inputs, inputs, strict=True)}
    scope = b.scope
    for call in graph.trace(model.inputs, model.outputs).nodes:
        if not call.inputs:
            continue
        read = [values[id(tensor)] for tensor in call.inputs]
        b.scope = f"{scope}/{call.layer.name}".lstrip("/")
        if isinstance(call.layer, Model) and call.layer.inputs:
            made = _write(b, call.layer, read, problems)
        else:
            made = _call(b, call, read, problems)
        values |= {id(tensor): made[tensor.index] for tensor in leaves(call.outputs)}
    b.scope = scope
    return [values[id(tensor)] for tensor in model.outputs]


def _call(b: Builder, call: Node, read: list[Value], problems: list[str]) -> list[Value]:
    """One call of one layer. What stands for the results of an unsupported one has their shapes and no more."""
    layer = call.layer
    try:
        if np.dtype(getattr(layer, "dtype", b.dtype)) != b.dtype:
            raise Unsupported(f"dtype {layer.dtype} in a model of {b.dtype}")
        if isinstance(layer, Operation):
            return [convert_operation(b, call, read)]
        return [convert_layer(b, layer, read)]
    except Unsupported as reason:
        what = "" if str(reason) == "the layer" else f"{reason} of "
        problem = f"{what}{layer.name!r} ({type(layer).__name__})"
        if problem not in problems:
            problems.append(problem)
        return [Value("", tensor.shape, straight(len(tensor.shape))) for tensor in leaves(call.outputs)]


def _proto(onnx: Any, model: Model, b: Builder, names_out: Sequence[str], outputs: Sequence[Value]) -> Any:
    """The finished file."""
    helper = onnx.helper
    sources = [b.ordered(value) for value in outputs]
    made = {node.output for node in b.nodes}
    final: dict[str, str] = {}  # a node's own name for its output -> the graph's
    copies = []  # an input that is an output too, or a value that is an output twice
    for source, name in zip(sources, names_out, strict=True):
        if source in made and source not in final:
            final[source] = name
        else:
            copies.append((source, name))
    nodes = [
        helper.make_node(
            node.op, [final.get(i, i) for i in node.inputs], [final.get(node.output, node.output)], name=node.output, **node.attributes
        )
        for node in b.nodes
    ]
    nodes += [helper.make_node("Identity", [final.get(source, source)], [name], name=name) for source, name in copies]
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype)), _dims(tensor.shape))
        for name, tensor in zip(model.input_names or (), model.inputs, strict=True)
    ]
    dtype = helper.np_dtype_to_tensor_dtype(b.dtype)
    results = [helper.make_tensor_value_info(name, dtype, _dims(value.shape)) for name, value in zip(names_out, outputs, strict=True)]
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in b.constants.items()]
    drawn = helper.make_graph(nodes, model.name, inputs, results, constants)
    opsets = [helper.make_opsetid("", b.opset)]
    return helper.make_model(
        drawn,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="tinycnn",
        producer_version=__version__,
    )


def _dims(shape: Sequence[int | None]) -> list[Any]:
    """Sizes; an unknown batch has a name."""
    return ["batch" if axis == 0 and n is None else n for axis, n in enumerate(shape)]

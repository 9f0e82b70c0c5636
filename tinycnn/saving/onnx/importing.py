"""An ONNX file as a model."""

from __future__ import annotations

import os
from typing import Any

from tinycnn.checks import check_path
from tinycnn.errors import DataError
from tinycnn.layers import Activation, Input, KerasTensor
from tinycnn.models.model import Model
from tinycnn.models.outputs import as_list
from tinycnn.saving import budget
from tinycnn.saving.file_errors import naming
from tinycnn.saving.onnx.operator import OPERATORS
from tinycnn.saving.onnx.reading import Graph, read_graph, shortened
from tinycnn.saving.onnx.runner import OnnxGraph

__all__ = ["load_onnx"]


def load_onnx(filepath: str | os.PathLike[str]) -> Model:
    """A model that runs the graph in a file, with the file's layout: images are mostly (N, C, H, W) there.

    The initializers become its weights, so it can be compiled and trained further; dropout and batch normalisation then work as they do in
    training. Weights have the names they have in the file.

    Args:
        filepath: of a file with one graph of operators of version 6 or newer. Nothing that it names is opened.

    Raises:
        DataError: naming the path: not an ONNX file, damaged, or with what is not supported; unsupported operators are listed all at once.
        BackendError: the package `onnx` is not installed.
        OSError: the file cannot be read.
    """
    path = check_path("filepath", filepath)
    graph = read_graph(path, OPERATORS.__contains__)
    with naming(path), budget.limited(os.path.getsize(path) / 2):
        try:
            return _model(graph)
        except MemoryError as error:
            raise DataError(f"the graph cannot be run: {error}") from None


def _model(graph: Graph) -> Model:
    layer = OnnxGraph(graph)
    inputs = []
    for port in graph.inputs:
        if port.shape is None or not port.shape:
            raise DataError(f"the input {shortened(port.name)} has no shape, or no axis for the batch")
        inputs.append(Input(batch_shape=port.shape, dtype=port.dtype, name=_layer_name(port.name)))
    found = layer(inputs if len(inputs) > 1 else inputs[0])
    outputs = [_named(tensor, port.name, inputs, layer.dtype) for tensor, port in zip(as_list(found), graph.outputs, strict=True)]
    return Model(inputs, outputs if len(outputs) > 1 else outputs[0])


def _named(tensor: Any, name: str, inputs: list[KerasTensor], dtype: str) -> KerasTensor:
    """The same tensor out of a layer of that name: models call their outputs by layers."""
    name = _layer_name(name)
    taken = name in [t.name for t in inputs]
    named: KerasTensor = Activation("linear", name=f"{name}_output" if taken else name, dtype=dtype)(tensor)
    return named


def _layer_name(name: str) -> str:
    """A name out of a file as a layer may have it."""
    return name.replace("/", "_")

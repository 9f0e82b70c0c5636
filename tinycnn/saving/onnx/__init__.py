"""ONNX files (https://onnx.ai), with the package `onnx` of the extra of the same name.

exporting    a model as a graph: `layers`, `windows` and `activations` have the words, `builder` puts them together
importing    a graph as a model: `reading` distrusts the file, `runner` is the layer that runs it; what its nodes compute stands in
             `operators`, `shape_operators` and `window_operators`, entered in the table of `operator`
"""

from tinycnn.saving.onnx.exporting import export_onnx
from tinycnn.saving.onnx.importing import load_onnx

__all__ = ["export_onnx", "load_onnx"]

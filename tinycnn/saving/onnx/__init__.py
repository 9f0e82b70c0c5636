"""ONNX files (https://onnx.ai), with the package `onnx` of the extra of the same name.

exporting    a model as a graph: `layers`, `windows` and `activations` have the words, `builder` puts them together
importing    a graph as a model: `reading` distrusts the file, `runner` is the layer that runs it, `operators` what its nodes compute
"""

from tinycnn.saving.onnx.exporting import export_onnx

__all__ = ["export_onnx"]

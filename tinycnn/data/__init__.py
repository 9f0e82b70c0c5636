"""From what a user passes to fit, evaluate and predict to checked batches of arrays.

`structure` flattens lists and dicts, `arrays` checks and splits arrays, `batches` cuts arrays and streams into batches, `py_dataset` is
the base of data sets of one's own, and `prefetch` makes their batches ahead.
"""

from tinycnn.data.arrays import ArrayData, check_finite, class_weights_to_sample_weights, split_validation
from tinycnn.data.batches import ArrayBatches, Batch, Batches, Epochs, StreamBatches, whole
from tinycnn.data.py_dataset import PyDataset
from tinycnn.data.structure import Structure, flatten, is_stream, pack

__all__ = [
    "ArrayBatches",
    "ArrayData",
    "Batch",
    "Batches",
    "Epochs",
    "PyDataset",
    "StreamBatches",
    "Structure",
    "check_finite",
    "class_weights_to_sample_weights",
    "flatten",
    "is_stream",
    "pack",
    "split_validation",
    "whole",
]

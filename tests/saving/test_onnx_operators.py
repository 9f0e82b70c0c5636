"""ONNX's operators one by one, from version to version, against onnxruntime."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tinycnn import saving
from tinycnn.errors import DataError
from tinycnn.saving.onnx import runner
from tinycnn.saving.onnx.operator import OPERATORS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, pytest.importorskip("onnx.numpy_helper")

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.uniform(-2, 2, shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


IMAGE, WIDE, ROW, FLAT = floats(2, 4, 7, 6), floats(2, 3, 9, 11), floats(2, 4, 9), floats(3, 5)
POSITIVE = np.abs(floats(4)) + 0.5
EACH = [floats(4), floats(4), floats(4), POSITIVE]

#: (operator, versions, the inputs - an array for the graph's input, the others for constants, None for one left out -, attributes).
CASES: list[tuple[str, tuple[int, ...], list, dict]] = [
    *[(op, (7, 13, 21), [IMAGE], {}) for op in ("Abs", "Ceil", "Cos", "Exp", "Floor", "Identity", "Neg", "Reciprocal", "Relu", "Sigmoid")],
    *[(op, (7, 13, 21), [IMAGE], {}) for op in ("Sin", "Softplus", "Softsign", "Tanh")],
    *[(op, (7, 13, 21), [np.abs(IMAGE) + 0.1], {}) for op in ("Log", "Sqrt")],
    ("Erf", (9, 13), [IMAGE], {}),
    ("Sign", (9, 13), [IMAGE], {}),
    ("Round", (11, 22), [IMAGE], {}),
    ("HardSwish", (14,), [IMAGE], {}),
    ("Mish", (18,), [IMAGE], {}),
    ("LeakyRelu", (6, 16), [IMAGE], {"alpha": 0.2}),
    ("LeakyRelu", (16,), [IMAGE], {"alpha": -0.2}),
    ("PRelu", (7, 16), [IMAGE, floats(4, 1, 1)], {}),
    ("Elu", (6, 22), [IMAGE], {"alpha": 0.7}),
    ("Celu", (12,), [IMAGE], {"alpha": 0.7}),
    ("Selu", (6, 22), [IMAGE], {}),
    ("Gelu", (20,), [IMAGE], {}),
    ("Gelu", (20,), [IMAGE], {"approximate": "tanh"}),
    ("HardSigmoid", (6, 22), [IMAGE], {"alpha": 0.3}),
    ("ThresholdedRelu", (10, 22), [IMAGE], {"alpha": 0.5}),
    ("Shrink", (9,), [IMAGE], {"lambd": 0.4, "bias": 0.1}),
    ("Clip", (6, 10), [IMAGE], {"min": -0.5, "max": 1.0}),
    ("Clip", (11, 13), [IMAGE, number(-0.5), number(1)], {}),
    ("Clip", (11, 13), [IMAGE, None, number(1)], {}),
    *[(op, (7, 12), [IMAGE], {"axis": axis}) for op in ("Softmax", "LogSoftmax") for axis in (1, 2, 3)],
    *[(op, (7, 12), [FLAT], {}) for op in ("Softmax", "LogSoftmax")],
    *[(op, (13, 21), [IMAGE], {"axis": axis}) for op in ("Softmax", "LogSoftmax") for axis in (1, -1)],
    # two operands
    *[(op, (7, 13), [IMAGE, floats(4, 1, 1)], {}) for op in ("Add", "Sub", "Mul", "Div")],
    *[(op, (7, 15), [np.abs(IMAGE), number(e)], {}) for op in ("Pow",) for e in (2, 0.5, -1.5, 3)],
    ("Pow", (13,), [np.abs(FLAT), np.abs(floats(3, 5))], {}),
    *[(op, (9, 13), [IMAGE, floats(6)], {}) for op in ("Greater", "Less")],
    *[(op, (12, 16), [IMAGE, floats(6)], {}) for op in ("GreaterOrEqual", "LessOrEqual")],
    ("Equal", (11, 13), [np.rint(IMAGE), number(1)], {}),
    *[(op, (7,), [IMAGE > 0, floats(6) > 0], {}) for op in ("And", "Or")],
    ("Not", (1,), [IMAGE > 0], {}),
    *[(op, (8, 13), [IMAGE, floats(6), floats(4, 1, 1)], {}) for op in ("Max", "Min", "Sum", "Mean")],
    ("Where", (9, 16), [IMAGE > 0, floats(6), floats(7, 1)], {}),
    ("Div", (13,), [np.array([7, -7, 7, -7], np.int64), ints(2, 2, -2, -2)], {}),
    ("MatMul", (9, 13), [floats(2, 3, 4), floats(4, 5)], {}),
    ("Gemm", (7, 11, 13), [FLAT, floats(4, 5), floats(4)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("Gemm", (11, 13), [FLAT, floats(3, 2)], {"transA": 1}),
    # reductions
    *[(f"Reduce{op}", (11, 13), [IMAGE], {"axes": [1, -1], "keepdims": 0}) for op in ("Mean", "Max", "Min", "L1", "L2", "SumSquare")],
    *[(f"Reduce{op}", (18,), [IMAGE, ints(2, 3)], {}) for op in ("Mean", "Max", "Min", "L1", "L2", "SumSquare", "LogSumExp")],
    *[(f"Reduce{op}", (18,), [IMAGE], {}) for op in ("Mean", "Max")],
    ("ReduceMean", (18,), [IMAGE], {"noop_with_empty_axes": 1}),
    ("ReduceSum", (11,), [IMAGE], {"axes": [2]}),
    ("ReduceSum", (13, 18), [IMAGE, ints(2)], {"keepdims": 0}),
    *[(op, (12, 13), [np.rint(IMAGE)], {"axis": 1, "keepdims": k, "select_last_index": k}) for op in ("ArgMax", "ArgMin") for k in (0, 1)],
    # windows
    ("Conv", (6, 11, 22), [IMAGE, floats(5, 4, 3, 2), floats(5)], {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    ("Conv", (11,), [IMAGE, floats(6, 2, 3, 3)], {"group": 2, "dilations": [2, 1], "kernel_shape": [3, 3]}),
    *[("Conv", (11,), [IMAGE, floats(5, 4, 3, 2)], {"auto_pad": pad, "strides": [2, 2]}) for pad in ("SAME_UPPER", "SAME_LOWER", "VALID")],
    ("Conv", (11,), [ROW, floats(5, 4, 3), floats(5)], {"pads": [2, 1], "strides": [2], "dilations": [2]}),
    ("ConvTranspose", (6, 11, 22), [IMAGE, floats(4, 3, 3, 2), floats(3)], {"strides": [2, 1], "pads": [1, 0, 0, 1]}),
    ("ConvTranspose", (11,), [IMAGE, floats(4, 3, 3, 3)], {"strides": [3, 2], "output_padding": [2, 1], "group": 2, "dilations": [1, 2]}),
    ("ConvTranspose", (11,), [IMAGE, floats(4, 3, 2, 2)], {"pads": [1, 1, 1, 1]}),
    ("ConvTranspose", (11,), [IMAGE, floats(4, 3, 1, 1)], {"pads": [2, 1, 1, 2]}),
    *[("ConvTranspose", (11,), [IMAGE, floats(4, 3, 3, 3)], {"strides": [2, 2], "auto_pad": p}) for p in ("SAME_UPPER", "SAME_LOWER")],
    ("ConvTranspose", (11,), [IMAGE, floats(4, 3, 3, 3)], {"strides": [2, 3], "output_shape": [14, 19]}),
    ("ConvTranspose", (11,), [ROW, floats(4, 3, 3)], {"strides": [2]}),
    *[
        (op, (10, 11, 22), [WIDE], {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 1, 1], "ceil_mode": ceil})
        for op in ("MaxPool", "AveragePool")
        for ceil in (0, 1)
    ],
    ("MaxPool", (8,), [WIDE], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("MaxPool", (12,), [WIDE], {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    ("MaxPool", (12,), [ROW], {"kernel_shape": [2], "strides": [2], "ceil_mode": 1}),
    ("AveragePool", (11, 19), [WIDE], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("AveragePool", (19,), [WIDE], {"kernel_shape": [3, 3], "strides": [3, 3], "pads": [1] * 4, "count_include_pad": 1, "ceil_mode": 1}),
    *[(op, (6, 22), [x], {}) for op in ("GlobalAveragePool", "GlobalMaxPool") for x in (IMAGE, ROW)],
    *[("BatchNormalization", (7, 9, 14, 15), [x, *EACH], {"epsilon": 1e-3}) for x in (IMAGE, ROW, floats(3, 4))],
    *[("InstanceNormalization", (6, 22), [x, floats(4), floats(4)], {"epsilon": 1e-3}) for x in (IMAGE, ROW)],
    ("GroupNormalization", (18,), [IMAGE, floats(2), floats(2)], {"num_groups": 2}),
    ("GroupNormalization", (21,), [IMAGE, floats(4), floats(4)], {"num_groups": 2}),
    ("LayerNormalization", (17,), [IMAGE, floats(6), floats(6)], {}),
    ("LayerNormalization", (17,), [IMAGE, floats(7, 6)], {"axis": 2, "epsilon": 1e-2}),
    ("LRN", (6, 13), [IMAGE], {"size": 3, "alpha": 0.1}),
    # shapes
    *[("Flatten", (9, 13), [IMAGE], {"axis": axis}) for axis in (0, 1, 2, 4)],
    ("Reshape", (6, 14), [IMAGE, ints(0, -1, 3)], {}),
    ("Squeeze", (11,), [floats(2, 1, 3, 1)], {"axes": [1]}),
    ("Squeeze", (13,), [floats(2, 1, 3, 1), ints(-1)], {}),
    ("Squeeze", (13,), [floats(2, 1, 3, 1)], {}),
    ("Unsqueeze", (11,), [FLAT], {"axes": [0, 3]}),
    ("Unsqueeze", (13,), [FLAT, ints(0, -1)], {}),
    ("Transpose", (6, 13), [IMAGE], {"perm": [2, 0, 3, 1]}),
    ("Transpose", (6, 13), [IMAGE], {}),
    ("Concat", (6, 13), [FLAT, floats(3, 2), floats(3, 1)], {"axis": 1}),
    ("Slice", (9,), [IMAGE], {"starts": [1, -3], "ends": [9, -1], "axes": [1, 3]}),
    ("Slice", (10, 13), [IMAGE, ints(1, -1), ints(9, -9), ints(1, 2), ints(2, -2)], {}),
    ("Slice", (10, 13), [FLAT, ints(1), ints(2)], {}),
    ("Split", (11,), [IMAGE], {"axis": 2, "split": [3, 4]}),
    ("Split", (13,), [IMAGE, ints(3, 4)], {"axis": 2}),
    ("Split", (13,), [IMAGE], {"axis": 1}),
    ("Split", (18,), [IMAGE], {"axis": 2, "num_outputs": 2}),
    ("Gather", (6, 13), [IMAGE, np.array([[0, 2], [3, -1]])], {"axis": 1}),
    ("Pad", (10,), [IMAGE], {"pads": [0, 0, 1, 2, 0, 0, 3, -1], "value": 1.5}),
    ("Pad", (11, 13), [IMAGE, ints(0, 0, 1, 2, 0, 0, 3, 0), number(1.5)], {}),
    *[("Pad", (13,), [IMAGE, ints(0, 0, 1, 2, 0, 0, 3, 1)], {"mode": mode}) for mode in ("reflect", "edge")],
    ("Pad", (18, 21), [IMAGE, ints(1, 2, 0, 1), None, ints(3, 1)], {}),
    ("Expand", (8, 13), [floats(3, 1), ints(2, 1, 4)], {}),
    ("Tile", (6, 13), [FLAT, ints(2, 3)], {}),
    ("Shape", (13, 19), [IMAGE], {}),
    ("Shape", (15,), [IMAGE], {"start": 1, "end": -1}),
    ("Size", (13,), [IMAGE], {}),
    ("ConstantOfShape", (9,), [ints(2, 3)], {"value": numpy_helper.from_array(np.array([7], np.float32))}),
    ("Range", (11,), [number(1), number(8), number(2.5)], {}),
    ("Cast", (9, 13), [IMAGE], {"to": 7}),
    ("Cast", (9, 13), [IMAGE > 0], {"to": 1}),
    ("CastLike", (15,), [IMAGE, ints(0)], {}),
    ("Dropout", (7, 10), [IMAGE], {"ratio": 0.3}),
    ("Dropout", (12, 22), [IMAGE, number(0.3)], {}),
    *[("DepthToSpace", (11, 13), [IMAGE], {"blocksize": 2, "mode": mode}) for mode in ("DCR", "CRD")],
    ("SpaceToDepth", (13,), [floats(1, 2, 4, 6)], {"blocksize": 2}),
    ("Upsample", (7,), [IMAGE], {"scales": [1.0, 1.0, 2.0, 3.0]}),
    ("Upsample", (9,), [IMAGE, np.array([1, 1, 2, 3], np.float32)], {"mode": "nearest"}),
    ("Upsample", (9,), [IMAGE, np.array([1, 1, 2, 3], np.float32)], {"mode": "linear"}),
    ("Resize", (10,), [IMAGE, np.array([1, 1, 1.5, 0.6], np.float32)], {}),
    *[
        ("Resize", (11, 19), [IMAGE, None, np.array([1, 1, 2, 1.5], np.float32)], {"mode": mode, "coordinate_transformation_mode": place})
        for mode in ("nearest", "linear")
        for place in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    ],
    *[
        ("Resize", (13,), [IMAGE, None, None, ints(2, 4, 5, 13)], {"coordinate_transformation_mode": "asymmetric", "nearest_mode": mode})
        for mode in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
    ],
    ("Resize", (18,), [IMAGE, None, None, ints(14, 9)], {"axes": [2, 3]}),
]
ALL = [(op, version, inputs, attributes) for op, versions, inputs, attributes in CASES for version in versions]


def written(path, op, version, inputs, attributes, outputs=None):
    """A file with one node, whose first input is the graph's."""
    names = ["" if value is None else f"i{place}" for place, value in enumerate(inputs)]
    node = helper.make_node(op, names, outputs or (["y", "z"] if op == "Split" else ["y"]), name="it", **attributes)
    first = helper.make_tensor_value_info("i0", helper.np_dtype_to_tensor_dtype(inputs[0].dtype), inputs[0].shape)
    results = [onnx.ValueInfoProto(name=name) for name in node.output]
    constants = [numpy_helper.from_array(value, f"i{place}") for place, value in enumerate(inputs) if place and value is not None]
    graph = helper.make_graph([node], "g", [first], results, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inferred = onnx.shape_inference.infer_shapes(model)
    kinds = {value.name: value for value in inferred.graph.output}
    for result in model.graph.output:
        result.CopyFrom(kinds[result.name])
        if not result.type.HasField("tensor_type"):
            result.type.tensor_type.elem_type = first.type.tensor_type.elem_type
        result.type.tensor_type.ClearField("shape")
    onnx.save(model, path)
    return path


def reference(path, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime has no kernel of that version: then ONNX's own, slow one
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(str(path)).run(None, {"i0": x})
    return session.run(None, {"i0": x})


def run(path, x):
    found = runner.OnnxGraph(saving.onnx.reading.read_graph(path, OPERATORS.__contains__))(x)
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize(("op", "version", "inputs", "attributes"), ALL, ids=[f"{c[0]}-{c[1]}-{i}" for i, c in enumerate(ALL)])
def test_operator(tmp_path, op, version, inputs, attributes):
    path = written(tmp_path / "m.onnx", op, max(version, 6), inputs, attributes)
    expected = reference(path, inputs[0])
    found = run(path, inputs[0])
    for got, wanted in zip(found, expected, strict=True):
        assert got.shape == wanted.shape
        assert got.dtype.kind == wanted.dtype.kind
        np.testing.assert_allclose(got.numpy(), wanted, rtol=2e-5, atol=2e-5)


def test_every_operator_has_a_case():
    assert set(OPERATORS) - {case[0] for case in CASES} == {"Swish"}


def test_swish(tmp_path):
    path = written(tmp_path / "m.onnx", "Swish", 24, [FLAT], {"alpha": 1.5})
    np.testing.assert_allclose(run(path, FLAT)[0].numpy(), FLAT / (1 + np.exp(-1.5 * FLAT)), rtol=1e-5)


# ---- version 6, which onnxruntime runs no more
@pytest.mark.parametrize(("op", "function"), [("Add", np.add), ("Mul", np.multiply), ("Sub", np.subtract), ("Div", np.divide)])
def test_old_broadcasting(tmp_path, op, function):
    b = floats(4, 7)
    path = written(tmp_path / "m.onnx", op, 6, [IMAGE, b], {"broadcast": 1, "axis": 1})
    np.testing.assert_allclose(run(path, IMAGE)[0].numpy(), function(IMAGE, b[..., None]), rtol=1e-6)


def test_old_forms(tmp_path):
    slope = floats(4)
    path = written(tmp_path / "m.onnx", "PRelu", 6, [IMAGE, slope], {})
    np.testing.assert_allclose(run(path, IMAGE)[0].numpy(), np.where(IMAGE > 0, IMAGE, IMAGE * slope[:, None, None]), rtol=1e-6)
    path = written(tmp_path / "m.onnx", "Upsample", 6, [IMAGE], {"width_scale": 2.0, "height_scale": 3.0})
    np.testing.assert_array_equal(run(path, IMAGE)[0].numpy(), IMAGE.repeat(3, 2).repeat(2, 3))
    path = written(tmp_path / "m.onnx", "Dropout", 6, [IMAGE], {"is_test": 1})
    np.testing.assert_array_equal(run(path, IMAGE)[0].numpy(), IMAGE)
    path = written(tmp_path / "m.onnx", "Gemm", 6, [FLAT, floats(5, 2), floats(2)], {"broadcast": 1})
    assert run(path, FLAT)[0].shape == (3, 2)


@pytest.mark.parametrize(
    ("op", "version", "inputs", "attributes", "message"),
    [
        ("Relu", 13, [FLAT], {"alpha": 1.0}, "unexpected keyword argument 'alpha'"),
        ("Relu", 13, [FLAT, FLAT], {}, "too many positional"),
        ("Conv", 13, [IMAGE], {}, "missing a required argument: 'w'"),
        ("Conv", 13, [IMAGE, None], {}, "the input w must not be left out"),
        ("Conv", 13, [IMAGE, floats(1, 4, 1, 1)], {"strides": 2}, "the attribute strides must be Ints"),
        ("Conv", 13, [IMAGE, floats(1, 4, 1, 1)], {"strides": [0, 1]}, "strides must be 2 numbers >= 1"),
        ("Conv", 13, [IMAGE, floats(1, 4, 1, 1)], {"pads": [-1, 0, 0, 0]}, "pads must be 4 numbers >= 0"),
        ("Conv", 13, [IMAGE, floats(1, 3, 1, 1)], {}, "do not fit 4 channels"),
        ("Conv", 13, [IMAGE, floats(1, 4, 1, 1)], {"pads": [2**40, 0, 0, 0]}, "more than"),
        ("MaxPool", 13, [IMAGE], {"kernel_shape": [2, 2], "dilations": [2, 2]}, "with dilations"),
        ("ConstantOfShape", 13, [ints(2**20, 2**20)], {}, "more than"),
        ("Expand", 13, [FLAT, ints(2**60, 3, 5)], {}, "more than|cannot take"),
        ("Tile", 13, [FLAT, ints(2**30, 2**30)], {}, "more than"),
        ("Pad", 13, [FLAT, ints(2**40, 0, 0, 0)], {}, "more than"),
        ("Resize", 13, [IMAGE, None, np.array([1, 1, 1e6, 1e6], np.float32)], {}, "more than"),
        ("Range", 13, [number(0), number(1e30), number(1)], {}, "asks for"),
        ("Reshape", 13, [FLAT, ints(7, -1)], {}, "does not hold"),
        ("Gather", 13, [FLAT, ints(99)], {}, "cannot take its inputs of shapes"),
        ("Transpose", 13, [FLAT], {"perm": [0, 0]}, "axes must name"),
        ("Slice", 13, [FLAT, ints(0), ints(1), ints(0), ints(0)], {}, "do not fit together"),
        ("Softmax", 13, [FLAT], {"axis": 5}, "axis must be in"),
        ("Add", 13, [FLAT, floats(3, 5)], {"broadcast": 1}, "versions before 7"),
        ("Div", 13, [ints(1, 2), ints(0, 1)], {}, "divided by 0"),
        ("Cast", 13, [FLAT], {"to": 8}, "the dtype 8 is not supported"),
    ],
)
def test_what_does_not_fit_names_the_node(tmp_path, op, version, inputs, attributes, message):
    names = ["" if value is None else f"i{place}" for place, value in enumerate(inputs)]
    node = helper.make_node(op, names, ["y"], name="it", **attributes)
    info = helper.make_tensor_value_info("i0", helper.np_dtype_to_tensor_dtype(inputs[0].dtype), inputs[0].shape)
    constants = [numpy_helper.from_array(value, f"i{place}") for place, value in enumerate(inputs) if place and value is not None]
    graph = helper.make_graph([node], "g", [info], [helper.make_tensor_value_info("y", 1, None)], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)]), tmp_path / "m.onnx")
    with pytest.raises((DataError, ValueError), match=rf"the node 'it' \({op}\).*({message})"):
        run(tmp_path / "m.onnx", inputs[0])

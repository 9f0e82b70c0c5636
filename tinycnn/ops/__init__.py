"""The public functions on Tensors, under the names and signatures of `keras.ops`."""

from tinycnn.autograd import Tensor, Variable
from tinycnn.ops import array, math, nn, operators
from tinycnn.ops.array import *  # noqa: F403
from tinycnn.ops.convert import TensorLike, cast, convert_to_numpy, convert_to_tensor, from_dlpack, shape, stop_gradient
from tinycnn.ops.math import *  # noqa: F403
from tinycnn.ops.nn import *  # noqa: F403

__all__ = [
    "Tensor",
    "TensorLike",
    "Variable",
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "from_dlpack",
    "shape",
    "stop_gradient",
    *array.__all__,
    *math.__all__,
    *nn.__all__,
]

operators.install()

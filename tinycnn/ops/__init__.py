"""The public functions on Tensors, under the names and signatures of `keras.ops`.

`nn`, `numpy` and `linalg` are second paths to them, as in Keras; what is in `image` has only that one.
"""

from tinycnn.autograd import Tensor, Variable
from tinycnn.ops import (
    activation,
    array,
    crossentropy,
    elementary,
    image,
    linalg,
    math,
    more_arrays,
    more_math,
    nn,
    normalization,
    numpy,
    operators,
    patches,
    products,
    spatial,
    statistics,
    writing,
)
from tinycnn.ops.activation import *  # noqa: F403
from tinycnn.ops.array import *  # noqa: F403
from tinycnn.ops.convert import (
    TensorLike,
    cast,
    convert_to_numpy,
    convert_to_tensor,
    dtype,
    from_dlpack,
    is_tensor,
    ndim,
    shape,
    size,
    stop_gradient,
)
from tinycnn.ops.crossentropy import *  # noqa: F403
from tinycnn.ops.custom import custom_gradient
from tinycnn.ops.elementary import *  # noqa: F403
from tinycnn.ops.image_filters import psnr
from tinycnn.ops.math import *  # noqa: F403
from tinycnn.ops.more_arrays import *  # noqa: F403
from tinycnn.ops.more_math import *  # noqa: F403
from tinycnn.ops.normalization import *  # noqa: F403
from tinycnn.ops.patches import *  # noqa: F403
from tinycnn.ops.products import *  # noqa: F403
from tinycnn.ops.spatial import *  # noqa: F403
from tinycnn.ops.statistics import *  # noqa: F403
from tinycnn.ops.symbolic import drawable
from tinycnn.ops.writing import *  # noqa: F403

__all__ = [
    "Tensor",
    "TensorLike",
    "Variable",
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "custom_gradient",
    "dtype",
    "from_dlpack",
    "image",
    "is_tensor",
    "linalg",
    "ndim",
    "nn",
    "numpy",
    "psnr",
    "shape",
    "size",
    "stop_gradient",
    *activation.__all__,
    *array.__all__,
    *crossentropy.__all__,
    *elementary.__all__,
    *math.__all__,
    *more_arrays.__all__,
    *more_math.__all__,
    *normalization.__all__,
    *patches.__all__,
    *products.__all__,
    *spatial.__all__,
    *statistics.__all__,
    *writing.__all__,
]

for _name in __all__:
    if not isinstance(globals()[_name], type) and callable(globals()[_name]) and _name != "custom_gradient":
        globals()[_name] = drawable(globals()[_name])
for _name in image.__all__:
    if callable(getattr(image, _name)):
        setattr(image, _name, drawable(getattr(image, _name)))
for _path in (nn, numpy, linalg):
    vars(_path).update((_name, globals()[_name]) for _name in _path.__all__)
operators.install()

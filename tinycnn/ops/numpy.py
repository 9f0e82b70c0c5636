"""The ops that NumPy has as well, by the path that Keras has for them, too: `ops.numpy.sum` is `ops.sum`."""
# ruff: noqa: F403, F405

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # else `ops` fills this module, with functions that are drawn on symbolic tensors
    from tinycnn.ops.activation import *
    from tinycnn.ops.array import *
    from tinycnn.ops.convert import *
    from tinycnn.ops.elementary import *
    from tinycnn.ops.math import *
    from tinycnn.ops.more_arrays import *
    from tinycnn.ops.more_math import *
    from tinycnn.ops.products import *
    from tinycnn.ops.statistics import *
    from tinycnn.ops.writing import *

__all__ = [
    "abs", "absolute", "add", "all", "allclose", "amax", "amin", "any", "append", "arange", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "argmax", "argmin", "argsort", "array_split", "average", "bincount", "broadcast_to", "cbrt", "ceil",
    "clip", "concatenate", "copy", "cos", "cosh", "count_nonzero", "cumprod", "cumsum", "deg2rad", "diag", "diagflat", "diagonal", "diff",
    "digitize", "divide", "divide_no_nan", "dot", "dsplit", "dstack", "einsum", "empty", "empty_like", "equal", "exp", "exp2",
    "expand_dims", "expm1", "eye", "fabs", "flip", "fliplr", "flipud", "floor", "floor_divide", "fmax", "fmin", "fmod", "full",
    "full_like", "get_item", "greater", "greater_equal", "heaviside", "histogram", "hsplit", "hstack", "hypot", "identity", "inner",
    "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "less", "less_equal", "linspace", "log", "log1p", "log2",
    "log10", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "matmul", "max", "maximum", "mean",
    "median", "meshgrid", "min", "minimum", "mod", "moveaxis", "multiply", "nan_to_num", "nanargmax", "nanargmin", "nancumprod",
    "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar",
    "ndim", "negative", "nonzero", "not_equal", "ones", "ones_like", "outer", "pad", "percentile", "power", "prod", "ptp", "quantile",
    "rad2deg", "ravel", "reciprocal", "repeat", "reshape", "roll", "rot90", "round", "searchsorted", "select", "sign", "signbit", "sin",
    "sinh", "size", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes", "take", "take_along_axis",
    "tan", "tanh", "tensordot", "tile", "trace", "transpose", "tri", "tril", "triu", "true_divide", "trunc", "unravel_index", "var",
    "vdot", "vsplit", "vstack", "where", "zeros", "zeros_like",
]  # fmt: skip

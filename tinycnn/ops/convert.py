"""What every op accepts - Tensors, ndarrays, Python numbers and lists - made Tensors of one dtype.

Promotion is NumPy's with two differences that keep float32 models float32: a Python number takes the dtype of the tensors beside it,
and an integer array beside a float one takes the float's dtype (NumPy makes float64 of int32 and float32).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinycnn import config
from tinycnn.autograd.tensor import Tensor, apply, as_supported_array
from tinycnn.errors import ArgumentError, DTypeError, shown
from tinycnn.rules.elementwise import Cast

__all__ = [
    "TensorLike",
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "floats",
    "from_dlpack",
    "integers",
    "numbers",
    "shape",
    "stop_gradient",
]

#: A Tensor or anything `Tensor(...)` takes.
TensorLike: TypeAlias = Any


def convert_to_tensor(x: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """`x` as a Tensor, cast to `dtype` if one is given. A Tensor comes back as it is; an ndarray is shared, not copied.

    Raises:
        DTypeError: if `x` is not made of real numbers.
    """
    if not isinstance(x, Tensor):
        array = as_supported_array(x)
        if array.dtype == np.float64 and not isinstance(x, (np.ndarray, np.generic)):
            array = array.astype(config.floatx())
        x = Tensor.wrap(array)
    return x if dtype is None else cast(x, dtype)


def convert_to_numpy(x: TensorLike) -> NDArray[Any]:
    """The values of `x` as an ndarray, outside any graph; shared where `x` is a Tensor or an array already."""
    return x.data if isinstance(x, Tensor) else as_supported_array(x)


def from_dlpack(x: Any) -> Tensor:
    """The array of another library - PyTorch, JAX, CuPy on the CPU, NumPy - as a Tensor on the same memory, through DLPack.

    Args:
        x: has `__dlpack__` and `__dlpack_device__`. Writing into one is seen in the other; float16 alone is copied, to float32.

    Raises:
        DTypeError: it has not; or its device, dtype or wish for a gradient does not allow it.
    """
    try:
        array = np.from_dlpack(x)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        raise DTypeError(f"x cannot be shared through DLPack: {error}") from None
    return Tensor.wrap(as_supported_array(array))


def as_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """What `dtype` names. Raises DTypeError if it is nothing that NumPy knows."""
    try:
        return np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"dtype must name a dtype, got {shown(dtype)}") from None


def cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """`x` in another dtype; the gradient comes back in the old one, and none passes through whole numbers.

    Raises:
        DTypeError: if tinycnn does not compute with `dtype`.
    """
    tensor = convert_to_tensor(x)
    if tensor.data.dtype is dtype:  # as nearly always
        return tensor
    target = as_supported_array(np.empty(0, as_dtype(dtype))).dtype
    if tensor.dtype == target:
        return tensor
    if tensor.dtype.kind == target.kind == "f":
        return apply(Cast, tensor, dtype=target)
    return Tensor.wrap(tensor.data.astype(target))


def stop_gradient(variable: TensorLike) -> Tensor:
    """The same values, outside the graph."""
    return convert_to_tensor(variable).detach()


def shape(x: TensorLike) -> tuple[int, ...]:
    """Sizes along the axes."""
    return convert_to_numpy(x).shape


def dtype(x: TensorLike) -> str:
    """The name of the dtype, such as "float32"."""
    return convert_to_numpy(x).dtype.name


def ndim(x: TensorLike) -> int:
    """The number of axes."""
    return convert_to_numpy(x).ndim


def size(x: TensorLike) -> int:
    """The number of cells."""
    return convert_to_numpy(x).size


def is_tensor(x: Any) -> bool:
    """Whether x is a Tensor, not an array or a number."""
    return isinstance(x, Tensor)


def numbers(*values: TensorLike) -> tuple[Tensor, ...]:
    """`values` as Tensors of one common dtype. Raises ArgumentError for a number that this dtype does not hold."""
    if _are_alike(values):
        return values
    weak = [isinstance(v, (bool, int, float)) for v in values]
    arrays = [None if w else convert_to_numpy(v) for v, w in zip(values, weak, strict=True)]
    dtypes = {a.dtype for a in arrays if a is not None}
    floating = {d for d in dtypes if d.kind == "f"}
    if floating:
        dtype = np.result_type(*floating)
    elif any(isinstance(v, float) for v in values):
        dtype = np.dtype(config.floatx())
    elif dtypes:
        dtype = np.result_type(*dtypes)
        if dtype.kind == "b" and any(isinstance(v, int) and not isinstance(v, bool) for v in values):
            dtype = np.dtype(np.int32)
        elif dtype.kind == "f":  # int64 and uint64 have no common integer type
            dtype = np.dtype(config.floatx())
    else:
        dtype = np.result_type(*[np.asarray(v).dtype for v in values])
    try:
        return tuple(cast(v, dtype) if isinstance(v, Tensor) else Tensor.wrap(np.asarray(v, dtype)) for v in values)
    except OverflowError:
        wrong = [v for v in values if isinstance(v, int) and not np.iinfo(dtype).min <= v <= np.iinfo(dtype).max]
        raise ArgumentError(f"the number {wrong[0]} does not fit {dtype}, the dtype of the tensors beside it") from None


def _are_alike(values: tuple[TensorLike, ...]) -> bool:
    """Are these Tensors of one dtype, as nearly always?"""
    if len(values) == 1:
        return isinstance(values[0], Tensor)
    dtype = None
    for value in values:
        if not isinstance(value, Tensor) or value.data.dtype is not (dtype or value.data.dtype):
            return False
        dtype = value.data.dtype
    return True


def floats(*values: TensorLike) -> tuple[Tensor, ...]:
    """`values` as Tensors of one common floating-point dtype; integers alone become `config.floatx`."""
    tensors = values if _are_alike(values) else numbers(*values)
    if tensors[0].data.dtype.kind == "f":
        return tensors
    return tuple(cast(t, config.floatx()) for t in tensors)


def integers(x: TensorLike, name: str) -> NDArray[Any]:
    """The values of `x`, which must be whole numbers; floats that are whole are accepted, as labels often come so."""
    array = convert_to_numpy(x)
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind == "b":
        return array.astype(np.int32)
    if not np.isfinite(array).all() or (array != np.trunc(array)).any():
        raise DTypeError(f"{name} must hold integers, got {array.dtype} values that are not whole numbers")
    return array.astype(np.int64)


def extremes(array: NDArray[Any]) -> tuple[Any, Any]:
    """The smallest and the largest cell. Of few cells NumPy finds the places sooner than the values."""
    return array.item(array.argmin()), array.item(array.argmax())

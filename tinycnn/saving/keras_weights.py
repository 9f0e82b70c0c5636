"""The weights of a model, and the state of its optimizer, in the HDF5 layout of Keras 3: `layers/conv2d/vars/0`, `optimizer/vars/0`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.autograd import Variable
from tinycnn.errors import DataError
from tinycnn.layers.layer import Layer
from tinycnn.saving.hdf5 import Dataset, Group
from tinycnn.saving.hdf5_writing import written_hdf5
from tinycnn.saving.paths import layer_paths

__all__ = ["assign", "check_array", "read_optimizer", "read_weights", "set_state", "written_weights"]

Array = NDArray[Any]

#: Parts of Keras's older files that hold the state of random generators, which no model here has.
_GENERATORS = ("seed_generator", "random_generator")


def written_weights(model: Layer, optimizer: Any = None) -> memoryview:
    """The content of a `model.weights.h5`."""

    def fill(file: Any) -> None:
        for path, layer in layer_paths(model).items():
            if layer.own_weights:
                _write(file, path, layer.name, [variable.numpy() for variable in layer.own_weights])
        if optimizer is not None:
            _write(file, "optimizer", optimizer.name, list(keras_state(optimizer).values()))

    return written_hdf5(fill)


def _write(file: Any, path: str, name: str, arrays: Iterable[Array]) -> None:
    group = file.create_group((f"{path}/vars" if path else "vars").encode())  # as a string that is not ASCII it makes another kind of group
    group.attrs["name"] = name
    for number, array in enumerate(arrays):
        group[str(number)] = array


def keras_state(optimizer: Any) -> dict[str, Array]:
    """The state of a built optimizer, by name, in the order and the dtypes of Keras's `optimizer.variables`."""
    state: dict[str, Array] = optimizer.get_state()
    of_weights = next((array.dtype for array in state.values() if array.ndim), np.float32)
    dtypes = {"iterations": np.int32, "learning_rate": np.float32}
    return {name: array.astype(dtypes.get(name, of_weights)) if array.ndim == 0 else array for name, array in state.items()}


# ---- reading
def check_array(dataset: Dataset, shape: Sequence[int], who: str) -> None:
    """DataError unless the dataset holds floats of that shape. Nothing of it is read."""
    if dataset.shape != tuple(shape):
        raise DataError(f"{who} has shape {tuple(shape)}, dataset {dataset.path!r} in the file has shape {dataset.shape}")
    if dataset.dtype.kind != "f" and shape:
        raise DataError(f"{who} holds floats, dataset {dataset.path!r} in the file {dataset.dtype}")


def read_weights(root: Group, model: Layer, skip_mismatch: bool = False) -> list[tuple[Variable, Array]]:
    """What the file has for the model's weights, each beside its variable; nothing is assigned yet.

    Args:
        root: of the file.
        model: whose layers are looked up.
        skip_mismatch: warn and leave out layers that the file has in another form, or not at all.

    Raises:
        DataError: naming the layer and the place in the file.
    """
    found: list[tuple[Variable, Array]] = []
    for path, layer in layer_paths(model).items():
        try:
            found += _read_layer(root, path, layer)
        except DataError as error:
            if not skip_mismatch:
                raise
            warnings.warn(f"skipped the weights of {layer.who}: {error}", stacklevel=4)
    return found


def _read_layer(root: Group, path: str, layer: Layer) -> list[tuple[Variable, Array]]:
    own = layer.own_weights
    place = f"{path}/vars" if path else "vars"
    present = place in root
    if not own and not present:
        return []
    if not present:
        raise DataError(f"{layer.who} has {len(own)} weights, the file lacks the group {place!r}")
    group = root.group(place)
    if sorted(group.keys()) != sorted(map(str, range(len(own)))):
        raise DataError(f"{layer.who} has {len(own)} weights, the file has {sorted(group.keys())[:9]} in {place!r}")
    datasets = [group.dataset(str(number)) for number in range(len(own))]
    for variable, dataset in zip(own, datasets, strict=True):
        check_array(dataset, variable.shape, f"weight {variable.path!r} of {layer.who}")
    return [(variable, dataset.read()) for variable, dataset in zip(own, datasets, strict=True)]


def read_optimizer(root: Group, optimizer: Any) -> dict[str, Array] | None:
    """The state that the file has for a built optimizer, as `set_state` takes it; None, with a warning, if it is of another one.

    Raises:
        DataError: the state is damaged.
    """
    if "optimizer/vars" not in root:
        return None
    group = root.group("optimizer/vars")
    state: Mapping[str, Array] = optimizer.get_state()
    if sorted(group.keys()) != sorted(map(str, range(len(state)))):
        warnings.warn(
            f"the state of optimizer {optimizer.name!r} was not loaded: it has {len(state)} variables, {len(group.keys())} in the file",
            stacklevel=4,
        )
        return None
    arrays = {}
    for number, (name, like) in enumerate(state.items()):
        dataset = group.dataset(str(number))
        check_array(dataset, like.shape, f"{name!r} of optimizer {optimizer.name!r}")
        arrays[name] = dataset.read()
    return arrays


def assign(pairs: Iterable[tuple[Variable, Array]]) -> None:
    """Write the arrays into their variables."""
    for variable, array in pairs:
        variable.assign(array)


def set_state(optimizer: Any, state: Mapping[str, Array]) -> None:
    """Put the optimizer where it was. Raises DataError if the numbers make no sense; nothing is changed then.

    A file has the learning rate in float32; where the optimizer's own rounds to that, it stays.
    """
    exact = optimizer.get_state().get("learning_rate")
    same_rate = exact is not None and np.float32(exact) == state["learning_rate"]
    try:
        optimizer.set_state({**state, "learning_rate": exact} if same_rate else dict(state))
    except (ValueError, TypeError, ArithmeticError) as error:
        raise DataError(f"the state of optimizer {optimizer.name!r} does not fit: {error}") from error

"""`tinycnn.backend`, a function and the place of keras.backend's names at once."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tinycnn
from tinycnn import backend as K
from tinycnn import use_backend
from tinycnn.layers import Dense, Input


def test_it_is_called_for_the_kernels_backend() -> None:
    with use_backend("numpy"):
        assert tinycnn.backend() == K() == K.backend() == "numpy"


def test_it_has_keras_names() -> None:
    assert (K.epsilon(), K.floatx(), K.image_data_format()) == (1e-7, "float32", "channels_last")
    assert K.is_keras_tensor(Input((3,)))
    assert not K.is_keras_tensor(np.ones(3))
    K.clear_session()
    assert Dense(1).name == "dense"
    keras = pytest.importorskip("keras")
    assert set(K.__all__) <= set(dir(keras.backend))


@pytest.mark.parametrize("first", ["import tinycnn.layers", "import tinycnn.backend", "from tinycnn import backend", "import tinycnn.cli"])
def test_whatever_is_imported_first(first: str) -> None:
    code = f"{first}; import tinycnn; assert tinycnn.backend() in ('c', 'numba', 'numpy'); assert tinycnn.backend.epsilon() == 1e-7"
    subprocess.run([sys.executable, "-c", code], check=True)

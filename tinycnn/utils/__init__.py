"""Small helpers under the names of `keras.utils`."""

from tinycnn.data.py_dataset import PyDataset
from tinycnn.utils.numerical import normalize, to_categorical
from tinycnn.utils.progress import Progbar
from tinycnn.utils.session import clear_session, set_random_seed

__all__ = ["Progbar", "PyDataset", "Sequence", "clear_session", "normalize", "set_random_seed", "to_categorical"]

#: The old name of `PyDataset`.
Sequence = PyDataset

"""The old home of `to_categorical` and `normalize` (Keras 1 and 2)."""

from tinycnn.utils.numerical import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]

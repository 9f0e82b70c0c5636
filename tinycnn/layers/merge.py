"""The path that Keras 2 had for `merging`."""

from tinycnn.layers.merging import *  # noqa: F403
from tinycnn.layers.merging import __all__ as __all__

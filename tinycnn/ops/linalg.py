"""The ops of linear algebra by the path that Keras has for them, too: `ops.linalg.norm` is `ops.norm`."""
# ruff: noqa: F403, F405

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # else `ops` fills this module, with functions that are drawn on symbolic tensors
    from tinycnn.ops.more_math import *

__all__ = ["norm"]

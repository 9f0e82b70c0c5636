"""The ops of neural networks by the path that Keras has for them, too: `ops.nn.relu` is `ops.relu`."""
# ruff: noqa: F403, F405

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # else `ops` fills this module, with functions that are drawn on symbolic tensors
    from tinycnn.ops.activation import *
    from tinycnn.ops.array import *
    from tinycnn.ops.crossentropy import *
    from tinycnn.ops.image_filters import *
    from tinycnn.ops.more_arrays import *
    from tinycnn.ops.normalization import *
    from tinycnn.ops.patches import *
    from tinycnn.ops.spatial import *

__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "batch_normalization", "binary_crossentropy", "categorical_crossentropy",
    "celu", "conv", "conv_transpose", "depth_to_space", "depthwise_conv", "elu", "fold", "gelu", "glu", "hard_shrink", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "layer_normalization", "leaky_relu", "log_sigmoid", "log_softmax", "max_pool", "moments",
    "normalize", "one_hot", "psnr", "relu", "relu6", "rms_normalization", "selu", "separable_conv", "sigmoid", "silu", "soft_shrink",
    "softmax", "softplus", "softsign", "space_to_depth", "sparse_categorical_crossentropy", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "squareplus", "swish", "tanh_shrink", "threshold", "unfold",
]  # fmt: skip

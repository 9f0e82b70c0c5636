"""What a model's `call` gives - a Tensor, a list or a dict of them - and what users see of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinycnn.autograd import Tensor

__all__ = ["as_arrays", "as_list", "joined", "presented"]


def as_list(outputs: Any) -> list[Tensor]:
    """What `call` gave, as a list."""
    if isinstance(outputs, Tensor):  # as nearly always
        return [outputs]
    if isinstance(outputs, Mapping):
        return list(outputs.values())
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def as_arrays(outputs: Any) -> Any:
    """The same form with ndarrays for Tensors."""
    if isinstance(outputs, Mapping):
        return {name: as_arrays(part) for name, part in outputs.items()}
    return [as_arrays(part) for part in outputs] if isinstance(outputs, (list, tuple)) else outputs.numpy()


def joined(found: Sequence[Any]) -> Any:
    """The batches' outputs one after the other, in the form that each has."""
    first = found[0]
    if isinstance(first, Mapping):
        return {name: joined([part[name] for part in found]) for name in first}
    if isinstance(first, list):
        return [joined(parts) for parts in zip(*found, strict=True)]
    return np.concatenate(found)


def presented(results: dict[str, float], as_dict: bool) -> Any:
    """Results as Keras gives them: a list, a lone float if it would have but one entry, or a dict."""
    if as_dict:
        return results
    values = list(results.values())
    return values if len(values) > 1 else values[0]

"""Data sets: each module has `load_data` and `CLASS_NAMES`."""

from tinycnn.datasets import fashion_mnist, mnist, synthetic_fashion

__all__ = ["fashion_mnist", "mnist", "synthetic_fashion"]

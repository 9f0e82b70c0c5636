"""Data sets: each module has `load_data` and `CLASS_NAMES`."""

from tinycnn.datasets import cifar10, cifar100, fashion_mnist, kmnist, mnist, synthetic_fashion

__all__ = ["cifar10", "cifar100", "fashion_mnist", "kmnist", "mnist", "synthetic_fashion"]

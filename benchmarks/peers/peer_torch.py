"""PyTorch, channels_last, fused Adam. Modes: "eager", "bf16" (autocast), "compile" (torch.compile)."""

from __future__ import annotations

from typing import Any

import torch
import workload
from torch import nn
from workload import Workload


class Peer:
    def __init__(self, mode: str, work: Workload) -> None:
        self.versions = {"torch": torch.__version__.split("+")[0], "isa": torch.backends.cpu.get_cpu_capability()}
        self._autocast = torch.autocast("cpu", torch.bfloat16, enabled=mode == "bf16")
        self._images = [torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) for x in work.images]
        self._labels = [torch.from_numpy(y) for y in work.labels]
        network = _network(work).to(memory_format=torch.channels_last)
        self._optimizer = torch.optim.Adam(
            network.parameters(), workload.LEARNING_RATE, (workload.BETA_1, workload.BETA_2), workload.EPSILON, fused=True
        )
        self._network = torch.compile(network) if mode == "compile" else network

    def train(self, i: int) -> Any:
        with self._autocast:
            loss = nn.functional.cross_entropy(self._network(self._images[i]), self._labels[i])
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.detach()

    def predict(self, i: int) -> Any:
        with torch.inference_mode(), self._autocast:
            return torch.softmax(self._network(self._images[i]), 1).float()


def _network(work: Workload) -> nn.Sequential:
    modules: list[nn.Module] = []
    size, channels = workload.SIZE, 1
    for filters in workload.FILTERS:
        modules += [nn.Conv2d(channels, filters, 3, padding=1), nn.LeakyReLU(workload.SLOPE), nn.MaxPool2d(2, ceil_mode=True)]
        size, channels = workload.pooled(size), filters
    modules += [nn.Flatten(), nn.Linear(size * size * channels, workload.HIDDEN), nn.LeakyReLU(workload.SLOPE)]
    network = nn.Sequential(*modules, nn.Linear(workload.HIDDEN, workload.CLASSES))
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), work.weights, strict=True):
            if value.ndim == 4:  # (3, 3, in, out) -> (out, in, 3, 3)
                value = value.transpose(3, 2, 0, 1)
            elif value.ndim == 2 and value.shape[0] == size * size * channels:  # rows in the order h, w, c -> c, h, w
                value = value.reshape(size, size, channels, -1).transpose(3, 2, 0, 1).reshape(value.shape[1], -1)
            parameter.copy_(torch.from_numpy(value.T.copy() if value.shape == (workload.HIDDEN, workload.CLASSES) else value.copy()))
    return network

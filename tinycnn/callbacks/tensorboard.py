"""Event files for TensorBoard, written by tensorboardX."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.checks import check_path
from tinycnn.errors import ArgumentError, TinyCNNError

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes what TensorBoard shows, under the names that Keras gives it: ``pip install 'tinycnn[tensorboard]'``.

    Into log_dir/train and log_dir/validation: "epoch_<name>" of all logs and the learning rate for each epoch, "batch_<name>" for
    batches, "evaluation_<name>_vs_iterations" for each validation or `evaluate`, histograms of the weights, and the layers as a graph.

    Args:
        log_dir: the folder.
        histogram_freq: epochs between two histograms of all weights; 0 for none.
        write_graph: write the layers, as a graph and as the text of `summary()`.
        write_images: write the weights as grey pictures, too, when histograms are written: those of one to three axes.
        write_steps_per_second: write training steps per second, for each epoch, and for each batch that is written.
        update_freq: "epoch"; "batch"; or batches between two writings of batch values.
        profile_batch: must be 0: `tinycnn.profiler` profiles.
        embeddings_freq: must be 0: there are no embeddings.
        embeddings_metadata: must be None.

    Raises:
        ArgumentError: one of these is not as described.
        ImportError: tensorboardX is not installed.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: None = None,
    ) -> None:
        super().__init__()
        try:
            import tensorboardX
        except ImportError as error:
            raise ImportError("TensorBoard needs tensorboardX: pip install 'tinycnn[tensorboard]'") from error
        frequency = 1 if update_freq == "batch" else update_freq
        if frequency != "epoch" and (isinstance(frequency, bool) or not isinstance(frequency, int) or frequency < 1):
            raise ArgumentError(f"update_freq must be 'epoch', 'batch' or a number of batches >= 1, got {update_freq!r}")
        if profile_batch:
            raise ArgumentError(f"profile_batch must be 0, got {profile_batch!r}: use tinycnn.profiler")
        if embeddings_freq or embeddings_metadata is not None:
            raise ArgumentError("embeddings_freq must be 0 and embeddings_metadata None: there are no embedding layers")
        self.log_dir = check_path("log_dir", log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = frequency
        self._make_writer = tensorboardX.SummaryWriter
        self._writers: dict[str, Any] = {}
        self._fitting = False
        self._batches = {"train": 0, "validation": 0}  # seen in all epochs
        self._began = 0.0
        self._began_at_step = 0

    def _writer(self, part: str) -> Any:
        """The writer of "train" or "validation"; made when it is first needed, so that no empty files appear."""
        if part not in self._writers:
            self._writers[part] = self._make_writer(os.path.join(self.log_dir, part))
        return self._writers[part]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    # ---- the training
    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._fitting = True
        self._batches = {"train": 0, "validation": 0}
        if self.write_graph and self.model.built:
            lines: list[str] = []
            self.model.summary(print_fn=lines.append)
            writer = self._writer("train")
            writer.add_text("model", "".join(f"    {line}\n" for line in "\n".join(lines).splitlines()), 0)  # indented: code in Markdown
            _add_graph(writer, self.model)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began, self._began_at_step = time.perf_counter(), self.model.optimizer.iterations

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._log_batch("train", logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._log_batch("validation", logs)

    def _log_batch(self, part: str, logs: Logs | None) -> None:
        self._batches[part] += 1
        if self.update_freq == "epoch" or self._batches[part] % int(self.update_freq):
            return
        values = dict(logs or {})
        if part == "train" and self.write_steps_per_second:
            values["steps_per_second"] = self._steps_per_second()
        _add_scalars(self._writer(part), "batch_{}", values, self._batches[part])

    def _steps_per_second(self) -> float:
        """Since the epoch began."""
        return float((self.model.optimizer.iterations - self._began_at_step) / max(time.perf_counter() - self._began, 1e-9))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        train["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            train["steps_per_second"] = self._steps_per_second()
        _add_scalars(self._writer("train"), "epoch_{}", train, epoch)
        validation = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        if validation:
            _add_scalars(self._writer("validation"), "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._log_weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def _log_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for variable in self.model.weights:
            values = variable.numpy()
            if not np.isfinite(values).all():
                continue  # a histogram has no place for these
            writer.add_histogram(f"{variable.path}/histogram", values, epoch)
            if self.write_images and (images := _images(values)) is not None:
                writer.add_images(f"{variable.path}/image", images, epoch, dataformats="NHWC")

    def on_test_end(self, logs: Logs | None = None) -> None:
        step = self.model.optimizer.iterations
        _add_scalars(self._writer("validation"), "evaluation_{}_vs_iterations", logs or {}, step)
        if not self._fitting:
            self._close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._fitting = False
        self._close()

    def on_interrupt(self) -> None:
        self.on_train_end()


def _add_scalars(writer: Any, tag: str, values: Mapping[str, Any], step: int) -> None:
    """A scalar for each value; of a metric with several values one for each, numbered."""
    for name, value in values.items():
        numbers = np.atleast_1d(value)
        for i, number in enumerate(numbers):
            writer.add_scalar(tag.format(name if len(numbers) == 1 else f"{name}_{i}"), float(number), step)


def _images(weights: NDArray[Any]) -> NDArray[Any] | None:
    """Weights as pictures (N, H, W, 1) of values from 0 to 1: a vector as a line, three axes as one picture for each of the last."""
    array = np.squeeze(weights)
    if array.ndim not in (1, 2, 3):
        return None
    if array.ndim == 2 and array.shape[0] > array.shape[1]:
        array = array.T
    pictures = array.transpose(2, 0, 1) if array.ndim == 3 else array.reshape((1, *([1] * (2 - array.ndim)), *array.shape))
    low, high = pictures.min(), pictures.max()
    return ((pictures - low) / max(high - low, 1e-12))[..., None].astype(np.float32)


def _add_graph(writer: Any, model: Any) -> None:
    """The layers as nodes, linked as they were drawn first; without links where a model was not drawn."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.versions_pb2 import VersionDef

    makers = {id(tensor): layer.name for layer in model.layers for tensor in _drawn(layer, "output")}
    inputs = [tensor for tensor in model.inputs if id(tensor) not in makers]
    makers |= {id(tensor): tensor.name for tensor in inputs}
    nodes = [NodeDef(name=tensor.name, op="Input") for tensor in inputs]
    for layer in model.layers:
        sources = [makers[id(tensor)] for tensor in _drawn(layer, "input") if makers.get(id(tensor), layer.name) != layer.name]
        nodes.append(NodeDef(name=layer.name, op=type(layer).__name__, input=sources))
    graph = GraphDef(node=nodes, versions=VersionDef(producer=22))
    writer.file_writer.add_event(Event(graph_def=graph.SerializeToString()))


def _drawn(layer: Any, end: str) -> list[Any]:
    """The symbolic tensors that go into a layer, or come out of it; none if it was never drawn."""
    try:
        found = getattr(layer, end)
    except TinyCNNError:
        return []
    if isinstance(found, Mapping):
        return list(found.values())
    return list(found) if isinstance(found, (list, tuple)) else [found]

"""compile: what a model is trained for, and which data fits that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinycnn import optimizers
from tinycnn.autograd import no_grad
from tinycnn.checks import check_count
from tinycnn.data import ArrayData, pack
from tinycnn.errors import ArgumentError, NotBuiltError
from tinycnn.layers import KerasTensor, Layer
from tinycnn.layers.shapes import Shape
from tinycnn.losses.settings import is_own
from tinycnn.models.building import undone_on_error
from tinycnn.models.fusion import Step
from tinycnn.models.objective import Objective
from tinycnn.models.outputs import as_list
from tinycnn.saving.configurable import serialize

__all__ = ["Compiled"]


class Compiled(Layer):
    """A layer with an optimizer, losses and metrics."""

    #: Set it to end the training (see `Callback`).
    stop_training: bool = False
    optimizer: Any = None
    #: Batches between two calls of the callbacks' batch hooks.
    steps_per_execution: int = 1
    _objective: Objective | None = None
    #: Whether layers may run fused (see `fusion`).
    _fuses: bool = False
    #: What a model that is a stack of layers runs; None until it is needed, and again after `compile`.
    _steps: list[Step] | None = None
    #: The keys of what `call` gives, once it was seen to give a dict; of a model that does not know its outputs beforehand.
    _output_keys: tuple[str, ...] | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: str | bool = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how the model is trained. May be called again; weights stay.

        Args:
            optimizer: anything `optimizers.get` takes.
            loss: anything `losses.get` takes; for several outputs a list or a dict by output name.
            loss_weights: for several outputs, numbers in a list or a dict.
            metrics: a list of anything `metrics.get` takes; "accuracy" is chosen by the shapes of outputs and targets.
            weighted_metrics: metrics that use sample weights and class weights.
            run_eagerly: as jit_compile=False.
            steps_per_execution: batches between two calls of the callbacks' batch hooks. Steps run one by one in any case.
            jit_compile: "auto" and True allow layers to be run fused; False runs them one by one. The results agree within rounding.
            auto_scale_loss: means nothing here: it is for float16.

        Raises:
            ArgumentError, DTypeError: naming the argument; what was compiled before stays.
        """
        check_count("steps_per_execution", steps_per_execution)
        if jit_compile not in ("auto", True, False):
            raise ArgumentError(f"jit_compile must be 'auto', True or False, got {jit_compile!r}")
        if run_eagerly and jit_compile is True:
            raise ArgumentError("run_eagerly=True and jit_compile=True exclude each other")
        chosen = optimizers.get(optimizer)
        self._objective = Objective(loss, loss_weights, metrics, weighted_metrics)
        self.optimizer = chosen
        self.steps_per_execution = steps_per_execution
        self._fuses = bool(jit_compile) and not run_eagerly
        self._steps = None
        self.stop_training = False

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._objective is not None

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of `compile` as plain data, functions of the user's own as they are; None if it was not called."""
        if self._objective is None:
            return None
        fused = "auto" if self._fuses else False
        how = {"run_eagerly": False, "steps_per_execution": self.steps_per_execution, "jit_compile": fused}
        return {"optimizer": serialize(self.optimizer), **self._objective.get_config(), **how}

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss and the compiled metrics; the latter once the model has seen data."""
        return [] if self._objective is None else self._objective.metrics

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` returns."""
        return [] if self._objective is None else self._objective.names

    @property
    def objective_shapes(self) -> Any:
        """The shapes that losses and metrics were chosen for, plain data; can be set, to choose them before there is data."""
        return None if self._objective is None else self._objective.shapes

    @objective_shapes.setter
    def objective_shapes(self, shapes: Any) -> None:
        if shapes is not None:
            self._compiled("fit").resolve_shapes(self._names_of_outputs(len(shapes)), shapes)

    def _compiled(self, method: str) -> Objective:
        """The objective, for a method of this name. Raises NotBuiltError if there is none."""
        if self._objective is None:
            raise NotBuiltError(f"{method}() needs a compiled model: call compile(optimizer, loss) first")
        return self._objective

    def _may_add_losses(self) -> bool:
        """Whether there are regularizers, or layers of the user's own, which may call `add_loss`."""
        return any(
            not is_own(type(layer)) or any(name.endswith("_regularizer") and value is not None for name, value in vars(layer).items())
            for layer in self.walk()
        )

    # ---- data
    def _known_shapes(self) -> dict[Any, list[Shape]]:
        """The outputs' shapes for those of inputs that were admitted before: none, where the next call may compute something else."""
        return {}

    def _admit_inputs(self, known: dict[Any, list[Shape]], data: ArrayData) -> list[Shape]:
        """Refuse inputs that do not fit; build the model if it is not; -> the shapes of the outputs.

        Args:
            known: the shapes of outputs for those of inputs that were admitted before, as of a stream's earlier batches; is added to.
            data: what comes.
        """
        key = data.structure, *[array.shape[1:] for array in data.x]
        if key not in known:
            with undone_on_error(self):
                known[key] = self._predicted_shapes(data)
        return known[key]

    def _admit_targets(self, known: dict[Any, list[Shape]], data: ArrayData) -> None:
        """Refuse inputs or targets that do not fit, before anything is built or changed."""
        if not data.y:
            raise ArgumentError("y must be given")
        if known:
            self._match_targets(known, data)
        else:
            with undone_on_error(self):
                self._match_targets(known, data)

    def _match_targets(self, known: dict[Any, list[Shape]], data: ArrayData) -> None:
        """Admit inputs, then targets and weights by the outputs' shapes."""
        shapes = self._admit_inputs(known, data)
        objective = self._compiled("fit")
        if self._output_keys is not None:
            data.order_targets(self._output_keys)
        objective.resolve(self._names_of_outputs(len(shapes)), data.y, shapes)
        objective.check_weights(data.y, shapes, data.weights)

    def _names_of_outputs(self, count: int) -> list[str]:
        """The names of so many outputs; made up where the model does not know them."""
        return self.output_names or ([f"output_{i + 1}" for i in range(count)] if count > 1 else ["output"])

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs; empty where they are not known, as in a subclassed model."""
        return []

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs; empty where they are not known, as in a subclassed model."""
        return []

    @property
    def input_names(self) -> list[str] | None:
        """Names of the inputs; None if they are not known, as in a subclassed model."""
        return None

    @property
    def output_names(self) -> list[str] | None:
        """Names of the outputs; None if they are not known, as in a subclassed model that has given no dict yet."""
        return None if self._output_keys is None else list(self._output_keys)

    def _predicted_shapes(self, data: ArrayData) -> list[Shape]:
        """The outputs' shapes for such data. Builds the model if it is not built: here by trying one sample."""
        sample = pack([a[:1] for a in data.x], data.structure)
        with no_grad():
            outputs = self(sample, training=False)
        self._output_keys = tuple(outputs) if isinstance(outputs, Mapping) else None
        return [output.shape for output in as_list(outputs)]

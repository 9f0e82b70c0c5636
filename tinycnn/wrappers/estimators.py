"""SKLearnClassifier, SKLearnRegressor and SKLearnTransformer."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError
from tinycnn.models import Model

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ModuleNotFoundError(
        f"tinycnn.wrappers needs scikit-learn 1.6 or newer (pip install 'tinycnn[sklearn]'): {error}", name="sklearn"
    ) from None

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]

#: Parameters that hold arguments by name, which `set_params` reaches as model_kwargs__units, fit_kwargs__epochs.
_BAGS = ("model_kwargs", "fit_kwargs")


class _Wrapper(BaseEstimator):
    """A model as an estimator.

    Args:
        model: a function ``model(X, y, **model_kwargs)`` that gives a compiled model; or a compiled model, of which each `fit` trains a
            copy that starts from the weights it has.
        warm_start: `fit` goes on with the model of the last one (at first with the given model itself) and does not start again.
        model_kwargs: more arguments for the function. Searches reach each of them as ``model_kwargs__<name>``.
        fit_kwargs: arguments for `Model.fit`, as ``fit_kwargs__<name>`` in searches; silent unless `verbose` is among them.

    Attributes:
        model_: the trained model.
        history_: the `History` of its training.
        n_features_in_: the size of the first axis of a sample.
    """

    def __init__(
        self, model: Any, warm_start: bool = False, model_kwargs: dict[str, Any] | None = None, fit_kwargs: dict[str, Any] | None = None
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    # ---- parameters
    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; if `deep`, also the entries of model_kwargs and fit_kwargs."""
        params: dict[str, Any] = super().get_params(deep=False)
        if deep:
            held = [bag for bag in _BAGS if isinstance(params[bag], Mapping)]
            params |= {f"{bag}__{name}": value for bag in held for name, value in params[bag].items()}
        return params

    def set_params(self, **params: Any) -> _Wrapper:
        """Change parameters; ``model_kwargs__units=32`` changes one entry, or adds it. Raises ValueError for an unknown name."""
        inner = {name: value for name, value in params.items() if name.split("__")[0] in _BAGS and "__" in name}
        super().set_params(**{name: value for name, value in params.items() if name not in inner})
        for name, value in inner.items():
            bag, key = name.split("__", 1)
            setattr(self, bag, {**(getattr(self, bag) or {}), key: value})
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # weights, order and dropout are drawn from tinycnn's generator
        return tags

    # ---- fit, predict
    def fit(self, X: Any, y: Any, **kwargs: Any) -> _Wrapper:
        """Train.

        Args:
            X: (n_samples, ...), numbers: rows of features, or images.
            y: one target a sample.
            **kwargs: for `Model.fit`, before those of fit_kwargs: sample_weight, epochs, ...

        Raises:
            ValueError, TypeError: X, y or an argument does not fit.
            NotBuiltError: the model is not compiled.
        """
        X, y = validate_data(self, X, y, allow_nd=True, y_numeric=self._targets_are_numbers, multi_output=True)
        targets = self._encode(y)
        model = self._fresh_model(X, targets)
        if not model.compiled:
            raise NotBuiltError(f"model {model.name!r} must be compiled, with a loss and an optimizer")
        options = {"verbose": 0, **(self.fit_kwargs or {}), **kwargs}
        self.history_ = model.fit(X, self._fitted_to(model, targets), **options)
        self.model_ = model
        return self

    #: Whether y must hold numbers.
    _targets_are_numbers = True

    def _fresh_model(self, X: NDArray[Any], y: NDArray[Any]) -> Any:
        """The model to train."""
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            return self.model if self.warm_start else copy.deepcopy(self.model)
        if not callable(self.model):
            raise DTypeError(f"model must be a compiled model or a function that makes one, got {self.model!r}")
        if self.model_kwargs is not None and not isinstance(self.model_kwargs, Mapping):
            raise DTypeError(f"model_kwargs must be a dict or None, got {self.model_kwargs!r}")
        made = self.model(X=X, y=y, **(self.model_kwargs or {}))
        if not isinstance(made, Model):
            raise DTypeError(f"model must be a function that returns a compiled model, it returned {made!r}")
        return made

    def _encode(self, y: NDArray[Any]) -> NDArray[Any]:
        """y as columns."""
        self._target_ndim = y.ndim
        return y.reshape(len(y), -1)

    def _fitted_to(self, model: Any, targets: NDArray[Any]) -> NDArray[Any]:
        """The columns that this model learns."""
        return targets

    def _outputs(self, X: Any) -> NDArray[Any]:
        """The trained model's outputs."""
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False, allow_nd=True)
        outputs: NDArray[Any] = self.model_.predict(X, verbose=0)
        return outputs


#: Arguments and attributes, for the docstrings of all three.
_COMMON_DOC = "\n".join((_Wrapper.__doc__ or "").rstrip().splitlines()[1:]) + "\n"


class SKLearnClassifier(ClassifierMixin, _Wrapper):
    """A model as a classifier of two or more classes, whose labels may be of any kind.

    The model gets one column a class, 1 for the right one, and has as many outputs: probabilities (a softmax), or logits for a loss that
    takes such. For two classes it may have a single output, of a sigmoid: it then gets 0 or 1.
    """

    __doc__ = (__doc__ or "") + _COMMON_DOC + "        classes_: the labels, sorted.\n    "
    _targets_are_numbers = False

    def _encode(self, y: NDArray[Any]) -> NDArray[Any]:
        if y.ndim == 2 and y.shape[1] == 1:
            from sklearn.utils import column_or_1d

            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if y.ndim != 1:
            raise ArgumentError(f"y must hold one label a sample, got shape {y.shape}")
        self.classes_, positions = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ArgumentError(f"y must hold two classes at least, got one class: {self.classes_[0]!r}")
        return np.eye(len(self.classes_), dtype=np.float32)[positions.reshape(-1)]

    def _fitted_to(self, model: Any, targets: NDArray[Any]) -> NDArray[Any]:
        shapes = [tensor.shape for tensor in model.outputs]
        return targets[:, 1:] if len(self.classes_) == 2 and shapes and shapes[0][-1] == 1 else targets

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """(n_samples, n_classes): the model's outputs, which are probabilities if it ends in a softmax or a sigmoid."""
        outputs = self._outputs(X)
        return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs

    def decision_function(self, X: Any) -> NDArray[Any]:
        """The model's outputs; for two classes one number a sample, above 0 for the second."""
        scores = self.predict_proba(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """The labels of the largest outputs."""
        found = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[found]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # that depends on the model, and on how long it is trained
        return tags


class SKLearnRegressor(RegressorMixin, _Wrapper):
    """A model as a regressor of one or several numbers; it has as many outputs as y has columns."""

    __doc__ = (__doc__ or "") + _COMMON_DOC

    def predict(self, X: Any) -> NDArray[Any]:
        """(n_samples,) or (n_samples, n_outputs), as y was; float64, as scikit-learn wants it."""
        outputs = self._outputs(X).astype(np.float64)
        return outputs[:, 0] if self._target_ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # that depends on the model, and on how long it is trained
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(TransformerMixin, _Wrapper):
    """A model whose outputs are features for other estimators."""

    __doc__ = (__doc__ or "") + _COMMON_DOC

    def transform(self, X: Any) -> NDArray[Any]:
        """The model's outputs."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        tags.target_tags.required = True
        return tags

"""Models as scikit-learn's estimators: scikit-learn's own checks, and what people do with estimators."""

# ruff: noqa: E402
from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from tinycnn.errors import ArgumentError, DTypeError, NotBuiltError
from tinycnn.layers import Conv2D, Dense, Flatten, Input
from tinycnn.models import Model, Sequential
from tinycnn.optimizers import Adam
from tinycnn.utils import set_random_seed

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tinycnn.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer


def network(X, y, units=10, loss="categorical_crossentropy", activation="softmax", rate=0.02):
    set_random_seed(0)  # several checks want two fits to give the same
    layers = [Input(X.shape[1:]), Dense(units, activation="relu"), Dense(y.shape[1], activation=activation)]
    model = Sequential(layers)
    model.compile(Adam(rate), loss)
    return model


def regression(X, y, units=10):
    return network(X, y, units, "mse", "linear")


@parametrize_with_checks(
    [
        SKLearnClassifier(network, fit_kwargs={"epochs": 5}),
        SKLearnRegressor(regression),
        SKLearnTransformer(regression),
    ]
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture
def iris():
    set_random_seed(0)
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def test_a_classifier_with_words_for_labels(iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), SKLearnClassifier(network, fit_kwargs={"epochs": 20}))
    assert pipeline.fit(X, y).score(X, y) > 0.9
    classifier = pipeline[-1]
    assert is_classifier(classifier)
    assert list(classifier.classes_) == ["setosa", "versicolor", "virginica"]
    assert classifier.n_features_in_ == 4
    assert len(classifier.history_.history["loss"]) == 20
    probabilities = pipeline.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(classifier.classes_[probabilities.argmax(1)], pipeline.predict(X))
    np.testing.assert_array_equal(pipeline.decision_function(X), probabilities)


@pytest.mark.parametrize(
    ("outputs", "loss", "activation"), [(1, "binary_crossentropy", "sigmoid"), (2, "categorical_crossentropy", "softmax")]
)
def test_two_classes(iris, outputs, loss, activation):
    X, y = iris[0][:100], iris[1][:100]

    def binary(X, y):
        return network(X, y[:, :outputs], loss=loss, activation=activation)

    classifier = SKLearnClassifier(binary).fit(X, y, epochs=15)
    assert classifier.score(X, y) > 0.9
    assert classifier.predict_proba(X).shape == (100, 2)
    assert classifier.decision_function(X).shape == (100,)
    np.testing.assert_array_equal(classifier.decision_function(X) > 0, classifier.predict(X) == "versicolor")


def test_searches(iris):
    X, y = iris
    classifier = SKLearnClassifier(network, model_kwargs={"rate": 0.05}, fit_kwargs={"epochs": 3})
    search = GridSearchCV(make_pipeline(StandardScaler(), classifier), {"sklearnclassifier__model_kwargs__units": [1, 16]}, cv=2)
    search.fit(X, y)
    assert search.best_params_ == {"sklearnclassifier__model_kwargs__units": 16}
    best = search.best_estimator_[-1]
    assert best.model_kwargs == {"rate": 0.05, "units": 16}
    assert best.model_.layers[0].units == 16
    assert classifier.model_kwargs == {"rate": 0.05}
    assert len(cross_val_score(classifier, X, y, cv=3)) == 3


def test_parameters():
    regressor = SKLearnRegressor(regression, model_kwargs={"units": 3})
    assert regressor.get_params()["model_kwargs__units"] == 3
    regressor.set_params(model_kwargs__units=4, fit_kwargs__epochs=2, warm_start=True)
    assert (regressor.model_kwargs, regressor.fit_kwargs, regressor.warm_start) == ({"units": 4}, {"epochs": 2}, True)
    copied = clone(regressor)
    assert copied.get_params() == regressor.get_params()
    assert not hasattr(copied, "model_")
    with pytest.raises(ValueError, match="Invalid parameter 'units'"):
        regressor.set_params(units=3)


@pytest.mark.parametrize("columns", [(), (1,), (2,)])
def test_a_regressor(columns):
    set_random_seed(0)
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = (X[:, 0] * 2 - X[:, 1]).reshape(60, *[1] * len(columns)) * np.ones(columns)
    regressor = SKLearnRegressor(regression).fit(X, y, epochs=60)
    assert is_regressor(regressor)
    assert regressor.predict(X).shape == y.shape
    assert regressor.score(X, y) > 0.8


def test_a_model_in_place_of_a_function(iris):
    X, y = iris
    model = network(X, np.zeros((1, 3)))
    before = model.get_weights()
    classifier = SKLearnClassifier(model)
    first = classifier.fit(X, y, epochs=2).model_
    assert first is not model
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert classifier.fit(X, y).model_ is not first
    assert isinstance(clone(classifier).model, Model)


def test_warm_start(iris):
    X, y = iris
    classifier = SKLearnClassifier(network, warm_start=True).fit(X, y, epochs=3)
    model, loss = classifier.model_, classifier.history_.history["loss"]
    classifier.fit(X, y, epochs=3)
    assert classifier.model_ is model
    assert classifier.history_.history["loss"][0] < loss[0]


def test_images():
    def cnn(X, y):
        model = Sequential([Input(X.shape[1:]), Conv2D(2, 3), Flatten(), Dense(y.shape[1], activation="softmax")])
        model.compile("adam", "categorical_crossentropy")
        return model

    images = np.random.default_rng(0).uniform(size=(12, 6, 6, 1))
    classifier = SKLearnClassifier(cnn).fit(images, [1, 2, 3] * 4)
    assert classifier.predict(images).shape == (12,)


def test_a_transformer_in_front_of_another_estimator(iris):
    from sklearn.linear_model import LogisticRegression

    X, y = iris

    def embedding(X, y):
        return network(X, np.zeros((1, 2)), loss="mse", activation="linear")

    numbers = np.unique(y, return_inverse=True)[1]
    transformer = SKLearnTransformer(embedding).fit(X, np.stack([numbers, numbers], 1), epochs=30)
    assert LogisticRegression().fit(transformer.transform(X), y).score(transformer.transform(X), y) > 0.8


def test_sample_weights_go_to_fit(iris):
    X, y = iris
    set_random_seed(0)
    weights = np.where(y == "virginica", 0.0, 1.0)
    classifier = SKLearnClassifier(network).fit(X, y, epochs=20, sample_weight=weights)
    assert (classifier.predict(X) == "virginica").mean() < 0.05


def test_pickle(iris):
    X, y = iris
    classifier = SKLearnClassifier(network).fit(X, y)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_refusals(iris):
    X, y = iris
    with pytest.raises(DTypeError, match="model must be a compiled model or a function"):
        SKLearnClassifier(3).fit(X, y)
    with pytest.raises(DTypeError, match="it returned 3"):
        SKLearnClassifier(lambda X, y: 3).fit(X, y)
    with pytest.raises(DTypeError, match="model_kwargs must be a dict"):
        SKLearnClassifier(network, model_kwargs=3).fit(X, y)
    with pytest.raises(NotBuiltError, match="must be compiled"):
        SKLearnClassifier(lambda X, y: Sequential([Dense(3)])).fit(X, y)
    with pytest.raises(ArgumentError, match="two classes at least"):
        SKLearnClassifier(network).fit(X, np.zeros(len(X), int))


def test_scikit_learn_is_imported_with_the_wrappers_only():
    code = "import sys, tinycnn.models; assert 'sklearn' not in sys.modules; tinycnn.wrappers; assert 'sklearn' in sys.modules"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_what_is_missing_is_said():
    code = "import sys; sys.modules['sklearn'] = None; import tinycnn.wrappers"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert "needs scikit-learn 1.6 or newer (pip install 'tinycnn[sklearn]')" in result.stderr

"""Models as scikit-learn's estimators, under the names of `keras.wrappers`. scikit-learn (extra `sklearn`) is imported here, not before."""

from tinycnn.wrappers.estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]

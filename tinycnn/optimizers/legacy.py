"""The optimizers under the path that Keras 2 kept old ones at: they are the same here."""

from tinycnn.optimizers.adagrad import Adagrad
from tinycnn.optimizers.adam import Adam
from tinycnn.optimizers.ftrl import Ftrl
from tinycnn.optimizers.optimizer import Optimizer
from tinycnn.optimizers.rmsprop import RMSprop
from tinycnn.optimizers.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]

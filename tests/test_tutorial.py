"""The tutorial's network: its size, and that it learns."""

from __future__ import annotations

import numpy as np

from tinycnn.datasets import synthetic_fashion
from tinycnn.layers import Conv2D, Dense, Flatten, LeakyReLU, MaxPooling2D
from tinycnn.losses import categorical_crossentropy
from tinycnn.models import Sequential
from tinycnn.optimizers import Adam
from tinycnn.utils import set_random_seed, to_categorical


def test_the_tutorials_network_learns() -> None:
    set_random_seed(0)
    (train_x, train_y), (test_x, test_y) = synthetic_fashion.load_data(900, 200)
    train_x, test_x = (x.reshape(-1, 28, 28, 1).astype("float32") / 255 for x in (train_x, test_x))
    model = Sequential()
    model.add(Conv2D(32, kernel_size=(3, 3), activation="linear", input_shape=(28, 28, 1), padding="same"))
    model.add(LeakyReLU(alpha=0.1))
    model.add(MaxPooling2D((2, 2), padding="same"))
    for filters in (64, 128):
        model.add(Conv2D(filters, (3, 3), activation="linear", padding="same"))
        model.add(LeakyReLU(alpha=0.1))
        model.add(MaxPooling2D(pool_size=(2, 2), padding="same"))
    model.add(Flatten())
    model.add(Dense(128, activation="linear"))
    model.add(LeakyReLU(alpha=0.1))
    model.add(Dense(10, activation="softmax"))
    model.compile(loss=categorical_crossentropy, optimizer=Adam(), metrics=["accuracy"])
    assert model.count_params() == 356_234
    assert [layer.count_params() for layer in model.layers if layer.count_params()] == [320, 18_496, 73_856, 262_272, 1_290]

    labels = to_categorical(train_y, 10)
    trained = model.fit(train_x, labels, batch_size=64, epochs=5, verbose=0, validation_data=(test_x, to_categorical(test_y, 10)))
    history = trained.history
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history["loss"][0] > history["loss"][1] > history["loss"][2]
    assert history["acc"] == history["accuracy"]
    loss, accuracy = model.evaluate(test_x, to_categorical(test_y, 10), verbose=0)
    np.testing.assert_allclose([loss, accuracy], [history["val_loss"][-1], history["val_accuracy"][-1]], rtol=1e-5)
    assert accuracy > 0.45  # chance is 0.1

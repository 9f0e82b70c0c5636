"""Where a CNN looks: Grad-CAM on the network of the Keras tutorial.

Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391: the maps of the last convolution are added up, each weighted by the mean gradient
of a class's score over it, and what is below zero is cut off. Draws grad_cam.png with matplotlib.
"""

import matplotlib.pyplot as plt
import numpy as np

from tinycnn import ops
from tinycnn.autograd import grad
from tinycnn.datasets import fashion_mnist
from tinycnn.layers import Conv2D, Dense, Flatten, Input, LeakyReLU, MaxPooling2D, Softmax
from tinycnn.models import Model, Sequential
from tinycnn.utils import set_random_seed

names = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
epochs = 3

set_random_seed(0)
(train_x, train_y), (test_x, test_y) = fashion_mnist.load_data()
train_x, test_x = (images[..., None].astype("float32") / 255 for images in (train_x, test_x))

model = Sequential([
    Input((28, 28, 1)),
    Conv2D(32, 3, padding="same"),
    LeakyReLU(0.1),
    MaxPooling2D(padding="same"),
    Conv2D(64, 3, padding="same"),
    LeakyReLU(0.1),
    MaxPooling2D(padding="same"),
    Conv2D(128, 3, padding="same"),
    LeakyReLU(0.1, name="features"),
    MaxPooling2D(padding="same"),
    Flatten(),
    Dense(128),
    LeakyReLU(0.1),
    Dense(10, name="scores"),
    Softmax(),
])  # fmt: skip
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train_x, train_y, batch_size=64, epochs=epochs)

# The same layers and weights once more, giving what is inside, too.
inside = Model(model.inputs, [model.get_layer("features").output, model.get_layer("scores").output])

images, labels = test_x[:10], test_y[:10]
features, scores = inside(images)
classes = ops.argmax(scores, axis=-1).numpy()

# Each image's score depends on its own features only, so the gradient of the sum has them all.
(slopes,) = grad(ops.sum(scores * ops.one_hot(classes, 10)), [features])
weights = slopes.mean(axis=(1, 2), keepdims=True)  # (images, 1, 1, maps)
heat = np.maximum((features.numpy() * weights).sum(axis=-1), 0)  # (images, 7, 7)
heat = ops.image.resize(heat[..., None], (28, 28)).numpy()[..., 0]

figure, axes = plt.subplots(2, 5, figsize=(10, 4.6))
for axis, image, warm, label, found in zip(axes.flat, images, heat, labels, classes, strict=True):
    axis.imshow(image[..., 0], cmap="gray")
    axis.imshow(warm, cmap="inferno", alpha=0.5)
    axis.set_title(f"{names[label]}: {names[found]}", fontsize=8)
    axis.axis("off")
figure.savefig("grad_cam.png", bbox_inches="tight")

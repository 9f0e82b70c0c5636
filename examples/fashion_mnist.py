"""The Keras tutorial on Fashion-MNIST, with the word keras replaced by tinycnn and nothing else.

After A. Sharma, "Convolutional Neural Networks in Python with Keras" (DataCamp, 2017), written for Keras 2.1: the old import paths,
`alpha=` and `history['acc']` are the tutorial's own. Needs scikit-learn and matplotlib; without a display the plots are drawn to nowhere.
"""
# ruff: noqa: E402, F401, I001, UP032

from tinycnn.datasets import fashion_mnist

(train_X, train_Y), (test_X, test_Y) = fashion_mnist.load_data()

import numpy as np
from tinycnn.utils import to_categorical
import matplotlib.pyplot as plt

print("Training data shape : ", train_X.shape, train_Y.shape)
print("Testing data shape : ", test_X.shape, test_Y.shape)

# Find the unique numbers from the train labels
classes = np.unique(train_Y)
nClasses = len(classes)
print("Total number of outputs : ", nClasses)
print("Output classes : ", classes)

plt.figure(figsize=[5, 5])

# Display the first image in training data
plt.subplot(121)
plt.imshow(train_X[0, :, :], cmap="gray")
plt.title("Ground Truth : {}".format(train_Y[0]))

# Display the first image in testing data
plt.subplot(122)
plt.imshow(test_X[0, :, :], cmap="gray")
plt.title("Ground Truth : {}".format(test_Y[0]))

train_X = train_X.reshape(-1, 28, 28, 1)
test_X = test_X.reshape(-1, 28, 28, 1)

train_X = train_X.astype("float32")
test_X = test_X.astype("float32")
train_X = train_X / 255.0
test_X = test_X / 255.0

# Change the labels from categorical to one-hot encoding
train_Y_one_hot = to_categorical(train_Y)
test_Y_one_hot = to_categorical(test_Y)

# Display the change for category label using one-hot encoding
print("Original label:", train_Y[0])
print("After conversion to one-hot:", train_Y_one_hot[0])

from sklearn.model_selection import train_test_split

train_X, valid_X, train_label, valid_label = train_test_split(train_X, train_Y_one_hot, test_size=0.2, random_state=13)

import tinycnn
from tinycnn.models import Sequential, Input, Model
from tinycnn.layers import Dense, Dropout, Flatten
from tinycnn.layers import Conv2D, MaxPooling2D
from tinycnn.layers.normalization import BatchNormalization
from tinycnn.layers.advanced_activations import LeakyReLU

batch_size = 64
epochs = 20
num_classes = 10

fashion_model = Sequential()
fashion_model.add(Conv2D(32, kernel_size=(3, 3), activation="linear", input_shape=(28, 28, 1), padding="same"))
fashion_model.add(LeakyReLU(alpha=0.1))
fashion_model.add(MaxPooling2D((2, 2), padding="same"))
fashion_model.add(Conv2D(64, (3, 3), activation="linear", padding="same"))
fashion_model.add(LeakyReLU(alpha=0.1))
fashion_model.add(MaxPooling2D(pool_size=(2, 2), padding="same"))
fashion_model.add(Conv2D(128, (3, 3), activation="linear", padding="same"))
fashion_model.add(LeakyReLU(alpha=0.1))
fashion_model.add(MaxPooling2D(pool_size=(2, 2), padding="same"))
fashion_model.add(Flatten())
fashion_model.add(Dense(128, activation="linear"))
fashion_model.add(LeakyReLU(alpha=0.1))
fashion_model.add(Dense(num_classes, activation="softmax"))

fashion_model.compile(loss=tinycnn.losses.categorical_crossentropy, optimizer=tinycnn.optimizers.Adam(), metrics=["accuracy"])

fashion_model.summary()

fashion_train = fashion_model.fit(
    train_X, train_label, batch_size=batch_size, epochs=epochs, verbose=1, validation_data=(valid_X, valid_label)
)

test_eval = fashion_model.evaluate(test_X, test_Y_one_hot, verbose=0)
print("Test loss:", test_eval[0])
print("Test accuracy:", test_eval[1])

accuracy = fashion_train.history["acc"]
val_accuracy = fashion_train.history["val_acc"]
loss = fashion_train.history["loss"]
val_loss = fashion_train.history["val_loss"]
epochs = range(len(accuracy))
plt.figure()
plt.plot(epochs, accuracy, "bo", label="Training accuracy")
plt.plot(epochs, val_accuracy, "b", label="Validation accuracy")
plt.title("Training and validation accuracy")
plt.legend()
plt.figure()
plt.plot(epochs, loss, "bo", label="Training loss")
plt.plot(epochs, val_loss, "b", label="Validation loss")
plt.title("Training and validation loss")
plt.legend()
plt.show()

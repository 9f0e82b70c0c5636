"""Every error is tinycnn's own, and also the built-in that a Python programmer expects."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import Model, Sequential, Tensor, callbacks, errors, models, ops


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ArgumentError", ValueError),
        ("ShapeError", ValueError),
        ("DTypeError", TypeError),
        ("DataError", ValueError),
        ("GraphError", RuntimeError),
        ("NotBuiltError", RuntimeError),
        ("BackendError", RuntimeError),
    ],
)
def test_both_names_catch(name, builtin):
    error = getattr(errors, name)
    for expected in (builtin, errors.TinyCNNError):
        with pytest.raises(expected, match="why"):
            raise error("why")


def test_a_shape_is_an_argument():
    assert issubclass(errors.ShapeError, errors.ArgumentError)


def test_all_of_them_are_exported():
    found = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert found == set(errors.__all__)


def test_arrays_are_shown_by_their_shape():
    x = np.zeros((40, 8, 8, 1), np.float32)
    assert errors.shown(x) == "ndarray of shape (40, 8, 8, 1)"
    assert errors.shown(Tensor(x)) == "Tensor of shape (40, 8, 8, 1)"
    assert errors.shown("abc") == "'abc'"
    assert len(errors.shown([0.5] * 1000)) == 200


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ops.concatenate(x, x), r"axis must be an int, got ndarray of shape \(40, 8, 8, 1\)"),
        (lambda x: Model(x, x), r"inputs must be symbolic tensors .*, got ndarray of shape \(40, 8, 8, 1\)"),
        (lambda x: Sequential().add(x), r"layer must be a Layer or an Input, got ndarray of shape \(40, 8, 8, 1\)"),
    ],
    ids=["concatenate", "Model", "add"],
)
def test_no_message_holds_a_long_array(call, message):
    with pytest.raises(errors.DTypeError, match=message):
        call(np.zeros((40, 8, 8, 1), np.float32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Sequential().summary(line_length="a"), "line_length must be a number of characters or None, got 'a'"),
        (lambda: models.load_model(None), "filepath must be a path, got None"),
        (lambda: callbacks.BackupAndRestore(None), "backup_dir must be a path, got None"),
    ],
    ids=["summary", "load_model", "BackupAndRestore"],
)
def test_arguments_of_the_wrong_type(call, message):
    with pytest.raises(errors.DTypeError, match=message):
        call()

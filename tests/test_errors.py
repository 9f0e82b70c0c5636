"""Every error is tinycnn's own, and also the built-in that a Python programmer expects."""

from __future__ import annotations

import pytest

from tinycnn import errors


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

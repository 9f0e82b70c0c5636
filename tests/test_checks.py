"""Checks of plain arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import checks
from tinycnn.errors import TinyCNNError


@pytest.mark.parametrize(
    ("check", "arguments", "expected"),
    [
        (checks.check_number, (2,), 2.0),
        (checks.check_number, (np.float32(0.5), 0, 1), 0.5),
        (checks.check_number, (np.array(3.0),), 3.0),
        (checks.check_numbers, ((0, 1),), [0.0, 1.0]),
        (checks.check_numbers, (np.array([0.5]),), [0.5]),
        (checks.check_numbers, (0.5,), [0.5]),
        (checks.check_count, (np.int64(3),), 3),
        (checks.check_int, (-1,), -1),
        (checks.check_flag, (1,), True),
        (checks.check_flag, (np.bool_(False),), False),
    ],
)
def test_what_is_taken(check: Any, arguments: Any, expected: Any) -> None:
    found = check("it", *arguments)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("check", "arguments", "message"),
    [
        (checks.check_number, ("1",), "it must be a number, got '1'"),
        (checks.check_number, (True,), "it must be a number, got True"),
        (checks.check_number, (-1,), "it must be a finite number >= 0, got -1"),
        (checks.check_number, (np.nan, -np.inf), "it must be a finite number, got nan"),
        (checks.check_number, (2, 0, 1), "it must be a finite number from 0 to 1, got 2"),
        (checks.check_numbers, ([],), r"it must hold at least one number, got \[\]"),
        (checks.check_numbers, ([1, None],), "it must be a number, got None"),
        (checks.check_count, (0,), "it must be an int >= 1, got 0"),
        (checks.check_count, (2.0,), "it must be an int >= 1, got 2.0"),
        (checks.check_int, (True,), "it must be an int, got True"),
        (checks.check_int, (np.zeros(3),), r"it must be an int, got ndarray of shape \(3,\)"),
        (checks.check_flag, (2,), "it must be True or False, got 2"),
        (checks.check_flag, (None,), "it must be True or False, got None"),
    ],
)
def test_what_is_refused(check: Any, arguments: Any, message: str) -> None:
    with pytest.raises(TinyCNNError, match=message):
        check("it", *arguments)

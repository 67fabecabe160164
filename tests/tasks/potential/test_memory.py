"""Structures in memory that a potential refuses, in one line each."""

import re

import numpy as np
import pytest

from intertwine._errors import UsageError
from intertwine.tasks.potential._memory import structures_in_memory

X = np.array([[0.0, 0, 0], [0, 0, 1.5]])


@pytest.mark.parametrize(
    ("data", "fields", "line"),
    [
        (X, {"numbers": [1, 1], "pbc": 1}, "no field 'pbc' of an example; known: numbers, cell"),
        (X, {}, "positions need atomic numbers"),
        (X, {"numbers": [1]}, "expected positions (N, 3) and numbers (N,), got (2, 3) and (1,)"),
        ([X, 0 * X], {"numbers": [[1, 1]] * 2}, "structure 2: every atom is at the origin"),
        (X, {"numbers": [1, 119]}, 'structure 1: unknown element "119" (atom 2)'),
    ],
)
def test_what_is_refused(data, fields, line):
    with pytest.raises(UsageError, match=re.escape(line)) as caught:
        list(structures_in_memory(data, 10, **fields))
    assert "\n" not in str(caught.value)

"""Configurations of runs on clouds."""

import pytest

from intertwine.tasks.classify._options import ClassifyOptions
from intertwine.tasks.clouds._plan import _descriptor


@pytest.mark.parametrize(
    ("dropout", "descriptor", "rate"), [(0.2, "shape", 0.3), (0.0, "shape", 0.0), (0, "none", None)]
)
def test_without_dropout_there_is_none_in_the_descriptor_either(dropout, descriptor, rate):
    found = _descriptor(ClassifyOptions(data="shapes", dropout=dropout, descriptor=descriptor), told=False)
    assert (None if found is None else found["dropout"]) == rate
    again = _descriptor(ClassifyOptions(data="shapes", descriptor="shape"), told=False)
    assert again is not None
    assert again["dropout"] == 0.3
